//! Key updates of either side, asked for and by themselves.

use super::ends::{End, Ends, complete, complete_with, records};
use crate::error::LocalError;
use crate::record::counts::MAX_RECORDS_WITHOUT_DATA;
use crate::record::header::ContentType;
use crate::record::writer::MAX_UPDATES;
use crate::record::{Error, Settings};
use crate::records::{KeyUpdate, encode_key_update};
use crate::violation::Violation;
use alloc::vec;

fn push(end: &mut End, update: KeyUpdate) {
    end.connection.parts().1.push(ContentType::Handshake, &encode_key_update(update)).unwrap();
    end.connection.parts().1.update_keys();
}

/// RFC 9846 section 4.7.3-2, 4.7.3-3, 4.7.3-5, 4.7.3-7, 4.7.3-8.
#[test]
fn either_side_updates_and_both_stay_in_step() {
    let mut ends = complete();
    for request in [KeyUpdate::NotRequested, KeyUpdate::Requested] {
        for client in [true, false, true] {
            let (one, other) = sides(&mut ends, client);
            one.connection.update_keys(request).unwrap();
            let update = one.say();
            assert_eq!(records(&update).len(), 1);
            other.feed(&update);
            let answer = other.say();
            assert_eq!(records(&answer).len(), usize::from(request == KeyUpdate::Requested));
            one.feed(&answer);
            assert!(one.say().is_empty(), "an answer is not answered");
            ends.exchange();
        }
    }
    ends.assert_complete();
    // Three by itself and three that were asked for; of those, two and one by each.
    assert_eq!(ends.client.connection.key_updates(), (5, 4));
    assert_eq!(ends.server.connection.key_updates(), (4, 5));
}

/// RFC 9846 section 4.7.3-5: whoever is silent answers many requests once.
#[test]
fn many_requests_have_one_answer() {
    let mut ends = complete();
    for _ in 0..20 {
        push(&mut ends.client, KeyUpdate::Requested);
    }
    let storm = ends.client.say();
    ends.server.feed(&storm);
    let answer = ends.server.seal(b"data");
    assert_eq!(records(&answer).len(), 2, "the update is before the data");
    ends.client.feed(&answer);
    ends.exchange();
}

/// RFC 9846 section 4.7.3-6.
#[test]
fn a_second_request_waits_for_the_answer_to_the_first() {
    let mut ends = complete();
    for answers in [1, 0, 0] {
        ends.client.connection.update_keys(KeyUpdate::Requested).unwrap();
        let update = ends.client.say();
        ends.server.feed(&update);
        // The answer is on its way; whoever is asked again would answer again.
        assert_eq!(records(&ends.server.say()).len(), answers);
    }
    let mut ends = complete();
    // They cross: each answers the other, and both are two generations on.
    ends.client.connection.update_keys(KeyUpdate::Requested).unwrap();
    ends.server.connection.update_keys(KeyUpdate::Requested).unwrap();
    let (ours, theirs) = (ends.client.say(), ends.server.say());
    ends.client.feed(&theirs);
    ends.server.feed(&ours);
    ends.run();
    ends.exchange();
    ends.assert_complete();
}

/// A storm from both sides, with data between.
#[test]
fn updates_and_data_from_both_sides() {
    let mut ends = complete();
    for round in 0..500 {
        for client in [true, false] {
            let (one, other) = sides(&mut ends, client);
            let request = if round % 3 == 0 { KeyUpdate::Requested } else { KeyUpdate::NotRequested };
            one.connection.update_keys(request).unwrap();
            let said = one.seal(&[round as u8; 3]);
            other.feed(&said);
            assert_eq!(other.error, None, "round {round}");
        }
    }
    assert_eq!((ends.client.data.len(), ends.server.data.len()), (1500, 1500));
}

/// RFC 9846 section 5.5-1: keys are replaced before they have sealed too much.
#[test]
fn keys_are_replaced_by_themselves() {
    let settings = Settings { records_per_key: 10, ..Settings::default() };
    let mut ends = complete_with(&settings);
    for _ in 0..95 {
        ends.exchange();
        let count = ends.client.connection.parts().1.count();
        assert!(count <= 10, "{count} records under one key");
    }
    ends.assert_complete();
    // The limit of the AEAD holds, whatever the setting says.
    let settings = Settings { records_per_key: u64::MAX, ..Settings::default() };
    let mut ends = complete_with(&settings);
    let limit = ends.client.connection.session().cipher_suite().unwrap().aead.confidentiality_limit();
    ends.client.connection.parts().1.set_count(limit - 2);
    ends.server.connection.parts().0.set_count(limit - 2);
    ends.exchange();
    assert_eq!(ends.client.connection.parts().1.count(), limit - 1);
    ends.exchange();
    assert_eq!(ends.client.connection.parts().1.count(), 1);
}

/// RFC 9846 section 4.7.3-9, 4.7.3-11: no update beyond the last, and then the connection ends before its keys are used up.
#[test]
fn updates_have_an_end() {
    let mut ends = complete_with(&Settings { records_per_key: 5, ..Settings::default() });
    ends.client.connection.parts().1.set_updates(MAX_UPDATES - 1);
    push(&mut ends.server, KeyUpdate::Requested);
    let storm = ends.server.say();
    ends.client.feed(&storm);
    assert_eq!(records(&ends.client.say()).len(), 1, "the last update");
    ends.exchange_from_server();
    push(&mut ends.server, KeyUpdate::Requested);
    let storm = ends.server.say();
    ends.client.feed(&storm);
    assert!(ends.client.say().is_empty(), "a request that cannot be met is ignored");
    assert!(ends.client.connection.may_write());
    let mut out = vec![0; 1000];
    let mut sealed = 0;
    let error = loop {
        match ends.client.connection.write(b"data", &mut out) {
            Ok(done) if done.taken > 0 => sealed += 1,
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!((sealed, error), (4, Error::Tls(crate::Error::Local(LocalError::KeysUsedUp))));
}

/// RFC 9846 section 5.3-2: a peer that lets the numbers run out is not followed.
#[test]
fn numbers_of_records_do_not_wrap() {
    let mut ends = complete_with(&Settings { records_per_key: u64::MAX, ..Settings::default() });
    ends.server.connection.parts().0.set_count(u64::MAX);
    let record = ends.client.seal(b"text");
    ends.server.feed(&record);
    assert_eq!(ends.server.error, Some(Error::Tls(crate::Error::Local(LocalError::KeysUsedUp))));
}

/// C7: updates without data have an end, data begins the count anew.
#[test]
fn c7_a_flood_of_updates_without_data() {
    let mut ends = complete();
    for with_data in [true, false] {
        for number in 1..=MAX_RECORDS_WITHOUT_DATA + 1 {
            push(&mut ends.client, if number % 2 == 0 { KeyUpdate::Requested } else { KeyUpdate::NotRequested });
            let update = ends.client.say();
            ends.server.feed(&update);
            if with_data {
                let data = ends.client.seal(b"data");
                ends.server.feed(&data);
            }
        }
        let expected = (!with_data).then_some(Violation::RecordsWithoutData);
        let found = ends.server.error.as_ref().and_then(|error| match error {
            Error::Tls(error) => error.violation(),
            _ => None,
        });
        assert_eq!(found, expected);
    }
}

fn sides(ends: &mut Ends, client: bool) -> (&mut End, &mut End) {
    if client { (&mut ends.client, &mut ends.server) } else { (&mut ends.server, &mut ends.client) }
}

impl Ends {
    fn exchange_from_server(&mut self) {
        let data = self.server.seal(b"data");
        self.client.feed(&data);
        assert_eq!(self.client.error, None);
    }
}
