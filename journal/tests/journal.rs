//! What a journal promises, on a disk that does its worst.

mod support;

// The name that the sources of the product have for it, whose tests use `support` too.
extern crate posthaste_journal as journal;

use posthaste_journal::{DATA_START, Damage, Durability, HEADER_LEN, Journal, Options, Record, SystemFiles};
use sim::SeededRandom;
use std::ops::ControlFlow;
use support::Folder;

const EVENT: u8 = 1;
const OTHER: u8 = 2;
const SNAPSHOT: u8 = 7;

fn options() -> Options {
    Options { segment_size: 2000, salt: 0x5eed, ..Options::default() }
}

fn content(sequence: u64) -> Vec<u8> {
    format!("event {sequence} ").repeat(1 + sequence as usize % 7).into_bytes()
}

fn open(folder: &Folder) -> (Journal<Folder>, Vec<(u8, u64)>) {
    let mut journal = Journal::open(folder.clone(), options()).expect("it opens");
    let mut found = Vec::new();
    journal
        .replay(&mut |record| {
            assert!(record.kind != EVENT || record.content == content(record.sequence), "{record:?}");
            found.push((record.kind, record.sequence));
        })
        .expect("it is read");
    (journal, found)
}

fn append(journal: &mut Journal<Folder>, sequence: u64) -> Result<(), posthaste_journal::Error> {
    let content = content(sequence);
    let event = Record { kind: EVENT, sequence, time: sequence * 10, content: &content };
    let other = Record { kind: OTHER, sequence: sequence + 1, time: 0, content: b"" };
    let records = [event, other];
    journal.append(records.into_iter().take(1 + usize::from(sequence.is_multiple_of(3))))
}

fn snapshot(journal: &mut Journal<Folder>, next: u64) {
    let record = Record { kind: SNAPSHOT, sequence: next, time: 0, content: &next.to_be_bytes() };
    journal.begin_segment(next, [record].into_iter()).expect("there is room");
}

/// Where the last byte is that is no zero, and no record of these tests ends with one.
fn records_end(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("a header");
    (last + 1).max(DATA_START as usize)
}

/// Events from there on.
fn read(journal: &mut Journal<Folder>, from: u64, count: usize) -> Vec<u64> {
    let mut found = Vec::new();
    journal
        .read(from, &mut |record| {
            assert_eq!((record.kind, record.content), (EVENT, &content(record.sequence)[..]));
            found.push(record.sequence);
            if found.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .expect("it is read");
    found
}

/// A journal of so many events, with segments.
fn filled(folder: &Folder, count: u64) -> Journal<Folder> {
    let (mut journal, _) = open(folder);
    for sequence in 1..=count {
        append(&mut journal, sequence).expect("there is room");
        journal.commit().expect("it syncs");
        if journal.wants_snapshot() {
            snapshot(&mut journal, sequence + 1);
        }
    }
    journal
}

#[test]
fn events_are_read_from_anywhere_and_a_replay_begins_with_the_snapshot() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 300);
    assert!(journal.segments() > 5, "{}", journal.segments());
    for from in [1, 2, 17, 150, 299, 300, 301, 1000] {
        let expected: Vec<u64> = (from..=300).take(40).collect();
        assert_eq!(read(&mut journal, from, 40), expected, "from {from}");
    }
    // One after the other, as a consumer does, with what is appended meanwhile.
    for sequence in 1..400 {
        if sequence > 300 {
            append(&mut journal, sequence).expect("there is room");
            journal.commit().expect("it syncs");
        }
        assert_eq!(read(&mut journal, sequence, 1), [sequence]);
    }
    let (mut again, found) = open(&folder);
    assert_eq!(found[0].0, SNAPSHOT);
    assert!(found.len() < 300 && found.last() == Some(&(OTHER, 400)), "{found:?}");
    assert_eq!(read(&mut again, 1, 999), (1..400).collect::<Vec<_>>());
    assert!(again.take_damages().is_empty());
}

#[test]
fn what_is_read_twice_is_the_same_whatever_is_in_the_newest_segment() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 20);
    for next in 21..40 {
        snapshot(&mut journal, next);
        for from in [1, 7, next - 1, next] {
            assert_eq!(read(&mut journal, from, 999), read(&mut journal, from, 999), "{from} of {next}");
            assert_eq!(read(&mut journal, from, 999), (from..next).collect::<Vec<_>>());
        }
        append(&mut journal, next).expect("there is room");
        journal.commit().expect("it syncs");
    }
}

#[test]
fn old_segments_are_removed_a_few_at_a_time_and_the_rest_stays_readable() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 500);
    let before = journal.segments();
    assert_eq!(journal.drop_before(1), 0);
    assert_eq!(journal.drop_before(450), 4, "no call takes long");
    while journal.drop_before(450) > 0 {}
    assert!(journal.segments() < before / 2 && journal.segments() == folder.names().len());
    assert_eq!(read(&mut journal, 450, 999), (450..=500).collect::<Vec<_>>());
    while journal.drop_before(501) > 0 {}
    assert_eq!(journal.segments(), 1, "what a replay needs is kept");
    let (mut again, found) = open(&folder);
    assert_eq!(found[0].0, SNAPSHOT);
    append(&mut again, 501).expect("there is room");
    again.commit().expect("it syncs");
    assert_eq!(read(&mut again, 501, 9), [501]);
}

#[test]
fn every_truncation_and_every_flipped_byte_of_the_last_segment_is_told_and_survived() {
    let folder = Folder::new();
    let journal = filled(&folder, 60);
    // As a crash leaves it, with zeros behind its records, and as a journal that was closed does.
    truncate_and_flip(&folder.copy());
    drop(journal);
    truncate_and_flip(&folder);
}

fn truncate_and_flip(folder: &Folder) {
    let folder = folder.copy();
    let name = folder.names().pop().expect("a segment");
    let bytes = folder.bytes(&name);
    let end_of_records = records_end(&bytes);
    let (_, whole) = open(&folder.copy());
    let base = whole[0].1;
    for end in 0..bytes.len() {
        let cut = folder.copy();
        cut.set_bytes(&name, bytes[..end].to_vec());
        let (mut journal, found) = open(&cut);
        let left = read(&mut journal, base, 999);
        assert_eq!(left, (base..base + left.len() as u64).collect::<Vec<_>>(), "a prefix, cut at {end}");
        assert!(found.is_empty() || whole.starts_with(&found) || end < DATA_START as usize + HEADER_LEN + 8);
        // It goes on as if nothing had happened.
        let next = base + left.len() as u64;
        append(&mut journal, next).expect("there is room");
        journal.commit().expect("it syncs");
        drop(journal);
        let (mut journal, _) = open(&cut);
        assert_eq!(read(&mut journal, next, 9), [next]);
        assert!(journal.take_damages().is_empty(), "told once: {end}");
    }
    for at in 0..bytes.len() {
        let flipped = folder.copy();
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        flipped.set_bytes(&name, other);
        let (mut journal, found) = open(&flipped);
        let damages = journal.take_damages();
        let left = read(&mut journal, base, 999);
        if at < DATA_START as usize {
            assert_eq!(found, whole, "the other copy of the header serves: {at}");
            continue;
        }
        // One record is gone, whichever it was, and everything else is there in order.
        let lost: Vec<&(u8, u64)> = whole.iter().filter(|one| !found.contains(one)).collect();
        assert_eq!(lost.len(), usize::from(at < end_of_records), "byte {at}: {lost:?}");
        assert!(left.is_sorted() && left.len() + base as usize >= 60, "byte {at}");
        let [damage] = &damages[..] else { panic!("byte {at}: {damages:?}") };
        let (Damage::Torn { offset, bytes, .. } | Damage::Broken { offset, bytes, .. }) = damage else {
            panic!("{damage}")
        };
        assert!((*offset..offset + bytes).contains(&(at as u64)), "byte {at}: {damage}");
    }
}

#[test]
fn a_record_within_a_record_is_not_taken_for_one() {
    let folder = Folder::new();
    drop(filled(&folder, 3));
    let name = folder.names().pop().expect("a segment");
    let inner = folder.bytes(&name)[DATA_START as usize..].to_vec();
    let (mut journal, before) = open(&folder);
    let outer = Record { kind: OTHER, sequence: 4, time: 0, content: &inner };
    journal.append([outer].into_iter()).expect("there is room");
    journal.commit().expect("it syncs");
    let place = records_end(&folder.bytes(&name)) - inner.len() - HEADER_LEN;
    append(&mut journal, 4).expect("there is room");
    journal.commit().expect("it syncs");
    drop(journal);
    let mut bytes = folder.bytes(&name);
    bytes[place] ^= 1; // its header
    folder.set_bytes(&name, bytes);
    let (_, found) = open(&folder);
    assert_eq!(found, [before, vec![(EVENT, 4)]].concat());
}

/// The zeros ahead of the records of the newest segment.
fn zeros(folder: &Folder) -> usize {
    let bytes = folder.bytes(&folder.names().pop().expect("a segment"));
    bytes.len() - records_end(&bytes)
}

#[test]
fn zeros_are_written_ahead_in_steps_that_grow_and_are_gone_when_the_journal_is_closed() {
    let folder = Folder::new();
    let options = Options { segment_size: 3 << 20, ..options() };
    let mut journal = Journal::open(folder.clone(), options).expect("it opens");
    journal.replay(&mut |_| ()).expect("it is read");
    let (mut steps, mut most, mut before) = (0, 0, 0);
    let content = [7; 1000];
    let mut sequence = 0;
    while !journal.wants_snapshot() {
        sequence += 1;
        let record = Record { kind: EVENT, sequence, time: 0, content: &content };
        journal.append([record].into_iter()).expect("there is room");
        journal.commit().expect("it syncs");
        let bytes = folder.bytes(&folder.names()[0]);
        let written = records_end(&bytes);
        assert!(zeros(&folder) <= written.min(256 << 10) + 4095, "{} behind {written}", zeros(&folder));
        assert!(bytes.len() <= written.max(3 << 20), "never beyond the segment");
        steps += usize::from(bytes.len() > before);
        (most, before) = (most.max(zeros(&folder)), bytes.len());
    }
    assert!(steps < 25 && most > 250 << 10, "{steps} steps for {sequence} commits, {most} bytes at most");
    let written = records_end(&folder.bytes(&folder.names()[0]));
    drop(journal);
    assert_eq!(folder.bytes(&folder.names()[0]).len(), written);
    assert_eq!(written as u64, DATA_START + sequence * (HEADER_LEN as u64 + 1000));
}

/// Who writes much at a time would write it twice, and who does not sync gains nothing.
#[test]
fn large_commits_and_those_that_are_not_synced_write_no_zeros() {
    for durability in [Durability::Synced, Durability::LostWithTheMachine] {
        let folder = Folder::new();
        let options = Options { segment_size: 3 << 20, durability, ..options() };
        let mut journal = Journal::open(folder.clone(), options).expect("it opens");
        journal.replay(&mut |_| ()).expect("it is read");
        let size = if durability == Durability::Synced { 100 << 10 } else { 1000 };
        let content = vec![7; size];
        for sequence in 1..20 {
            let record = Record { kind: EVENT, sequence, time: 0, content: &content };
            journal.append([record].into_iter()).expect("there is room");
            journal.commit().expect("it syncs");
            assert_eq!(zeros(&folder), 0, "{durability:?}");
        }
    }
}

#[test]
fn a_segment_that_is_not_the_newest_has_no_zeros_and_one_that_kept_them_is_read() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 100);
    let names = folder.names();
    for name in &names[..names.len() - 1] {
        let bytes = folder.bytes(name);
        assert_eq!(bytes.len(), records_end(&bytes), "{name}");
    }
    // A crash may take the cut back, but not what was committed.
    let crashed = folder.copy();
    for name in &names {
        let mut bytes = crashed.bytes(name);
        bytes.resize(bytes.len() + 1000, 0);
        crashed.set_bytes(name, bytes);
    }
    assert_eq!(read(&mut journal, 1, 999), (1..=100).collect::<Vec<_>>());
    let (mut again, _) = open(&crashed);
    for _ in 0..2 {
        assert_eq!(read(&mut again, 1, 999), (1..=100).collect::<Vec<_>>());
    }
    append(&mut again, 101).expect("there is room");
    again.commit().expect("it syncs");
    assert_eq!(read(&mut again, 1, 999), (1..=101).collect::<Vec<_>>());
    assert!(again.take_damages().is_empty());
}

/// A header says how long its record is, and its checksums say of what: zeros are content as anything else.
#[test]
fn records_of_zeros_are_records_and_a_torn_one_before_zeros_is_told() {
    let folder = Folder::new();
    let options = Options { segment_size: 100_000, ..options() };
    let mut journal = Journal::open(folder.clone(), options).expect("it opens");
    journal.replay(&mut |_| ()).expect("it is read");
    for sequence in 1..=9 {
        let content = vec![0; 300 * (sequence as usize % 3)];
        let record = Record { kind: EVENT, sequence, time: 0, content: &content };
        journal.append([record].into_iter()).expect("there is room");
        journal.commit().expect("it syncs");
    }
    let name = folder.names().pop().expect("a segment");
    let bytes = folder.bytes(&name);
    let replayed = |bytes: &[u8]| {
        let folder = folder.copy();
        folder.set_bytes(&name, bytes.to_vec());
        let mut journal = Journal::open(folder.clone(), options).expect("it opens");
        let mut count = 0;
        let replayed = journal.replay(&mut |_| count += 1).expect("it is read");
        (count, replayed.next_unused, journal.take_damages())
    };
    assert_eq!(replayed(&bytes), (9, 10, Vec::new()));
    // The last one has no content: its header is torn at each byte, and zeros follow.
    let end = records_end(&bytes);
    for at in end - HEADER_LEN..end {
        let mut torn = bytes.clone();
        torn[at..end].fill(0);
        let (count, next, damages) = replayed(&torn);
        assert_eq!(count, 8, "{at}");
        let offset = (end - HEADER_LEN) as u64;
        let left = records_end(&torn) as u64;
        let expected = (left > offset).then(|| Damage::Torn { file: name.clone(), offset, bytes: left - offset });
        assert_eq!(damages, expected.into_iter().collect::<Vec<_>>(), "{at}");
        assert!(next == 9 + u64::from(left > offset), "a number that it may have had is not given again: {at}");
    }
}

/// Records that were spoiled one after the other before a torn end had numbers too, and so had those behind a snapshot.
#[test]
fn numbers_of_spoiled_and_torn_records_are_not_given_again() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 5);
    snapshot(&mut journal, 6);
    let name = folder.names().pop().expect("a segment");
    let mut starts = Vec::new();
    for sequence in 6..=9 {
        starts.push(records_end(&folder.bytes(&name)));
        let record = Record { kind: EVENT, sequence, time: 0, content: b"content" };
        journal.append([record].into_iter()).expect("there is room");
        journal.commit().expect("it syncs");
    }
    for kept in 0..4 {
        let spoiled = folder.copy();
        let mut bytes = spoiled.bytes(&name);
        starts[kept..].iter().for_each(|start| bytes[start + HEADER_LEN] ^= 1);
        spoiled.set_bytes(&name, bytes);
        let mut journal = Journal::open(spoiled, options()).expect("it opens");
        let replayed = journal.replay(&mut |_| ()).expect("it is read");
        assert!(replayed.next_unused >= 10, "{kept}: {replayed:?}");
        assert_eq!(journal.take_damages().len(), 4 - kept);
    }
}

/// Where there is no room for zeros, what is appended has all the room that there is.
#[test]
fn a_disk_that_is_full_of_zeros_takes_as_many_events_as_one_without() {
    let fits = |room: u64, durability| {
        let folder = Folder::new();
        let options = Options { segment_size: 100_000, durability, ..options() };
        let mut journal = Journal::open(folder.clone(), options).expect("it opens");
        journal.replay(&mut |_| ()).expect("it is read");
        folder.set_room(room);
        folder.set_short(97);
        let mut last = 0;
        loop {
            append(&mut journal, last + 1).expect("it waits");
            match journal.commit() {
                Ok(()) => last += 1,
                Err(error) => break assert!(error.is_disk_full(), "{error}"),
            }
        }
        journal.replay(&mut |_| ()).expect("what was committed is there");
        assert_eq!(read(&mut journal, 1, 9999), (1..=last).collect::<Vec<_>>());
        assert_eq!(zeros(&folder), 0, "room {room}");
        // What the zeros took is there again for others.
        let bytes = records_end(&folder.bytes(&folder.names()[0])) as u64;
        assert_eq!(folder.room() + bytes, room + DATA_START);
        last
    };
    for room in (0..400).chain((400..40_000).step_by(97)) {
        assert_eq!(fits(room, Durability::Synced), fits(room, Durability::LostWithTheMachine), "room {room}");
    }
}

#[test]
fn a_crash_at_any_moment_keeps_what_was_committed() {
    for seed in 0..3000 {
        let mut random = SeededRandom::new(seed);
        let mut folder = Folder::new();
        let mut committed = 0;
        loop {
            let (mut journal, _) = open(&folder);
            let there = read(&mut journal, 1, 9999);
            assert!(there.len() as u64 >= committed, "seed {seed}: {} of {committed}", there.len());
            assert!(there.iter().take(committed as usize).copied().eq(1..=committed), "seed {seed}: {there:?}");
            // What was never answered may be there. Writes that were kept out of order have left gaps among it.
            committed = there.len() as u64;
            if random.one_in(4) || there.last().is_some_and(|last| *last != committed) {
                break;
            }
            let mut next = committed + 1;
            for _ in 0..random.below(40) {
                append(&mut journal, next).expect("there is room");
                next += 1;
                if random.one_in(3) {
                    journal.commit().expect("it syncs");
                    committed = next - 1;
                    if journal.wants_snapshot() {
                        snapshot(&mut journal, next);
                    }
                }
            }
            folder = folder.after_crash(&mut random);
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    for room in 0..400 {
        let folder = Folder::new();
        let mut journal = filled(&folder, 5);
        folder.set_room(room);
        folder.set_short(7);
        let mut last = 5;
        // Three at a time: the commit that has no room for them takes all of them back.
        let error = loop {
            (1..=3).for_each(|more| append(&mut journal, last + more).expect("they wait"));
            match journal.commit() {
                Ok(()) => last += 3,
                Err(error) => break error,
            }
        };
        assert!(error.is_disk_full(), "{error}");
        assert!(error.to_string().starts_with("append: 0000"), "{error}");
        let error = append(&mut journal, last + 1).expect_err("not before a replay");
        assert!(error.is_disk_full() && journal.commit().is_err(), "{error}");
        journal.replay(&mut |_| ()).expect("what was committed is there");
        assert_eq!(read(&mut journal, 1, 99), (1..=last).collect::<Vec<_>>());
        // From now on one append more is refused, and what is before it stays.
        folder.set_room(room);
        let error = loop {
            match append(&mut journal, last + 1) {
                Ok(()) => last += 1,
                Err(error) => break error,
            }
        };
        assert!(error.is_disk_full(), "{error}");
        journal.commit().expect("it syncs");
        assert_eq!(read(&mut journal, 1, 99), (1..=last).collect::<Vec<_>>());
        folder.set_room(u64::MAX);
        append(&mut journal, last + 1).expect("there is room again");
        journal.commit().expect("it syncs");
        drop(journal);
        let (mut journal, _) = open(&folder);
        assert_eq!(read(&mut journal, 1, 99), (1..=last + 1).collect::<Vec<_>>(), "room {room}");
        assert!(journal.take_damages().is_empty());
    }
}

/// Records that wait for the commit are one write, and what they say of records that go with them outlives the process.
#[test]
fn what_was_appended_is_written_together() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 5);
    let before = folder.writes();
    (6..=25).for_each(|sequence| append(&mut journal, sequence).expect("there is room"));
    assert_eq!((folder.writes() - before, read(&mut journal, 6, 99).len()), (0, 0));
    journal.commit().expect("it syncs");
    assert_eq!((folder.writes() - before, read(&mut journal, 6, 99).len()), (1, 20));
    append(&mut journal, 26).expect("there is room");
    journal.drop_before(2);
    assert_eq!(folder.writes() - before, 2);
    // Nothing that waits has a size without end.
    let content = vec![0; 1 << 20];
    for sequence in 27..30 {
        let record = Record { kind: EVENT, sequence, time: 0, content: &content };
        journal.append([record].into_iter()).expect("there is room");
    }
    assert_eq!(folder.writes() - before, 4, "all but the last were written");
}

#[test]
fn no_room_for_a_segment_leaves_the_one_before() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 5);
    for room in [0, 10, 200] {
        folder.set_room(room);
        let big = vec![0; 1000];
        let record = Record { kind: SNAPSHOT, sequence: 6, time: 0, content: &big };
        assert!(journal.begin_segment(6, [record].into_iter()).expect_err("no room").is_disk_full());
    }
    folder.set_room(u64::MAX);
    append(&mut journal, 6).expect("there is room");
    journal.commit().expect("it syncs");
    assert_eq!((read(&mut journal, 1, 99).len(), folder.names().len()), (6, 1));
    // Those that could not be made are not missed.
    snapshot(&mut journal, 7);
    drop(journal);
    let (mut journal, _) = open(&folder);
    assert_eq!((journal.take_damages(), folder.names().len()), (Vec::new(), 2));
}

#[test]
fn a_segment_that_a_crash_has_left_without_its_beginning_is_made_again_and_not_missed() {
    let folder = Folder::new();
    drop(filled(&folder, 5));
    let next = "00000000000000000002.segment";
    for len in [0, 1, 100] {
        folder.set_bytes(next, vec![0; len]);
        let (mut journal, _) = open(&folder);
        assert_eq!((journal.take_damages(), folder.names().len()), (Vec::new(), 1));
        assert_eq!(read(&mut journal, 1, 99), [1, 2, 3, 4, 5]);
    }
    let (mut journal, _) = open(&folder);
    snapshot(&mut journal, 6);
    append(&mut journal, 6).expect("there is room");
    journal.commit().expect("it syncs");
    drop(journal);
    assert_eq!(folder.names().last().map(String::as_str), Some(next));
    let (mut journal, _) = open(&folder);
    assert_eq!(read(&mut journal, 1, 99), [1, 2, 3, 4, 5, 6]);
    assert!(journal.take_damages().is_empty());
}

#[test]
fn a_sync_that_fails_takes_back_what_was_appended() {
    let folder = Folder::new();
    let mut journal = filled(&folder, 5);
    append(&mut journal, 6).expect("there is room");
    folder.fail_syncs(1);
    assert!(journal.commit().is_err());
    assert!(append(&mut journal, 7).is_err(), "not before a replay");
    folder.fail_syncs(1);
    assert!(journal.replay(&mut |_| ()).is_err(), "the disk is still bad");
    journal.replay(&mut |_| ()).expect("now it is good");
    assert_eq!(read(&mut journal, 1, 99), [1, 2, 3, 4, 5]);
    append(&mut journal, 6).expect("there is room");
    journal.commit().expect("it syncs");
    let (mut again, _) = open(&folder.after_crash(&mut SeededRandom::new(1)));
    assert_eq!(read(&mut again, 1, 99), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn segments_that_are_missing_or_unreadable_are_told_and_the_others_are_read() {
    let folder = Folder::new();
    drop(filled(&folder, 200));
    let names = folder.names();
    let spoiled = folder.copy();
    let mut bytes = spoiled.bytes(&names[1]);
    bytes[..DATA_START as usize].fill(0);
    spoiled.set_bytes(&names[1], bytes);
    let (mut journal, _) = open(&spoiled);
    let damages = journal.take_damages();
    assert!(
        damages.iter().any(|damage| matches!(damage, Damage::Unreadable { file, .. } if *file == names[1])),
        "{damages:?}"
    );
    let left = read(&mut journal, 1, 999);
    assert!(left.len() > 100 && left.len() < 200 && left.is_sorted() && left.last() == Some(&200));
    let mut missing = folder.copy();
    posthaste_journal::Files::remove(&mut missing, &names[2]).expect("it is there");
    let (mut journal, _) = open(&missing);
    assert_eq!(journal.take_damages(), [Damage::Missing { file: names[2].clone() }]);
    assert!(read(&mut journal, 1, 999).len() < 200);
}

#[test]
fn files_of_the_system_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("posthaste-journal-{}", std::process::id()));
    let options = Options { durability: Durability::LostWithTheMachine, ..options() };
    let mut journal = Journal::open(SystemFiles::create(&folder).expect("a folder"), options).expect("it opens");
    journal.replay(&mut |_| panic!("it is new")).expect("it is read");
    for sequence in 1..100 {
        let content = content(sequence);
        let record = Record { kind: EVENT, sequence, time: 0, content: &content };
        journal.append([record].into_iter()).expect("there is room");
    }
    journal.commit().expect("it is written");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).expect("it is there") {
        assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
    }
    let mut again = Journal::open(SystemFiles::create(&folder).expect("a folder"), options).expect("it opens");
    let mut count = 0;
    again.replay(&mut |_| count += 1).expect("it is read");
    std::fs::remove_dir_all(&folder).expect("it is ours");
    assert_eq!(count, 99);
}
