//! Configuration files: lines of `name = value`, a part of TOML that needs no library.
//!
//! A value is a string in double quotes (with TOML's escapes) or in single quotes (as it is), a number, `true` or `false`, or a
//! list of strings and numbers in brackets, which may take several lines. `#` begins a comment. Every file of this kind is TOML.

/// The longest file that is read. Default 1 MiB.
pub const MAX_LEN: usize = 1 << 20;

/// Where something stands, both from 1 on; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) what: String,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Its values; none for `true`.
    pub(super) words: Vec<String>,
    pub(super) place: Place,
}

/// Takes a file apart. An option that is `false` is as if it were not there.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Wrong> {
    let mut cursor = Cursor::new(text);
    if text.len() > MAX_LEN {
        return Err(cursor.wrong(format!("the file has {} bytes, and at most {MAX_LEN} are read", text.len())));
    }
    let (mut entries, mut seen): (Vec<Entry>, Vec<(String, Place)>) = (Vec::new(), Vec::new());
    loop {
        cursor.skip_lines();
        let place = cursor.place;
        let Some(first) = cursor.peek() else { return Ok(entries) };
        let key = cursor.key(first)?;
        if let Some((_, before)) = seen.iter().find(|(other, _)| *other == key) {
            let what = format!(
                "{key} is in line {} already: write several values as a list, {key} = [\"one\", \"two\"]",
                before.line
            );
            return Err(Wrong { place, what });
        }
        cursor.skip_blanks();
        if !cursor.take('=') {
            return Err(cursor.wrong(format!("= and a value should follow {key}")));
        }
        cursor.skip_blanks();
        let words = cursor.value(&key)?;
        cursor.end_of_line()?;
        seen.push((key.clone(), place));
        entries.extend(words.map(|words| Entry { key, words, place }));
    }
}

/// The characters that are still to come.
struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    place: Place,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Cursor<'a> {
        // Some editors put a mark in front.
        Cursor { rest: text.strip_prefix('\u{feff}').unwrap_or(text).chars(), place: Place { line: 1, column: 1 } }
    }

    fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong { place: self.place, what: what.into() }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        match next {
            '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
            _ => self.place.column += 1,
        }
        Some(next)
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.next();
        }
        is_there
    }

    fn skip_while(&mut self, is_skipped: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_skipped) {
            self.next();
        }
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|character| matches!(character, ' ' | '\t' | '\r'));
    }

    /// Blanks, comments and ends of lines.
    fn skip_lines(&mut self) {
        loop {
            self.skip_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
            if self.peek() != Some('#') {
                return;
            }
            self.skip_while(|character| character != '\n');
        }
    }

    fn end_of_line(&mut self) -> Result<(), Wrong> {
        self.skip_blanks();
        if self.peek() == Some('#') {
            self.skip_while(|character| character != '\n');
        }
        match self.peek() {
            None | Some('\n') => Ok(()),
            Some(other) => Err(self.wrong(format!("the line should end behind the value, and goes on with {other:?}"))),
        }
    }

    fn key(&mut self, first: char) -> Result<String, Wrong> {
        let is_bare = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        match first {
            '[' => return Err(self.wrong("there are no sections here: write each option as name = value")),
            first if !is_bare(first) => {
                return Err(
                    self.wrong(format!("a line begins with the name of an option, such as listen, not with {first:?}"))
                );
            }
            _ => {}
        }
        let start = self.rest.as_str();
        self.skip_while(is_bare);
        let len = start.len() - self.rest.as_str().len();
        if self.peek() == Some('.') {
            return Err(self.wrong("names have no dots here: write each option as name = value"));
        }
        Ok(start[..len].to_owned())
    }

    /// The words of a value: none for `true`, and nothing at all for `false`.
    fn value(&mut self, key: &str) -> Result<Option<Vec<String>>, Wrong> {
        match self.peek() {
            Some('[') => self.list(key).map(Some),
            Some('"' | '\'') => Ok(Some(vec![self.string()?])),
            _ => {
                let place = self.place;
                match self.plain().as_str() {
                    "true" => Ok(Some(Vec::new())),
                    "false" => Ok(None),
                    number if is_number(number) => Ok(Some(vec![number.to_owned()])),
                    other => Err(Wrong { place, what: not_a_value(key, other) }),
                }
            }
        }
    }

    /// Up to what may stand behind a value.
    fn plain(&mut self) -> String {
        let start = self.rest.as_str();
        self.skip_while(|character| !matches!(character, ' ' | '\t' | '\r' | '\n' | '#' | ',' | ']'));
        start[..start.len() - self.rest.as_str().len()].to_owned()
    }

    fn list(&mut self, key: &str) -> Result<Vec<String>, Wrong> {
        let (begin, mut words) = (self.place, Vec::new());
        self.next();
        loop {
            self.skip_lines();
            match self.peek() {
                None => {
                    return Err(Wrong { place: begin, what: format!("the list of {key} has no end: ] is missing") });
                }
                Some(']') => break,
                Some('"' | '\'') => words.push(self.string()?),
                Some(_) => {
                    let (place, word) = (self.place, self.plain());
                    if !is_number(&word) {
                        return Err(Wrong { place, what: not_a_value(key, &word) });
                    }
                    words.push(word);
                }
            }
            self.skip_lines();
            if !self.take(',') && self.peek().is_some_and(|next| next != ']') {
                return Err(self.wrong(format!("a comma should stand between the values of {key}")));
            }
        }
        self.next();
        if words.is_empty() {
            return Err(Wrong { place: begin, what: format!("the list of {key} is empty: leave the line out") });
        }
        Ok(words)
    }

    fn string(&mut self) -> Result<String, Wrong> {
        let begin = self.place;
        let quote = self.next().unwrap_or_default();
        if self.rest.as_str().starts_with(if quote == '"' { "\"\"" } else { "''" }) {
            return Err(Wrong {
                place: begin,
                what: "strings of several lines are not known here: write one line".into(),
            });
        }
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => {
                    return Err(Wrong {
                        place: begin,
                        what: format!("the string has no end: {quote} is missing in its line"),
                    });
                }
                Some(next) if next == quote => return Ok(text),
                Some('\\') if quote == '"' => text.push(self.escape()?),
                Some(next) if next.is_control() && next != '\t' => {
                    return Err(self.wrong("control characters are written as escapes, such as \\u0007"));
                }
                Some(next) => text.push(next),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let place = self.place;
        let wrong = |what: &str| Wrong { place, what: what.to_owned() };
        let digits = match self.next() {
            Some('"') => return Ok('"'),
            Some('\\') => return Ok('\\'),
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('u') => 4,
            Some('U') => 8,
            _ => {
                return Err(wrong(
                    "this escape is not known: write \\\\ for a backslash, or the string in single quotes",
                ));
            }
        };
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.peek().and_then(|next| next.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| wrong("\\u needs four hexadecimal digits, and \\U eight"))?;
            self.next();
        }
        char::from_u32(code).ok_or_else(|| wrong("there is no character of this number"))
    }
}

/// Decimal, as options have them.
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn not_a_value(key: &str, word: &str) -> String {
    if word.is_empty() {
        return format!("{key} has no value: write {key} = \"text\", a number, true, or a list in brackets");
    }
    format!("{word:?} is no value: write {key} = \"{word}\" if it is text; otherwise a number, true or false")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, Vec<String>)> {
        parse(text).unwrap().into_iter().map(|entry| (entry.key, entry.words)).collect()
    }

    fn entry(key: &str, words: &[&str]) -> (String, Vec<String>) {
        (key.to_owned(), words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_file_in_full() {
        let text = "\u{feff}# comment\r\nlisten = [\"0.0.0.0:443\", '[::]:443', # both\n  ]\nfolder='C:\\x'  # as it is\n\n\
                    list = true\nlog=false\ndrain = 2.5\nworkers = 4\nheader = \"x: \\\"\\u00e9\\U0001F600\\\\\\t\"\nnumbers = [1,2]\n\
                    quic-version = \"2,1\"";
        assert_eq!(
            entries(text),
            [
                entry("listen", &["0.0.0.0:443", "[::]:443"]),
                entry("folder", &["C:\\x"]),
                entry("list", &[]),
                entry("drain", &["2.5"]),
                entry("workers", &["4"]),
                entry("header", &["x: \"\u{e9}\u{1F600}\\\t"]),
                entry("numbers", &["1", "2"]),
                entry("quic-version", &["2,1"]),
            ]
        );
        assert!(entries("").is_empty() && entries("#").is_empty() && entries("\n\n \t").is_empty());
        assert_eq!(parse("\n  a = 1").unwrap()[0].place, Place { line: 2, column: 3 });
        assert_eq!(entries("a = \"\""), [entry("a", &[""])]);
    }

    #[test]
    fn mistakes_have_a_place_and_a_way_out() {
        for (text, line, column, part) in [
            ("[site]", 1, 1, "no sections"),
            ("a.b = 1", 1, 2, "no dots"),
            ("= 1", 1, 1, "name of an option"),
            ("\n\"a\" = 1", 2, 1, "name of an option"),
            ("listen", 1, 7, "= and a value"),
            ("listen =", 1, 9, "has no value"),
            ("listen = here", 1, 10, "listen = \"here\""),
            ("a = True", 1, 5, "true or false"),
            ("a = 1 2", 1, 7, "line should end"),
            ("a = \"x", 1, 5, "no end"),
            ("a = \"x\nb\"", 1, 5, "no end"),
            ("a = 'x", 1, 5, "no end"),
            ("a = \"\"\"x\"\"\"", 1, 5, "several lines"),
            ("a = '''x'''", 1, 5, "several lines"),
            ("a = \"\\x\"", 1, 7, "single quotes"),
            ("a = \"\\u12\"", 1, 7, "four hexadecimal"),
            ("a = \"\\uD800\"", 1, 7, "no character"),
            ("a = [1, 2", 1, 5, "] is missing"),
            ("a = [\"x\" \"y\"]", 1, 10, "comma"),
            ("a = [true]", 1, 6, "no value"),
            ("a = []", 1, 5, "empty"),
            ("a = 1\n\na = 2", 3, 1, "in line 1 already"),
            ("a = false\na = true", 2, 1, "in line 1 already"),
            ("a = 1\u{7}", 1, 5, "no value"),
            ("a = \"\u{7}\"", 1, 7, "escapes"),
            ("a = 2026-11-28", 1, 5, "no value"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!((wrong.place.line, wrong.place.column), (line, column), "{text:?}: {}", wrong.what);
            assert!(wrong.what.contains(part), "{text:?}: {}", wrong.what);
        }
        assert!(parse(&" ".repeat(MAX_LEN + 1)).unwrap_err().what.contains("at most"));
    }
}
