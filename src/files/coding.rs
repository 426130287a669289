//! Which stored form of a file a client is sent (RFC 9110 sections 8.4 and 12.5.3): the file itself, or one that was
//! compressed beforehand and lies beside it.

use http::Fields;

/// A way of compressing, with the ending of the file that holds what was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    /// As it stands in Content-Encoding.
    pub(super) name: &'static str,
    pub(super) ending: &'static [u8],
}

/// Those that are looked for. Of several that a client likes as much, the first.
const CODINGS: [Coding; 3] = [
    Coding { name: "br", ending: b".br" },
    Coding { name: "zstd", ending: b".zst" },
    Coding { name: "gzip", ending: b".gz" },
];
/// The most elements of Accept-Encoding that are looked at. Default 32.
const MAX_ELEMENTS: usize = 32;

/// The codings that a client likes at least as much as none, the best first. Without Accept-Encoding there are none: that
/// the field is missing promises nothing about the client.
pub(super) fn acceptable(fields: &Fields) -> Vec<Coding> {
    let wishes: Vec<Wish<'_>> = fields
        .all("accept-encoding")
        .flat_map(|line| line.split(|byte| *byte == b','))
        .take(MAX_ELEMENTS)
        .filter_map(wish)
        .collect();
    let weight = |name: &str| wishes.iter().rev().find(|wish| wish.is_for(name)).map(|wish| wish.weight);
    let others = weight("*");
    // Whatever is not excluded may be sent as it is, and is liked least.
    let plain = weight("identity").unwrap_or(0);
    let liked = |coding: &Coding| {
        // An old name of the same coding (RFC 9110 section 8.4.1.3).
        let old = if coding.name == "gzip" { weight("x-gzip") } else { None };
        weight(coding.name).or(old).or(others).unwrap_or(0)
    };
    let mut codings: Vec<Coding> =
        CODINGS.into_iter().filter(|coding| liked(coding) > 0 && liked(coding) >= plain).collect();
    codings.sort_by_key(|coding| std::cmp::Reverse(liked(coding)));
    codings
}

/// One element: a coding and how much it is liked, in thousandths.
struct Wish<'a> {
    coding: &'a str,
    weight: u16,
}

impl Wish<'_> {
    fn is_for(&self, name: &str) -> bool {
        self.coding.eq_ignore_ascii_case(name)
    }
}

/// `gzip;q=0.5`. An element that is not well-formed says nothing.
fn wish(element: &[u8]) -> Option<Wish<'_>> {
    let text = std::str::from_utf8(element).ok()?;
    let (coding, parameter) = text.split_once(';').map_or((text, None), |(coding, rest)| (coding, Some(rest)));
    let weight = match parameter {
        None => 1000,
        Some(parameter) => {
            let (name, value) = parameter.trim().split_once('=')?;
            name.eq_ignore_ascii_case("q").then(|| thousandths(value))??
        }
    };
    let coding = coding.trim();
    (!coding.is_empty()).then_some(Wish { coding, weight })
}

/// A weight of RFC 9110 section 12.4.2: 0 to 1, with at most three digits behind the dot.
fn thousandths(value: &str) -> Option<u16> {
    let (whole, behind) = value.split_once('.').unwrap_or((value, ""));
    let is_plain = behind.len() <= 3 && behind.bytes().all(|byte| byte.is_ascii_digit());
    let behind: u16 = format!("{behind:0<3}").parse().ok().filter(|_| is_plain)?;
    match (whole, behind) {
        ("0", behind) => Some(behind),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(lines: &[&str]) -> Vec<&'static str> {
        let mut fields = Fields::new();
        lines.iter().for_each(|line| fields.push("accept-encoding", line).unwrap());
        acceptable(&fields).iter().map(|coding| coding.name).collect()
    }

    #[test]
    fn what_is_liked_best_comes_first_and_what_is_refused_does_not_come() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&[""], &[]),
            (&["gzip"], &["gzip"]),
            (&["GZIP, Br"], &["br", "gzip"]),
            (&["x-gzip"], &["gzip"]),
            (&["gzip, br, zstd"], &["br", "zstd", "gzip"]),
            (&["gzip", "br"], &["br", "gzip"]),
            (&["gzip;q=1.0, br;q=0.5"], &["gzip", "br"]),
            (&["br;q=0, *"], &["zstd", "gzip"]),
            (&["*;q=0.001"], &["br", "zstd", "gzip"]),
            (&["*;q=0, gzip"], &["gzip"]),
            (&["identity"], &[]),
            (&["identity;q=0.5, gzip;q=0.4, br;q=0.6"], &["br"]),
            (&["deflate, compress"], &[]),
            (&["gzip;q=2, br;q=-1, zstd;q=0.0001"], &[]),
            (&["gzip;q=, br;x=1, zstd;q"], &[]),
            (&["gzip ; q=0.5"], &["gzip"]),
        ] {
            assert_eq!(names(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn elements_beyond_the_limit_are_not_looked_at() {
        let mut line = "x,".repeat(MAX_ELEMENTS);
        line.push_str("gzip");
        assert_eq!(names(&[&line]), [""; 0]);
    }
}
