use super::*;
use crate::fields::Fields;
use crate::message_rules::{Malformed, check_request, check_response};
use crate::method::Method;
use crate::request::RequestHead;
use crate::response::ResponseHead;
use crate::status::Status;

fn sized(length: &str) -> RequestHead {
    RequestHead::new(Method::Post, "https://a.example/").unwrap().with_field("content-length", length).unwrap()
}

#[test]
fn the_parts_of_a_message_are_sent_in_their_order() {
    let mut sending = Sending::new();
    let none = Fields::new();
    assert_eq!(sending.check_body(1), Err(SendError::WrongOrder));
    assert_eq!(sending.check_trailers(&none), Err(SendError::WrongOrder));
    assert_eq!(sending.check_end(), Err(SendError::WrongOrder));
    assert_eq!(sending.check_head(), Ok(()));
    sending.on_head(check_request(&sized("3")).unwrap(), false);
    assert_eq!(sending.check_head(), Err(SendError::WrongOrder));
    assert_eq!(sending.check_body(4), Err(SendError::Malformed(Malformed::BodyTooLong)));
    assert_eq!(sending.check_body(3), Ok(()));
    sending.on_body(2);
    assert_eq!(sending.check_body(2), Err(SendError::Malformed(Malformed::BodyTooLong)));
    assert_eq!(sending.check_end(), Err(SendError::Malformed(Malformed::BodyTooShort)));
    sending.on_body(1);
    assert_eq!(sending.check_trailers(&none), Ok(()));
    assert_eq!(sending.check_end(), Ok(()));
    sending.on_finishing();
    assert!(!sending.has_ended());
    for ended in [SendPhase::Finishing, SendPhase::Ended] {
        assert_eq!(sending.phase(), ended);
        assert_eq!(sending.check_head(), Err(SendError::WrongOrder));
        assert_eq!(sending.check_body(0), Err(SendError::Ended));
        assert_eq!(sending.check_trailers(&none), Err(SendError::Ended));
        assert_eq!(sending.check_end(), Err(SendError::Ended));
        sending.on_end();
    }
    assert!(sending.has_ended());
}

#[test]
fn nothing_is_sent_that_the_peer_stopped() {
    let mut sending = Sending::new();
    let stopped = Err(SendError::Stopped(Reason::Cancelled));
    sending.on_stopped(Reason::Cancelled);
    assert_eq!(sending.check_head(), stopped);
    assert_eq!(sending.check_body(1), stopped);
    assert_eq!(sending.check_trailers(&Fields::new()), stopped);
    assert_eq!(sending.check_end(), stopped);
    assert!(!sending.has_ended());
}

#[test]
fn a_tunnel_has_no_trailers_and_no_length() {
    let mut sending = Sending::new();
    let head = ResponseHead::new(Status::OK);
    sending.on_head(check_response(&head, &Method::Connect).unwrap(), true);
    assert_eq!(sending.check_body(1 << 40), Ok(()));
    assert_eq!(sending.check_trailers(&Fields::new()), Err(SendError::WrongOrder));
    assert_eq!(sending.check_end(), Ok(()));
}

#[test]
#[should_panic(expected = "content is checked before it is sent")]
fn content_that_was_not_checked_is_a_fault_of_ours() {
    let mut sending = Sending::new();
    sending.on_head(check_request(&sized("3")).unwrap(), false);
    sending.on_body(4);
}

#[test]
fn the_parts_of_a_message_come_in_their_order() {
    let mut receiving = Receiving::new();
    assert_eq!(receiving.on_end(), Err(Malformed::HeadMissing));
    receiving.on_request(&sized("3")).unwrap();
    assert_eq!((receiving.phase(), receiving.announced()), (ReceivePhase::Body, Some(3)));
    assert_eq!(receiving.on_body(2), Ok(()));
    assert_eq!(receiving.announced(), Some(1));
    assert_eq!(receiving.on_end(), Err(Malformed::BodyTooShort));
    assert_eq!(receiving.on_body(2), Err(Malformed::BodyTooLong));
    assert_eq!(receiving.on_body(1), Ok(()));
    receiving.on_trailers();
    assert_eq!(receiving.phase(), ReceivePhase::Trailed);
    assert_eq!(receiving.on_end(), Ok(()));
    assert!(receiving.has_ended());
    receiving.abandon();
    assert_eq!(receiving.phase(), ReceivePhase::Finished, "what is complete stays so");
}

#[test]
fn an_informational_response_leaves_the_message_at_its_head() {
    let mut receiving = Receiving::new();
    receiving.on_response(&ResponseHead::new(Status::EARLY_HINTS), &Method::Get).unwrap();
    assert_eq!(receiving.phase(), ReceivePhase::Head);
    assert_eq!(receiving.on_end(), Err(Malformed::HeadMissing));
    receiving.on_response(&ResponseHead::new(Status::NO_CONTENT), &Method::Get).unwrap();
    assert_eq!(receiving.on_body(1), Err(Malformed::BodyTooLong));
    receiving.abandon();
    assert_eq!(receiving.phase(), ReceivePhase::Abandoned);
}

#[test]
fn only_a_tunnel_that_was_granted_is_one() {
    for (method, status, phase) in [
        (Method::Connect, Status::OK, ReceivePhase::Tunnel),
        (Method::Connect, Status::NOT_FOUND, ReceivePhase::Body),
        (Method::Get, Status::OK, ReceivePhase::Body),
    ] {
        let mut receiving = Receiving::new();
        receiving.on_response(&ResponseHead::new(status), &method).unwrap();
        assert_eq!(receiving.phase(), phase, "{method} {status}");
    }
    let mut receiving = Receiving::new();
    receiving.on_request(&RequestHead::connect("a.example:443").unwrap()).unwrap();
    assert_eq!(receiving.phase(), ReceivePhase::Tunnel);
}
