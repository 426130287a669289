//! Two sessions, and somebody between them who changes, cuts, inserts and splits what they say.
//!
//! Whatever he does, a handshake does not end well on both sides if one of them was told something that the other did not
//! say, and two that end well have the same keys.

use super::input::Input;
use adversary::identity;
use sim::SeededRandom;
use tls::{KeyChange, Level, Session};

/// One change to one of the messages that go over.
pub(super) struct Edit {
    pub(super) output: usize,
    kind: u8,
    offset: usize,
    value: u8,
    inserted: Vec<u8>,
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = piece(&mut input);
    let edits = edits(&mut input);
    let (client_config, server_config) = identity::pair().clone();
    let random = &mut SeededRandom::new(7);
    let name = identity::server_name();
    let client = tls::quic::client(client_config, name, b"client".to_vec(), random).expect("a client");
    let server = tls::quic::server(server_config, b"server".to_vec());
    converse(client, server, piece, &edits, false);
}

/// How many bytes are told at a time.
pub(super) fn piece(input: &mut Input<'_>) -> usize {
    match input.u8() {
        0 => usize::MAX,
        len => usize::from(len),
    }
}

pub(super) fn edits(input: &mut Input<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    while !input.is_empty() && edits.len() < 16 {
        let choice = input.u8();
        let (offset, value) = (usize::from(input.u16()), input.u8());
        let inserted = if choice >> 4 & 7 == 3 { input.chunk().to_vec() } else { Vec::new() };
        edits.push(Edit { output: usize::from(choice & 7), kind: choice >> 4 & 7, offset, value, inserted });
    }
    edits
}

/// A handshake, which may fail by itself if the two do not hold the same.
pub(super) fn converse(mut client: Session, mut server: Session, piece: usize, edits: &[Edit], may_fail: bool) {
    let random = &mut SeededRandom::new(8);
    let mut changed = false;
    let (mut client_keys, mut server_keys) = (Vec::new(), Vec::new());
    for number in 0.. {
        assert!(number < 64, "a handshake has an end");
        client_keys.extend(core::iter::from_fn(|| client.poll_keys()));
        server_keys.extend(core::iter::from_fn(|| server.poll_keys()));
        let (to_server, (mut level, said)) = if let Some(output) = client.poll_output() {
            (true, output)
        } else if let Some(output) = server.poll_output() {
            (false, output)
        } else {
            break;
        };
        let mut told = said.clone();
        let honest_level = level;
        edits.iter().filter(|edit| edit.output == number).for_each(|edit| apply(edit, &mut told, &mut level));
        changed |= told != said || level != honest_level;
        let listener = if to_server { &mut server } else { &mut client };
        for bytes in told.chunks(piece) {
            if let Err(error) = listener.read(level, bytes, random) {
                // It fails for good, and says nothing any more.
                assert_eq!(listener.read(level, bytes, random).err().map(|again| again.alert()), Some(error.alert()));
                assert!(!listener.is_complete() && listener.poll_output().is_none() && listener.poll_keys().is_none());
                assert!(changed || may_fail, "honest sides understand each other: {error:?}");
                break;
            }
        }
    }
    let both = client.is_complete() && server.is_complete();
    assert!(changed || may_fail || both);
    if both {
        assert!(!changed, "a handshake ended well although it was tampered with");
        assert_eq!(client.is_resumed(), server.is_resumed());
        assert_eq!(client.peer_parameters(), Some(&b"server"[..]));
        assert_eq!(server.peer_parameters(), Some(&b"client"[..]));
        assert_eq!(client_keys.len(), server_keys.len());
        for (ours, theirs) in client_keys.iter().zip(&server_keys) {
            let ((a, b), (c, d)) = (secrets(ours), secrets(theirs));
            assert_eq!((a, b), (d, c));
        }
    }
}

fn secrets(change: &KeyChange) -> (&[u8], &[u8]) {
    match change {
        KeyChange::Handshake { local, remote, .. } | KeyChange::OneRtt { local, remote, .. } => {
            (local.as_bytes(), remote.as_bytes())
        }
        #[allow(unreachable_patterns)]
        _ => (&[], &[]),
    }
}

pub(super) fn apply(edit: &Edit, bytes: &mut Vec<u8>, level: &mut Level) {
    let offset = edit.offset % (bytes.len() + 1);
    match edit.kind {
        0 => {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte = edit.value;
            }
        }
        1 => bytes.truncate(offset),
        2 => {
            let end = (offset + usize::from(edit.value)).min(bytes.len());
            bytes.drain(offset..end);
        }
        3 => {
            bytes.splice(offset..offset, edit.inserted.iter().copied());
        }
        4 => {
            let end = (offset + usize::from(edit.value)).min(bytes.len());
            let copy = bytes[offset..end].to_vec();
            bytes.extend(copy);
        }
        5 => *level = [Level::Initial, Level::EarlyData, Level::Handshake, Level::OneRtt][usize::from(edit.value & 3)],
        6 => {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte = byte.wrapping_add(edit.value);
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1 << (edit.value & 7);
            }
        }
    }
}
