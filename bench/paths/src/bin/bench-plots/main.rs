//! Draws what a sender did over time, from qlog of ours: congestion window, bytes in flight, losses, pacing rate and round trip.
//!
//! `bench-plots FILE.sqlog -o OUT.svg`: one file, for example of `posthaste serve --qlog`.
//! `bench-plots FOLDER`: the standard paths are simulated, and their drawings written there.

mod draw;
mod read;
mod scenarios;

use std::path::Path;
use std::process::ExitCode;

/// One file.
fn draw_file(from: &Path, to: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(from).map_err(|error| format!("{} cannot be read: {error}", from.display()))?;
    let history = read::history(&text).map_err(|error| format!("{}: {error}", from.display()))?;
    let title = from.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    write(to, &draw::svg(&title, &history))
}

fn write(to: &Path, svg: &str) -> Result<(), String> {
    std::fs::write(to, svg).map_err(|error| format!("{} cannot be written: {error}", to.display()))
}

/// All standard paths.
fn draw_scenarios(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for scenario in scenarios::all() {
        let text = scenario.qlog()?;
        let history = read::history(&text).map_err(|error| format!("{}: {error}", scenario.file_name()))?;
        let to = folder.join(scenario.file_name());
        write(&to, &draw::svg(&scenario.title(), &history))?;
        println!("{}", to.display());
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [file, "-o", out] => draw_file(Path::new(file), Path::new(out)),
        [folder] => draw_scenarios(Path::new(folder)),
        _ => Err("usage: bench-plots FILE.sqlog -o OUT.svg | bench-plots FOLDER".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-plots: {error}");
            ExitCode::FAILURE
        }
    }
}
