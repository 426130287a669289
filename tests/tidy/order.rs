//! In which order the files of a crate can be read: each after those whose names it uses.
//!
//! A file uses another where it imports from it or writes a path to it, also by way of a re-export (then the file that has the
//! name counts, not the one that passes it on) or from its parent by a bare name; and where it calls a method that the other
//! one gives to a type. Methods are looked up where the type is known, `self.method()` and `Type::method()`, and by their name
//! alone where no other type of the product has one of that name.

use crate::parse::{File, paths};
use crate::source::{CRATES, SourceFile};
use std::collections::{BTreeMap, BTreeSet};

/// The files of one crate, and what is in them.
struct Crate<'a> {
    files: Vec<File<'a>>,
    modules: BTreeMap<Vec<String>, usize>,
    /// Of each type, by the file that has it and its name: its methods, and the file that has each.
    methods: BTreeMap<(usize, String), BTreeMap<String, usize>>,
    /// Names of methods that only one type has, and no type of another crate.
    unique: BTreeMap<String, usize>,
}

/// Used files, and one name that each has.
type Edges = BTreeMap<usize, String>;

/// Methods of the standard library's types that ours have as well: by their name alone one cannot tell.
const OF_STD: &str =
    "abs all and any append as_bytes as_mut as_ref as_slice back bytes capacity chain chars clear clone close cmp
    collect contains copied count create dedup default drain end entry extend extend_from_slice field
    file_name fill filter find finish first flush fmt fold from front get get_mut hash index insert into
    is_empty is_err is_none is_ok is_some iter iter_mut join keys last len lines lock map max min name new
    next open parse partition_point peek poll pop pop_back pop_front position push push_back range read
    remaining remove replace resize retain rev send set shutdown skip sort split split_at split_off split_to
    start status step swap take then to_vec truncate unwrap update values wake write write_all zip";

impl<'a> Crate<'a> {
    /// Of the product's files of one crate. `elsewhere`: names of methods that types of other crates have.
    fn new(sources: &[&'a SourceFile], elsewhere: &BTreeSet<String>) -> Crate<'a> {
        let files: Vec<File<'a>> = sources.iter().map(|source| File::new(source)).collect();
        let is_named = |file: &&File<'_>| !file.source.path.ends_with("/main.rs");
        let places = files.iter().enumerate();
        let modules =
            places.filter(|(_, file)| is_named(file)).map(|(place, file)| (file.module.clone(), place)).collect();
        let mut made = Crate { files, modules, methods: BTreeMap::new(), unique: BTreeMap::new() };
        made.find_methods(elsewhere);
        made
    }

    /// Which files each file uses, by their places, and one name of each that it uses.
    fn edges(&self) -> Vec<Edges> {
        let of = |place| {
            let mut used = self.called(place);
            used.extend(self.imported(place));
            used.remove(&place);
            used
        };
        (0..self.files.len()).map(of).collect()
    }

    fn find_methods(&mut self, elsewhere: &BTreeSet<String>) {
        let mut by_name: BTreeMap<String, BTreeSet<(usize, String, usize)>> = BTreeMap::new();
        let mut of_traits: BTreeSet<String> = OF_STD.split_whitespace().map(str::to_owned).collect();
        for (place, file) in self.files.iter().enumerate() {
            of_traits.extend(file.trait_methods());
            for block in file.blocks.iter().filter(|block| !block.is_trait) {
                let Some((home, _)) = self.locate(place, &block.of, 0) else { continue };
                let key = (home, block.of.last().cloned().unwrap_or_default());
                for name in file.methods(block) {
                    by_name.entry(name.clone()).or_default().insert((key.0, key.1.clone(), place));
                    self.methods.entry(key.clone()).or_default().insert(name, place);
                }
            }
        }
        let is_one = |owners: &BTreeSet<(usize, String, usize)>| owners.len() == 1;
        self.unique = by_name
            .into_iter()
            .filter(|(name, owners)| is_one(owners) && !of_traits.contains(name) && !elsewhere.contains(name))
            .filter_map(|(name, owners)| Some((name, owners.first()?.2)))
            .collect();
    }

    /// Files whose names are written in paths.
    fn imported(&self, place: usize) -> Edges {
        let file = &self.files[place];
        let mut used = Edges::new();
        for import in &file.imports {
            let Some((target, rest)) = self.locate(place, &import.path, 0) else { continue };
            // A module that is brought in to write paths into it counts by those paths.
            let is_prefix = rest == 0 && file.writes_into(&import.name) && self.is_module(place, &import.path);
            if !is_prefix {
                used.insert(target, import.path.join("::"));
            }
        }
        for path in paths(&file.tokens) {
            if let Some((target, rest)) = self.locate(place, &path, 0) {
                used.insert(target, path.join("::"));
                // `Type::method` may stand in another file than the type.
                if let [.., of, name] = &path[..]
                    && rest == 1
                    && let Some(home) = self.methods.get(&(target, of.clone())).and_then(|all| all.get(name))
                {
                    used.insert(*home, path.join("::"));
                }
            }
        }
        used
    }

    fn is_module(&self, place: usize, path: &[String]) -> bool {
        let whole = self.absolute(place, path);
        whole.is_some_and(|whole| self.modules.contains_key(&whole))
    }

    /// A written path from the crate's root, without looking at re-exports.
    fn absolute(&self, place: usize, path: &[String]) -> Option<Vec<String>> {
        let module = &self.files[place].module;
        let (first, rest) = path.split_first()?;
        let mut whole = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module.split_last()?.1.to_vec(),
            _ => [&module[..], std::slice::from_ref(first)].concat(),
        };
        for segment in rest {
            if segment == "super" {
                whole.pop();
            } else {
                whole.push(segment.clone());
            }
        }
        Some(whole)
    }

    /// The file that has what a path written in another file names, and how many segments lie within the item.
    fn locate(&self, place: usize, path: &[String], depth: usize) -> Option<(usize, usize)> {
        // Imports that lead in a circle are not Rust, but a checker should end.
        if depth > 16 {
            return None;
        }
        let file = &self.files[place];
        let (first, rest) = path.split_first()?;
        let root = |name: &str| name == "crate" || name == "posthaste" && file.source.crate_name() == "posthaste";
        let (mut module, mut rest) = match first.as_str() {
            name if root(name) => (Vec::new(), rest),
            "self" => (file.module.clone(), rest),
            "super" => (file.module.split_last()?.1.to_vec(), rest),
            _ => return self.within(place, path, depth),
        };
        while let Some((_, after)) = rest.split_first().filter(|(segment, _)| *segment == "super") {
            module.pop();
            rest = after;
        }
        let target = *self.modules.get(&module)?;
        if rest.is_empty() { Some((target, 0)) } else { self.within(target, rest, depth) }
    }

    /// The same for a path from within a module.
    fn within(&self, place: usize, path: &[String], depth: usize) -> Option<(usize, usize)> {
        let file = &self.files[place];
        let (first, rest) = path.split_first()?;
        if file.items.contains(first) {
            return Some((place, rest.len()));
        }
        let child = [&file.module[..], std::slice::from_ref(first)].concat();
        if let Some(child) = self.modules.get(&child) {
            return if rest.is_empty() { Some((*child, 0)) } else { self.within(*child, rest, depth + 1) };
        }
        for import in file.imports.iter().filter(|import| import.name == *first) {
            if import.path.first() != Some(first) || import.path.len() > 1 {
                return self.locate(place, &[&import.path[..], rest].concat(), depth + 1);
            }
        }
        for import in file.imports.iter().filter(|import| import.name == "*") {
            let found = self.locate(place, &[&import.path[..], path].concat(), depth + 1);
            if found.is_some_and(|(target, _)| target != place && self.files[target].items.contains(first)) {
                return found;
            }
        }
        // What a macro made is in the file, though its name cannot be seen.
        let is_of_parent = !self.files[place].source.path.ends_with("lib.rs") && depth > 0;
        is_of_parent.then_some((place, rest.len()))
    }

    /// Files whose methods are called.
    fn called(&self, place: usize) -> Edges {
        let file = &self.files[place];
        let mut used = Edges::new();
        for at in 2..file.tokens.len() {
            let name = file.tokens[at].word();
            if name.is_empty() || !file.is_call(at) {
                continue;
            }
            let of_self = file.tokens[at - 2].word() == "self"
                && file.tokens[at - 1].is('.')
                && !file.tokens[at.saturating_sub(3)].is('.');
            let of_type = at > 2 && file.tokens[at - 3].word() == "Self" && file.tokens[at - 1].is(':');
            if of_self || of_type {
                let block = file.blocks.iter().find(|block| block.body.contains(&at));
                let key = block.and_then(|block| {
                    let home = self.locate(place, &block.of, 0)?.0;
                    Some((home, block.of.last()?.clone()))
                });
                if let Some(home) = key.and_then(|key| self.methods.get(&key)?.get(name)) {
                    used.insert(*home, format!("Self::{name}"));
                }
            } else if file.tokens[at - 1].is('.')
                && let Some(home) = self.unique.get(name)
            {
                used.insert(*home, format!(".{name}()"));
            }
        }
        used
    }
}

/// Names of all methods that types of a file have, of traits or not.
fn method_names(source: &SourceFile) -> BTreeSet<String> {
    let file = File::new(source);
    file.blocks.iter().filter(|block| !block.is_trait).flat_map(|block| file.methods(block)).collect()
}

/// One file uses another of its crate.
pub(crate) struct Use {
    pub(crate) from: String,
    pub(crate) to: String,
    /// What it uses of it, or one thing of several.
    pub(crate) name: String,
}

/// What was found out about the product's files.
pub(crate) struct Reading<'a> {
    /// Crate by crate, each file after those it uses.
    pub(crate) order: Vec<&'a SourceFile>,
    /// Files that use each other: who uses what of whom, a line each.
    pub(crate) circles: Vec<String>,
    pub(crate) uses: Vec<Use>,
}

/// Reads the product's files.
pub(crate) fn reading_order(files: &[SourceFile]) -> Reading<'_> {
    let product: Vec<&SourceFile> = files.iter().filter(|file| file.is_product()).collect();
    let names: Vec<BTreeSet<String>> = product.iter().map(|file| method_names(file)).collect();
    let (mut order, mut circles, mut uses) = (Vec::new(), Vec::new(), Vec::new());
    for name in CRATES {
        let own: Vec<&SourceFile> = product.iter().filter(|file| file.crate_name() == name).copied().collect();
        let others = product.iter().zip(&names).filter(|(file, _)| file.crate_name() != name);
        let elsewhere = others.flat_map(|(_, names)| names.iter().cloned()).collect();
        let edges = Crate::new(&own, &elsewhere).edges();
        let targets: Vec<BTreeSet<usize>> = edges.iter().map(|used| used.keys().copied().collect()).collect();
        let (places, cycles) = sorted(&targets);
        order.extend(places.into_iter().map(|place| own[place]));
        for (from, used) in edges.iter().enumerate() {
            let (from, files) = (&own[from].path, &own);
            let of = |(to, name): (&usize, &String)| Use {
                from: from.clone(),
                to: files[*to].path.clone(),
                name: name.clone(),
            };
            uses.extend(used.iter().map(of));
        }
        circles.extend(cycles.iter().map(|cycle| in_words(cycle, &own, &edges)));
    }
    Reading { order, circles, uses }
}

/// Who uses what of whom among files that use each other, a line each.
fn in_words(circle: &[usize], files: &[&SourceFile], edges: &[Edges]) -> String {
    let mut uses = Vec::new();
    for from in circle {
        for (to, name) in edges[*from].iter().filter(|(to, _)| circle.contains(to)) {
            uses.push(format!("{} -> {} ({name})", files[*from].path, files[*to].path));
        }
    }
    uses.join("\n")
}

/// The places in an order in which each comes after those it uses, and groups of those that use each other. Within a group
/// the order is that of the places.
fn sorted(edges: &[BTreeSet<usize>]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let reach: Vec<BTreeSet<usize>> = (0..edges.len()).map(|from| reachable(edges, from)).collect();
    let (mut order, mut cycles) = (Vec::new(), Vec::new());
    let mut done = BTreeSet::new();
    for place in 0..edges.len() {
        let group: Vec<usize> = (0..edges.len())
            .filter(|other| *other == place || reach[place].contains(other) && reach[*other].contains(&place))
            .collect();
        if group.len() > 1 && group[0] == place {
            cycles.push(group);
        }
    }
    for place in 0..edges.len() {
        append(place, edges, &reach, &mut done, &mut order);
    }
    (order, cycles)
}

/// All that comes before `place`, and then it with its group.
fn append(
    place: usize,
    edges: &[BTreeSet<usize>],
    reach: &[BTreeSet<usize>],
    done: &mut BTreeSet<usize>,
    order: &mut Vec<usize>,
) {
    if done.contains(&place) {
        return;
    }
    let group: Vec<usize> = (0..edges.len())
        .filter(|other| *other == place || reach[place].contains(other) && reach[*other].contains(&place))
        .collect();
    done.extend(&group);
    for member in &group {
        for used in &edges[*member] {
            append(*used, edges, reach, done, order);
        }
    }
    order.extend(group);
}

fn reachable(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(place) = open.pop() {
        for next in &edges[place] {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The edges of a crate of these files, as `from -> to`.
    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(name, text)| SourceFile { path: format!("quic/src/{name}.rs"), text: (*text).to_owned() })
            .collect();
        let made = Crate::new(&sources.iter().collect::<Vec<_>>(), &BTreeSet::new());
        let edges = made.edges();
        let of = |from: usize| edges[from].keys().map(move |to| format!("{} -> {}", files[from].0, files[*to].0));
        (0..files.len()).flat_map(of).collect()
    }

    #[test]
    fn an_import_by_way_of_the_root_counts_for_the_file_that_has_the_name() {
        let lib = ("lib", "mod a; mod b; pub use a::{Thing, make as produce};");
        let a = ("a", "pub struct Thing; pub fn make() {}");
        assert_eq!(edges(&[lib, a, ("b", "use crate::Thing; fn f(_: Thing) {}")]), ["lib -> a", "b -> a"]);
        assert_eq!(edges(&[lib, a, ("b", "fn f() { crate::produce(); }")]), ["lib -> a", "b -> a"]);
        assert_eq!(edges(&[lib, a, ("b", "use crate::{self as root, Thing};")])[1], "b -> lib");
    }

    #[test]
    fn a_bare_child_counts() {
        let lib = ("lib", "mod a;");
        let parent = ("a", "mod child; fn f() { child::g(); }");
        assert_eq!(edges(&[lib, parent, ("a/child", "pub fn g() {}")]), ["a -> a/child"]);
        // What a parent passes on counts for the child.
        let parent = ("a", "mod child; pub use child::g;");
        let other = ("b", "use crate::a::g; fn f() { g() }");
        assert_eq!(edges(&[lib, parent, ("a/child", "pub fn g() {}"), other]), ["a -> a/child", "b -> a/child"]);
        // A module that is imported counts by the paths into it.
        let other = ("b", "use crate::a; fn f() { a::g() }");
        assert_eq!(edges(&[lib, parent, ("a/child", "pub fn g() {}"), other]), ["a -> a/child", "b -> a/child"]);
    }

    #[test]
    fn methods_of_one_type_in_several_files_count() {
        let lib = ("lib", "mod state; mod one; mod two;");
        let state = ("state", "pub struct Connection { pub x: u8 }");
        let one =
            ("one", "use crate::state::Connection; impl Connection { fn up(&mut self) { self.down(); self.x.up(); } }");
        let two = (
            "two",
            "use crate::state::Connection; impl Connection { fn down(&self) {} fn back(&self) { Self::up(self) } }",
        );
        assert_eq!(edges(&[lib, state, one, two]), ["one -> state", "one -> two", "two -> state", "two -> one"]);
        let two = ("two", "use crate::state::Connection; impl<T> Connection { fn down(&self) {} }");
        assert_eq!(edges(&[lib, state, one, two]), ["one -> state", "one -> two", "two -> state"]);
        let user = ("user", "fn f(connection: &C) { connection.down(); }");
        assert_eq!(edges(&[lib, state, one, two, user])[3], "user -> two");
        let path = ("user", "use crate::state::Connection; fn f() { Connection::down(); }");
        assert_eq!(edges(&[lib, state, one, two, path])[3..], ["user -> state", "user -> two"]);
    }

    #[test]
    fn a_name_that_two_types_have_says_nothing() {
        let a = ("a", "pub struct A; impl A { pub fn go(&self) {} }");
        let b = ("b", "pub struct B; impl B { pub fn go(&self) {} }");
        assert_eq!(edges(&[a, b, ("c", "fn f(x: &X) { x.go(); }")]), [""; 0]);
        assert_eq!(edges(&[a, ("c", "fn f(x: &X) { x.go(); }")]), ["c -> a"]);
        // Nor does one that the standard library has, or a trait.
        assert_eq!(edges(&[("a", "pub struct A; impl A { fn len(&self) {} }"), ("c", "fn f() { x.len(); }")]), [""; 0]);
        let of_trait =
            ("a", "trait T { fn go(&self); } struct A; impl A { fn go(&self) {} } impl T for A { fn go(&self) {} }");
        assert_eq!(edges(&[of_trait, ("c", "fn f() { x.go(); }")]), [""; 0]);
    }

    #[test]
    fn tests_comments_and_strings_do_not_count() {
        let text = "// crate::a::f()\nfn g() { \"crate::a::f\"; } #[cfg(test)] mod tests { use crate::a::f; }";
        assert_eq!(edges(&[("a", "pub fn f() {}"), ("b", text)]), [""; 0]);
    }

    #[test]
    fn circles_are_found_and_the_rest_is_in_order() {
        let of = |pairs: &[(usize, usize)], count| {
            let mut edges = vec![BTreeSet::new(); count];
            pairs.iter().for_each(|(from, to)| edges[*from].extend([*to]));
            sorted(&edges)
        };
        assert_eq!(of(&[(0, 1), (1, 2)], 3), (vec![2, 1, 0], vec![]));
        assert_eq!(of(&[(0, 2), (2, 1), (1, 2), (1, 3)], 4), (vec![3, 1, 2, 0], vec![vec![1, 2]]));
    }
}
