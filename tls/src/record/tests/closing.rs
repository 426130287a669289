//! The end of a connection: half closes, truncation, alerts, and keys that are forgotten.

use super::ends::{complete, fresh};
use crate::alert::Alert;
use crate::error::LocalError;
use crate::record::header::ContentType;
use crate::record::{Error, Received, Written};
use crate::records::KeyUpdate;
use crate::testing::Counting;
use alloc::vec;

/// RFC 9846 section 6-1, 6.1-5, 6.1-6: one side closes, and the other goes on.
#[test]
fn either_side_closes_and_the_other_goes_on() {
    for client_first in [true, false] {
        let mut ends = complete();
        let (one, other) =
            if client_first { (&mut ends.client, &mut ends.server) } else { (&mut ends.server, &mut ends.client) };
        let last = one.seal(b"the last");
        one.connection.close();
        one.connection.close();
        assert!(!one.connection.may_write() && !one.connection.has_finished_sending());
        let close = one.say();
        assert!(one.connection.has_finished_sending());
        assert_eq!(one.connection.write(b"more", &mut [0; 1000]), Ok(Written::default()), "nothing after close_notify");
        other.feed(&last);
        other.feed(&close);
        assert_eq!((&other.data[..], other.ended, &other.error), (&b"the last"[..], true, &None));
        assert!(other.connection.peer_has_closed() && other.connection.may_write());
        assert_eq!(other.connection.on_end(), Ok(()));
        // The other direction, with an update of its keys.
        other.connection.update_keys(KeyUpdate::Requested).unwrap();
        let answer = other.seal(b"goes on");
        other.connection.close();
        let close = other.say();
        one.feed(&answer);
        one.feed(&close);
        assert_eq!((&one.data[..], one.ended, &one.error), (&b"goes on"[..], true, &None));
        assert!(one.say().is_empty(), "who has closed answers no request");
        assert_eq!(one.connection.on_end(), Ok(()));
    }
}

/// RFC 9846 section 6.1-1: what comes behind close_notify is ignored.
#[test]
fn what_comes_behind_close_notify_is_ignored() {
    let mut ends = complete();
    let more = ends.client.seal(b"more");
    ends.client.connection.close();
    let close = ends.client.say();
    ends.server.feed(&[&more[..], &close, b"\xffanything\x00", &more].concat());
    assert_eq!((&ends.server.data[..], ends.server.ended, &ends.server.error), (&b"more"[..], true, &None));
}

/// RFC 9846 section 6.1-8: an end without close_notify is not the end of the data, wherever it comes.
#[test]
fn an_end_without_close_notify_is_told_as_truncation() {
    let mut ends = complete();
    let record = ends.client.seal(b"text");
    for cut in 0..=record.len() {
        let mut ends = complete();
        let record = ends.client.seal(b"text");
        ends.server.feed(&record[..cut]);
        assert_eq!(ends.server.connection.on_end(), Err(Error::Truncated));
        assert_eq!(ends.server.data.len(), if cut == record.len() { 4 } else { 0 });
        assert_eq!(ends.server.connection.write(b"more", &mut [0; 1000]), Err(Error::Truncated));
        assert!(ends.server.say().is_empty() && ends.server.connection.has_finished_sending());
    }
}

/// RFC 9846 section 6-2, 6-4, 6-5, 6.2-1: whatever the level says.
#[test]
fn alerts_end_both_directions_at_once() {
    for level in [0, 1, 2, 255] {
        for description in (1..=255).filter(|description| *description != 90) {
            let mut ends = complete();
            ends.client.connection.parts().1.push(ContentType::Alert, &[level, description]).unwrap();
            let alert = ends.client.say();
            let behind = ends.client.seal(b"behind");
            ends.server.feed(&[alert, behind].concat());
            let expected = Error::PeerAlert(Alert(description));
            assert_eq!(ends.server.error.as_ref(), Some(&expected));
            assert!(ends.server.data.is_empty() && ends.server.say().is_empty());
            assert_eq!(ends.server.connection.write(b"more", &mut [0; 1000]), Err(expected));
            if level > 0 && description > 3 {
                // The rest of the table for one level only.
                break;
            }
        }
    }
}

/// RFC 9846 section 6.1-2, 6.1-3: user_canceled is followed by close_notify.
#[test]
fn a_user_who_cancels() {
    let mut ends = fresh();
    let hello = ends.client.say();
    ends.server.feed(&hello);
    let flight = ends.server.say();
    ends.client.connection.close();
    let told = ends.client.say();
    assert_eq!(told, [super::ends::plain(21, &[1, 90]), super::ends::plain(21, &[1, 0])].concat());
    assert_eq!(ends.client.connection.error(), Some(&Error::Canceled));
    ends.client.feed(&flight);
    assert_eq!(ends.client.error, Some(Error::Canceled));
}

/// RFC 9846 section 6-3, 6.2-2: with the connection go its secrets, and nothing can be exported, read or written.
#[test]
fn a_connection_that_is_over_has_forgotten_its_keys() {
    let mut ends = complete();
    let mut out = [0; 16];
    ends.server.connection.session().export(b"label", b"", &mut out).unwrap();
    ends.server.feed(&[23, 3, 3, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(matches!(ends.server.error, Some(Error::Tls(_))));
    assert!(ends.server.connection.session().export(b"label", b"", &mut out).is_err());
    let told = ends.server.say();
    assert_eq!(ends.server.connection.parts().1.push(ContentType::Alert, &[1, 0]), Ok(()), "without keys it is plain");
    ends.client.feed(&told);
    assert_eq!(ends.client.error, Some(Error::PeerAlert(Alert::BAD_RECORD_MAC)));
    assert!(ends.client.connection.session().export(b"label", b"", &mut out).is_err());
    // Closed by both.
    let mut ends = complete();
    ends.client.connection.close();
    ends.server.connection.close();
    ends.run();
    for end in [&ends.client, &ends.server] {
        assert!(end.ended && end.error.is_none());
        let error = end.connection.session().export(b"label", b"", &mut out).unwrap_err();
        assert_eq!(error, crate::Error::Local(LocalError::NotComplete));
    }
    // Cut.
    let mut ends = complete();
    let record = ends.client.seal(b"text");
    ends.server.connection.on_reset();
    assert!(ends.server.connection.receive(&mut record.clone(), &mut Counting(0)).is_err());
    assert!(ends.server.connection.write(b"text", &mut [0; 100]).is_err());
}

#[test]
fn a_record_that_has_no_room_is_not_begun() {
    let mut ends = complete();
    for room in 0..5 + 4 + 1 + 16 {
        assert_eq!(ends.client.connection.write(b"text", &mut vec![0; room]), Ok(Written::default()));
    }
    let mut out = vec![0; 26];
    assert_eq!(ends.client.connection.write(b"text", &mut out), Ok(Written { taken: 4, written: 26 }));
    ends.server.feed(&out);
    assert_eq!(ends.server.data, b"text");
    assert_eq!(ends.server.connection.receive(&mut [], &mut Counting(0)), Ok(Received::Incomplete));
}
