//! A client by hand, which sends what it likes from where it likes, against a real server.

use adversary::heap::Meter;
use adversary::{Options, PLAIN, Peer, Stage, THERE, Tweak, encode, push};
use base::Side::{Client, Server};
use base::{Bytes, Direction, Duration, FourTuple, StreamId};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::OneRtt;
use quic::{Event, StreamEvent, Violation};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The client's host at another port, or another host.
fn port(port: u16) -> FourTuple {
    from(SocketAddr::from(([192, 0, 2, 9], port)))
}

fn host(host: u8) -> FourTuple {
    from(SocketAddr::from(([198, 51, 100, host], 40_000)))
}

fn from(remote: SocketAddr) -> FourTuple {
    FourTuple { local: THERE.parse().unwrap(), remote }
}

fn new_id(number: u64, retire_prior_to: u64) -> Vec<u8> {
    encode(&Frame::NewConnectionId {
        sequence_number: number,
        retire_prior_to,
        connection_id: ConnectionId::new(&[number as u8 + 1; 8]).unwrap(),
        reset_token: ResetToken([number as u8 + 1; 16]),
    })
}

const PING: &[u8] = &[1];

/// One packet of the server's: where it went, to which ID, how large its datagram was, and its frames.
struct Sent {
    to: FourTuple,
    id: Vec<u8>,
    len: usize,
    challenges: Vec<[u8; 8]>,
    responses: Vec<[u8; 8]>,
    is_probe: bool,
}

/// A client whose server is established, and what it does.
struct Script {
    peer: Peer,
    /// Another of the server's IDs for each move that is made on purpose.
    ids: Vec<ConnectionId>,
}

impl Script {
    fn new() -> Script {
        Script::with(Options::default())
    }

    fn with(options: Options) -> Script {
        let mut peer = Peer::with(Server, Stage::Established, options);
        let ids = peer.frames(|_, frame| match frame {
            Frame::NewConnectionId { connection_id, .. } => Some(*connection_id),
            _ => None,
        });
        peer.acknowledge_all(OneRtt);
        Script { peer, ids }
    }

    /// Delivers a packet from somewhere; what the server sends because of it.
    fn send(&mut self, four_tuple: FourTuple, payload: &[u8]) -> Vec<Sent> {
        self.send_to(four_tuple, payload, None)
    }

    fn send_to(&mut self, four_tuple: FourTuple, payload: &[u8], destination: Option<ConnectionId>) -> Vec<Sent> {
        let packet = self.peer.packet(OneRtt, payload, Tweak { destination, ..PLAIN });
        self.answers(|peer| peer.deliver_from(four_tuple, packet))
    }

    fn wait(&mut self, milliseconds: u64) -> Vec<Sent> {
        self.answers(|peer| peer.wait(Duration::from_millis(milliseconds)))
    }

    fn answers(&mut self, what: impl FnOnce(&mut Peer)) -> Vec<Sent> {
        let (datagrams, packets) = (self.peer.datagrams.len(), self.peer.received.len());
        what(&mut self.peer);
        let datagrams = &self.peer.datagrams[datagrams..];
        let packets = &self.peer.received[packets..];
        assert_eq!(datagrams.len(), packets.len(), "one packet to a datagram");
        let mut sent = Vec::new();
        for ((to, datagram), packet) in datagrams.iter().zip(packets) {
            let mut one = Sent {
                to: *to,
                id: datagram[1..9].to_vec(),
                len: datagram.len(),
                challenges: Vec::new(),
                responses: Vec::new(),
                is_probe: true,
            };
            let mut reader = base::Reader::new(&packet.payload);
            while !reader.is_empty() {
                let frame = Frame::decode(&mut reader).unwrap();
                one.is_probe &= frame.is_probing();
                match frame {
                    Frame::PathChallenge { data } => one.challenges.push(data),
                    Frame::PathResponse { data } => one.responses.push(data),
                    _ => {}
                }
            }
            sent.push(one);
        }
        sent
    }

    fn migrations(&mut self) -> u64 {
        self.peer.connection().stats().migrations
    }

    /// Where the application is told that its peer is.
    fn remote(&mut self) -> SocketAddr {
        self.peer.connection().four_tuple().remote
    }

    /// The largest of this side's packet numbers that the server has acknowledged.
    fn acknowledged(&self) -> u64 {
        let all = self.peer.frames(|kind, frame| match frame {
            Frame::Ack(ack) if kind == OneRtt => Some(ack.largest.value()),
            _ => None,
        });
        all.into_iter().max().unwrap_or(0)
    }

    fn home(&self) -> FourTuple {
        self.peer.four_tuple
    }
}

fn response(data: [u8; 8]) -> Vec<u8> {
    encode(&Frame::PathResponse { data })
}

fn challenge(data: [u8; 8]) -> Vec<u8> {
    encode(&Frame::PathChallenge { data })
}

/// The only challenge that went to `to`.
#[track_caller]
fn challenge_to(sent: &[Sent], to: FourTuple) -> [u8; 8] {
    let all: Vec<[u8; 8]> = sent.iter().filter(|one| one.to == to).flat_map(|one| one.challenges.clone()).collect();
    assert_eq!(all.len(), 1, "one challenge to {to:?}");
    all[0]
}

/// RFC 9000 section 8.2.1-7, 8.2.2-2, 8.2.2-3, 9-4, 9.3-1, 9.3.3-1.
#[test]
fn the_newest_packet_that_is_no_probe_moves_the_connection() {
    let mut script = Script::new();
    let (home, away) = (script.home(), port(1));
    // A probe alone is answered where it came from, and asks in return.
    let sent = script.send(away, &challenge([7; 8]));
    assert_eq!(script.migrations(), 0);
    let answer = sent.iter().find(|one| !one.responses.is_empty()).expect("an answer");
    assert_eq!((answer.to, &answer.responses[..], answer.is_probe), (away, &[[7; 8]][..], true));
    // An old packet does not move it, either.
    let old = script.peer.packet(OneRtt, PING, PLAIN);
    script.send(home, PING);
    script.peer.deliver_from(away, old);
    assert_eq!(script.migrations(), 0);
    assert!(script.send(home, PING).iter().all(|one| one.to == home));
    // A new one does.
    let sent = script.send(away, PING);
    assert_eq!(script.migrations(), 1);
    // The path before is asked, too (RFC 9000 section 9.3.3).
    challenge_to(&sent, home);
    assert!(sent.iter().filter(|one| one.to == home).all(|one| one.is_probe));
    // A newer one from home moves it back.
    script.send(home, PING);
    assert_eq!(script.migrations(), 2);
    assert!(script.send(home, PING).iter().all(|one| one.to == home || one.is_probe));
}

/// RFC 9000 section 8.2.2-4, 8.2.1-5, 8.2.1-6, 8.2.3-1.
#[test]
fn a10_the_application_sees_an_address_only_when_it_is_proved() {
    let mut script = Script::new();
    let (home, away) = (script.home(), host(1));
    // A request and the move in one packet.
    let mut request = vec![0x0a, 0, 5];
    request.extend(b"hello");
    let sent = script.send(away, &request);
    let opened = |event: &Event| matches!(event, Event::Stream(StreamEvent::Opened(_), _));
    assert!(script.peer.events.iter().any(opened));
    assert_eq!((script.migrations(), script.remote()), (1, home.remote));
    let asked = challenge_to(&sent, away);
    script.send(away, &response([0; 8]));
    assert_eq!(script.remote(), home.remote);
    // Wherever the answer comes from (section 8.2.3). What was asked was small, as little had come from there: the address
    // is proved, and a second challenge asks for the size.
    let sent = script.send(home, &response(asked));
    assert_eq!(script.remote(), away.remote);
    assert_eq!(sent.iter().find(|one| one.to == away && !one.challenges.is_empty()).map(|one| one.len), Some(1200));
}

/// RFC 9000 section 8.2.1: as seldom as an Initial, although the estimate of the path before, by which a challenge would come
/// again much sooner, stays when only the port changes.
/// RFC 9000 section 9.4-4.
#[test]
fn a_new_path_is_asked_as_seldom_as_a_new_connection() {
    let mut script = Script::new();
    let away = port(1);
    let challenges = |sent: &[Sent]| sent.iter().filter(|one| one.to == away).map(|one| one.challenges.len()).sum();
    let sent = script.send(away, &[PING, &[0; 1100]].concat());
    let counts: [usize; 3] = [challenges(&sent), challenges(&script.wait(990)), challenges(&script.wait(60))];
    assert_eq!(counts, [1, 0, 2]);
}

/// The peer may not have moved at all: it is told at the address that is proved as well, and answered there.
/// RFC 9000 section 10.2.1-7.
#[test]
fn a_close_at_an_address_without_proof_goes_home_as_well() {
    let to = |sent: &[Sent]| sent.iter().map(|one| one.to).collect::<Vec<_>>();
    let close = |script: &mut Script| {
        let now = script.peer.now;
        script.answers(|peer| {
            peer.connection().close(now, base::VarInt::from_u32(7), b"");
            peer.pump();
        })
    };
    let large = [PING, &[0; 1100]].concat();
    let mut script = Script::new();
    let (home, away) = (script.home(), host(1));
    script.send(away, &large);
    assert_eq!(script.migrations(), 1);
    let sent = close(&mut script);
    assert_eq!(to(&sent), [away, home]);
    assert_eq!(script.peer.closes().len(), 2);
    // Each close doubles how many packets it takes to hear another one, wherever they come from.
    let answers: Vec<_> = (0..4).map(|_| to(&script.send(home, PING))).collect();
    assert_eq!(answers, [vec![], vec![], vec![], vec![away, home]]);
    assert_eq!(to(&script.send(host(2), PING)), [], "nobody else is heard");

    // The address has no budget for a close. It goes home at once, and there when it may.
    let mut script = Script::new();
    script.send(away, &[1, 0, 0, 0]);
    assert_eq!(script.migrations(), 1);
    assert_eq!(to(&close(&mut script)), [home]);
    assert_eq!(to(&script.send(away, &large)), [away]);
}

/// RFC 9000 section 8-1, 8.2.2-6, 9.3-2.
#[test]
fn a3_an_address_without_proof_gets_three_times_what_came_from_it() {
    let mut script = Script::new();
    let away = host(1);
    let (mut received, mut sent) = (0, 0);
    let mut stream = vec![0x0a, 0, 1, 0];
    for round in 0..200 {
        // The application has much to say: all that comes back is bounded.
        let packet = script.peer.packet(OneRtt, &stream, PLAIN);
        received += packet.len();
        let answers = script.answers(|peer| peer.deliver_from(away, packet));
        stream = PING.to_vec();
        sent += answers.iter().filter(|one| one.to == away).map(|one| one.len).sum::<usize>();
        if round % 20 == 0 {
            let late = script.wait(100);
            sent += late.iter().filter(|one| one.to == away).map(|one| one.len).sum::<usize>();
        }
        assert!(sent <= 3 * received, "{sent} for {received}");
    }
    assert!(script.migrations() >= 1 && sent > 0);
    // A single small packet is enough for a challenge.
    let mut script = Script::new();
    let sent = script.send(away, &[1, 0, 0, 0]);
    assert!(sent.iter().any(|one| one.to == away && one.challenges.len() == 1 && one.len < 120));
}

/// The smallest packet there is buys a challenge, even to the longest connection ID.
/// RFC 9000 section 8.2.1-5.
#[test]
fn a_single_packet_is_enough_for_a_challenge() {
    for len in [1, 8, 17, 20] {
        let source = ConnectionId::new(&[0x77; 20][..len]).unwrap();
        let mut script = Script::with(Options { source, ..Options::default() });
        let away = host(1);
        let sent = script.send(away, PING);
        let bytes: usize = sent.iter().filter(|one| one.to == away).map(|one| one.len).sum();
        assert!(bytes <= 3 * 40, "{bytes}");
        challenge_to(&sent, away);
    }
}

/// An acknowledgment that is due where nothing may be sent any more does not keep the timer busy, and goes out with the next
/// packet that may be sent.
#[test]
fn an_acknowledgment_waits_for_the_limit_of_an_address_without_proof() {
    let mut script = Script::new();
    let (home, away) = (script.home(), host(1));
    // The application has more to say than is allowed.
    script.send(home, &[0x0a, 0, 1, 0]);
    let stream = StreamId::new(Client, Direction::Bidirectional, 0).unwrap();
    script.peer.connection().write(stream, &mut Bytes::from(vec![0; 50_000])).unwrap();
    script.wait(1);
    let question = challenge_to(&script.send(away, PING), away);
    // A probe from where it was before adds nothing to what may be sent.
    script.send(home, &challenge([7; 8]));
    let largest = script.peer.next_number(OneRtt) - 1;
    // Fails if a deadline in the past comes again and again.
    script.wait(100);
    assert!(script.migrations() == 1 && script.acknowledged() < largest);
    script.send(away, &response(question));
    assert!(script.acknowledged() >= largest);
}

/// RFC 9000 section 9.3.2-1.
#[test]
fn what_is_not_proved_in_time_is_left_again() {
    let mut script = Script::new();
    let (home, away) = (script.home(), host(1));
    script.send(away, PING);
    let sent = script.wait(1500);
    assert!(sent.iter().any(|one| one.to == away && one.challenges.len() == 1), "asked again");
    assert_eq!(script.migrations(), 1);
    script.wait(4000);
    assert_eq!((script.migrations(), script.remote()), (2, home.remote));
    script.wait(4000);
    assert!(script.peer.is_open());
    let sent = script.send(home, PING);
    assert!(sent.iter().all(|one| one.to == home) && script.wait(30).iter().all(|one| one.to == home));
}

/// M2: challenges from another address are answered once each, and never by more than three times what came.
/// RFC 9000 section 8.2.2-1, 8.2.2-7, 19.17-1.
#[test]
fn m2_a_flood_of_challenges_from_elsewhere_is_answered_within_what_came() {
    let mut script = Script::new();
    let away = host(1);
    let mut payload = Vec::new();
    for number in 0..100u64 {
        payload.extend(challenge(number.to_be_bytes()));
    }
    let (mut answers, mut bytes) = (0, 0);
    for _ in 0..2000 {
        let sent = script.send(away, &payload);
        answers += sent.iter().map(|one| one.responses.len()).sum::<usize>();
        bytes += sent.iter().map(|one| one.len).sum::<usize>();
        script.peer.forget();
    }
    assert!(answers == 100 * 2000 && bytes <= 3 * 2000 * (payload.len() + 40), "{answers} in {bytes}");
    assert_eq!((script.migrations(), script.peer.connection().stats().bytes_in_flight), (0, 0));
}

/// RFC 9000 section 21.5.6: a server talks to nobody near it because a peer far away says that it is there.
#[test]
fn a_peer_is_not_followed_where_it_cannot_be() {
    for remote in
        ["127.0.0.1:53", "169.254.1.1:1", "0.0.0.0:1", "224.0.0.1:1", "198.51.100.1:0", "[::1]:1", "[fe80::1]:1"]
    {
        let mut script = Script::new();
        let sent = script.send(from(remote.parse().unwrap()), &[PING, &challenge([7; 8])].concat());
        assert!(sent.is_empty() && script.migrations() == 0, "{remote}");
        let initial = script.peer.padded_packet(OneRtt, PING);
        let sent = script.answers(|peer| peer.deliver_from(from(remote.parse().unwrap()), initial));
        assert!(sent.is_empty() && script.peer.is_open(), "{remote}");
    }
    // A private address may be where it is.
    let mut script = Script::new();
    script.send(from("10.1.2.3:4".parse().unwrap()), PING);
    assert_eq!(script.migrations(), 1);
}

/// M13: a new port for every packet.
#[test]
fn m13_a_new_address_with_every_packet_costs_a_few_places() {
    for same_host in [true, false] {
        let mut script = Script::new();
        let events = script.peer.events.len();
        for number in 0..50_000u32 {
            let away = if same_host {
                port(number as u16 + 1)
            } else {
                from(SocketAddr::from(((number + 0x0a00_0000u32).to_be_bytes(), 1000)))
            };
            let sent = script.send(away, PING);
            assert!(sent.iter().all(|one| one.to == script.home() || one.len <= 3 * 60), "{number}");
            script.peer.forget();
        }
        assert_eq!(script.peer.events.len(), events, "nothing is told");
        // It still knows where it was at home.
        script.wait(8000);
        let home = script.home();
        assert_eq!(script.remote(), home.remote);
        assert!(script.send(home, PING).iter().all(|one| one.to == home));
    }
}

/// A peer that moves with every packet and acknowledges nothing holds no more memory than one that stays, and is soon not
/// followed any more: each move walks over all that is open.
#[test]
fn m13_a_peer_that_moves_and_never_acknowledges_costs_little() {
    for same_host in [true, false] {
        let mut script = Script::with(Options { keeps: false, ..Options::default() });
        let (mut first, meter) = (0, Meter::start());
        for number in 0..20_000u32 {
            let away = if same_host {
                port(number as u16 + 1)
            } else {
                from(SocketAddr::from(((number + 0x0a00_0000u32).to_be_bytes(), 1000)))
            };
            let packet = script.peer.packet(OneRtt, PING, PLAIN);
            script.peer.deliver_from(away, packet);
            script.peer.forget();
            if number == 1000 {
                first = meter.held();
            }
            let stats = script.peer.connection().stats();
            assert!(stats.bytes_in_flight <= stats.congestion_window + 20_000, "{number}: {stats:?}");
        }
        let grown = meter.held() - first;
        assert!(grown < 20_000, "{grown} bytes more, same host: {same_host}");
        // Nor does it make us work: in twenty seconds it is followed a few times, not twenty thousand.
        let migrations = script.migrations();
        assert!((16..300).contains(&migrations), "{migrations}");
    }
}

/// S3: a challenge is lost, acknowledged all the same, and its path is gone, in every order.
#[test]
fn s3_probes_are_lost_acknowledged_and_retired_in_every_order() {
    let orders = [[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 0, 3], [3, 0, 1, 2], [0, 3, 2, 1], [2, 3, 1, 0], [1, 2, 3, 0]];
    for (deliberate, order) in orders.into_iter().flat_map(|order| [(false, order), (true, order)]) {
        let mut script = Script::new();
        for number in 1..4 {
            script.send(script.home(), &new_id(number, 0));
        }
        let (home, away) = (script.home(), host(1));
        let id = deliberate.then(|| script.ids[0]);
        script.send_to(away, PING, id);
        for step in order {
            match step {
                // Everything since is acknowledged, but not the first challenges.
                0 => {
                    script.send(home, PING);
                    let last = *script.peer.numbers(OneRtt).last().unwrap();
                    script.peer.acknowledge(OneRtt, last, last);
                }
                1 => script.peer.acknowledge_all(OneRtt),
                2 => {
                    script.wait(10_000);
                }
                _ => {
                    for number in 4..7 {
                        script.send_to(away, &new_id(number, 3), id);
                    }
                }
            }
        }
        script.wait(10_000);
        script.peer.acknowledge_all(OneRtt);
        script.wait(1000);
        script.peer.acknowledge_all(OneRtt);
        assert!(script.peer.is_open(), "{order:?}: {:?}", script.peer.events);
        assert_eq!(script.peer.connection().stats().bytes_in_flight, 0, "{order:?}");
    }
}

/// S5: a deliberate move without an ID to spare cannot be followed; the connection goes on, an ID that repeats changes nothing,
/// and one that contradicts closes this connection alone.
#[test]
fn s5_a_move_without_a_spare_id_waits_for_one() {
    let mut script = Script::new();
    let (home, away) = (script.home(), host(1));
    let id = Some(script.ids[0]);
    assert!(script.send_to(away, PING, id).iter().all(|one| one.to == home));
    assert_eq!(script.migrations(), 0);
    // The same ID again is no new one; then there is one.
    let sent = script.send_to(away, &[&new_id(1, 0)[..], PING].concat(), id);
    assert!(script.migrations() == 1 && sent.iter().filter(|one| one.to == away).all(|one| one.id == [2; 8]));
    script.send_to(away, &[&new_id(1, 0)[..], PING].concat(), id);
    assert!(script.peer.is_open());
    let mut lie = new_id(1, 0);
    *lie.last_mut().unwrap() ^= 1;
    script.send_to(away, &lie, id);
    assert_eq!(script.peer.violation(), Some((Violation::ConnectionIdReused, 0x18)));
    // The endpoint itself goes on: it takes the next client, and keeps it when the closed one is forgotten.
    let mut next = Peer::with(Server, Stage::Begun, Options { seed: 2, ..Options::default() });
    core::mem::swap(&mut next.target, &mut script.peer.target);
    next.now = script.peer.now;
    next.advance_to(Stage::Established);
    next.wait(Duration::from_secs(10));
    assert!(next.is_open() && next.target.len() == 1);
}

/// S6: in one packet from a new path all IDs are asked back, those of both paths among them.
#[test]
fn s6_ids_asked_back_on_the_way() {
    for deliberate in [false, true] {
        let mut script = Script::new();
        script.send(script.home(), &[&new_id(1, 0)[..], &new_id(2, 0)].concat());
        let (home, away) = (script.home(), host(1));
        let id = deliberate.then(|| script.ids[0]);
        // A probe first, so that the path has an ID.
        script.send_to(away, &challenge([7; 8]), id);
        let sent = script.send_to(away, &[&new_id(3, 3)[..], PING].concat(), id);
        assert!(script.peer.is_open(), "{:?}", script.peer.events);
        let live = |sent: &[Sent]| sent.iter().all(|one| one.id == [4; 8]);
        assert!(live(&sent));
        script.peer.acknowledge_all(OneRtt);
        // Home again, and away once more, with another ID to go there with.
        let sent = script.send(home, &[&new_id(4, 3)[..], PING].concat());
        assert!(sent.iter().all(|one| one.id == [4; 8] || one.id == [5; 8]));
        let sent = script.send_to(away, PING, id);
        let asked = sent.iter().filter(|one| one.to == away).flat_map(|one| one.challenges.clone()).next_back();
        if let Some(asked) = asked {
            script.send_to(away, &response(asked), id);
        }
        script.wait(10_000);
        assert!(script.peer.is_open(), "{:?}", script.peer.events);
    }
}

/// RFC 9000 section 9.5: another ID for a peer that uses another, the same for one that does not know that it moved.
#[test]
fn a_peer_that_changes_its_id_is_answered_under_another() {
    let mut script = Script::new();
    script.send(script.home(), &new_id(1, 0));
    let away = host(1);
    let source = script.peer.source.as_slice().to_vec();
    let sent = script.send(away, PING);
    assert!(!sent.is_empty() && sent.iter().all(|one| one.id == source));
    let id = Some(script.ids[0]);
    let sent = script.send_to(host(2), PING, id);
    assert!(sent.iter().any(|one| one.to == host(2)));
    assert!(sent.iter().filter(|one| one.to == host(2)).all(|one| one.id == [2; 8]));
    assert!(sent.iter().filter(|one| one.to != host(2)).all(|one| one.id == source));
}

/// The ID of a path that is over is given back, so that the peer can issue others for ever.
#[test]
fn ids_of_old_paths_are_retired_and_replaced() {
    let mut script = Script::new();
    for number in 1..4 {
        script.send(script.home(), &new_id(number, 0));
    }
    let mut issued = 4;
    for number in 0..40u8 {
        let away = host(number);
        let id = Some(script.ids[usize::from(number) % script.ids.len()]);
        let mut sent = script.send_to(away, &[&[0; 1200][..], PING].concat(), id);
        for _ in 0..2 {
            let asked = sent.iter().filter(|one| one.to == away).flat_map(|one| one.challenges.clone()).next();
            let Some(asked) = asked else { break };
            sent = script.send_to(away, &response(asked), id);
        }
        assert_eq!(script.remote(), away.remote, "{number}");
        script.peer.four_tuple = away;
        script.peer.acknowledge_all(OneRtt);
        script.wait(5000);
        let retired: BTreeSet<u64> = script
            .peer
            .frames(|_, frame| match frame {
                Frame::RetireConnectionId { sequence_number } => Some(*sequence_number),
                _ => None,
            })
            .into_iter()
            .collect();
        while issued < retired.len() as u64 + 4 {
            script.send_to(away, &new_id(issued, 0), id);
            issued += 1;
        }
        assert!(script.peer.is_open(), "{:?}", script.peer.events);
    }
    assert_eq!(issued, 44);
}

/// A connection that closes does not follow anybody.
#[test]
fn a_closing_connection_stays_where_it_is() {
    let mut script = Script::new();
    let away = host(1);
    let now = script.peer.now;
    script.peer.connection().close(now, base::VarInt::ZERO, b"");
    script.peer.pump();
    let sent = script.answers(|peer| {
        for _ in 0..10 {
            let packet = peer.packet(OneRtt, PING, PLAIN);
            peer.deliver_from(away, packet);
        }
    });
    assert!(sent.iter().all(|one| one.to != away));
}

/// A close from a new address is a close all the same: it is authentic.
#[test]
fn a_close_from_elsewhere_counts() {
    let mut script = Script::new();
    let mut close = vec![0x1d];
    push(&mut close, 5);
    close.push(0);
    script.send(host(1), &close);
    assert!(!script.peer.is_open());
    assert_eq!(script.migrations(), 0);
}

/// A client takes what its server still sends to an address it has left, or never had: only the server's address counts.
#[test]
fn a_client_listens_at_all_its_addresses() {
    let mut peer = Peer::against(Client, Stage::Established);
    let four_tuple = FourTuple { local: "192.0.2.1:9".parse().unwrap(), ..peer.four_tuple };
    let before = peer.connection().stats().packets_received;
    let packet = peer.packet(OneRtt, &challenge([3; 8]), PLAIN);
    peer.datagrams.clear();
    peer.deliver_from(four_tuple, packet);
    assert_eq!(peer.connection().stats().packets_received, before + 1);
    // But it does not send from an address it did not choose.
    assert!(peer.datagrams.iter().all(|(to, _)| *to == peer.four_tuple));
    assert!(peer.frames(|_, frame| matches!(frame, Frame::PathResponse { .. }).then_some(())).is_empty());
}

/// The preferred address of a server with the settings of `prefers`.
fn preferred() -> FourTuple {
    FourTuple { local: "198.51.100.2:4443".parse().unwrap(), ..port(1) }
}

fn prefers() -> Options {
    let SocketAddr::V4(ipv4) = preferred().local else { unreachable!() };
    let preferred_address = quic::PreferredAddresses { ipv4: Some(ipv4), ipv6: None };
    Options { config: quic::Config { preferred_address, ..quic::Config::default() }, ..Options::default() }
}

/// RFC 9000 section 9.6.2-2, 9.6.2-3.
#[test]
fn a_server_goes_to_its_preferred_address_when_the_client_has_come_and_answered_there() {
    let preferred = preferred().local;
    let moved_at = |script: &mut Script| script.peer.connection().four_tuple().local;

    // A packet that is more than a probe comes there, and another after it: the server asks, and stays.
    let mut script = Script::with(prefers());
    script.send(script.home(), &new_id(1, 0));
    let (home, there) = (script.home(), FourTuple { local: preferred, ..script.home() });
    let id = script.ids[0];
    let full = [PING, &[0; 1100]].concat();
    let sent = script.send_to(there, &full, Some(id));
    let asked = challenge_to(&sent, there);
    assert!(sent.iter().filter(|one| one.to == there).all(|one| one.is_probe));
    let sent = script.send_to(there, PING, Some(id));
    assert!(sent.iter().all(|one| one.to == home || one.is_probe));
    assert_eq!((script.migrations(), moved_at(&mut script)), (0, home.local));
    // The client shows that it is there. From now on all comes from there, even if that was the last word of the client.
    let late = script.peer.packet(OneRtt, PING, PLAIN);
    script.send_to(there, &response(asked), Some(id));
    assert_eq!((script.migrations(), moved_at(&mut script)), (1, preferred));
    assert!(script.send_to(there, PING, Some(id)).iter().all(|one| one.to == there));
    // What is late counts where it was before; what is newer does not.
    let (received, dropped) =
        (script.peer.connection().stats().packets_received, script.peer.connection().stats().packets_dropped);
    script.peer.deliver_from(home, late);
    assert_eq!(script.peer.connection().stats().packets_received, received + 1);
    assert_eq!(script.send(home, PING).len(), 0);
    let stats = script.peer.connection().stats();
    assert_eq!((stats.packets_received, stats.packets_dropped), (received + 1, dropped + 1));
    assert_eq!((script.migrations(), moved_at(&mut script)), (1, preferred));

    // A probe, whose sender is asked at once; it proves its address before anything else comes there.
    let mut script = Script::with(prefers());
    script.send(home, &new_id(1, 0));
    let id = script.ids[0];
    let sent = script.send_to(there, &[challenge([7; 8]), vec![0; 1100]].concat(), Some(id));
    let asked = challenge_to(&sent, there);
    script.send_to(there, &response(asked), Some(id));
    assert_eq!((script.migrations(), moved_at(&mut script)), (0, home.local));
    script.send_to(there, PING, Some(id));
    assert_eq!((script.migrations(), moved_at(&mut script)), (1, preferred));
}

/// RFC 9000 section 9.6.2-2, 9.6.3-4.
#[test]
fn a3_a_packet_that_is_copied_to_the_preferred_address_draws_nothing_away() {
    let mut script = Script::with(prefers());
    let (home, there) = (script.home(), FourTuple { remote: script.home().remote, ..preferred() });
    let copied = script.peer.packet(OneRtt, PING, PLAIN);
    script.peer.deliver_from(there, copied);
    assert!(script.wait(5_000).iter().all(|one| one.to == home || one.is_probe));
    assert_eq!((script.migrations(), script.peer.connection().four_tuple().local), (0, home.local));
    assert!(script.send(home, PING).iter().all(|one| one.to == home));
}
