//! Two ends on virtual time, over a link with delay whose pieces are of any size, that is cut or goes silent at every moment.

use super::*;
use sim::{ByteLinkConfig, StreamHandle, World};

/// What is said, and how long that takes.
const MESSAGES: usize = 6;
const WHOLE: u64 = 200;

/// Two ends, what the client has got back, and how both learnt of the end.
struct Talk {
    world: World,
    client: StreamHandle<Connection>,
    server: StreamHandle<Connection>,
    echoed: usize,
    ends: [Option<Closing>; 2],
}

impl Talk {
    fn new(seed: u64) -> Talk {
        let mut world = World::new(seed);
        let link = ByteLinkConfig::new(Duration::from_millis(10)).with_pieces(1, 90);
        let mut first = client();
        first.send(NOW, message(0)).unwrap();
        let (client, server) = world.streams().connect(first, server(), link);
        Talk { world, client, server, echoed: 0, ends: [None, None] }
    }

    /// The client sends, the server sends back, and the client closes when it has got all.
    fn run_until(&mut self, until: Instant) {
        let Talk { world, client, server, echoed, ends } = self;
        let mut pump = |world: &mut World| {
            let now = world.now();
            run_client(world.streams().machine_mut(*client), now, echoed, &mut ends[0]);
            run_server(world.streams().machine_mut(*server), now, &mut ends[1]);
            false
        };
        world.run_until(until, &mut pump);
        pump(world);
    }
}

fn run_client(client: &mut Connection, now: Instant, echoed: &mut usize, end: &mut Option<Closing>) {
    while let Some(event) = client.poll_event(now) {
        match event {
            Event::Message(got) => {
                assert_eq!(got, message(*echoed));
                *echoed += 1;
                if *echoed == MESSAGES {
                    client.close(now, Close::new(CloseCode::NORMAL, "all"));
                } else {
                    client.send(now, message(*echoed)).unwrap();
                }
            }
            Event::Room => {}
            Event::Closed(closing) => *end = Some(closing),
        }
    }
}

fn run_server(server: &mut Connection, now: Instant, end: &mut Option<Closing>) {
    while let Some(event) = server.poll_event(now) {
        match event {
            Event::Message(got) => drop(server.send(now, got)),
            Event::Room => {}
            Event::Closed(closing) => *end = Some(closing),
        }
    }
}

fn message(number: usize) -> Message {
    Message::from("x".repeat(number * 90).as_str())
}

fn ms(count: u64) -> Instant {
    NOW + Duration::from_millis(count)
}

#[test]
fn a_conversation_ends_well_whatever_the_pieces() {
    for seed in 0..30 {
        let mut talk = Talk::new(seed);
        talk.run_until(ms(10_000));
        assert_eq!(talk.echoed, MESSAGES);
        let clean = |reason| Some(Closing::Clean(Close::new(CloseCode::NORMAL, reason)));
        assert_eq!(talk.ends, [clean(""), clean("all")]);
        for over in [talk.world.streams().over(talk.client), talk.world.streams().over(talk.server)] {
            assert!(over.is_some(), "seed {seed}: the stream has ended");
        }
    }
}

/// Neither end waits for ever, and none takes a part for the whole.
#[test]
fn a_connection_that_is_cut_at_any_moment_is_told_to_both() {
    for moment in 0..WHOLE {
        let mut talk = Talk::new(moment);
        talk.run_until(ms(moment));
        let client = talk.client;
        talk.world.streams().cut(ms(moment), client);
        talk.run_until(ms(60_000));
        check(&mut talk, moment);
    }
}

#[test]
fn a_connection_that_goes_silent_at_any_moment_is_noticed_by_both() {
    for of_client in [true, false] {
        for moment in 0..WHOLE {
            let mut talk = Talk::new(moment);
            talk.run_until(ms(moment));
            let (client, server) = (talk.client, talk.server);
            match of_client {
                true => talk.world.streams().silence(client),
                false => talk.world.streams().silence(server),
            }
            talk.run_until(ms(60_000));
            check(&mut talk, moment);
        }
    }
}

fn check(talk: &mut Talk, moment: u64) {
    for (handle, end) in [talk.client, talk.server].into_iter().zip(&talk.ends) {
        assert!(end.is_some(), "{moment}: somebody waits");
        let network = talk.world.streams();
        assert!(network.over(handle).is_some(), "{moment}: a stream goes on: {:?}", network.machine(handle));
    }
    let is_clean = |end: &Option<Closing>| matches!(end, Some(Closing::Clean(_)));
    if talk.ends.iter().any(is_clean) {
        assert_eq!(talk.echoed, MESSAGES, "{moment}: a clean end is the end of all");
    }
}
