//! What can be counted: lines of a function, fields of a type.

use crate::source::SourceFile;
use crate::tokens::{Token, closing, tokens, without_tests};

/// Functions of a file that ship: name, first line, and lines from the one with its name to its closing brace.
pub(crate) fn functions(file: &SourceFile) -> Vec<(String, usize, usize)> {
    let tokens = without_tests(&tokens(&file.text));
    let mut functions = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = tokens.get(at + 1).map_or("", Token::word);
        if token.word() != "fn" || name.is_empty() {
            continue;
        }
        let Some(open) = body(&tokens, at) else { continue };
        let last = tokens[closing(&tokens, open)].line;
        functions.push((name.to_owned(), token.line, last + 1 - token.line));
    }
    functions
}

/// Where the body of the function at `at` opens; nothing for one that a trait asks for.
fn body(tokens: &[Token], at: usize) -> Option<usize> {
    let mut place = at;
    while let Some(token) = tokens.get(place) {
        if token.is('{') {
            return Some(place);
        }
        if token.is(';') {
            return None;
        }
        place = if token.is('(') || token.is('[') { closing(tokens, place) } else { place } + 1;
    }
    None
}

/// The names of a type's fields, if the file has the type.
pub(crate) fn fields(file: &SourceFile, name: &str) -> Option<Vec<String>> {
    let tokens = without_tests(&tokens(&file.text));
    let at = tokens.windows(2).position(|pair| pair[0].word() == "struct" && pair[1].word() == name)?;
    let open = (at..tokens.len()).find(|place| tokens[*place].is('{'))?;
    let mut fields = Vec::new();
    let mut place = open + 1;
    let end = closing(&tokens, open);
    while place < end {
        let is_field = !tokens[place].word().is_empty() && tokens[place + 1].is(':') && !tokens[place + 2].is(':');
        if is_field && !tokens[place - 1].is(':') {
            fields.push(tokens[place].word().to_owned());
        }
        place =
            if ['(', '[', '{'].iter().any(|mark| tokens[place].is(*mark)) { closing(&tokens, place) } else { place }
                + 1;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile { path: "quic/src/a.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn lines_are_those_between_name_and_brace() {
        let text = "/// x\npub fn a<F: Fn([u8; 2])>(\n    f: F,\n) {\n}\ntrait T {\n    fn b(&self);\n}\n#[cfg(test)]\nfn c() {}\n";
        assert_eq!(functions(&file(text)), [("a".to_owned(), 2, 4)]);
    }

    #[test]
    fn fields_are_counted_and_paths_are_none() {
        let text = "pub struct A<T: X> { pub a: u8, #[doc(x)] b: std::Vec<(u8, c::D)>, pub(crate) e: [u8; 2] }";
        assert_eq!(fields(&file(text), "A").unwrap(), ["a", "b", "e"]);
        assert!(fields(&file(text), "B").is_none());
    }
}
