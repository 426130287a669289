//! How it ends, and who counts as gone.

use super::*;
use crate::{SendError, Violation};
use base::{Demand, Outgoing};

fn output(connection: &mut Connection, now: Instant) -> Outgoing {
    connection.transmit(now, &mut [0; base::STREAM_UNIT])
}

/// RFC 6455 section 5.5.1-5, 5.5.1-6, 5.5.1-7, 5.5.1-9, 5.5.1-10, 7.1.1-3, 7.1.1-5, 7.1.2-1, 7.1.2-2.
#[test]
fn a_client_closes_and_the_server_ends_first() {
    let (mut client, mut server) = (client(), server());
    client.send(NOW, "last".into()).unwrap();
    client.close(NOW, Close::new(CloseCode::NORMAL, "done"));
    assert_eq!(client.send(NOW, "late".into()), Err(SendError::Closed));
    let bytes = sent(&mut client);
    assert!(!client.wants_end(), "the peer has not answered");
    assert_eq!(feed(&mut server, &bytes, 5), [text("last"), closed(CloseCode::NORMAL, "done")]);
    assert_eq!(server.send(NOW, "late".into()), Err(SendError::Closed));
    assert!(!server.wants_end(), "its answer was not sent");
    let answer = sent(&mut server);
    assert_eq!(answer, plain(0x88, &close(1000, b"")), "the code goes back");
    assert_eq!(output(&mut server, NOW), Outgoing::End);
    assert_eq!(feed(&mut client, &answer, 5), [closed(CloseCode::NORMAL, "")]);
    assert_eq!(output(&mut client, NOW), Outgoing::Nothing, "the server ends the stream first");
    client.on_end(NOW, b"");
    assert_eq!(output(&mut client, NOW), Outgoing::End);
    server.on_end(NOW, b"");
    assert_eq!((client.deadline(), server.deadline()), (None, None));
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let mut server = server();
    let unsaid = Event::Closed(Closing::Clean(Close::unsaid()));
    assert_eq!(feed(&mut server, &masked(0x88, b""), 5), [unsaid]);
    assert_eq!(sent(&mut server), plain(0x88, b""));
}

#[test]
fn both_may_close_at_once() {
    let (mut client, mut server) = (client(), server());
    client.close(NOW, Close::new(CloseCode::NORMAL, ""));
    server.close(NOW, Close::new(CloseCode::RESTART, ""));
    let (of_client, of_server) = (sent(&mut client), sent(&mut server));
    assert_eq!(feed(&mut client, &of_server, 5), [closed(CloseCode::RESTART, "")]);
    assert_eq!(feed(&mut server, &of_client, 5), [closed(CloseCode::NORMAL, "")]);
    assert_eq!((sent(&mut client).len(), sent(&mut server).len()), (0, 0), "one Close each");
    assert!(server.wants_end());
}

/// Messages that were sent before go first; what comes until the answer is still told.
#[test]
fn messages_come_until_the_answer() {
    let mut server = server();
    server.close(NOW, Close::new(CloseCode::GOING_AWAY, ""));
    sent(&mut server);
    let bytes = [masked(0x81, b"still"), masked(0x89, b"?"), masked(0x88, &close(1001, b"")), masked(0x81, b"no")];
    assert_eq!(feed(&mut server, &bytes.concat(), 3), [text("still"), closed(CloseCode::GOING_AWAY, "")]);
    assert_eq!(sent(&mut server), b"", "and no Pong after a Close");
}

#[test]
fn what_nobody_reads_is_dropped() {
    let mut server = server();
    server.take(NOW, &masked(0x81, b"held"));
    server.stop_reading();
    assert_eq!(feed(&mut server, &masked(0x81, b"dropped"), 3), []);
    assert_eq!((server.held(), server.demand()), (0, Demand::More));
    assert_eq!(feed(&mut server, &masked(0x88, &close(1000, b"")), 3), [closed(CloseCode::NORMAL, "")]);
}

/// RFC 6455 section 5.5.1-8: the frame that is being sent is sent whole, and nothing behind it.
#[test]
fn a_close_that_comes_cuts_what_waits() {
    for fragment in [100, 3_000] {
        let limits = Limits { fragment, max_unsent: 10_000, ..CONFIG.limits };
        for mut sender in [Connection::server(Config { limits, ..CONFIG }, NOW), client_of(Config { limits, ..CONFIG })]
        {
            let is_client = alloc::format!("{sender:?}").contains("Keys");
            sender.send(NOW, Vec::from([7; 4_000]).into()).unwrap();
            sender.send(NOW, "behind".into()).unwrap();
            let mut bytes = sender.next(NOW, 500).unwrap().to_vec();
            let said = close(1000, b"");
            let frame = if is_client { plain(0x88, &said) } else { masked(0x88, &said) };
            assert_eq!(feed(&mut sender, &frame, 100), [closed(CloseCode::NORMAL, "")]);
            bytes.extend(sent(&mut sender));
            assert!(bytes.len() < 3_100, "{fragment}: {}", bytes.len());
            let mut receiver = match is_client {
                true => Connection::server(Config::default(), NOW),
                false => client_of(Config::default()),
            };
            assert_eq!(feed(&mut receiver, &bytes, 99), [closed(CloseCode::NORMAL, "")], "{fragment}");
        }
    }
}

/// RFC 6455 section 7.2.1-2.
#[test]
fn a_stream_that_ends_or_is_cut_is_told() {
    for cut in [false, true] {
        for before in [&b""[..], &masked(0x01, b"Hel"), &masked(0x81, b"Hello")[..3]] {
            let mut server = server();
            assert_eq!(feed(&mut server, before, 100), []);
            if cut {
                server.on_reset(NOW);
                assert_eq!(server.demand(), Demand::Reset);
            } else {
                server.on_end(NOW, b"");
                assert_eq!(sent(&mut server)[..4], [0x88, 2 + 38, 0x03, 0xea]);
                assert_eq!(output(&mut server, NOW), Outgoing::End);
            }
            assert_eq!(server.poll_event(NOW), Some(Event::Closed(Closing::BrokenOff)));
            assert_eq!((server.poll_event(NOW), server.deadline()), (None, None));
        }
    }
}

/// RFC 6455 section 5.5.2-4.
#[test]
fn a_peer_that_is_silent_is_pinged_and_then_gone() {
    let mut server = server();
    assert_eq!(server.deadline(), Some(NOW + Duration::from_secs(10)));
    at(&mut server, 9);
    assert_eq!(sent(&mut server), b"");
    at(&mut server, 10);
    assert_eq!(sent(&mut server), plain(0x89, b""));
    assert_eq!(server.deadline(), Some(NOW + Duration::from_secs(15)));
    at(&mut server, 15);
    assert_eq!(server.poll_event(NOW), Some(Event::Closed(Closing::Silent)));
    assert_eq!((server.demand(), server.deadline()), (Demand::Reset, None));
}

/// A byte is a sign of life.
#[test]
fn a_peer_that_says_anything_is_there() {
    let mut server = server();
    let now = at(&mut server, 10);
    sent(&mut server);
    server.take(now + Duration::from_secs(4), &masked(0x8a, b"")[..1]);
    assert_eq!(server.deadline(), Some(NOW + Duration::from_secs(24)));
    at(&mut server, 16);
    assert_eq!((server.poll_event(NOW), server.demand()), (None, Demand::More));
}

/// While a message waits for the application, nothing of the peer is read: that is not its silence.
#[test]
fn who_is_not_read_is_not_blamed() {
    let mut server = server();
    server.take(NOW, &masked(0x81, b"a"));
    assert_eq!(server.deadline(), None);
    at(&mut server, 1_000);
    let now = NOW + Duration::from_secs(1_000);
    assert_eq!(server.poll_event(now), Some(text("a")));
    assert_eq!(server.deadline(), Some(now + Duration::from_secs(10)));
}

/// A peer that talks and takes nothing.
#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    let mut server = server();
    server.send(NOW, "a".into()).unwrap();
    for second in 1..5 {
        server.take(NOW + Duration::from_secs(second), &masked(0x8a, b""));
        at(&mut server, second);
        assert_eq!(server.closing(), None);
    }
    at(&mut server, 5);
    assert_eq!(server.closing(), Some(&Closing::Silent));
    // One that takes a little at a time is slow, and no more than that.
    let mut server = super::server();
    server.send(NOW, "abc".into()).unwrap();
    let piece = server.next(NOW, 500).unwrap().len();
    for place in 0..piece {
        let now = NOW + Duration::from_secs(4 * place as u64);
        server.take(now, &masked(0x8a, b""));
        server.on_written(now, piece - place, piece - place - 1);
        server.on_timeout(now + Duration::from_secs(4));
    }
    assert_eq!(server.closing(), None);
}

/// RFC 6455 section 7.1.1-4: a peer that does not answer a Close, or that does not end after it.
#[test]
fn an_end_that_does_not_come_is_waited_for_so_long() {
    let mut unanswered = server();
    unanswered.close(NOW, Close::new(CloseCode::NORMAL, ""));
    sent(&mut unanswered);
    // It goes on sending meanwhile.
    for second in 1..5 {
        unanswered.take(NOW + Duration::from_secs(second), &masked(0x81, b"x"));
        unanswered.poll_event(NOW);
        at(&mut unanswered, second);
    }
    assert_eq!(unanswered.deadline(), Some(NOW + Duration::from_secs(5)));
    at(&mut unanswered, 5);
    assert_eq!((unanswered.closing(), unanswered.demand()), (Some(&Closing::Silent), Demand::Reset));

    let mut endless = client();
    endless.close(NOW, Close::new(CloseCode::NORMAL, ""));
    sent(&mut endless);
    feed(&mut endless, &plain(0x88, &close(1000, b"")), 100);
    at(&mut endless, 5);
    assert_eq!(endless.demand(), Demand::Reset);
    let clean = Closing::Clean(Close::new(CloseCode::NORMAL, ""));
    assert_eq!(endless.closing(), Some(&clean), "all was said");
}

/// A breach while an answer to our Close is waited for.
#[test]
fn a_breach_after_our_close_ends_it() {
    let mut server = server();
    server.close(NOW, Close::new(CloseCode::NORMAL, ""));
    sent(&mut server);
    let breach = Closing::Violation(Violation::UnknownOpcode);
    assert_eq!(feed(&mut server, &[0x83], 1), [Event::Closed(breach)]);
    assert_eq!((sent(&mut server), server.wants_end()), (Vec::new(), true));
}

#[test]
fn no_time_limit_is_none() {
    let times = Times { ping_after: Duration::MAX, patience: Duration::MAX };
    let mut server = Connection::server(Config { times, ..CONFIG }, NOW);
    server.send(NOW, "a".into()).unwrap();
    assert_eq!(server.deadline(), None);
}
