//! What a request sends as its body: text, a file piece by piece, or standard input.

use crate::command::arguments::Data;
use crate::command::failure::Failure;
use posthaste::{BodyWriter, Bytes};
use std::fs::File;
use std::io::Read;

/// How much of a file is read at a time.
const PIECE: usize = 64 << 10;

/// A body that is ready to be sent.
pub enum Source {
    /// It is in memory.
    Memory(Bytes),
    /// It is in a file of so many bytes; read as it is sent.
    File(File, String, u64),
}

impl Source {
    /// Opens what the command line names.
    pub fn open(data: &Data) -> Result<Source, Failure> {
        let failed = |name: &str, error: std::io::Error| Failure::Failed(format!("{name} could not be read: {error}"));
        match data {
            Data::Text(text) => Ok(Source::Memory(Bytes::from(text.clone()))),
            Data::File(name) if name == "-" => {
                let mut all = Vec::new();
                std::io::stdin().lock().read_to_end(&mut all).map_err(|error| failed("standard input", error))?;
                Ok(Source::Memory(Bytes::from(all)))
            }
            Data::File(name) => {
                let file = File::open(name).map_err(|error| failed(name, error))?;
                let metadata = file.metadata().map_err(|error| failed(name, error))?;
                if !metadata.is_file() {
                    return Err(Failure::Failed(format!("{name} is not a file that can be sent")));
                }
                Ok(Source::File(file, name.clone(), metadata.len()))
            }
        }
    }

    /// How long it is.
    pub fn len(&self) -> u64 {
        match self {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::File(_, _, len) => *len,
        }
    }

    /// Sends all of it.
    pub async fn write(self, mut writer: BodyWriter) -> Result<(), Failure> {
        match self {
            Source::Memory(bytes) => writer.write(bytes).await?,
            Source::File(file, name, len) => {
                let mut file = file.take(len);
                loop {
                    let mut piece = vec![0; PIECE];
                    let count = file
                        .read(&mut piece)
                        .map_err(|error| Failure::Failed(format!("{name} could not be read: {error}")))?;
                    if count == 0 {
                        break;
                    }
                    piece.truncate(count);
                    writer.write(piece).await?;
                }
            }
        }
        writer.finish().map_err(Failure::from)
    }
}
