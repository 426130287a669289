//! Posthaste beside its peers, in turn, on the same machine. Without arguments: the whole table. See docs/performance.md.

mod callgrind;
mod cells;
mod identity;
mod instructions;
mod limit;
mod pair;
mod partner;
mod result;
mod rows;
mod run;
mod sessions;
mod settings;
mod sizes;
mod stack;
mod table;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let settings = settings::Settings::parse(&words);
    if settings.sessions {
        sessions::run(&settings);
    } else if settings.instructions {
        instructions::run(&settings);
    } else {
        run::run(&settings);
    }
}
