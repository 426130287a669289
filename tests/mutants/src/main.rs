//! Puts all mutants of a crate into its sources at once, each behind a switch, so that one build serves them all.
//!
//! `posthaste-mutants LIST ROOT PACKAGE DROPPED CONSTANT`: LIST is what `cargo mutants --list --json` printed for the tree at ROOT, where
//! the files of PACKAGE are rewritten; DROPPED has the numbers (places in LIST) of those to leave out, one a line; CONSTANT the names of
//! functions that are called while the compiler runs, where nothing can be switched: all others lose their `const`. Prints one line for
//! each place of the rewritten text that belongs to one mutant alone: its number, the file, the first and the last byte.
//!
//! A mutant is only ever active alone, so what it puts in the place of an expression is the text of the original, and the
//! whole grows with the depth of expressions and not faster.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::{env, fs};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Line from 1, column from 1, as cargo-mutants counts.
type Place = (u64, u64);

struct Mutant {
    number: usize,
    genre: String,
    start: Place,
    replacement: String,
}

/// Text that goes in at an offset. At one offset what closes comes before what opens, inner before outer where things
/// close, and the other way round where they open.
struct Insertion {
    at: usize,
    order: (bool, i64),
    text: String,
    number: Option<usize>,
}

struct Rewriter<'a> {
    text: &'a str,
    constant: &'a BTreeSet<String>,
    mutants: Vec<Mutant>,
    used: BTreeSet<usize>,
    insertions: Vec<Insertion>,
    removals: Vec<Range<usize>>,
    wraps: i64,
}

fn place(position: proc_macro2::LineColumn) -> Place {
    (position.line as u64, position.column as u64 + 1)
}

/// Names things of the standard library so that they are found in a crate that is without it.
fn from_std(replacement: &str) -> String {
    let mut text = replacement.replace("vec![]", "Default::default()");
    for (name, full) in [
        ("vec!", "::active::vec!"),
        ("Vec::", "::active::Vec::"),
        ("Box::", "::active::Box::"),
        ("Arc::", "::active::Arc::"),
        ("String::", "::active::String::"),
    ] {
        text = text.replace(name, full);
    }
    text
}

fn has_let(expression: &syn::Expr) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr_let(&mut self, _: &'ast syn::ExprLet) {
            self.0 = true;
        }
        fn visit_block(&mut self, _: &'ast syn::Block) {}
    }
    let mut finder = Finder(false);
    finder.visit_expr(expression);
    finder.0
}

impl Rewriter<'_> {
    /// The mutants of this kind at this place.
    fn at(&mut self, genre: &str, start: proc_macro2::LineColumn) -> Vec<(usize, String)> {
        let found: Vec<(usize, String)> = self
            .mutants
            .iter()
            .filter(|mutant| mutant.genre == genre && mutant.start == place(start))
            .map(|mutant| (mutant.number, mutant.replacement.clone()))
            .collect();
        self.used.extend(found.iter().map(|(number, _)| *number));
        found
    }

    fn insert(&mut self, at: usize, order: (bool, i64), text: String, number: Option<usize>) {
        self.insertions.push(Insertion { at, order, text, number });
    }

    /// What opens before a range and closes behind it.
    fn wrap(&mut self, range: &Range<usize>, opening: Vec<(String, Option<usize>)>, closing: &str) {
        // Whoever is visited first is outside.
        self.wraps += 1;
        for (text, number) in opening {
            self.insert(range.start, (true, self.wraps), text, number);
        }
        self.insert(range.end, (false, -self.wraps), closing.into(), None);
    }

    fn raw(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// Each mutant's expression in the place of this one.
    fn alternatives(&mut self, range: &Range<usize>, alternatives: Vec<(usize, String)>) {
        if alternatives.is_empty() {
            return;
        }
        let mut opening = vec![("(".to_string(), None)];
        for (number, text) in alternatives {
            opening.push((format!("if ::active::is({number}) {{ {text} }} else "), Some(number)));
        }
        opening.push(("{ ".into(), None));
        self.wrap(range, opening, " })");
    }

    /// Tells whether the function can be switched.
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) -> bool {
        if let Some(constness) = &signature.constness {
            if self.constant.contains(&signature.ident.to_string()) {
                return false;
            }
            self.removals.push(constness.span().byte_range());
        }
        let open = block.brace_token.span.open();
        // cargo-mutants names either the block or what is in it.
        let mut found = self.at("FnValue", open.start());
        if let Some(first) = block.stmts.first() {
            found.extend(self.at("FnValue", first.span().start()));
        }
        for (number, replacement) in found {
            let replacement = from_std(&replacement);
            let text = format!(" if ::active::is({number}) {{ return {replacement}; }} ");
            self.insert(open.byte_range().end, (true, i64::MIN), text, Some(number));
        }
        true
    }
}

impl<'ast> Visit<'ast> for Rewriter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if self.function(&item.sig, &item.block) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if self.function(&item.sig, &item.block) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if item.default.as_ref().is_some_and(|block| !self.function(&item.sig, block)) {
            return;
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let found = self.at("BinaryOperator", binary.op.span().start());
        if has_let(&binary.left) || has_let(&binary.right) {
            // A pattern can be part of `&&` only: with anything else it does not compile.
            found.iter().for_each(|(number, _)| println!("never\t{number}"));
        } else {
            let (left, right) = (binary.left.span().byte_range(), binary.right.span().byte_range());
            let assigns = self.raw(binary.op.span().byte_range()).ends_with('=')
                && !["==", "<=", ">=", "!="].contains(&self.raw(binary.op.span().byte_range()));
            let alternatives = found
                .into_iter()
                .map(|(number, operator)| {
                    let (left, right) = (self.raw(left.clone()), self.raw(right.clone()));
                    let text = match assigns {
                        true => format!("{left} {operator} {right}"),
                        false => format!("({left}) {operator} ({right})"),
                    };
                    (number, text)
                })
                .collect();
            self.alternatives(&binary.span().byte_range(), alternatives);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let found = self.at("UnaryOperator", unary.op.span().start());
        let operand = self.raw(unary.expr.span().byte_range()).to_string();
        let alternatives = found.into_iter().map(|(number, _)| (number, operand.clone())).collect();
        self.alternatives(&unary.span().byte_range(), alternatives);
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let deleted = self.at("MatchArm", arm.span().start());
        match &arm.guard {
            Some((_, guard)) => {
                let forced = self.at("MatchArmGuard", guard.span().start());
                if !has_let(guard) {
                    let mut opening = vec![("(".to_string(), None)];
                    for (number, _) in &deleted {
                        opening.push((format!("!::active::is({number}) && "), Some(*number)));
                    }
                    opening.push(("(".into(), None));
                    for (number, replacement) in &forced {
                        let text = match replacement.as_str() {
                            "true" => format!("::active::is({number}) || "),
                            _ => format!("!::active::is({number}) && "),
                        };
                        opening.push((text, Some(*number)));
                    }
                    opening.push(("(".into(), None));
                    self.wrap(&guard.span().byte_range(), opening, ")))");
                }
            }
            None => {
                for (number, _) in deleted {
                    let at = arm.pat.span().byte_range().end;
                    self.insert(at, (true, 0), format!(" if !::active::is({number})"), Some(number));
                }
            }
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        if let Some(rest) = &item.rest {
            let rest = self.raw(rest.span().byte_range()).to_string();
            for field in &item.fields {
                let syn::Member::Named(name) = &field.member else { continue };
                for (number, _) in self.at("StructField", field.span().start()) {
                    let text = format!("if ::active::is({number}) {{ ({rest}).{name} }} else {{ ");
                    let value = field.expr.span().byte_range();
                    if field.colon_token.is_some() {
                        self.wrap(&value, vec![(text, Some(number))], " }");
                    } else {
                        self.insert(value.end, (false, 0), format!(": {text}{name} }}"), Some(number));
                    }
                }
            }
        }
        visit::visit_expr_struct(self, item);
    }

    // What is computed while the compiler runs cannot be switched.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_type_array(&mut self, _: &'ast syn::TypeArray) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
}

fn mutants_of(value: &Value, number: usize) -> (String, Mutant) {
    let text = |value: &Value| value.as_str().expect("text").to_string();
    let start = &value["span"]["start"];
    let start = (start["line"].as_u64().expect("a line"), start["column"].as_u64().expect("a column"));
    let mutant = Mutant { number, genre: text(&value["genre"]), start, replacement: text(&value["replacement"]) };
    (text(&value["file"]), mutant)
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [list, root, package, dropped, constant] = &arguments[..] else {
        panic!("posthaste-mutants LIST ROOT PACKAGE DROPPED CONSTANT")
    };
    let constant: BTreeSet<String> =
        fs::read_to_string(constant).unwrap_or_default().lines().map(String::from).collect();
    let list: Value = serde_json::from_str(&fs::read_to_string(list).expect("the list")).expect("JSON");
    let dropped: BTreeSet<usize> =
        fs::read_to_string(dropped).unwrap_or_default().lines().map(|line| line.parse().expect("a number")).collect();
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for (number, value) in list.as_array().expect("a list").iter().enumerate() {
        let (file, mutant) = mutants_of(value, number);
        let mutants = files.entry(file).or_default();
        if !dropped.contains(&number) {
            mutants.push(mutant);
        }
    }
    // The others lose only what would keep them from calling these.
    sources(&Path::new(root).join(package).join("src"), &mut |path| {
        let file = path.strip_prefix(root).expect("inside").to_str().expect("text").to_string();
        files.entry(file).or_default();
    });
    for (file, mutants) in files {
        let path = Path::new(root).join(&file);
        let text = fs::read_to_string(&path).expect("a source file");
        let tree = syn::parse_file(&text).expect("Rust");
        let numbers: Vec<usize> = mutants.iter().map(|mutant| mutant.number).collect();
        let mut rewriter = Rewriter {
            text: &text,
            constant: &constant,
            mutants,
            used: BTreeSet::new(),
            insertions: Vec::new(),
            removals: Vec::new(),
            wraps: 0,
        };
        rewriter.visit_file(&tree);
        for number in numbers.iter().filter(|number| !rewriter.used.contains(number)) {
            println!("missing\t{number}");
        }
        let Rewriter { mut insertions, removals, .. } = rewriter;
        insertions.sort_by_key(|insertion| (insertion.at, insertion.order));
        let mut out = String::new();
        let mut from = 0;
        for insertion in &insertions {
            push(&mut out, &text, from..insertion.at, &removals);
            from = insertion.at;
            let begin = out.len();
            out.push_str(&insertion.text);
            if let Some(number) = insertion.number {
                println!("{number}\t{file}\t{begin}\t{}", out.len());
            }
        }
        push(&mut out, &text, from..text.len(), &removals);
        fs::write(&path, out).expect("a source file");
    }
}

fn sources(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path);
        }
    }
}

/// The original text without what is removed.
fn push(out: &mut String, text: &str, range: Range<usize>, removals: &[Range<usize>]) {
    let mut from = range.start;
    for removal in removals.iter().filter(|removal| removal.start >= range.start && removal.end <= range.end) {
        out.push_str(&text[from..removal.start]);
        from = removal.end;
    }
    out.push_str(&text[from..range.end]);
}
