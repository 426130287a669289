//! Tokens of NEW_TOKEN frames: what a server makes of those that are shown again, elsewhere, too late, in pieces, or to another
//! server; and what is left of their clients.

use crate::support::crypto;
use adversary::{Options, PLAIN, Peer, Stage, Tweak};
use base::Side::Server;
use base::{Duration, FourTuple};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::Initial;
use quic::{
    AddressValidation, Admission, EndpointConfig, Held, Incoming, TokenId, TokenMemory, TokenPolicy, UsedTokens,
};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tls::{FixedTicketKeys, Level, TicketKeys, WallClock};

struct Clock(AtomicU64);

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Used(Mutex<TokenMemory>);

impl UsedTokens for Used {
    fn use_once(&self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool {
        self.0.lock().unwrap().use_once(token, issued_millis, expires_millis, now_millis)
    }
}

const START: u64 = 1_800_000_000;
const LIFETIME: u64 = 60;

/// A server that asks for addresses, and takes tokens under this secret.
struct Asking {
    clock: Arc<Clock>,
    policy: TokenPolicy,
    on_incoming: Option<Admission>,
}

impl Asking {
    fn new(secret: u8) -> Asking {
        let clock = Arc::new(Clock(AtomicU64::new(START)));
        let keys = TicketKeys::new(&sim::seeded_provider(), &[[secret; 32]]).unwrap();
        let policy = TokenPolicy {
            keys: Arc::new(FixedTicketKeys(Arc::new(keys))),
            used: Arc::new(Used(Mutex::new(TokenMemory::new(1000, START * 1000)))),
            wall_clock: clock.clone(),
            lifetime: Duration::from_secs(LIFETIME),
        };
        Asking { clock, policy, on_incoming: None }
    }

    /// A client before its first packet. Each has connection IDs of its own.
    fn client(&self, stage: Stage, seed: u64) -> Peer {
        let (policy, decision) = (self.policy.clone(), self.on_incoming);
        let endpoint = Rc::new(move |config: &mut EndpointConfig| {
            config.tokens = Some(policy.clone());
            config.address_validation =
                if stage == Stage::Established { AddressValidation::Never } else { AddressValidation::Always };
            config.on_incoming = decision.map(|decision| Arc::new(move |_: &Incoming| decision) as quic::OnIncoming);
        });
        Peer::with(Server, stage, Options { endpoint, seed, ..Options::default() })
    }

    /// The token that a client is given. Everything about it is drawn from the seed.
    fn given(&self, seed: u64) -> Vec<u8> {
        let peer = self.client(Stage::Established, seed);
        let tokens = peer.frames(|_, frame| match frame {
            Frame::NewToken { token } => Some(token.to_vec()),
            _ => None,
        });
        assert_eq!(tokens.len(), 1, "one for each connection");
        tokens.into_iter().next().unwrap()
    }
}

/// The first packet of a client with this token, alone in its datagram; its ClientHello is cut, which is enough to begin.
fn first_packet(peer: &mut Peer, token: &[u8]) -> Vec<u8> {
    let mut payload = crypto(0, &peer.take_crypto(Level::Initial)[..400]);
    payload.resize(1200, 0);
    peer.packet(Initial, &payload, Tweak { token: token.to_vec().leak(), ..PLAIN })
}

/// What becomes of a first packet with this token: whether a connection begins. If not, the client is asked where it is.
fn begins(asking: &Asking, seed: u64, token: &[u8], remote: Option<&str>) -> bool {
    let mut peer = asking.client(Stage::Begun, seed);
    let packet = first_packet(&mut peer, token);
    let remote = remote.map_or(peer.four_tuple.remote, |remote| remote.parse().unwrap());
    peer.deliver_from(FourTuple { remote, ..peer.four_tuple }, packet);
    let stats = peer.target.stats();
    let begun = peer.target.len() == 1;
    assert_eq!((stats.strangers.retried, stats.strangers.accepted), (u64::from(!begun), u64::from(begun)));
    assert_eq!((stats.tokens.taken, stats.strangers.invalid_tokens), (u64::from(begun), 0));
    begun
}

/// A13: a token is good once, at its address and any port of it, in its time, at servers that have its key. None that is fresh is
/// refused.
/// RFC 9000 section 8.1.3-15, 8.1.4-4, 8.1.4-6, 8.1.4-8.
#[test]
fn a13_a_token_of_an_earlier_connection_is_taken_once_and_nowhere_else() {
    let asking = Asking::new(1);
    for seed in 2..40 {
        let token = asking.given(1000 + seed);
        let elsewhere = ["192.0.2.200:40000", "198.51.100.1:40000", "[2001:db8::1]:40000"][seed as usize % 3];
        assert!(!begins(&asking, seed, &token, Some(elsewhere)), "another address");
        assert!(!begins(&Asking::new(2), seed, &token, None), "a server with another key");
        // The one that takes it may be any server with the key and the memory.
        let port = asking.client(Stage::Begun, seed).four_tuple.remote.ip();
        assert!(begins(&asking, seed, &token, Some(&format!("{port}:{}", 1024 + seed))), "another port");
        for _ in 0..2 {
            assert!(!begins(&asking, seed, &token, None), "again");
        }
    }
    let [late, last] = [500, 501].map(|seed| asking.given(seed));
    asking.clock.0.store(START + LIFETIME, Ordering::Relaxed);
    assert!(begins(&asking, 50, &last, None));
    asking.clock.0.store(START + LIFETIME + 1, Ordering::Relaxed);
    assert!(!begins(&asking, 51, &late, None), "too late");
}

/// Each beginning of a token, and each that is changed, is none; and so is whatever begins like one.
#[test]
fn p4_pieces_of_tokens_are_none() {
    let asking = Asking::new(1);
    let token = asking.given(1);
    for len in 0..token.len() {
        assert!(!begins(&asking, 3, &token[..len], None), "{len} bytes");
    }
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] ^= 1;
        // What then says that it is of a Retry packet is answered as one that is not valid, below.
        if changed[0] != 1 {
            assert!(!begins(&asking, 3, &changed, None), "byte {at}");
        }
    }
    for len in 1..200 {
        let like_retry = [&[1][..], &token.repeat(4)[..len]].concat();
        let mut peer = asking.client(Stage::Begun, 3);
        let packet = first_packet(&mut peer, &like_retry);
        peer.deliver(packet);
        assert!(peer.target.is_empty() && peer.target.stats().strangers.invalid_tokens == 1, "{len} bytes");
        assert!(!begins(&asking, 3, &[&[2][..], &token.repeat(4)[..len]].concat(), None), "{len} bytes");
    }
    assert!(begins(&asking, 3, &token, None), "it is still good");
}

/// S4: whatever is decided about a client that shows a token, in two packets that are the same, nothing stays of it.
#[test]
fn s4_whatever_follows_a_token_leaves_nothing_behind() {
    for decision in [Admission::Accept, Admission::Retry, Admission::Refuse, Admission::Ignore] {
        let mut asking = Asking::new(1);
        let token = asking.given(1);
        asking.on_incoming = Some(decision);
        let mut peer = asking.client(Stage::Begun, 5);
        let packet = first_packet(&mut peer, &token);
        peer.deliver(packet.clone());
        // A refusal is the same packet each time, because nothing is kept that could tell them apart.
        peer.rekey_initial(ConnectionId::new(peer.original.as_slice()).unwrap());
        peer.deliver(packet);
        let begins = matches!(decision, Admission::Accept | Admission::Retry);
        assert_eq!(peer.target.len(), usize::from(begins), "{decision:?}");
        peer.wait(Duration::from_secs(60));
        assert_eq!(peer.target.stats().held, Held::default(), "{decision:?}");
    }
}
