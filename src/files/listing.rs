//! A page that lists a folder.

use crate::files::date::plain_date;
use crate::files::path::written;
use runtime::folder::entries::{Entries, Entry};
use std::cmp::Ordering;
use std::fmt::Write;

/// What the page may load or run: nothing.
pub(super) const POLICY: &str = "default-src 'none'";

/// How the entries are sorted: as the query `sort=name|size|date`, `order=asc|desc` has it. Folders come first by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    by: By,
    descends: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Name,
    Size,
    Date,
}

impl Order {
    /// What the query does not say well is as if it were not said.
    pub(super) fn of_query(query: Option<&str>) -> Order {
        let pairs = || query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let value = |name: &str| pairs().find(|(key, _)| *key == name).map(|(_, value)| value);
        let by = match value("sort") {
            Some("size") => By::Size,
            Some("date") => By::Date,
            _ => By::Name,
        };
        Order { by, descends: value("order") == Some("desc") }
    }

    fn compare(self, one: &Entry, other: &Entry) -> Ordering {
        let by_name = || one.name.cmp(&other.name);
        let ascending = match self.by {
            By::Name => other.is_folder.cmp(&one.is_folder).then_with(by_name),
            By::Size => size(one).cmp(&size(other)).then_with(by_name),
            By::Date => one.modified.cmp(&other.modified).then_with(by_name),
        };
        if self.descends { ascending.reverse() } else { ascending }
    }
}

/// The size of a folder says nothing of what is in it.
fn size(entry: &Entry) -> u64 {
    if entry.is_folder { 0 } else { entry.len }
}

/// The page for the folder of these names.
pub(super) fn page(names: &[Vec<u8>], mut listed: Entries, order: Order) -> String {
    listed.entries.sort_by(|one, other| order.compare(one, other));
    let title = names.iter().fold(String::from("/"), |path, name| format!("{path}{}/", text(name)));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title></head>\n<body><h1>{title}</h1>\n<table cellpadding=\"4\">\n"
    );
    page.push_str("<tr>");
    for (by, key, word) in [(By::Name, "name", "Name"), (By::Size, "size", "Bytes"), (By::Date, "date", "Changed")] {
        let turned = if order.by == by && !order.descends { "desc" } else { "asc" };
        let _ = write!(page, "<th><a href=\"?sort={key}&amp;order={turned}\">{word}</a></th>");
    }
    page.push_str("</tr>\n");
    if !names.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    listed.entries.iter().for_each(|entry| row(&mut page, entry));
    page.push_str("</table>\n");
    if listed.are_cut {
        page.push_str("<p>There is more here than this page lists.</p>\n");
    }
    page.push_str("</body></html>\n");
    page
}

fn row(page: &mut String, entry: &Entry) {
    let slash = if entry.is_folder { "/" } else { "" };
    let (link, shown, date) = (written(&entry.name), text(&entry.name), plain_date(entry.modified));
    let len = if entry.is_folder { String::new() } else { entry.len.to_string() };
    // The dot keeps a name with a colon from being a scheme.
    let _ = writeln!(
        page,
        "<tr><td><a href=\"./{link}{slash}\">{shown}{slash}</a></td><td align=\"right\">{len}</td><td>{date}</td></tr>"
    );
}

/// A name as text of a page.
fn text(name: &[u8]) -> String {
    let mut escaped = String::new();
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Marks of direction would show a name that is not this one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push(char::REPLACEMENT_CHARACTER),
            character if character.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], is_folder: bool, len: u64, modified: u64) -> Entry {
        Entry { name: name.to_vec(), is_folder, len, modified }
    }

    fn links(query: Option<&str>) -> Vec<String> {
        let entries = vec![
            entry(b"b", false, 10, 86_400),
            entry(b"z", true, 4096, 3 * 86_400),
            entry(b"a", false, 20, 2 * 86_400),
        ];
        let page = page(&[], Entries { entries, are_cut: false }, Order::of_query(query));
        let links = page.split("<td><a href=\"./").skip(1);
        links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn entries_are_sorted_as_the_query_says() {
        for (query, expected) in [
            (None, ["z/", "a", "b"]),
            (Some("sort=name&order=desc"), ["b", "a", "z/"]),
            (Some("sort=size"), ["z/", "b", "a"]),
            (Some("order=desc&sort=size"), ["a", "b", "z/"]),
            (Some("sort=date"), ["b", "a", "z/"]),
            (Some("sort=<script>&order=x"), ["z/", "a", "b"]),
        ] {
            assert_eq!(links(query), expected, "{query:?}");
        }
    }

    #[test]
    fn names_are_text_and_never_markup() {
        let names = [b"<script>alert(1)</script>".to_vec(), "a&\"'\u{202e}\n".into()];
        let entries =
            vec![entry(b"\"><b>", false, 1, 0), entry(b"javascript:x", false, 1, 0), entry(b"\xff", true, 1, 0)];
        let page = page(&names, Entries { entries, are_cut: true }, Order::of_query(None));
        for bad in ["<script", "<b>", "\"javascript", "\u{202e}", "'\u{fffd}"] {
            assert!(!page.contains(bad), "{bad}: {page}");
        }
        for good in [
            "&lt;script&gt;",
            "href=\"./%22%3E%3Cb%3E\"",
            "href=\"./javascript%3Ax\"",
            "href=\"./%FF/\"",
            "more here",
            "a&amp;&quot;&#39;",
        ] {
            assert!(page.contains(good), "{good}: {page}");
        }
    }
}
