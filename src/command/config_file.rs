//! The file of `serve --config`.

use crate::command::arguments::{ConfigFile, MAX_CONFIG_LEN, Serve, parse_with_file};
use crate::command::failure::Failure;
use std::fs::File;
use std::io::Read;

/// What the file and the arguments beside it say.
pub fn read(file: &ConfigFile) -> Result<Serve, Failure> {
    let name = &file.name;
    let mut bytes = Vec::new();
    // One byte more shows that there is more.
    let opened = File::open(name).and_then(|opened| opened.take(MAX_CONFIG_LEN as u64 + 1).read_to_end(&mut bytes));
    opened.map_err(|error| Failure::Failed(format!("{name} could not be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Failure::Failed(format!("{name}:{line}: this is not UTF-8"))
    })?;
    Ok(parse_with_file(name, &text, &file.words)?)
}
