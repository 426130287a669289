//! Capsules in a stream: whole and in pieces they are the same, no more is held than is allowed, and those that were told are told again
//! when they are written.

use base::Bytes;
use http::capsule::{CapsuleReader, DATAGRAM, push};

const WANTED: &[u64] = &[DATAGRAM, 0x2843, 0x190b_4d3d];
const MAX_LEN: usize = 1000;

fn read(bytes: &[u8], size: usize) -> (Vec<(u64, Vec<u8>)>, bool) {
    let mut reader = CapsuleReader::new(WANTED, MAX_LEN);
    let mut told = Vec::new();
    for piece in bytes.chunks(size) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(capsule) = reader.read(&mut input) {
            assert!(WANTED.contains(&capsule.kind) && capsule.payload.len() <= MAX_LEN);
            told.push((capsule.kind, capsule.payload.to_vec()));
        }
        assert!(input.is_empty(), "all is taken");
        if let Some(kind) = reader.take_too_long() {
            assert!(WANTED.contains(&kind));
        }
    }
    (told, reader.is_between())
}

pub fn run(data: &[u8]) {
    let (told, is_between) = read(data, data.len().max(1));
    for size in [1, 7] {
        assert_eq!(read(data, size), (told.clone(), is_between), "in pieces of {size}");
    }
    let mut again = Vec::new();
    for (kind, payload) in &told {
        push(&mut again, *kind, payload);
    }
    assert_eq!(read(&again, again.len().max(1)), (told, true));
}
