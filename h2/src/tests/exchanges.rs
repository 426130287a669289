//! Messages both ways, their windows, their order.

use super::{CONFIG, GET, NOW, POST, PREFACE, Rogue, ends};
use crate::error_code::{CANCEL, INTERNAL_ERROR, NO_ERROR};
use crate::frame::{END_STREAM, Kind, MAX_31};
use crate::{Closing, Config, Connection, Event, Limits};
use alloc::vec::Vec;
use base::{Bytes, Duplex, Duration, Outgoing, StreamMachine, StreamMemory};
use http::exchange::{self, Reason, SendError};
use http::{Fields, Method, RequestHead, ResponseHead, Status};

#[test]
fn a_request_and_its_answer() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &GET, ends());
    let (number, head) = rogue.request();
    assert_eq!(
        (head.method.clone(), head.path(), head.authority.as_ref().unwrap().as_str()),
        (Method::Get, "/x", "a.example")
    );
    assert_eq!(rogue.events(), [Event::Exchange(number, exchange::Event::Finished)]);
    rogue.machine.send_informational(number, &ResponseHead::new(Status::EARLY_HINTS)).unwrap();
    rogue.answer(number, Status::OK, b"hello");
    let frames = rogue.seen();
    assert_eq!(rogue.lines(&frames[0].clone()), [(":status".into(), "103".into())]);
    assert_eq!(rogue.lines(&frames[1].clone()), [(":status".into(), "200".into())]);
    assert_eq!((frames[2].kind, frames[2].flags, &*frames[2].payload), (Kind::Data, END_STREAM, &b"hello"[..]));
    assert_eq!((frames.len(), rogue.machine.exchange_count()), (3, 0));
}

#[test]
fn content_and_trailers_both_ways() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    rogue.frame(Kind::Data, 0, 1, b"hello ");
    rogue.frame(Kind::Data, 0, 1, b"world");
    rogue.headers(1, &[("sum", "7")], ends());
    let (number, _) = rogue.request();
    assert_eq!(rogue.content(number), b"hello world");
    let mut trailers = Fields::new();
    trailers.push("sum", "7").unwrap();
    let told = [exchange::Event::Body, exchange::Event::Trailers(trailers.clone()), exchange::Event::Finished];
    assert_eq!(rogue.events(), told.map(|event| Event::Exchange(number, event)));
    let head = ResponseHead::new(Status::OK);
    let begun = rogue.machine.send_response(NOW, number, &head, &mut Bytes::from_static(b"abc"), false);
    assert_eq!(begun, Ok(Ok(false)));
    rogue.machine.send_trailers(NOW, number, &trailers).unwrap();
    assert_eq!(rogue.machine.finish(NOW, number), Err(SendError::Ended));
    let frames = rogue.seen();
    let kinds: Vec<(Kind, u8)> = frames.iter().map(|frame| (frame.kind, frame.flags & END_STREAM)).collect();
    assert_eq!(kinds, [(Kind::Headers, 0), (Kind::Data, 0), (Kind::Headers, END_STREAM)]);
    rogue.lines(&frames[0].clone());
    assert_eq!(rogue.lines(&frames[2].clone()), [("sum".into(), "7".into())]);
}

/// RFC 9113 section 5.2.1-2, 6.5.3-1, 6.5.3-2, 6.9.1-1, 6.9.1-2, 6.9.2-1, 6.9.2-2, 6.9.2-3.
#[test]
fn windows_are_kept_when_sending() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 10]);
    rogue.headers(1, &GET, ends());
    let (number, _) = rogue.request();
    let mut data = Bytes::from(alloc::vec![b'x'; 25]);
    let head = ResponseHead::new(Status::OK);
    rogue.machine.send_response(NOW, number, &head, &mut data, true).unwrap().unwrap();
    let sent = |rogue: &mut Rogue| {
        let frames = rogue.seen();
        let data = frames.iter().filter(|frame| frame.kind == Kind::Data);
        data.map(|frame| (frame.payload.len(), frame.flags)).collect::<Vec<_>>()
    };
    assert_eq!(sent(&mut rogue), [(10, 0)]);
    // Below zero, and back.
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 3]);
    rogue.frame(Kind::WindowUpdate, 0, 1, &[0, 0, 0, 7]);
    assert_eq!(sent(&mut rogue), []);
    rogue.frame(Kind::WindowUpdate, 0, 1, &[0, 0, 0, 5]);
    assert_eq!(sent(&mut rogue), [(5, 0)]);
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 13]);
    assert_eq!(sent(&mut rogue), [(10, END_STREAM)]);
    // An end needs no window.
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 0]);
    rogue.headers(3, &GET, ends());
    rogue.events();
    let number = crate::StreamNumber(3);
    rogue.machine.send_response(NOW, number, &head, &mut Bytes::new(), false).unwrap().unwrap();
    rogue.machine.finish(NOW, number).unwrap();
    assert_eq!(sent(&mut rogue), [(0, END_STREAM)]);
    // A setting that makes a window too large is a breach of the connection.
    rogue.headers(5, &POST, 0);
    rogue.frame(Kind::WindowUpdate, 0, 5, &[0, 0, 0, 1]);
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    rogue.assert_failed(crate::Violation::SettingWindow);
}

/// RFC 9113 section 6.9.1-1.
#[test]
fn the_window_of_the_connection_is_shared_and_room_is_told() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let head = ResponseHead::new(Status::OK);
    let (mut left, mut sent) = (Vec::new(), [0; 2]);
    for stream in [1, 3] {
        rogue.headers(stream, &GET, ends());
        let (number, _) = rogue.request();
        rogue.events();
        let mut data = Bytes::from(alloc::vec![b'x'; 100_000]);
        rogue.machine.send_response(NOW, number, &head, &mut data, true).unwrap().unwrap();
        assert_eq!(data.len(), 70_000, "as much as may wait");
        left.push((number, data));
    }
    assert_eq!(rogue.machine.room(left[0].0, 1000), Ok(0));
    let mut window = 65_535i64;
    for _ in 0..1000 {
        for frame in rogue.seen().iter().filter(|frame| frame.kind == Kind::Data) {
            window -= frame.payload.len() as i64;
            sent[(frame.stream / 2) as usize] += frame.payload.len();
        }
        assert!(window >= 0);
        for event in rogue.events() {
            if let Event::Exchange(number, exchange::Event::Writable) = event {
                let (_, data) = left.iter_mut().find(|(other, _)| *other == number).unwrap();
                rogue.machine.send_body(NOW, number, data).unwrap();
                if data.is_empty() {
                    rogue.machine.finish(NOW, number).unwrap();
                }
            }
        }
        if window < 2000 {
            window += 5000;
            rogue.frame(Kind::WindowUpdate, 0, 0, &5000u32.to_be_bytes());
        }
    }
    assert_eq!((sent, rogue.machine.exchange_count()), ([100_000; 2], 0));
}

/// Of a peer that takes nothing the carrier holds one buffer, and nothing waits behind that: who reads content from elsewhere is told
/// of room when the carrier asks for more, and not when it has been given what there was.
#[test]
fn nothing_waits_behind_what_a_carrier_cannot_send() {
    let mut rogue = Rogue::client();
    rogue.machine = Connection::server(Config { limits: Limits::default(), ..CONFIG }, NOW);
    rogue.send(PREFACE);
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    rogue.frame(Kind::WindowUpdate, 0, 0, &[0x7f, 0, 0, 0]);
    rogue.headers(1, &GET, ends());
    let (number, _) = rogue.request();
    rogue.seen();
    let server = &mut rogue.machine;
    let (mut duplex, mut memory) = (Duplex::default(), StreamMemory::default());
    server.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut Bytes::new(), false).unwrap().unwrap();
    for round in 0..100 {
        while let room @ 1.. = server.room(number, 64 << 10).unwrap() {
            assert_eq!(room, 63 << 10, "large pieces");
            server.send_body(NOW, number, &mut Bytes::from(alloc::vec![b'x'; room])).unwrap();
        }
        assert!(duplex.transmit(NOW, server, &mut memory));
        assert_eq!(server.unsent(), 0, "all of it goes into one buffer");
        let writable = Some(Event::Exchange(number, exchange::Event::Writable));
        let told: Vec<_> = core::iter::from_fn(|| server.poll_event()).collect();
        assert!(!told.iter().any(|event| Some(event) == writable.as_ref()), "round {round}");
        // The carrier takes half of it and then nothing for a while.
        duplex.on_sent(duplex.to_send().len() / 2);
        assert!(duplex.transmit(NOW, server, &mut memory));
        assert_eq!(server.poll_event(), None, "nobody is told of it yet");
        duplex.on_sent(duplex.to_send().len());
        assert!(!duplex.transmit(NOW, server, &mut memory) && duplex.has_sent_all());
        assert_eq!(server.poll_event(), writable);
    }
}

/// RFC 9218 s10.
#[test]
fn urgent_responses_go_first_and_incremental_ones_take_turns() {
    let order = |priorities: [&'static str; 3]| {
        let mut rogue = Rogue::client();
        rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
        for (place, priority) in priorities.iter().enumerate() {
            let lines: Vec<_> = GET.iter().copied().chain([("priority", *priority)]).collect();
            rogue.headers(2 * place as u32 + 1, &lines, ends());
            let (number, _) = rogue.request();
            rogue.events();
            let mut data = Bytes::from(alloc::vec![0; 20_000]);
            rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
        }
        let frames = rogue.seen();
        frames.iter().filter(|frame| frame.kind == Kind::Data).map(|frame| frame.stream).collect::<Vec<_>>()
    };
    assert_eq!(order(["u=3", "u=1", "u=7"]), [3, 3, 1, 1, 5, 5]);
    assert_eq!(order(["", "", ""]), [1, 1, 3, 3, 5, 5]);
    assert_eq!(order(["i", "i", "i"]), [1, 3, 5, 1, 3, 5]);
    assert_eq!(order(["u=2, i", "u=1", "u=2, i"]), [3, 3, 1, 5, 1, 5]);
}

/// RFC 9218 s7.1.
#[test]
fn a_priority_can_change_while_the_response_is_sent() {
    let mut rogue = Rogue::client();
    for stream in [1, 3] {
        rogue.headers(stream, &GET, ends());
        let (number, _) = rogue.request();
        rogue.events();
        let mut data = Bytes::from(alloc::vec![0; 20_000]);
        rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
    }
    rogue.frame(Kind::PriorityUpdate, 0, 0, b"\0\0\0\x03u=0");
    let frames = rogue.seen();
    let streams: Vec<u32> = frames.iter().filter(|frame| frame.kind == Kind::Data).map(|frame| frame.stream).collect();
    assert_eq!(streams, [3, 3, 1, 1]);
}

/// RFC 9218 section 7.1-5.
#[test]
fn a_priority_can_come_before_its_request_and_there_are_not_more_than_streams() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::PriorityUpdate, 0, 0, b"\0\0\0\x03u=0");
    for stream in [1, 3] {
        let lines: Vec<_> = GET.iter().copied().chain([("priority", "u=5")]).collect();
        rogue.headers(stream, &lines, ends());
        let (number, _) = rogue.request();
        rogue.events();
        let mut data = Bytes::from(alloc::vec![0; 10_000]);
        rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut data, true).unwrap().unwrap();
    }
    let frames = rogue.seen();
    let mut streams: Vec<u32> =
        frames.iter().filter(|frame| frame.kind == Kind::Data).map(|frame| frame.stream).collect();
    streams.dedup();
    assert_eq!(streams, [3, 1]);
    for number in 0..5u32 {
        rogue.frame(Kind::PriorityUpdate, 0, 0, &[&(2 * number + 5).to_be_bytes()[..], b"u=1"].concat());
    }
    rogue.frame(Kind::PriorityUpdate, 0, 0, &[&15u32.to_be_bytes()[..], b"u=1"].concat());
    rogue.assert_failed(crate::Violation::PriorityStream);
}

/// RFC 9113 section 6.9-5.
#[test]
fn windows_are_given_back_as_content_is_read_and_enforced() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    for _ in 0..10 {
        rogue.frame(Kind::Data, 0, 1, &[0; 10_000]);
    }
    assert!(rogue.seen().is_empty(), "nothing was read, and nothing is given back");
    assert_eq!(rogue.content(number).len(), 100_000);
    let frames = rogue.seen();
    let given: Vec<(u32, u32)> =
        frames.iter().map(|frame| (frame.stream, u32::from_be_bytes(frame.payload[..].try_into().unwrap()))).collect();
    assert_eq!(given.iter().filter(|(stream, _)| *stream == 1).map(|(_, credit)| credit).sum::<u32>(), 100_000);
    assert_eq!(given.iter().filter(|(stream, _)| *stream == 0).map(|(_, credit)| credit).sum::<u32>(), 100_000);
    for _ in 0..10 {
        rogue.frame(Kind::Data, 0, 1, &[0; 10_000]);
    }
    rogue.frame(Kind::Data, 0, 1, &[0; 1]);
    rogue.assert_reset(1, crate::Violation::WindowExceeded.code());
    // What was held is given back with the stream: others can use it.
    rogue.headers(3, &POST, 0);
    for _ in 0..10 {
        rogue.frame(Kind::Data, 0, 3, &[0; 10_000]);
    }
    let told = rogue.events();
    assert!(!told.iter().any(|event| matches!(event, Event::Closed(_))), "{told:?}");
    // The window of the connection is all streams' together.
    let mut rogue = Rogue::client();
    for stream in [1, 3] {
        rogue.headers(stream, &POST, 0);
        for _ in 0..10 {
            rogue.frame(Kind::Data, 0, stream, &[0; 10_000]);
        }
    }
    rogue.headers(5, &POST, 0);
    rogue.events();
    rogue.frame(Kind::Data, 0, 5, &[0; 1]);
    rogue.assert_failed(crate::Violation::ConnectionWindowExceeded);
}

/// RFC 9113 section 8.1-6.
#[test]
fn a_client_is_told_that_the_rest_is_not_needed() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    rogue.machine.stop_receiving(NOW, number);
    rogue.frame(Kind::Data, 0, 1, b"more");
    rogue.answer(number, Status::CONTENT_TOO_LARGE, b"no");
    let frames = rogue.seen();
    let kinds: Vec<Kind> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Headers, Kind::Data, Kind::WindowUpdate], "it may stop by itself");
    rogue.frame(Kind::Data, 0, 1, b"on its way");
    let deadline = rogue.machine.deadline().unwrap();
    assert_eq!((deadline - NOW).as_secs(), 2);
    rogue.machine.on_timeout(deadline);
    let reset = rogue.seen().pop().unwrap();
    assert_eq!((reset.kind, reset.payload), (Kind::RstStream, NO_ERROR.to_be_bytes().to_vec()));
    rogue.frame(Kind::Data, 0, 1, b"still on its way");
    assert_eq!(rogue.machine.exchange_count(), 0);
    // One that has said all meanwhile is not reset.
    rogue.headers(3, &POST, 0);
    let (number, _) = rogue.request();
    rogue.machine.stop_receiving(NOW, number);
    rogue.answer(number, Status::CONTENT_TOO_LARGE, b"no");
    rogue.frame(Kind::Data, ends(), 3, b"the end");
    assert!(rogue.seen().iter().all(|frame| frame.kind != Kind::RstStream));
    assert_eq!(rogue.machine.exchange_count(), 0);
}

/// A client that cannot stop gets credit for what nobody reads, up to a bound, as long as it goes on.
#[test]
fn the_rest_of_a_request_that_was_answered_can_be_sent() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    for _ in 0..10 {
        rogue.frame(Kind::Data, 0, 1, &[0; 10_000]);
    }
    rogue.answer(number, Status::OK, b"enough");
    rogue.machine.stop_receiving(NOW, number);
    let credit = |rogue: &mut Rogue| {
        let frames = rogue.seen().into_iter().filter(|frame| frame.kind == Kind::WindowUpdate && frame.stream == 1);
        frames.map(|frame| u32::from_be_bytes(frame.payload.try_into().unwrap())).sum::<u32>()
    };
    assert_eq!(credit(&mut rogue), 200_000, "what was held is gone, and the connection has room for as much again");
    for _ in 0..15 {
        rogue.frame(Kind::Data, 0, 1, &[0; 10_000]);
    }
    assert_eq!(credit(&mut rogue), 150_000);
    rogue.frame(Kind::Data, 0, 1, &[0; 60_000]);
    assert_eq!(credit(&mut rogue), 0, "that is more than is thrown away for one request");
    rogue.frame(Kind::Data, ends(), 1, b"the end");
    assert!(rogue.seen().iter().all(|frame| frame.kind != Kind::RstStream));
    assert_eq!(rogue.machine.exchange_count(), 0);
}

/// What comes is to come at the least rate, and after no long pause.
#[test]
fn the_rest_of_a_request_is_not_waited_for_long() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    rogue.answer(number, Status::OK, b"enough");
    rogue.machine.stop_receiving(NOW, number);
    rogue.seen();
    let millis = |rogue: &Rogue| (rogue.machine.deadline().unwrap() - NOW).as_millis();
    assert_eq!(millis(&rogue), 2000);
    let data = |rogue: &mut Rogue, after: u64, len: usize| {
        let mut bytes = Vec::new();
        crate::frame::push(&mut bytes, Kind::Data, 0, 1, &alloc::vec![0; len]);
        assert_eq!(rogue.machine.receive(NOW + Duration::from_millis(after), &mut bytes), bytes.len());
    };
    data(&mut rogue, 1000, 1);
    assert_eq!(millis(&rogue), 2010, "a byte earns a hundredth of a second");
    data(&mut rogue, 1500, 10_000);
    assert_eq!(millis(&rogue), 3500);
    rogue.machine.on_timeout(NOW + Duration::from_millis(3500));
    assert_eq!(rogue.seen().pop().unwrap().payload, NO_ERROR.to_be_bytes());
}

#[test]
fn either_side_gives_up_an_exchange() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    let (number, _) = rogue.request();
    rogue.machine.reset(NOW, number, Reason::Internal);
    rogue.assert_reset(1, INTERNAL_ERROR);
    rogue.headers(3, &POST, 0);
    let (number, _) = rogue.request();
    rogue.frame(Kind::RstStream, 0, 3, &CANCEL.to_be_bytes());
    let told = [exchange::Event::Stopped(Reason::Cancelled), exchange::Event::Reset(Reason::Cancelled)];
    assert_eq!(rogue.events(), told.map(|event| Event::Exchange(number, event)));
    let answered = rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut Bytes::new(), true);
    assert_eq!(answered, Err(SendError::Ended));
    assert!(rogue.seen().is_empty());
}

/// RFC 9113 section 6.8-2, 6.8-7, 6.8-8.
#[test]
fn a_server_ends_in_two_steps() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &GET, ends());
    let (number, _) = rogue.request();
    rogue.machine.drain(NOW);
    let goaway = |rogue: &mut Rogue| {
        let frames = rogue.seen();
        let goaway = frames.iter().find(|frame| frame.kind == Kind::GoAway).expect("a GOAWAY");
        u32::from_be_bytes(goaway.payload[..4].try_into().unwrap())
    };
    assert_eq!(goaway(&mut rogue), MAX_31);
    rogue.headers(3, &GET, ends());
    rogue.events();
    let deadline = rogue.machine.deadline().unwrap();
    rogue.machine.on_timeout(deadline);
    assert_eq!(goaway(&mut rogue), 3, "one that was on its way is taken");
    rogue.headers(5, &GET, ends());
    assert_eq!(rogue.machine.exchange_count(), 2);
    rogue.answer(number, Status::OK, b"");
    rogue.answer(crate::StreamNumber(3), Status::OK, b"");
    rogue.seen();
    assert!(rogue.events().contains(&Event::Closed(Closing::Done)));
    assert_eq!(rogue.machine.transmit(NOW, &mut [0; 100]), Outgoing::Nothing, "it has ended");
}

/// RFC 9113 section 6.8-1.
#[test]
fn a_client_learns_what_was_not_processed() {
    let get = RequestHead::get("https://a.example/").unwrap();
    let mut rogue = Rogue::server();
    let ask = |rogue: &mut Rogue| rogue.machine.send_request(NOW, &get, &mut Bytes::new(), true);
    let (first, second) = (ask(&mut rogue).unwrap(), ask(&mut rogue).unwrap());
    rogue.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let rejected = Event::Exchange(second, exchange::Event::Reset(Reason::Rejected));
    assert_eq!(rogue.events(), [Event::GoingAway, rejected]);
    assert_eq!(ask(&mut rogue), Err(SendError::GoingAway));
    rogue.seen();
    rogue.headers(1, &[(":status", "204")], ends());
    let told = rogue.events();
    assert!(matches!(&told[0], Event::Exchange(number, exchange::Event::Response(_)) if *number == first), "{told:?}");
    assert_eq!(told.last(), Some(&Event::Closed(Closing::Done)));
}

/// RFC 9113 section 5.1.2-1.
#[test]
fn a_client_keeps_the_number_of_streams() {
    let get = RequestHead::get("https://a.example/").unwrap();
    let mut rogue = Rogue::server();
    rogue.frame(Kind::Settings, 0, 0, &[0, 3, 0, 0, 0, 1]);
    let ask = |rogue: &mut Rogue| rogue.machine.send_request(NOW, &get, &mut Bytes::new(), true);
    ask(&mut rogue).unwrap();
    assert_eq!(ask(&mut rogue), Err(SendError::Blocked));
    rogue.headers(1, &[(":status", "200"), ("content-length", "0")], ends());
    assert!(rogue.events().contains(&Event::Available));
    assert_eq!(ask(&mut rogue).map(|number| number.value()), Ok(3));
}

/// RFC 8441 section 3-1, 4-2.
/// RFC 9113 section 8.5-2.
#[test]
fn an_extended_connect_opens_a_tunnel() {
    let head = RequestHead::extended_connect("websocket", "https://a.example/chat").unwrap();
    let mut rogue = Rogue::server();
    let refused = rogue.machine.send_request(NOW, &head, &mut Bytes::new(), false);
    assert_eq!(refused, Err(SendError::NoExtendedConnect));
    let mut early = Connection::client(Config::default());
    let blocked = early.send_request(NOW, &head, &mut Bytes::new(), false);
    assert_eq!(blocked, Err(SendError::Blocked), "the settings say whether it goes");
    rogue.frame(Kind::Settings, 0, 0, &[0, 8, 0, 0, 0, 1]);
    let number = rogue.machine.send_request(NOW, &head, &mut Bytes::new(), false).unwrap();
    rogue.headers(number.value(), &[(":status", "200")], 0);
    rogue.frame(Kind::Data, 0, number.value(), b"from");
    assert_eq!(rogue.content(number), b"from");
    rogue.machine.send_body(NOW, number, &mut Bytes::from_static(b"to")).unwrap();
    assert_eq!(rogue.seen().last().map(|frame| frame.payload.clone()), Some(b"to".to_vec()));
    let mut rogue = Rogue::client();
    let lines: Vec<_> =
        [(":method", "CONNECT"), (":protocol", "websocket")].into_iter().chain(GET[1..].iter().copied()).collect();
    rogue.headers(1, &lines, 0);
    let (number, head) = rogue.request();
    assert_eq!(head.protocol.unwrap().as_str(), "websocket");
    let opened = rogue.machine.send_response(NOW, number, &ResponseHead::new(Status::OK), &mut Bytes::new(), false);
    assert_eq!(opened, Ok(Ok(false)));
    rogue.frame(Kind::Data, 0, 1, b"x");
    assert_eq!(rogue.content(number), b"x");
    // Nothing else goes through a tunnel.
    rogue.seen();
    rogue.headers(1, &[("sum", "1")], ends());
    rogue.assert_reset(1, crate::error_code::PROTOCOL_ERROR);
}

/// RFC 9113 section 4.3-1, 6.2-3, 8.1-2.
#[test]
fn large_heads_go_in_several_frames() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &GET, ends());
    let (number, _) = rogue.request();
    let value = "y".repeat(40_000);
    let head = ResponseHead::new(Status::OK).with_field("a", &value).unwrap();
    rogue.machine.send_response(NOW, number, &head, &mut Bytes::new(), true).unwrap().unwrap();
    let frames = rogue.seen();
    let kinds: Vec<(Kind, u8)> = frames.iter().map(|frame| (frame.kind, frame.flags)).collect();
    assert_eq!(kinds[0], (Kind::Headers, END_STREAM));
    assert!(kinds.len() > 1 && kinds[1..kinds.len() - 1].iter().all(|kind| *kind == (Kind::Continuation, 0)));
    assert_eq!(kinds.last(), Some(&(Kind::Continuation, crate::frame::END_HEADERS)));
    let block = frames.iter().flat_map(|frame| frame.payload.clone()).collect();
    let whole = super::Seen { kind: Kind::Headers, flags: 4, stream: 1, payload: block };
    assert_eq!(rogue.lines(&whole)[1].1, value);
    rogue.headers(3, &GET, ends());
    rogue.frame(Kind::Settings, 0, 0, &[0, 6, 0, 0, 4, 0]);
    rogue.events();
    let sent = rogue.machine.send_response(NOW, crate::StreamNumber(3), &head, &mut Bytes::new(), true);
    assert_eq!(sent, Err(SendError::TooLarge), "more than the peer takes");
}

#[test]
fn a_peer_that_leaves() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    rogue.headers(3, &GET, ends());
    let (number, _) = rogue.request();
    rogue.machine.on_end(NOW, b"");
    let told = rogue.events();
    assert!(told.contains(&Event::Exchange(number, exchange::Event::Reset(Reason::Incomplete))), "{told:?}");
    rogue.answer(crate::StreamNumber(3), Status::OK, b"still answered");
    assert!(rogue.seen().iter().any(|frame| frame.payload == b"still answered"));
    assert_eq!(rogue.events().last(), Some(&Event::Closed(Closing::Done)));
    let mut cut = Connection::server(CONFIG, NOW);
    cut.on_reset(NOW);
    assert_eq!(cut.poll_event(), Some(Event::Closed(Closing::Reset)));
    assert_eq!(cut.deadline(), None);
}
