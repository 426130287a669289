//! Header lists and what six other encoders made of them (the public QPACK interop files, MIT licence): each output is decoded to
//! its list exactly, with no more streams waiting than its decoder had allowed, and the wrong ones fail as RFC 9204 says.
//!
//! `QIFS_DIR` may name another directory of the same form; `-- --nocapture` shows a line for each file. `QIFS_OUT` names a
//! directory that gets what our encoder makes of the lists, in the same form.

extern crate posthaste_qpack as qpack;

#[path = "qifs/corpus.rs"]
mod corpus;

use corpus::{Lines, Settings};
use qpack::{DecodeError, Decoder, DecoderLimits, Encoder, EncoderLimits};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

/// What can go wrong, by its error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Decompression,
    EncoderStream,
    /// A section still waits at the end.
    Waiting,
}

/// Decodes records in their order, the encoder stream in pieces of `piece` bytes.
struct Reading {
    decoder: Decoder,
    lists: BTreeMap<u64, Lines>,
    most_blocked: usize,
}

impl Reading {
    fn new(settings: Settings) -> Reading {
        let limits = DecoderLimits { max_table_capacity: settings.table, max_blocked_streams: settings.blocked };
        let mut decoder = Decoder::with_limits(limits);
        // The outputs begin with a table of full capacity, of which RFC 9204 section 3.2.3 says that it is set first.
        let mut capacity = Vec::new();
        qpack::prefix_integer::encode(0x20, 5, settings.table.into(), &mut capacity);
        decoder.on_encoder_stream(&capacity).expect("the capacity that is allowed");
        Reading { decoder, lists: BTreeMap::new(), most_blocked: 0 }
    }

    fn all(mut self, records: &[(u64, Vec<u8>)], piece: usize) -> Result<Reading, Failure> {
        for (stream, bytes) in records {
            match stream {
                0 => self.on_instructions(bytes, piece)?,
                _ => self.on_section(*stream, bytes)?,
            }
        }
        if self.decoder.blocked_streams() > 0 { Err(Failure::Waiting) } else { Ok(self) }
    }

    fn on_instructions(&mut self, bytes: &[u8], piece: usize) -> Result<(), Failure> {
        for piece in bytes.chunks(piece) {
            self.decoder.on_encoder_stream(piece).map_err(|_| Failure::EncoderStream)?;
            while let Some(stream) = self.decoder.ready() {
                let section = self.decoder.take(stream).expect("what is ready is there");
                self.decode(stream, &section)?;
            }
        }
        Ok(())
    }

    fn on_section(&mut self, stream: u64, section: &[u8]) -> Result<(), Failure> {
        let is_ready = self.decoder.admit(stream, section).map_err(|_| Failure::Decompression)?;
        self.most_blocked = self.most_blocked.max(self.decoder.blocked_streams());
        if is_ready { self.decode(stream, section) } else { Ok(()) }
    }

    fn decode(&mut self, stream: u64, section: &[u8]) -> Result<(), Failure> {
        let mut lines = Lines::new();
        let result = self.decoder.decode_from(stream, section, 1 << 20, |name, value| {
            lines.push((name.to_vec(), value.to_vec()));
            Ok::<(), Infallible>(())
        });
        self.lists.insert(stream, lines);
        result.map_err(|error| match error {
            DecodeError::Decompression(_) => Failure::Decompression,
            DecodeError::TooLarge | DecodeError::Refused(_) => panic!("the lists are small"),
        })
    }
}

/// What must happen to a file of `errors/`: err9 and err10 are in fact valid.
fn expected_failure(path: &Path) -> Option<Failure> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("err9" | "err10") => None,
        Some("err11" | "err12") => Some(Failure::EncoderStream),
        _ => Some(Failure::Decompression),
    }
}

/// RFC 9204 section 2.1.2-2, 2.2-1.
#[test]
fn every_output_is_decoded_and_every_error_fails() {
    let folder = corpus::directory();
    let (mut decoded, mut failed, mut wrong) = (0, 0, Vec::new());
    let mut lists = BTreeMap::new();
    let outputs = corpus::files(&folder.join("encoded"));
    for path in &outputs {
        let (name, settings) = corpus::parse_name(path).unwrap_or_else(|| panic!("{}: no settings", path.display()));
        let expected = lists.entry(name.clone()).or_insert_with_key(|name| {
            let name = if name.ends_with(".qif") { name.clone() } else { format!("{name}.qif") };
            corpus::lists(&folder.join("qifs").join(name))
        });
        let records = corpus::records(path);
        let mut is_right = true;
        for piece in [usize::MAX, 1] {
            let result = Reading::new(settings).all(&records, piece);
            is_right &= result.as_ref().is_ok_and(|reading| {
                reading.lists.values().eq(expected.iter()) && reading.most_blocked <= settings.blocked.into()
            });
        }
        println!("{} {}", path.display(), if is_right { "decoded" } else { "WRONG" });
        if is_right { decoded += 1 } else { wrong.push(path.clone()) }
    }
    let errors = corpus::files(&folder.join("errors"));
    for path in &errors {
        let settings = Settings { table: 4096, blocked: 100, is_acknowledged: false };
        let expected = expected_failure(path);
        let is_right = [usize::MAX, 1].iter().all(|piece| {
            let result = Reading::new(settings).all(&corpus::records(path), *piece);
            result.err() == expected
        });
        let outcome = if expected.is_some() { "failed as stated" } else { "decoded" };
        println!("{} {}", path.display(), if is_right { outcome } else { "WRONG" });
        match (is_right, expected) {
            (false, _) => wrong.push(path.clone()),
            (true, Some(_)) => failed += 1,
            (true, None) => decoded += 1,
        }
    }
    corpus::clean(&folder);
    let files = outputs.len() + errors.len();
    println!("{files} files, {decoded} decoded, {failed} failed as stated, {} wrong", wrong.len());
    assert!(files > 0, "no files in {}", folder.display());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Our encoder's records of some lists.
fn encode(lists: &[Lines], settings: Settings) -> Vec<(u64, Vec<u8>)> {
    let limits = DecoderLimits { max_table_capacity: settings.table, max_blocked_streams: settings.blocked };
    let mut decoder = Decoder::with_limits(limits);
    let mut encoder = Encoder::new();
    encoder.allow(EncoderLimits {
        max_table_capacity: settings.table.into(),
        max_blocked_streams: settings.blocked.into(),
        table_capacity: 4096,
    });
    let mut records = Vec::new();
    for (stream, lines) in (1..).zip(lists) {
        let mut section = Vec::new();
        encoder.encode(None, lines.iter().map(|(name, value)| (name, value)), 1 << 16, &mut section);
        encoder.on_sent(stream);
        let instructions = encoder.take_instructions();
        if !instructions.is_empty() {
            decoder.on_encoder_stream(&instructions).expect("instructions of ours");
            records.push((0, instructions));
        }
        assert_eq!(decoder.admit(stream, &section), Ok(true));
        let mut decoded = Lines::new();
        let result = decoder.decode_from(stream, &section, 1 << 20, |name, value| {
            decoded.push((name.to_vec(), value.to_vec()));
            Ok::<(), Infallible>(())
        });
        assert_eq!((result, &decoded), (Ok(()), lines));
        if settings.is_acknowledged {
            encoder.on_decoder_stream(&decoder.take_instructions()).expect("instructions of ours");
        }
        records.push((stream, section));
    }
    records
}

fn payload(records: &[(u64, Vec<u8>)]) -> usize {
    records.iter().map(|(_, bytes)| bytes.len()).sum()
}

/// Sections that refer to the table.
fn referring(records: &[(u64, Vec<u8>)]) -> usize {
    records.iter().filter(|(stream, bytes)| *stream != 0 && bytes[0] != 0).count()
}

/// The file of a list.
fn lists_of(folder: &Path, name: &str) -> Vec<Lines> {
    let file = if name.ends_with(".qif") { name.to_owned() } else { format!("{name}.qif") };
    corpus::lists(&folder.join("qifs").join(file))
}

/// Prints what our encoder makes of each list beside what others make of it. Over all it is at most as large as the best of each, and
/// nowhere much larger.
#[test]
fn our_encoder_is_as_good_as_the_best() {
    let folder = corpus::directory();
    let mut others: BTreeMap<(String, Settings), Vec<(usize, String)>> = BTreeMap::new();
    for path in corpus::files(&folder.join("encoded")) {
        let (name, settings) = corpus::parse_name(&path).expect("settings in the name");
        let encoder = path.parent().and_then(Path::file_name).expect("a folder for each encoder").to_string_lossy();
        let records = corpus::records(&path);
        // Where nothing is ever acknowledged, every stream that refers to the table may be blocked (RFC 9204 section 2.1.2): who
        // has more of these than are allowed is in parentheses and not compared with.
        let is_over = !settings.is_acknowledged && referring(&records) > settings.blocked.into();
        let label = if is_over { format!("({encoder})") } else { encoder.into_owned() };
        others.entry((name, settings)).or_default().push((payload(&records), label));
    }
    let (mut ours_sum, mut best_sum) = (0, 0);
    for ((name, settings), mut others) in others {
        let ours = payload(&encode(&lists_of(&folder, &name), settings));
        others.sort();
        let best = others.iter().find(|(_, label)| !label.starts_with('(')).map_or(ours, |(size, _)| *size);
        let ratio = ours as f64 / best as f64;
        println!("{name} {settings:?}: {ours} bytes, {ratio:.3} of the best; {others:?}");
        assert!(ratio < 1.16, "{name} {settings:?}: {ours} bytes, {others:?}");
        ours_sum += ours;
        best_sum += best;
    }
    println!("{ours_sum} bytes, {:.4} of the best of each", ours_sum as f64 / best_sum as f64);
    assert!(ours_sum <= best_sum);
    corpus::clean(&folder);
}

/// Every list under every setting is decoded by our decoder; `QIFS_OUT` gets the files for another one.
#[test]
fn what_our_encoder_makes_is_decoded() {
    let folder = corpus::directory();
    let out = std::env::var_os("QIFS_OUT").map(std::path::PathBuf::from);
    for path in corpus::files(&folder.join("qifs")) {
        let name = path.file_name().expect("a name").to_string_lossy();
        let lists = corpus::lists(&path);
        for (table, blocked) in [0, 256, 512, 4096].into_iter().flat_map(|table| [(table, 0), (table, 100)]) {
            for is_acknowledged in [false, true] {
                let settings = Settings { table, blocked, is_acknowledged };
                let records = encode(&lists, settings);
                if let Some(out) = &out {
                    let file = out.join(format!("{name}.out.{table}.{blocked}.{}", u8::from(is_acknowledged)));
                    std::fs::write(&file, corpus::bytes(&records)).expect("the directory can be written to");
                }
            }
        }
    }
    corpus::clean(&folder);
}
