//! The end of a connection that neither side needs.

use super::script::*;
use crate::parting::Parting;
use http::{RequestHead, ResponseHead, Status};

const NOTICE: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc];

fn step(parting: &mut Parting, script: &mut Script) -> bool {
    parting.advance(&mut script.connection, &mut script.transport)
}

/// RFC 9114 section 5.2-8: the notice comes first, whatever the client has said, and the end when nothing is owed.
#[test]
fn a_client_that_goes_is_let_go_in_two_steps() {
    let (mut script, mut parting) = (Script::server(), Parting::default());
    script.feed(0, &headers(&POST));
    assert!(!step(&mut parting, &mut script), "a client that stays");
    script.feed(2, &frame(7, &[0]));
    assert!(!step(&mut parting, &mut script), "it is owed an answer");
    script.feed_and_end(0, &[]);
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), true).unwrap();
    script.transport.commands.clear();
    assert!(step(&mut parting, &mut script) && !step(&mut parting, &mut script));
    script.expect(&[Write(3, frame(7, &NOTICE))]);
    // One that was lost on its way is still served.
    script.feed_and_end(4, &headers(&GET));
    assert!(!parting.on_flushed());
    assert!(!step(&mut parting, &mut script), "it is owed an answer again");
    script.connection.send_response(&mut script.transport, id(4), &ResponseHead::new(Status::OK), true).unwrap();
    script.transport.commands.clear();
    assert!(step(&mut parting, &mut script) && !step(&mut parting, &mut script));
    script.expect(&[Write(3, frame(7, &[8]))]);
    assert!(parting.on_flushed());
}

/// A client has nothing to say: it may close as soon as it has its last response.
#[test]
fn a_server_that_goes_is_left_with_the_last_response() {
    let (mut script, mut parting) = (Script::client(), Parting::default());
    let get = RequestHead::get("https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &get, true).unwrap();
    script.feed(3, &frame(7, &NOTICE));
    assert!(!step(&mut parting, &mut script));
    script.feed_and_end(0, &headers(&[(":status", "200")]));
    script.transport.commands.clear();
    assert!(step(&mut parting, &mut script) && !step(&mut parting, &mut script));
    script.expect(&[]);
    assert!(parting.on_flushed());
}
