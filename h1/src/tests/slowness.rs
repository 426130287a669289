//! What a server gives up, and when.

use super::{NOW, answer, events, feed, request, sent, server};
use crate::{Closing, Connection, Event, Violation};
use base::{Bytes, Demand, Duration, Instant, Outgoing, StreamMachine};
use http::exchange::{self, Body};
use http::{ResponseHead, Status};

fn after(millis: u64) -> Instant {
    NOW + Duration::from_millis(millis)
}

/// Lets time pass up to the deadline, and says when that is.
fn wait(server: &mut Connection) -> Option<u64> {
    let deadline = server.deadline()?;
    server.on_timeout(deadline);
    Some((deadline - NOW).as_millis() as u64)
}

#[test]
fn a_head_that_does_not_come_is_answered() {
    let mut server = server();
    server.receive(after(1000), &mut b"GET / HTTP/1.1\r\nho".to_vec());
    assert_eq!(wait(&mut server), Some(11_000));
    assert_eq!(events(&mut server)[0], Event::Refused(Violation::SlowHead));
    assert!(sent(&mut server).0.starts_with("HTTP/1.1 408 "));
    assert_eq!(wait(&mut server), Some(2000), "and then it is cut");
    assert_eq!(server.demand(), Demand::Reset);
    assert_eq!(server.deadline(), None);
}

#[test]
fn empty_lines_are_no_head() {
    let mut server = server();
    server.receive(after(1000), &mut b"\r\n".to_vec());
    assert_eq!(wait(&mut server), Some(60_000));
    assert_eq!(events(&mut server), [Event::Closed(Closing::Idle)]);
}

#[test]
fn a_connection_without_requests_ends() {
    let mut server = server();
    feed(&mut server, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 99);
    let (id, _) = request(&mut server);
    assert_eq!(server.deadline(), None, "the application may take its time");
    answer(&mut server, id, Status::OK, b"");
    sent(&mut server);
    assert_eq!(wait(&mut server), Some(30_000), "a look whether the answer was taken");
    assert_eq!(wait(&mut server), Some(60_000));
    assert_eq!(events(&mut server).last(), Some(&Event::Closed(Closing::Idle)));
    assert_eq!(sent(&mut server), ("".into(), true));
}

/// A client that has left is noticed though nothing is sent to it. One that has only ended its side is answered if that is soon.
#[test]
fn a_client_that_has_ended_its_side_is_not_worked_for_long() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    for behind in [&b""[..], GET, b"GET / HT"] {
        let mut server = server();
        feed(&mut server, &[GET, behind].concat(), 99);
        let (id, _) = request(&mut server);
        events(&mut server);
        assert_eq!(server.deadline(), None);
        server.on_end(after(5000), b"");
        assert_eq!(events(&mut server), [], "it may want the answer");
        server.on_timeout(after(5999));
        assert_eq!(wait(&mut server), Some(6000));
        assert_eq!(events(&mut server), [Event::Closed(Closing::Reset)]);
        assert_eq!(server.demand(), Demand::Reset);
        let head = ResponseHead::new(Status::OK);
        assert!(server.send_response(NOW, id, &head, &mut Bytes::new(), true).is_err());
    }
    // As long as it is sent something it is worked for: if it is gone, that breaks the connection.
    let mut server = server();
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    events(&mut server);
    server.on_end(NOW, b"");
    server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::new(), false).unwrap().unwrap();
    sent(&mut server);
    for second in 1..5 {
        assert_eq!(wait(&mut server), Some(second * 1000));
        assert_eq!(events(&mut server), []);
        server.send_body(after(second * 1000), id, &mut Bytes::from_static(b"x")).unwrap();
        sent(&mut server);
    }
    assert_eq!(wait(&mut server), Some(5000));
    assert_eq!(wait(&mut server), Some(6000));
    assert_eq!(events(&mut server), [Event::Closed(Closing::Reset)]);
}

#[test]
fn content_that_does_not_come_is_given_up_and_can_be_answered() {
    let mut server = server();
    feed(&mut server, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nxx", 99);
    let (id, _) = request(&mut server);
    assert_eq!(server.deadline(), None, "the application has not read what there is");
    assert!(matches!(server.read_body(NOW, id, 9), Body::Data(_)));
    assert_eq!(server.read_body(NOW, id, 9), Body::Blocked);
    server.receive(after(20_000), &mut b"x".repeat(500));
    assert_eq!(server.deadline(), None);
    assert!(matches!(server.read_body(after(20_000), id, 900), Body::Data(_)));
    assert_eq!(server.read_body(after(20_000), id, 9), Body::Blocked);
    assert_eq!(wait(&mut server), Some(35_000), "500 bytes earn five seconds");
    assert_eq!(events(&mut server).last(), Some(&Event::Exchange(id, exchange::Event::SlowSender)));
    answer(&mut server, id, Status::REQUEST_TIMEOUT, b"");
    assert!(sent(&mut server).1);
    // Unless the application takes it to be slow by its nature.
    let mut server = self::server();
    feed(&mut server, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n", 99);
    let (id, _) = request(&mut server);
    server.lift_time_limits(id);
    assert_eq!((server.read_body(NOW, id, 9), server.deadline()), (Body::Blocked, None));
}

#[test]
fn a_response_that_is_not_taken_is_given_up() {
    for is_over in [false, true] {
        let mut server = server();
        feed(&mut server, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 99);
        let (id, _) = request(&mut server);
        let mut data = Bytes::from(alloc::vec![0; if is_over { 100 } else { 5000 }]);
        server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
        let mut waited = 0;
        while server.demand() != Demand::Reset {
            waited = wait(&mut server).expect("every wait has an end");
        }
        assert_eq!(waited, 150_000, "the first look begins the wait");
        let told = events(&mut server);
        assert_eq!(told.contains(&Event::Exchange(id, exchange::Event::SlowReceiver)), !is_over, "{told:?}");
        assert!(matches!(told.last(), Some(Event::Closed(_))));
    }
}

#[test]
fn a_reader_that_is_slow_enough_is_waited_for() {
    let mut server = server();
    feed(&mut server, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 99);
    let (id, _) = request(&mut server);
    let mut data = Bytes::from(alloc::vec![0; 50_000]);
    server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
    let mut now = NOW;
    while !data.is_empty() {
        now += Duration::from_secs(1);
        if server.deadline().is_some_and(|deadline| deadline <= now) {
            server.on_timeout(now);
        }
        assert_eq!(server.transmit(now, &mut [0; 110]), Outgoing::Bytes(110));
        server.send_body(now, id, &mut data).unwrap();
    }
    assert_eq!(events(&mut server), [Event::Exchange(id, exchange::Event::Finished)]);
    assert!(sent(&mut server).0.ends_with("\0"));
}
