//! Every kind of record in every state, under each kind of protection, and what it is answered with.

use super::ends::{End, complete, fresh, plain};
use crate::alert::Alert;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::record::Error;
use crate::record::header::ContentType;
use crate::record::keys::TrafficKeys;
use crate::record::writer::RecordWriter;
use crate::records;
use crate::testing::{Counting, client_config, name, server_config};
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use base::Side;

/// Where an end can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A server that has got nothing.
    Start,
    /// A client whose ClientHello is sent.
    WaitServerHello,
    /// A client that has got the ServerHello alone.
    WaitEncryptedExtensions,
    /// A server whose flight is sent.
    WaitFinished,
    ConnectedClient,
    ConnectedServer,
}

use Place::{ConnectedClient, ConnectedServer, Start, WaitEncryptedExtensions, WaitFinished, WaitServerHello};

const PLACES: [Place; 6] =
    [Start, WaitServerHello, WaitEncryptedExtensions, WaitFinished, ConnectedClient, ConnectedServer];

impl Place {
    fn has_keys(self) -> bool {
        !matches!(self, Start | WaitServerHello)
    }

    fn is_connected(self) -> bool {
        matches!(self, ConnectedClient | ConnectedServer)
    }
}

/// An end at this place, and its peer, which has the keys to talk to it.
fn at(place: Place) -> (End, End) {
    let mut ends = if place.is_connected() { complete() } else { fresh() };
    match place {
        Start => return (ends.server, ends.client),
        WaitServerHello => drop(ends.client.say()),
        WaitEncryptedExtensions => {
            let hello = ends.client.say();
            ends.server.feed(&hello);
            let flight = ends.server.say();
            let len = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
            ends.client.feed(&flight[..len]);
            // The peer seals under the keys of the handshake, one record after its ServerHello.
            return (ends.client, ends.server);
        }
        WaitFinished => {
            let hello = ends.client.say();
            ends.server.feed(&hello);
            let flight = ends.server.say();
            ends.client.feed(&flight);
            return (ends.server, ends.client);
        }
        ConnectedServer => return (ends.server, ends.client),
        ConnectedClient => {}
    }
    (ends.client, ends.server)
}

/// A protected record as the peer would send it next, of any kind and content.
fn sealed(peer: &mut End, kind: ContentType, content: &[u8]) -> Vec<u8> {
    let _ = peer.say();
    peer.connection.parts().1.push(kind, content).unwrap();
    peer.say()
}

fn violation_of(error: &Error) -> Option<Violation> {
    match error {
        Error::Tls(error) => error.violation(),
        _ => None,
    }
}

/// RFC 9846 section 5-1, 5-2, 5-3, 5-5, 5.1-14, 5.1-18: nothing but what belongs there is taken.
#[test]
fn every_record_without_protection_in_every_state() {
    for place in PLACES {
        let expected = |kind: u8, content: &[u8]| -> Result<(), Option<Violation>> {
            match (kind, content) {
                (20, [1]) if place == Start || place.is_connected() => Err(Some(Violation::ChangeCipherSpec)),
                (20, [1]) => Ok(()),
                (20, _) => Err(Some(Violation::ChangeCipherSpec)),
                (23, []) if !place.has_keys() => Err(Some(Violation::RecordType)),
                (23, _) if !place.has_keys() => Err(Some(Violation::RecordType)),
                (23, _) => Err(Some(Violation::RecordProtection)),
                (21 | 22, []) => Err(Some(Violation::EmptyRecord)),
                // Until the peer has shown that it has keys it may say without them that it has none.
                (21, [_, 1 | 40]) if !place.is_connected() => Err(None),
                (21 | 22, _) if place.has_keys() => Err(Some(Violation::UnprotectedRecord)),
                (21, [_, 0]) => Err(None),
                (21, [_, 90]) => Ok(()),
                (21, _) => Err(Some(Violation::Malformed)),
                // The beginning of what is expected.
                (22, [1, ..]) if place == Start => Ok(()),
                (22, [2, ..]) if place == WaitServerHello => Ok(()),
                (22, _) => Err(Some(Violation::UnexpectedMessage)),
                _ => Err(Some(Violation::RecordType)),
            }
        };
        for kind in [0, 19, 20, 21, 22, 23, 24, 255] {
            for content in [&[][..], &[1], &[2], &[1, 1], &[1, 0], &[1, 90], &[2, 40], &[24, 0, 0, 1, 0]] {
                let (mut end, _) = at(place);
                let _ = end.say();
                end.feed(&plain(kind, content));
                let expected = expected(kind, content);
                let found = match &end.error {
                    None => Ok(()),
                    Some(error) => Err(violation_of(error)),
                };
                assert_eq!(found, expected, "{kind} {content:?} at {place:?}: {:?}", end.error);
                // Who is told is told by the alert of the violation.
                if let Err(Some(violation)) = expected {
                    let told = end.say();
                    assert!(!told.is_empty());
                    if !place.has_keys() {
                        assert_eq!(told, plain(21, &[2, violation.alert().0]));
                    }
                    assert!(end.connection.has_finished_sending());
                }
            }
        }
    }
}

/// RFC 9846 section 5-2, 5-5, 2-2, 6-6, 6.1-4, 6.2-4.
/// RFC 9846 section 4.5.3-3.
#[test]
fn every_record_under_protection_in_every_state() {
    use ContentType::{Alert as AlertType, ApplicationData, ChangeCipherSpec, Handshake};
    for place in PLACES.into_iter().filter(|place| place.has_keys()) {
        let unexpected_update = if place.is_connected() { None } else { Some(Violation::UnexpectedMessage) };
        let data = if place.is_connected() { None } else { Some(Violation::RecordType) };
        let cases = [
            (ChangeCipherSpec, &[1][..], Some(Violation::ChangeCipherSpec)),
            (ChangeCipherSpec, &[2], Some(Violation::ChangeCipherSpec)),
            (AlertType, &[1], Some(Violation::Malformed)),
            (AlertType, &[1, 0, 1, 0], Some(Violation::Malformed)),
            (AlertType, &[1, 90], None),
            (Handshake, &[24, 0, 0, 1, 0], unexpected_update),
            (Handshake, &[1, 0, 0, 0], Some(Violation::UnexpectedMessage)),
            (Handshake, &[5, 0, 0, 0], Some(Violation::UnexpectedMessage)),
            (ApplicationData, &[7; 9], data),
        ];
        for (kind, content, expected) in cases {
            let (mut end, mut peer) = at(place);
            let _ = end.say();
            if !place.is_connected() {
                let record = under_handshake_keys(place, kind, content);
                end = record.0;
                end.feed(&record.1);
            } else {
                end.feed(&sealed(&mut peer, kind, content));
            }
            let found = end.error.as_ref().and_then(violation_of);
            assert_eq!(found, expected, "{kind:?} {content:?} at {place:?}: {:?}", end.error);
            assert_eq!(end.error.is_some(), expected.is_some());
        }
    }
}

/// An end that waits for the other's messages under the keys of the handshake, and a record under them, made from the peer's
/// handshake, whose own record layer is beyond these keys already.
fn under_handshake_keys(place: Place, kind: ContentType, content: &[u8]) -> (End, Vec<u8>) {
    let mut random = Counting(9);
    let mut ends = fresh();
    let (end, mut session) = if place == WaitEncryptedExtensions {
        let hello = ends.client.say();
        let mut session = records::server(Arc::new(server_config()), 16_385);
        session.read(Level::Initial, &hello[5..], &mut random).unwrap();
        let (_, answer) = session.poll_output().unwrap();
        ends.client.feed(&plain(22, &answer));
        (ends.client, session)
    } else {
        let name = name("server.example");
        let mut session = records::client(Arc::new(client_config()), name, true, 16_385, &mut random).unwrap();
        ends.server.feed(&plain(22, &session.poll_output().unwrap().1));
        let flight = ends.server.say();
        let len = usize::from(u16::from_be_bytes([flight[3], flight[4]]));
        session.read(Level::Initial, &flight[5..5 + len], &mut random).unwrap();
        (ends.server, session)
    };
    let Some(KeyChange::Handshake { suite, local, .. }) = session.poll_keys() else { panic!("no keys") };
    let mut writer = RecordWriter::new(Side::Server, 1, u64::MAX);
    writer.set_keys(TrafficKeys::new(suite, local));
    writer.push(kind, content).unwrap();
    let mut record = vec![0; 1000];
    let len = writer.take(&mut record);
    record.truncate(len);
    (end, record)
}

/// RFC 9846 section 5.4-3, 5.4-4, 5.4-5, 5-5: what no writer of ours makes is sealed by hand.
#[test]
fn inner_plaintexts_that_nobody_should_make() {
    let cases = [
        (&[][..], Violation::RecordWithoutType),
        (&[0], Violation::RecordWithoutType),
        (&[0; 100], Violation::RecordWithoutType),
        (&[21], Violation::EmptyRecord),
        (&[22, 0, 0], Violation::EmptyRecord),
        (&[20], Violation::ChangeCipherSpec),
        (&[1, 20], Violation::ChangeCipherSpec),
        (&[1, 24], Violation::RecordType),
        (&[1, 2, 255, 0], Violation::RecordType),
    ];
    for (inner, violation) in cases {
        let (mut end, mut peer) = at(ConnectedServer);
        let record = peer.connection.parts().1.seal_inner(inner);
        end.feed(&record);
        let error = end.error.clone().unwrap();
        assert_eq!(violation_of(&error), Some(violation), "{inner:?}");
        assert_eq!(error.alert(), Some(Alert::UNEXPECTED_MESSAGE));
    }
    // Padding of any length is passed over, and no content at all is content of no length.
    for (inner, data) in [(&[23][..], &[][..]), (&[23, 0, 0], &[]), (&[5, 23, 0], &[5]), (&[0, 0, 23], &[0, 0])] {
        let (mut end, mut peer) = at(ConnectedServer);
        let record = peer.connection.parts().1.seal_inner(inner);
        end.feed(&record);
        assert_eq!((&end.data[..], &end.error), (data, &None), "{inner:?}");
    }
}

/// RFC 9846 section 5.2-3: each byte of a record, its header too, is protected.
#[test]
fn a_record_with_any_byte_changed_is_bad_record_mac() {
    let len = at(ConnectedServer).1.seal(b"text").len();
    for place in 0..len {
        let (mut end, mut peer) = at(ConnectedServer);
        let mut record = peer.seal(b"text");
        record[place] ^= 1;
        end.feed(&record);
        end.feed(&[0; 300]);
        let expected = match place {
            // The type, and a length that waits for bytes that make it wrong in another way.
            0 => Violation::UnprotectedRecord,
            _ => Violation::RecordProtection,
        };
        assert_eq!(end.error.as_ref().and_then(violation_of), Some(expected), "byte {place}");
        assert!(end.data.is_empty());
    }
    // Twice, left out, or in another order.
    for order in [&[0, 0][..], &[1], &[0, 2], &[1, 0]] {
        let (mut end, mut peer) = at(ConnectedServer);
        let records: Vec<Vec<u8>> = (0..3).map(|_| peer.seal(b"text")).collect();
        order.iter().for_each(|which| end.feed(&records[*which]));
        assert_eq!(end.error.as_ref().and_then(violation_of), Some(Violation::RecordProtection), "{order:?}");
    }
}

/// RFC 9846 section 5.1-3, 5.1-4: nothing comes between the parts of a message.
#[test]
fn nothing_is_interleaved_with_the_parts_of_a_message() {
    use ContentType::{Alert as AlertType, ApplicationData, Handshake};
    for (kind, content) in [(ApplicationData, &[1, 2][..]), (AlertType, &[1, 0]), (AlertType, &[1, 90])] {
        let (mut end, mut peer) = at(ConnectedServer);
        end.feed(&sealed(&mut peer, Handshake, &[24, 0, 0]));
        assert_eq!(end.error, None);
        end.feed(&sealed(&mut peer, kind, content));
        assert_eq!(end.error.as_ref().and_then(violation_of), Some(Violation::InterleavedRecord), "{kind:?}");
    }
    let (mut end, mut peer) = at(ConnectedServer);
    end.feed(&sealed(&mut peer, Handshake, &[24, 0, 0]));
    end.feed(&sealed(&mut peer, AlertType, &[2, 80]));
    assert_eq!(end.error, Some(Error::PeerAlert(Alert(80))), "a peer that fails there says so");
    // The same before there are keys, and change_cipher_spec.
    let (mut end, mut peer) = at(Start);
    let hello = peer.say();
    end.feed(&plain(22, &hello[5..50]));
    end.feed(&plain(20, &[1]));
    assert_eq!(end.error.as_ref().and_then(violation_of), Some(Violation::InterleavedRecord));
}

/// S20. RFC 9846 section 5.1-5, 5.1-6: a message does not go on behind a change of keys, and none stands in a record before it.
#[test]
fn s20_messages_do_not_span_a_change_of_keys() {
    // The ServerHello with the beginning of what has to be protected.
    for behind in [&[8][..], &[8, 0, 0, 2, 0, 0]] {
        let mut ends = fresh();
        let hello = ends.client.say();
        ends.server.feed(&hello);
        let flight = ends.server.say();
        let len = usize::from(u16::from_be_bytes([flight[3], flight[4]]));
        ends.client.feed(&plain(22, &[&flight[5..5 + len], behind].concat()));
        let found = ends.client.error.as_ref().and_then(violation_of);
        assert_eq!(found, Some(Violation::MessageAcrossKeyChange));
        assert_eq!(ends.client.error.unwrap().alert(), Some(Alert::UNEXPECTED_MESSAGE));
    }
    // A KeyUpdate with anything behind it.
    let (mut end, mut peer) = at(ConnectedClient);
    end.feed(&sealed(&mut peer, ContentType::Handshake, &[24, 0, 0, 1, 0, 4]));
    assert_eq!(end.error.as_ref().and_then(violation_of), Some(Violation::MessageAcrossKeyChange));
}
