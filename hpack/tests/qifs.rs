//! The header lists of the public QPACK interop files (MIT licence) through HPACK: what our encoder makes of them our decoder reads.
//! `tests/peers/run --hpack` has the `hpack` package of Python at the other end, both ways: `HPACK_OUT` names a folder that gets our
//! blocks, `HPACK_IN` one with the other's. In both a file is of one list, block after block with its length in front.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_hpack as hpack;

use hpack::{Decoder, Encoder};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// The lists by the names of their files.
fn corpus() -> Vec<(String, Vec<Lines>)> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qpack/tests/qifs/qifs.tar.xz");
    let thread = std::thread::current().id();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hpack-{}-{thread:?}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let unpacked = Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(&folder).status().unwrap();
    assert!(unpacked.success(), "tar and xz unpack {}", archive.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("qifs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = |path: &PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), lists(path));
    let corpus: Vec<_> = files.iter().filter(|path| path.is_file()).map(named).collect();
    fs::remove_dir_all(&folder).unwrap();
    assert!(corpus.iter().map(|(_, lists)| lists.len()).sum::<usize>() > 1000, "{} files", corpus.len());
    corpus
}

/// A line for each field, with a tab between name and value; an empty line ends a list.
fn lists(path: &Path) -> Vec<Lines> {
    let text = fs::read(path).unwrap();
    let (mut lists, mut list) = (Vec::new(), Lines::new());
    for line in text.split(|byte| *byte == b'\n') {
        if line.is_empty() && !list.is_empty() {
            lists.push(std::mem::take(&mut list));
        } else if !line.is_empty() && line[0] != b'#' {
            let tab = line.iter().position(|byte| *byte == b'\t').unwrap();
            list.push((line[..tab].to_vec(), line[tab + 1..].to_vec()));
        }
    }
    lists.extend((!list.is_empty()).then_some(list));
    lists
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Lines {
    let mut lines = Lines::new();
    let decoded = decoder.decode(block, 1 << 20, |name, value| {
        lines.push((name.to_vec(), value.to_vec()));
        Ok::<(), Infallible>(())
    });
    decoded.unwrap();
    lines
}

#[test]
fn what_our_encoder_makes_is_decoded() {
    let out = std::env::var_os("HPACK_OUT").map(PathBuf::from);
    for (name, lists) in corpus() {
        let (mut encoder, mut decoder, mut blocks) = (Encoder::new(), Decoder::new(), Vec::new());
        for list in &lists {
            let mut block = Vec::new();
            let lines = list.iter().map(|(name, value)| (std::str::from_utf8(name).unwrap(), value));
            encoder.encode(lines, &mut block);
            assert_eq!(decode(&mut decoder, &block), *list, "{name}");
            blocks.extend_from_slice(&(block.len() as u32).to_be_bytes());
            blocks.extend_from_slice(&block);
        }
        if let Some(out) = &out {
            fs::write(out.join(&name), &blocks).unwrap();
        }
    }
}

#[test]
#[ignore = "tests/peers/run --hpack makes the files"]
fn what_another_encoder_made_is_decoded() {
    let folder = PathBuf::from(std::env::var_os("HPACK_IN").expect("a folder"));
    for (name, lists) in corpus() {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let (mut decoder, mut rest, mut decoded) = (Decoder::new(), &bytes[..], Vec::new());
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (block, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
            decoded.push(decode(&mut decoder, block));
            rest = behind;
        }
        assert_eq!(decoded, lists, "{name}");
    }
}
