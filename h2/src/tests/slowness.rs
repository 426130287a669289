//! What a server gives up, and when.

use super::{GET, NOW, POST, Rogue, ends};
use crate::error_code::CANCEL;
use crate::frame::Kind;
use crate::{Closing, Event, Violation};
use base::{Bytes, Demand, StreamMachine};
use http::exchange::{self, Body};
use http::{ResponseHead, Status};

/// Lets time pass up to the deadline, and says after how many seconds that is.
fn wait(rogue: &mut Rogue) -> Option<u64> {
    let deadline = rogue.machine.deadline()?;
    rogue.machine.on_timeout(deadline);
    Some((deadline - NOW).as_secs())
}

#[test]
fn a_connection_without_requests_ends() {
    let mut rogue = Rogue::client();
    assert_eq!(wait(&mut rogue), Some(60));
    assert_eq!(rogue.events(), [Event::Closed(Closing::Idle)]);
    assert_eq!(rogue.seen().last().map(|frame| frame.kind), Some(Kind::GoAway));
    assert_eq!(wait(&mut rogue), Some(62), "and is cut if its client does not end it");
    assert_eq!((rogue.machine.demand(), rogue.machine.deadline()), (Demand::Reset, None));
}

#[test]
fn fields_that_do_not_come() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Headers, 0, 1, &[0x82]);
    assert_eq!(wait(&mut rogue), Some(10));
    rogue.assert_failed(Violation::SlowHead);
}

#[test]
fn content_that_does_not_come_is_given_up_and_can_be_answered() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    assert_eq!(rogue.machine.deadline(), None);
    assert_eq!(rogue.machine.read_body(NOW, number, 9), Body::Blocked);
    assert_eq!(wait(&mut rogue), Some(30));
    assert_eq!(rogue.events(), [Event::Exchange(number, exchange::Event::SlowSender)]);
    rogue.answer(number, Status::REQUEST_TIMEOUT, b"");
    rogue.seen();
    let deadline = rogue.machine.deadline().unwrap();
    rogue.machine.on_timeout(deadline);
    assert_eq!(rogue.seen().last().map(|frame| frame.kind), Some(Kind::RstStream));
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    rogue.machine.lift_time_limits(number);
    assert_eq!((rogue.machine.read_body(NOW, number, 9), rogue.machine.deadline()), (Body::Blocked, None));
}

#[test]
fn a_response_that_is_not_taken_is_given_up_and_others_go_on() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 100]);
    rogue.headers(1, &GET, ends());
    let (number, _) = rogue.request();
    rogue.events();
    let mut data = Bytes::from(alloc::vec![0; 5000]);
    rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
    rogue.seen();
    rogue.headers(3, &POST, 0);
    let mut waited = 0;
    while rogue.machine.exchange_count() > 1 {
        waited = wait(&mut rogue).expect("every wait has an end");
    }
    assert_eq!(waited, 150, "the first look begins the wait");
    assert!(rogue.events().contains(&Event::Exchange(number, exchange::Event::SlowReceiver)));
    rogue.assert_reset(1, CANCEL);
}
