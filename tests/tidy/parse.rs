//! What a file of Rust has and names: its items, what it imports, its `impl` blocks with their methods, and the paths in its code.

use crate::source::SourceFile;
use crate::tokens::{Kind, Token, closing, tokens, without_tests};
use std::collections::BTreeSet;
use std::ops::Range;

/// One file, without its tests.
pub(crate) struct File<'a> {
    pub(crate) source: &'a SourceFile,
    pub(crate) module: Vec<String>,
    pub(crate) tokens: Vec<Token>,
    /// Types, functions, constants, macros.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    pub(crate) blocks: Vec<Block>,
}

/// One name that a `use` brings.
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// `*` for all that is there.
    pub(crate) name: String,
}

/// An `impl`, of a trait or not.
pub(crate) struct Block {
    pub(crate) of: Vec<String>,
    pub(crate) is_trait: bool,
    /// Places of its tokens.
    pub(crate) body: Range<usize>,
}

impl<'a> File<'a> {
    pub(crate) fn new(source: &'a SourceFile) -> File<'a> {
        let tokens = without_tests(&tokens(&source.text));
        let (items, imports, blocks) = (items(&tokens), imports(&tokens), blocks(&tokens));
        File { source, module: source.module(), tokens, items, imports, blocks }
    }

    /// Names of the functions of a block.
    pub(crate) fn methods(&self, block: &Block) -> Vec<String> {
        functions(&self.tokens, block.body.clone())
    }

    /// Names of functions that traits ask for.
    pub(crate) fn trait_methods(&self) -> Vec<String> {
        let mut names = Vec::new();
        for at in 0..self.tokens.len() {
            if self.tokens[at].word() == "trait"
                && let Some(open) = (at..self.tokens.len()).find(|place| self.tokens[*place].is('{'))
            {
                names.extend(functions(&self.tokens, open + 1..closing(&self.tokens, open)));
            }
        }
        names
    }

    /// Whether a path in the code begins with this name.
    pub(crate) fn writes_into(&self, name: &str) -> bool {
        paths(&self.tokens).iter().any(|path| path[0] == name)
    }

    /// Whether the word here is a function or method that is called, or named by its path.
    pub(crate) fn is_call(&self, at: usize) -> bool {
        let is_reached = self.tokens[at - 1].is('.') || self.tokens[at - 1].is(':') && self.tokens[at - 2].is(':');
        let next = self.tokens.get(at + 1);
        let is_called = next.is_some_and(|next| next.is('(') || next.is(':')) || self.tokens[at - 1].is(':');
        is_reached && is_called
    }
}

/// Paths of two or more segments that are written in the code, but for those of `use`.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].word() == "use" {
            while at < tokens.len() && !tokens[at].is(';') {
                at += 1;
            }
        }
        let (path, next) = path(tokens, at);
        if path.len() > 1 {
            paths.push(path);
        }
        at = next.max(at + 1);
    }
    paths
}

/// The paths of every `use`.
pub(crate) fn expanded_paths(tokens: &[Token]) -> Vec<Vec<String>> {
    imports(tokens).into_iter().map(|import| import.path).collect()
}

/// The path that begins here, and the place after it. Nothing where a path goes on, or a field or method is named.
fn path(tokens: &[Token], start: usize) -> (Vec<String>, usize) {
    let is_inside =
        start > 0 && (tokens[start - 1].is('.') || start > 1 && tokens[start - 1].is(':') && tokens[start - 2].is(':'));
    let mut path = Vec::new();
    let mut at = start;
    if is_inside {
        return (path, at);
    }
    while let Some(word) = tokens.get(at).map(Token::word).filter(|word| !word.is_empty()) {
        path.push(word.to_owned());
        at += 1;
        if !(tokens.get(at).is_some_and(|one| one.is(':')) && tokens.get(at + 1).is_some_and(|one| one.is(':'))) {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// Names of the items of a file, at any depth.
fn items(tokens: &[Token]) -> BTreeSet<String> {
    const KEYWORDS: [&str; 8] = ["struct", "enum", "trait", "fn", "const", "static", "type", "union"];
    let mut items = BTreeSet::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') => depth -= 1,
            _ => {}
        }
        let next = tokens.get(at + 1).map_or("", Token::word);
        if depth == 0 && KEYWORDS.contains(&token.word()) && !next.is_empty() {
            items.insert(next.to_owned());
        }
        if token.word() == "macro_rules" {
            items.insert(tokens.get(at + 2).map_or("", Token::word).to_owned());
        }
    }
    items
}

/// Every name that a `use` brings.
fn imports(tokens: &[Token]) -> Vec<Import> {
    let mut imports = Vec::new();
    for at in 0..tokens.len() {
        // Not the `use<..>` of a return type.
        if tokens[at].word() == "use" && !tokens.get(at + 1).is_some_and(|next| next.is('<')) {
            tree(tokens, at + 1, &[], &mut imports);
        }
    }
    imports
}

/// `a::{b, c::d as e}`; the place after it.
fn tree(tokens: &[Token], start: usize, before: &[String], imports: &mut Vec<Import>) -> usize {
    let mut path = before.to_vec();
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                let name = tokens.get(at + 1).map_or("", Token::word).to_owned();
                path.pop_if(|last| last == "self");
                imports.push(Import { path, name });
                return at + 2;
            }
            Kind::Word(word) => path.push(word.clone()),
            Kind::Mark('*') => {
                imports.push(Import { path, name: "*".to_owned() });
                return at + 1;
            }
            Kind::Mark('{') => {
                let end = closing(tokens, at);
                at += 1;
                while at < end {
                    at = tree(tokens, at, &path, imports);
                    at += usize::from(tokens[at].is(','));
                }
                return end + 1;
            }
            Kind::Mark(':') => {}
            _ => break,
        }
        at += 1;
    }
    path.pop_if(|last| last == "self");
    if let Some(name) = path.last().cloned() {
        imports.push(Import { path, name });
    }
    at
}

/// Every `impl`.
fn blocks(tokens: &[Token]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for at in 0..tokens.len() {
        let begins =
            at == 0 || [';', '}', ']'].iter().any(|mark| tokens[at - 1].is(*mark)) || tokens[at - 1].word() == "unsafe";
        if tokens[at].word() != "impl" || !begins {
            continue;
        }
        let Some(open) = (at..tokens.len()).find(|place| tokens[*place].is('{')) else { continue };
        let head = without_generics(&tokens[at + 1..open]);
        let where_at = head.iter().position(|token| token.word() == "where").unwrap_or(head.len());
        let head = &head[..where_at];
        let for_at = head.iter().position(|token| token.word() == "for");
        let of = head[for_at.map_or(0, |at| at + 1)..]
            .iter()
            .map(Token::word)
            .filter(|word| !["", "mut", "dyn"].contains(word));
        let of: Vec<String> = of.map(str::to_owned).collect();
        if !of.is_empty() {
            blocks.push(Block { of, is_trait: for_at.is_some(), body: open + 1..closing(tokens, open) });
        }
    }
    blocks
}

/// The tokens without what stands between angle brackets.
fn without_generics(tokens: &[Token]) -> Vec<Token> {
    let mut depth = 0;
    let mut kept = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_arrow = at > 0 && tokens[at - 1].is('-');
        match token.kind {
            Kind::Mark('<') => depth += 1,
            Kind::Mark('>') if !is_arrow => depth -= 1,
            _ if depth == 0 => kept.push(token.clone()),
            _ => {}
        }
    }
    kept
}

/// Names of the functions that stand directly in a block.
pub(crate) fn functions(tokens: &[Token], body: Range<usize>) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = body.start;
    while at < body.end {
        if tokens[at].is('{') {
            at = closing(tokens, at);
        } else if tokens[at].word() == "fn" {
            names.push(tokens[at + 1].word().to_owned());
        }
        at += 1;
    }
    names
}
