//! The chapters of docs/tour.md: which files belong together, under which title, and what to look for in them.

use std::fmt::Write as _;

/// A part of the tour.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// Its files are all of this crate.
    pub(crate) crate_name: String,
    title: String,
    sentence: String,
    /// Beginnings of paths.
    places: Vec<String>,
}

/// Reads the chapters; panics with what is wrong.
pub(crate) fn parse(text: &str) -> Vec<Chapter> {
    let text: String = text.lines().filter(|line| !line.starts_with("# ")).map(|line| format!("{line}\n")).collect();
    let parts = text.split("\n## ").map(|part| part.trim().trim_start_matches("## ")).filter(|part| !part.is_empty());
    let chapter = |part: &str| {
        let mut lines = part.lines();
        let head = lines.next().and_then(|head| head.split_once(": "));
        let (crate_name, title) = head.unwrap_or_else(|| panic!("not CRATE: TITLE: {part}"));
        let sentence = lines.next().unwrap_or_else(|| panic!("{title}: what is to be looked for?"));
        let places: Vec<String> = lines.flat_map(str::split_whitespace).map(str::to_owned).collect();
        assert!(!places.is_empty(), "{title}: where are the files?");
        Chapter { crate_name: crate_name.to_owned(), title: title.to_owned(), sentence: sentence.to_owned(), places }
    };
    parts.map(chapter).collect()
}

/// The chapter with the longest place that the path begins with.
pub(crate) fn of(chapters: &[Chapter], path: &str) -> Option<usize> {
    let longest = |chapter: &Chapter| {
        let places = chapter.places.iter().filter(|place| path.starts_with(place.as_str()));
        places.map(String::len).max()
    };
    let found = chapters.iter().enumerate().filter_map(|(at, chapter)| Some((longest(chapter)?, at)));
    found.max().map(|(_, at)| at)
}

impl Chapter {
    /// The head of its part of the page.
    pub(crate) fn head(&self, number: usize) -> String {
        let mut head = String::new();
        let _ = write!(head, "\n## {number}. {} (`{}`)\n\n{}\n\n", self.title, self.crate_name, self.sentence);
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_place_decides() {
        let text = "# a comment\n\n## a: All\nLook.\na/src/\n\n## a: Some\nLook, too.\na/src/b a/src/c.rs\n";
        let chapters = parse(text);
        let places = ["a/src/x.rs", "a/src/b.rs", "a/src/b/d.rs", "a/src/c.rs", "e/src/lib.rs"];
        assert_eq!(places.map(|path| of(&chapters, path)), [Some(0), Some(1), Some(1), Some(1), None]);
        assert_eq!(chapters[1].head(2), "\n## 2. Some (`a`)\n\nLook, too.\n\n");
    }
}
