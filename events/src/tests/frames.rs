//! Frames: whole, in pieces, too long, damaged.

use super::format::golden;
use crate::code::ErrorCode;
use crate::frame::{Frame, FrameError, FrameReader, HEADER};
use crate::messages::*;
use crate::protobuf::Malformed;
use alloc::format;
use alloc::vec::Vec;
use base::Bytes;
use proptest::prelude::*;

fn all(bytes: &[u8], limit: usize) -> Result<Vec<Frame>, FrameError> {
    let mut reader = FrameReader::new(limit);
    reader.push(Bytes::copy_from_slice(bytes));
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame);
    }
    reader.finish()?;
    Ok(frames)
}

fn several() -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    frames.push(Auth { client_id: "a".into(), token: "12345678".into(), ..Auth::default() }.into());
    frames.push(Ping { timestamp: 0 }.into());
    let events = golden().filter(|(name, _)| *name == "EventPayload").map(|(_, bytes)| bytes).collect();
    frames.push(Publish { request: 1, namespace: "n".into(), events }.into());
    frames.push(GoAway { reason: "away".into(), patience_ms: 1000 }.into());
    frames.push(Fetch { request: 3, wait_ms: 60_000, ..Fetch::default() }.into());
    frames
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.encoded().to_vec()).collect()
}

#[test]
fn frames_come_back_whatever_pieces_they_come_in() {
    let frames = several();
    let bytes = bytes_of(&frames);
    assert_eq!(all(&bytes, 1000), Ok(frames.clone()));
    for size in 1..40 {
        let mut reader = FrameReader::new(1000);
        let mut read = Vec::new();
        for piece in bytes.chunks(size) {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(frame) = reader.next_frame().unwrap() {
                read.push(frame);
            }
        }
        assert_eq!((read, reader.held(), reader.finish()), (frames.clone(), 0, Ok(())));
    }
}

#[test]
fn h2_a_frame_above_the_limit_is_refused_by_its_header() {
    // Ten bytes that ask for four gigabytes.
    let mut reader = FrameReader::new(1 << 20);
    reader.push(Bytes::from_static(&[1, 0x10, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    let error = FrameError::TooLong { len: u32::MAX, limit: 1 << 20 };
    assert_eq!((reader.next_frame(), error.code()), (Err(error), ErrorCode::TooLarge));
    let just = |len: u32| [&[1, 0xee][..], &len.to_be_bytes()].concat();
    assert_eq!(all(&just(101), 100), Err(FrameError::TooLong { len: 101, limit: 100 }));
    assert_eq!(all(&just(100), 100), Err(FrameError::Truncated), "it may still come");
}

#[test]
fn a_frame_of_another_version_is_told_by_its_first_byte() {
    for version in (0..=255).filter(|version| *version != 1) {
        assert_eq!(all(&[version], 100), Err(FrameError::Version(version)));
    }
    assert_eq!(FrameError::Version(2).code(), ErrorCode::Version);
}

#[test]
fn frames_of_unknown_types_are_skipped() {
    let ping = Frame::from(Ping { timestamp: 1 });
    let bytes = [&[1, 0x99, 0, 0, 0, 2, 0xff, 0xff][..], &[1, 0, 0, 0, 0, 0], &ping.encoded()].concat();
    assert_eq!(all(&bytes, 100), Ok(Vec::from([ping])));
}

#[test]
fn every_truncation_is_told_and_no_change_of_a_byte_is_worse_than_an_error() {
    let frames = several();
    let bytes = bytes_of(&frames);
    let mut ends = Vec::from([0]);
    for frame in &frames {
        ends.push(ends.last().unwrap() + frame.encoded().len());
    }
    for end in 0..bytes.len() {
        match all(&bytes[..end], 1000) {
            Ok(_) => assert!(ends.contains(&end), "cut off at {end}"),
            Err(error) => assert!(error == FrameError::Truncated && !ends.contains(&end), "cut off at {end}: {error}"),
        }
    }
    for place in 0..bytes.len() {
        for value in 0..=255u8 {
            let mut changed = bytes.clone();
            changed[place] = value;
            if let Ok(read) = all(&changed, 1000) {
                assert_eq!(all(&bytes_of(&read), 1000), Ok(read), "{place} is {value}");
            }
        }
    }
}

#[test]
fn a_payload_that_is_no_message_is_told_with_its_type() {
    let error = FrameError::Payload { kind: 4, error: Malformed::Truncated };
    assert_eq!(all(&[1, 4, 0, 0, 0, 1, 8], 100), Err(error));
    assert_eq!(error.code(), ErrorCode::Malformed);
    assert_eq!(format!("{error}"), "a frame of type 0x04 is not well-formed: a field ends beyond its message");
}

#[test]
fn the_page_has_each_type() {
    let page = include_str!("../../../docs/events.md");
    let mut known = 0;
    for kind in 0..=255u8 {
        let parsed = all(&[1, kind, 0, 0, 0, 0], 100).unwrap();
        let Some(frame) = parsed.first() else { continue };
        let row = format!("| {kind:#04x} | {} |", frame.name());
        assert!(page.contains(&row), "docs/events.md has no row {row}");
        known += 1;
    }
    assert_eq!(known, 23);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_same_end_however_they_come(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        sizes in proptest::collection::vec(1usize..9, 1..40),
        kind in 0u8..0x44,
    ) {
        let len = u32::try_from(bytes.len()).unwrap();
        let framed = [&[1, kind][..], &len.to_be_bytes(), &bytes].concat();
        prop_assert!(framed.len() >= HEADER);
        let whole = all(&framed, 1000);
        let mut reader = FrameReader::new(1000);
        let (mut rest, mut read) = (&framed[..], Ok(Vec::new()));
        for size in sizes.iter().cycle() {
            let (piece, next) = rest.split_at((*size).min(rest.len()));
            rest = next;
            reader.push(Bytes::copy_from_slice(piece));
            loop {
                match (reader.next_frame(), &mut read) {
                    (Ok(Some(frame)), Ok(frames)) => frames.push(frame),
                    (Ok(_), _) => break,
                    (Err(error), _) => {
                        read = Err(error);
                        break;
                    }
                }
            }
            if rest.is_empty() || read.is_err() {
                break;
            }
        }
        prop_assert_eq!(read, whole);
    }
}
