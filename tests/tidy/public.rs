//! What a crate shows to others, and who makes use of it.

use crate::parse::{expanded_paths, paths};
use crate::source::SourceFile;
use crate::tokens::{Kind, Token, closing, tokens, without_tests};
use std::collections::BTreeSet;

/// Something public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    /// The path of its file.
    pub(crate) file: String,
    /// `fn`, `mod`, `struct` and so on.
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// What files outside of a crate name.
pub(crate) struct Users {
    words: BTreeSet<String>,
    paths: BTreeSet<Vec<String>>,
}

impl Users {
    /// Of these files those that know the crate by its name.
    pub(crate) fn new<'a>(files: impl Iterator<Item = &'a SourceFile>, name: &str) -> Users {
        let name = name.replace('-', "_");
        let mut users = Users { words: BTreeSet::new(), paths: BTreeSet::new() };
        for file in files {
            let tokens = tokens(&file.text);
            if !tokens.iter().any(|token| token.word() == name) {
                continue;
            }
            users.words.extend(tokens.iter().map(Token::word).filter(|word| !word.is_empty()).map(str::to_owned));
            let all = paths(&tokens).into_iter().chain(expanded_paths(&tokens));
            users.paths.extend(all.filter(|path| path.len() > 1 && path[0] == name).map(|path| path[1..].to_vec()));
        }
        users
    }

    /// Whether one of them names it: a module by its path, anything else by its name.
    fn name(&self, item: &Item, module: &[String]) -> bool {
        if item.kind == "mod" {
            let path = [module, std::slice::from_ref(&item.name)].concat();
            return self.paths.iter().any(|one| one.starts_with(&path));
        }
        self.words.contains(&item.name)
    }
}

/// The public items of these files of one crate that `users` do not name, and no public signature does.
pub(crate) fn unnamed(files: &[&SourceFile], users: &Users) -> Vec<Item> {
    let mut signatures = BTreeSet::new();
    let mut found = Vec::new();
    for file in files {
        let tokens = without_tests(&tokens(&file.text));
        signatures.extend(signature_words(&tokens));
        found.extend(items(file, &tokens).into_iter().map(|item| (item, file.module())));
    }
    let is_type = |item: &Item| ["struct", "enum", "trait", "type"].contains(&item.kind.as_str());
    let is_shown = |item: &Item| is_type(item) && signatures.contains(&item.name);
    let unnamed = found.into_iter().filter(|(item, module)| !users.name(item, module) && !is_shown(item));
    unnamed.map(|(item, _)| item).collect()
}

/// Where a public item begins: after `pub`.
fn places(tokens: &[Token]) -> impl Iterator<Item = usize> {
    let is_public = |at: &usize| tokens[*at].word() == "pub" && tokens.get(at + 1).is_some_and(|next| !next.is('('));
    (0..tokens.len()).filter(is_public).map(|at| at + 1)
}

fn items(file: &SourceFile, tokens: &[Token]) -> Vec<Item> {
    const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod"];
    let item = |at: usize| {
        let words: Vec<&str> = tokens[at..].iter().take(5).map(Token::word).collect();
        let at = words.iter().position(|word| KINDS.contains(word) && !word.is_empty())?;
        // `pub const fn`, and not a field whose type is a function.
        let at = if words.get(at + 1) == Some(&"fn") { at + 1 } else { at };
        let before = &words[..at];
        let is_item = before.iter().all(|word| ["const", "unsafe", "async", "extern"].contains(word));
        let (kind, name) = (words[at], *words.get(at + 1)?);
        (is_item && !name.is_empty()).then(|| Item {
            file: file.path.clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    };
    places(tokens).filter_map(item).collect()
}

/// Words of what is shown: of functions up to their bodies, of fields, of enumerations and traits all.
fn signature_words(tokens: &[Token]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for at in places(tokens) {
        let is_whole = ["enum", "trait"].contains(&tokens[at].word());
        // What is declared does not count as a use of itself.
        let mut place = at + usize::from(tokens[at].word() != "const") + 1;
        while let Some(token) = tokens.get(place) {
            match token.kind {
                Kind::Mark(';' | '}') => break,
                Kind::Mark('{') if !is_whole => break,
                Kind::Mark('{') => {
                    words.extend(tokens[place..closing(tokens, place)].iter().map(|token| token.word().to_owned()));
                    break;
                }
                Kind::Mark('(') => {
                    let end = closing(tokens, place);
                    words.extend(tokens[place..end].iter().map(|token| token.word().to_owned()));
                    place = end;
                }
                _ => drop(words.insert(token.word().to_owned())),
            }
            place += 1;
        }
    }
    words
}

/// What public signatures of these files name of the crates in `others`, and no `pub use` of these files gives a path.
/// A user could not write it without depending on the other crate.
pub(crate) fn not_exported(files: &[&SourceFile], others: &[&str]) -> Vec<String> {
    let all: Vec<(&str, Vec<Token>)> =
        files.iter().map(|file| (file.path.as_str(), without_tests(&tokens(&file.text)))).collect();
    let exported: BTreeSet<String> = all.iter().flat_map(|(_, tokens)| exports(tokens)).collect();
    let mut found = Vec::new();
    for (path, tokens) in &all {
        let shown = signature_words(tokens);
        let foreign =
            expanded_paths(tokens).into_iter().chain(paths(tokens).into_iter().filter(|path| path.len() == 2));
        for foreign in foreign.filter(|foreign| others.contains(&foreign[0].as_str())) {
            let name = foreign.last().expect("a path has a name");
            let is_type = name.starts_with(|first: char| first.is_ascii_uppercase());
            if is_type && shown.contains(name) && !exported.contains(&foreign.join("::")) {
                found.push(format!("{path}: {}", foreign.join("::")));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The whole paths that `pub use` gives others.
fn exports(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for at in places(tokens).filter(|at| tokens[*at].word() == "use") {
        let end = (at..tokens.len()).find(|end| tokens[*end].is(';')).unwrap_or(tokens.len());
        found.extend(expanded_paths(&tokens[at..=end.min(tokens.len() - 1)]).into_iter().map(|path| path.join("::")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(own: &[(&str, &str)], outside: &str) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        let own: Vec<SourceFile> = own.iter().map(file).collect();
        let outside = [SourceFile { path: "h3/src/lib.rs".to_owned(), text: outside.to_owned() }];
        let found = unnamed(&own.iter().collect::<Vec<_>>(), &Users::new(outside.iter(), "quic"));
        found.into_iter().map(|item| format!("{} {}", item.kind, item.name)).collect()
    }

    #[test]
    fn what_nobody_names_is_found() {
        let text =
            "pub mod a; pub fn f() {} pub const fn g() {} pub(crate) fn h() {} pub struct S; pub const C: u8 = 1;";
        let own = [("quic/src/lib.rs", text)];
        assert_eq!(names(&own, ""), ["mod a", "fn f", "fn g", "struct S", "const C"]);
        assert_eq!(names(&own, "use quic::{a, S}; fn x() { quic::f(); y.g(); C }"), [""; 0]);
        // A word is no path, and whoever does not know the crate does not name it.
        assert_eq!(names(&own, "use quic::S; fn x(a: u8) { f(); g(C) }"), ["mod a"]);
        assert_eq!(names(&own, "fn x() { S::a(); f(); g() }"), ["mod a", "fn f", "fn g", "struct S", "const C"]);
    }

    #[test]
    fn a_type_in_a_signature_is_shown_with_it() {
        let text = "pub struct S { pub t: T } pub enum T { A(U) } pub struct U; pub struct V; pub fn f(_: fn(&V)) -> S { W } pub struct W;";
        assert_eq!(names(&[("quic/src/lib.rs", text)], "quic f"), ["struct W"]);
    }

    #[test]
    fn a_foreign_type_in_a_signature_needs_an_export() {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let own = [
            file("src/lib.rs", "pub use ::base::Bytes; pub use ::tls::{Resolver};"),
            file(
                "src/a.rs",
                "use base::{Bytes, Instant}; use tls::Resolver; use http::Status; use std::io::Write;
                 pub fn a(_: Bytes, _: impl Resolver, _: Box<dyn tls::KeyLog>) -> Instant {}
                 pub fn b(_: impl Write) { Status::OK } pub(crate) fn c(_: Status) {}",
            ),
        ];
        let found = not_exported(&own.iter().collect::<Vec<_>>(), &["base", "tls", "http"]);
        assert_eq!(found, ["src/a.rs: base::Instant", "src/a.rs: tls::KeyLog"]);
    }
}
