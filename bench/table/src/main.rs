//! Posthaste beside its peers, in turn, on the same machine. Without arguments: the whole table. See docs/performance.md.

mod cells;
mod identity;
mod limit;
mod partner;
mod result;
mod rows;
mod run;
mod settings;
mod stack;
mod table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run::run(&settings::Settings::parse(&words));
}
