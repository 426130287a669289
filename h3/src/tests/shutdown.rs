//! GOAWAY from both sides.

use super::script::*;
use crate::{Event, SendError};
use http::exchange::{self, Reason};
use http::{RequestHead, ResponseHead, Status};

/// RFC 9114 section 5.2-8.
#[test]
fn a_server_drains_in_two_steps() {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.connection.shutdown(&mut script.transport);
    script.expect(&[Write(3, frame(7, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]))]);
    // Requests that were on their way are served.
    script.feed_and_end(8, &headers(&GET));
    assert_eq!(script.events().len(), 3);
    script.connection.shutdown(&mut script.transport);
    script.expect(&[Write(3, frame(7, &[12]))]);
    script.connection.shutdown(&mut script.transport);
    script.expect(&[]);
    // One below the limit that comes late is served, those beyond are rejected.
    script.feed_and_end(4, &headers(&GET));
    script.expect(&[]);
    assert_eq!(script.events().len(), 2);
    script.feed_and_end(12, &headers(&GET));
    script.expect(&[Reset(12, 0x10b), StopSending(12, 0x10b)]);
    for stream in [0, 4, 8] {
        assert!(!script.connection.is_drained());
        script
            .connection
            .send_response(&mut script.transport, id(stream), &ResponseHead::new(Status::OK), true)
            .unwrap();
    }
    assert!(script.connection.is_drained());
    script.transport.commands.clear();
    script.connection.close(&mut script.transport, code(0x100), "done");
    script.expect(&[Close(0x100)]);
    assert_eq!(script.events().last(), Some(&Event::Closed { code: code(0x100), violation: None }));
}

/// RFC 9114 section 5.2-4.
#[test]
fn a_client_learns_what_was_not_processed() {
    let mut script = Script::client();
    let get = RequestHead::get("https://a.example/").unwrap();
    for _ in 0..3 {
        script.connection.send_request(&mut script.transport, &get, true).unwrap();
    }
    script.transport.commands.clear();
    script.feed(3, &frame(7, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]));
    assert_eq!(script.events(), [Event::GoAway { id: (1 << 62) - 4 }]);
    assert_eq!(script.connection.send_request(&mut script.transport, &get, true), Err(SendError::GoingAway));
    script.feed(3, &frame(7, &[4]));
    let rejected = |stream| Event::Exchange(id(stream), exchange::Event::Reset(Reason::Rejected));
    assert_eq!(script.events(), [Event::GoAway { id: 4 }, rejected(4), rejected(8)]);
    script.expect(&[Reset(4, 0x10c), StopSending(4, 0x10c), Reset(8, 0x10c), StopSending(8, 0x10c)]);
    assert!(!script.connection.is_drained());
    script.feed_and_end(0, &headers(&[(":status", "200")]));
    assert!(script.connection.is_drained());
}

/// RFC 9114 section 5.2-4.
#[test]
fn a_client_says_goodbye_once() {
    let mut script = Script::client();
    script.connection.shutdown(&mut script.transport);
    script.expect(&[Write(2, frame(7, &[0]))]);
    script.connection.shutdown(&mut script.transport);
    script.expect(&[]);
    assert!(script.connection.is_drained());
    let get = RequestHead::get("https://a.example/").unwrap();
    assert_eq!(script.connection.send_request(&mut script.transport, &get, true), Err(SendError::GoingAway));
}

#[test]
fn the_peers_close_is_told_once() {
    let mut script = Script::client();
    script.connection.on_closed(code(0x100));
    script.connection.on_closed(code(0x101));
    assert_eq!(script.events(), [Event::Closed { code: code(0x100), violation: None }]);
    let get = RequestHead::get("https://a.example/").unwrap();
    assert_eq!(script.connection.send_request(&mut script.transport, &get, true), Err(SendError::Closed));
}
