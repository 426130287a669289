//! Which file in a folder a URL is saved as.

use posthaste::url::Url;

/// The longest name that common file systems give a file, in bytes (NAME_MAX).
const LONGEST: usize = 255;

/// A name that is cut keeps its ending (`.tar`, `.json`) if that is no longer than this.
const LONGEST_ENDING: usize = 16;

/// The last part of the URL's path. Where that is too long for a file it is cut, and ends with a hash of the whole, so that
/// names that begin alike stay apart. It is not decoded, so it has no slash and no control character.
pub fn file_name(url: &Url) -> String {
    let name = url.file_name();
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let ending = match name.rfind('.') {
        Some(at) if name.len() - at <= LONGEST_ENDING => &name[at..],
        _ => "",
    };
    let digest = crypto_ring::PROVIDER.initial.hash.digest(&[name.as_bytes()]);
    let mark: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let room = LONGEST - ending.len() - mark.len() - 1;
    format!("{}~{mark}{ending}", beginning(name, room))
}

/// The beginning of a name, at most `room` bytes; neither a character nor a percent-encoded byte is cut in two.
pub fn beginning(name: &str, room: usize) -> &str {
    if name.len() <= room {
        return name;
    }
    let end = (0..=room).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    let end = name[..end].rfind('%').filter(|percent| end - percent < 3).unwrap_or(end);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(last: &str) -> String {
        file_name(&Url::parse(&format!("https://a/b/{last}")).unwrap())
    }

    #[test]
    fn names_that_are_no_names_of_files_become_some() {
        for (last, name) in [
            ("", "index.html"),
            (".", "index.html"),
            ("..", "index.html"),
            ("?x=1", "index.html"),
            ("%2e%2e", "%2e%2e"),
            ("..%2f..%2fetc", "..%2f..%2fetc"),
            ("a%00b%0a", "a%00b%0a"),
            ("-rf", "-rf"),
            ("...", "..."),
        ] {
            assert_eq!(named(last), name, "{last}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = |letter: char, count: usize| letter.to_string().repeat(count);
        assert_eq!(named(&long('a', 255)), long('a', 255));
        let cut = named(&format!("{}.json", long('a', 300)));
        assert!(cut.len() == 255 && cut.starts_with("aaa") && cut.ends_with(".json") && cut.contains('~'), "{cut}");
        assert_ne!(cut, named(&format!("{}.json", long('a', 301))), "only their ends differ");
        assert_eq!(cut, named(&format!("{}.json?query", long('a', 300))));
        let without_ending = named(&format!("a.{}", long('b', 300)));
        assert!(without_ending.len() == 255 && !without_ending.ends_with("bbbb"), "{without_ending}");
        for lead in 0..3 {
            let encoded = named(&format!("{}{}", long('a', lead), "%C3%A4".repeat(60)));
            let (kept, mark) = encoded.split_once('~').unwrap();
            assert!(encoded.len() > 250 && mark.len() == 16, "{encoded}");
            assert!((kept.len() - lead).is_multiple_of(3), "a byte is cut in two: {kept}");
        }
    }

    #[test]
    fn no_character_is_cut_in_two() {
        assert_eq!(beginning("ää", 3), "ä");
        assert_eq!(beginning("ä", 1), "");
        assert_eq!(beginning("ab", 2), "ab");
        assert_eq!(beginning("a%41", 3), "a");
    }
}
