//! What was published against HTTP/2, each under its name.

use super::{GET, POST, Rogue, ends};
use crate::Violation;
use crate::error_code::CANCEL;
use crate::frame::{ACK, END_HEADERS, Kind};
use http::Status;

/// Sends until the connection has failed with this violation, at most `most` times: how often it was.
fn until_failed(rogue: &mut Rogue, most: u32, expected: Violation, mut send: impl FnMut(&mut Rogue, u32)) -> u32 {
    for round in 0..most {
        send(rogue, round);
        for event in rogue.events() {
            if let crate::Event::Closed(closing) = event {
                assert_eq!(closing, crate::Closing::Violation(expected));
                return round;
            }
        }
    }
    panic!("it goes on after {most} times");
}

/// CVE-2023-44487: requests that are cancelled at once.
#[test]
fn cve_2023_44487_rapid_reset() {
    let mut rogue = Rogue::client();
    let rounds = until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, round| {
        rogue.headers(2 * round + 1, &GET, ends());
        rogue.frame(Kind::RstStream, 0, 2 * round + 1, &CANCEL.to_be_bytes());
    });
    assert_eq!(rounds, 50, "as many as were said");
}

/// CVE-2025-8671: requests that the server is made to reset itself.
#[test]
fn cve_2025_8671_made_you_reset() {
    let mut rogue = Rogue::client();
    let rounds = until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, round| {
        rogue.headers(2 * round + 1, &GET, ends());
        rogue.frame(Kind::WindowUpdate, 0, 2 * round + 1, &[0; 4]);
    });
    assert_eq!(rounds, 50);
}

/// CVE-2024-27316 and its kin: a block of fields that never ends.
#[test]
fn cve_2024_27316_continuation_flood() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Headers, 0, 1, &[0x82]);
    until_failed(&mut rogue, 100, Violation::BlockTooLarge, |rogue, _| {
        rogue.frame(Kind::Continuation, 0, 1, &[0; 9000]);
    });
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Headers, 0, 1, &[0x82]);
    until_failed(&mut rogue, 100, Violation::BlockTooLarge, |rogue, _| rogue.frame(Kind::Continuation, 0, 1, &[]));
}

/// CVE-2016-6581: a line in the table that is referred to without end. What it unfolds to is bounded, and nothing of it is held.
#[test]
fn cve_2016_6581_hpack_bomb() {
    let mut rogue = Rogue::client();
    let bomb = "x".repeat(900);
    let lines: alloc::vec::Vec<_> = GET.iter().copied().chain(core::iter::repeat_n(("bomb", &*bomb), 10_000)).collect();
    let block = rogue.block(&lines);
    assert!(block.len() < 12_000);
    rogue.frame(Kind::Headers, END_HEADERS | ends(), 1, &block);
    assert_eq!(rogue.events(), [crate::Event::Refused(Violation::FieldsTooLarge)]);
}

/// CVE-2019-9512: pings, whose answers are not taken or are.
#[test]
fn cve_2019_9512_ping_flood() {
    let mut rogue = Rogue::client();
    let taken = until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, _| {
        rogue.frame(Kind::Ping, 0, 0, &[0; 8]);
        rogue.seen();
    });
    assert_eq!(taken, 50);
}

/// CVE-2019-9515: settings.
#[test]
fn cve_2019_9515_settings_flood() {
    let mut rogue = Rogue::client();
    assert_eq!(
        until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, _| rogue.frame(Kind::Settings, 0, 0, &[])),
        50
    );
}

/// CVE-2019-9518: frames that carry nothing.
#[test]
fn cve_2019_9518_empty_frames_flood() {
    let mut rogue = Rogue::client();
    rogue.headers(1, &POST, 0);
    assert_eq!(until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, _| rogue.frame(Kind::Data, 0, 1, &[])), 50);
    let mut rogue = Rogue::client();
    assert_eq!(
        until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, _| rogue.frame(Kind::Unknown, 0, 1, &[])),
        50
    );
    let mut rogue = Rogue::client();
    assert_eq!(
        until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, _| rogue.frame(Kind::Priority, 0, 1, &[0; 5])),
        50
    );
}

/// CVE-2019-9514: streams that the server has to reset for what is sent on them.
#[test]
fn cve_2019_9514_reset_flood() {
    let mut rogue = Rogue::client();
    let bad = [(":method", "GET")];
    let rounds =
        until_failed(&mut rogue, 1000, Violation::Glitches, |rogue, round| rogue.headers(2 * round + 1, &bad, ends()));
    assert_eq!(rounds, 50);
}

/// CVE-2019-9511 and CVE-2019-9517: windows that let out a byte at a time, or nothing: what is held for the peer is bounded.
#[test]
fn cve_2019_9511_data_dribble() {
    let mut rogue = Rogue::client();
    rogue.frame(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut held = 0;
    for place in 0..5 {
        rogue.headers(2 * place + 1, &GET, ends());
        let (number, _) = rogue.request();
        rogue.events();
        let head = http::ResponseHead::new(Status::OK);
        let mut data = base::Bytes::from(alloc::vec![0; 1 << 20]);
        rogue.machine.send_response(super::NOW, number, &head, &mut data, true).unwrap().unwrap();
        held += (1 << 20) - data.len();
    }
    assert_eq!(held, 2 * 30_000 + 3 * 16_384, "a shared part, and a little for each");
}

/// Answers that are asked for and not taken.
#[test]
fn answers_that_are_not_taken_are_bounded() {
    let mut rogue = Rogue::client();
    let config = crate::Config { limits: crate::Limits { glitches: 10_000, ..super::CONFIG.limits }, ..super::CONFIG };
    rogue.machine = crate::Connection::server(config, super::NOW);
    rogue.send(super::PREFACE);
    rogue.frame(Kind::Settings, 0, 0, &[]);
    let rounds = until_failed(&mut rogue, 1000, Violation::NotTaken, |rogue, _| rogue.frame(Kind::Ping, 0, 0, &[0; 8]));
    assert!((100..130).contains(&rounds), "2000 bytes of them: {rounds}");
    rogue.frame(Kind::Settings, ACK, 0, &[]);
}

/// Honest clients never come near the budget.
#[test]
fn requests_that_end_well_earn_the_budget_back() {
    let mut rogue = Rogue::client();
    for round in 0..500 {
        rogue.headers(2 * round + 1, &GET, ends());
        let (number, _) = rogue.request();
        rogue.answer(number, Status::OK, b"");
        rogue.frame(Kind::Ping, 0, 0, &[0; 8]);
        rogue.frame(Kind::Priority, 0, 1, &[0; 5]);
        rogue.seen();
        let told = rogue.events();
        assert!(!told.iter().any(|event| matches!(event, crate::Event::Closed(_))), "{told:?}");
    }
}
