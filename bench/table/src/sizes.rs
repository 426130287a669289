//! How large each program is without its symbols.

use crate::settings::Settings;
use crate::table;
use std::path::Path;
use std::process::Command;

/// In the table.
pub const NAME: &str = "size of a stripped program: server and client in one";

/// A line for each stack: server and client in one program, with the little that the bench adds to all alike; and the
/// command `posthaste`, if it has been built into the same target folder.
pub fn print(folder: &Path, settings: &Settings) {
    let programs = settings.stacks.iter().filter_map(|stack| Some((stack.name.to_owned(), stack.path().ok()?)));
    let command = std::env::current_exe().ok().filter(|_| !settings.is_pair);
    let command = command.map(|here| ("the command posthaste".to_owned(), here.with_file_name("posthaste")));
    let lines: Vec<_> = programs
        .chain(command)
        .filter(|(_, program)| program.exists())
        .map(|(name, program)| (name, stripped(folder, &program)))
        .map(|(name, size)| (name, size.map(|bytes| vec![format!("{:.2}", bytes as f64 / f64::from(1 << 20))])))
        .collect();
    table::print_part(NAME, &["MiB"], &lines);
}

fn stripped(folder: &Path, program: &Path) -> Result<u64, String> {
    let output = folder.join("stripped");
    let status = Command::new("strip").arg("-o").arg(&output).arg(program).status();
    match status {
        Ok(status) if status.success() => std::fs::metadata(output).map(|data| data.len()).map_err(|e| e.to_string()),
        Ok(status) => Err(format!("strip: {status}")),
        Err(error) => Err(format!("strip: {error}")),
    }
}
