use super::*;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::vec;

fn id(number: u64) -> ConnectionId {
    ConnectionId::new(&number.to_be_bytes()).unwrap()
}

fn token(number: u64) -> ResetToken {
    ResetToken([number as u8 ^ 0x5a; 16])
}

fn ids() -> PeerIds {
    PeerIds::new(id(0), 4)
}

fn add(ids: &mut PeerIds, number: u64, retire_prior_to: u64) -> Result<(), Violation> {
    ids.on_new_connection_id(number, retire_prior_to, id(number), token(number))
}

fn sent(ids: &mut PeerIds) -> Vec<u64> {
    let (mut buffer, mut record) = ([0; 1200], Vec::new());
    let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut buffer, &mut record);
    ids.fill(&mut packet);
    record
        .iter()
        .map(|frame| match frame {
            SentFrame::RetireConnectionId(number) => *number,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// RFC 9000 section 5.1.1-6.
#[test]
fn the_limit_counts_the_one_of_the_handshake() {
    let mut ids = ids();
    for number in 1..4 {
        add(&mut ids, number, 0).unwrap();
        add(&mut ids, number, 0).unwrap();
    }
    assert_eq!(add(&mut ids, 4, 0), Err(Violation::ConnectionIdLimit));
}

/// RFC 9000 section 19.15-4.
#[test]
fn a_number_or_an_id_stands_for_one_thing() {
    let mut ids = ids();
    add(&mut ids, 1, 0).unwrap();
    assert_eq!(ids.on_new_connection_id(1, 0, id(2), token(1)), Err(Violation::ConnectionIdReused));
    assert_eq!(ids.on_new_connection_id(2, 0, id(1), token(1)), Err(Violation::ConnectionIdReused));
    assert_eq!(ids.on_new_connection_id(1, 0, id(1), token(2)), Err(Violation::ConnectionIdReused));
    assert_eq!(ids.on_new_connection_id(0, 0, id(7), token(7)), Err(Violation::ConnectionIdReused));
}

/// RFC 9000 section 5.1.2-4, 5.1.2-7, 19.15-8, 19.15-9.
#[test]
fn asked_back_means_replaced_and_retired() {
    let mut ids = ids();
    add(&mut ids, 1, 0).unwrap();
    add(&mut ids, 2, 2).unwrap();
    assert_eq!(ids.active(), id(2));
    assert_eq!(sent(&mut ids), [1, 0]);
    assert!(!ids.wants_to_send());
    ids.on_lost(0);
    assert_eq!(sent(&mut ids), [0]);
    ids.on_acked(0);
    ids.on_lost(0);
    ids.on_acked(1);
    assert!(!ids.wants_to_send());
    // What comes late is retired at once, and a repetition of what was retired changes nothing.
    add(&mut ids, 4, 4).unwrap();
    add(&mut ids, 3, 0).unwrap();
    add(&mut ids, 1, 0).unwrap();
    assert_eq!(sent(&mut ids), [2, 3]);
    assert_eq!(ids.active(), id(4));
}

#[test]
fn m1_retirements_that_are_never_acknowledged_are_bounded() {
    let mut ids = ids();
    let mut accepted = 0;
    let result = (1..1_000_000).try_for_each(|number| {
        accepted = number;
        let result = add(&mut ids, number, number);
        sent(&mut ids);
        result
    });
    assert_eq!(result, Err(Violation::TooManyRetired));
    assert_eq!(accepted, 9);
    assert!(ids.retiring.len() <= 8);
}

/// RFC 9000 section 19.15-3.
#[test]
fn an_empty_id_has_no_successor() {
    let mut ids = PeerIds::new(ConnectionId::EMPTY, 4);
    assert_eq!(add(&mut ids, 1, 0), Err(Violation::ConnectionIdNotUsed));
}

/// RFC 9000 section 7.2-4.
#[test]
fn the_handshake_replaces_number_0() {
    let mut ids = PeerIds::new(id(99), 2);
    ids.replace_handshake_id(id(5));
    assert_eq!(ids.active(), id(5));
}

#[test]
fn a_path_takes_an_unused_id_and_gives_it_back() {
    let mut ids = ids();
    assert_eq!(ids.take_unused(), None);
    add(&mut ids, 2, 0).unwrap();
    add(&mut ids, 1, 0).unwrap();
    assert_eq!(ids.take_unused(), Some(id(1)));
    assert_eq!(ids.active(), id(0));
    assert!(ids.activate(id(1)));
    ids.retire(id(0)).unwrap();
    ids.retire(id(1)).unwrap();
    assert_eq!((ids.active(), sent(&mut ids)), (id(1), vec![0]));
    assert!(!ids.activate(id(0)));
    assert!(ids.has_unused() && ids.contains(id(2)) && !ids.contains(id(0)));
}

/// RFC 9000 section 10.3.1-3.
#[test]
fn a6_only_tokens_of_ids_in_use_reset() {
    let mut ids = ids();
    // No token was given for the handshake's ID: nothing matches, least of all zeros.
    assert!(!ids.is_reset(&ResetToken([0; 16])));
    ids.on_handshake_token(token(0));
    assert!(ids.is_reset(&token(0)) && !ids.is_reset(&ResetToken([0; 16])));
    add(&mut ids, 1, 0).unwrap();
    assert!(!ids.is_reset(&token(1)), "nothing was sent to it yet");
    add(&mut ids, 2, 1).unwrap();
    assert!(!ids.is_reset(&token(0)), "it is retired");
    let active = ids.held[0].sequence_number;
    assert!(ids.is_reset(&token(active)));
}

#[test]
fn numbers_far_back_count_as_seen() {
    let mut seen = Seen::default();
    assert!(seen.insert(0) && !seen.insert(0));
    assert!(seen.insert(63) && seen.insert(1) && seen.insert(64) && !seen.insert(1));
    assert!(!seen.insert(0));
    assert!(seen.insert((1 << 62) - 1) && !seen.insert(64) && !seen.insert((1 << 62) - 1));
}

/// RFC 9000 section 5.1.1: a peer gives as many as before, so what it has back it owes.
#[test]
fn one_that_was_given_back_is_owed_until_its_successor_comes() {
    let mut ids = ids();
    add(&mut ids, 1, 0).unwrap();
    assert!(!ids.is_owed(), "two are all that it gives");
    ids.retire(id(1)).unwrap();
    assert_eq!(sent(&mut ids), [1]);
    assert!(ids.is_owed());
    ids.on_acked(1);
    assert!(ids.is_owed(), "what it gives may be lost on the way");
    add(&mut ids, 2, 0).unwrap();
    assert!(!ids.is_owed());
}
