//! Early data of clients of events that come back: what is sent in it, what becomes of it, and what of its repetitions.
#![allow(clippy::unwrap_used)] // a test may

use crypto_ring::hash::SHA256;
use events::messages::{Auth, Ping};
use events::{Frame, FrameReader};
use posthaste::events::{
    ClientConfig, Event, EventClient, EventClientEvent, EventServer, MemoryStore, PROTOCOL, Registry, ServerLimits,
    Store,
};
use posthaste::{Client, EarlyData, Handle, Identity, Roots, Server, Session, Tickets};
use relay::{Path, Relay};
use std::cell::{Cell, RefCell};
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(50);
const SECRET: &str = "both-secret";

fn registry() -> Registry {
    Registry::parse("both * publish,fetch plain:both-secret\n", SHA256).unwrap()
}

fn accepting() -> Tickets {
    Tickets::new().dangerous_accept_early_data_that_may_be_replayed()
}

/// One store and one identity, and a client's tickets.
struct World {
    handle: Handle,
    identity: Identity,
    store: Arc<dyn Store>,
    /// How each connection was answered first: whether by early data.
    answers: Rc<RefCell<Vec<bool>>>,
}

impl World {
    fn new(handle: &Handle) -> World {
        let identity = Identity::development(&[]).unwrap();
        let store = Arc::new(MemoryStore::new(posthaste::events::Settings::default()).unwrap());
        World { handle: handle.clone(), identity, store, answers: Rc::default() }
    }

    fn start(&self, address: SocketAddr, tickets: &Tickets) -> (Server, EventServer) {
        let events = EventServer::new(self.store.clone(), registry(), ServerLimits::default());
        let of_protocol = events.clone();
        let server = Server::builder(self.identity.clone())
            .listen(address)
            .name("*")
            .tickets(tickets.clone())
            .dangerous_session_protocol_with_early_data_that_may_be_replayed(PROTOCOL, move |session| {
                let events = of_protocol.clone();
                async move { events.serve(session).await }
            })
            .start_sessions(&self.handle)
            .unwrap();
        (server, events)
    }

    fn client(&self) -> Client {
        let roots = Roots::from_pem(self.identity.certificate_pem().as_bytes()).unwrap();
        Client::builder(roots).build(&self.handle)
    }

    /// A client of events that tells how it is answered first.
    fn connect(&self, client: &Client, address: SocketAddr, early_ping: bool) -> EventClient {
        let config = ClientConfig { early_ping, ..ClientConfig::new("both", SECRET) };
        let answers = self.answers.clone();
        let hear = move |event: &EventClientEvent| {
            if let EventClientEvent::Answered { is_early } = event {
                answers.borrow_mut().push(*is_early);
            }
        };
        EventClient::connect_with_log(client, &format!("quic://{address}"), config, &self.handle, hear).unwrap()
    }

    /// A visit that publishes one event, after which there are tickets.
    async fn visit(&self, client: &Client, address: SocketAddr, early_ping: bool, id: &str) -> bool {
        let both = self.connect(client, address, early_ping);
        both.publish("orders", &event(id)).await.unwrap();
        while self.answers.borrow().is_empty() {
            self.handle.sleep(Duration::from_millis(1)).await;
        }
        both.close(PATIENCE).await.unwrap();
        self.answers.borrow_mut().pop().unwrap()
    }
}

fn event(id: &str) -> Event {
    Event { id: id.into(), kind: "test".into(), ..Event::default() }
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn run(test: impl AsyncFn(World)) {
    posthaste::run(|handle: Handle| async move {
        let ended = handle.timeout(PATIENCE, test(World::new(&handle))).await;
        assert!(ended.is_ok(), "it takes too long");
    })
    .unwrap();
}

fn figure(events: &EventServer, name: &str) -> u64 {
    let text = events.metrics().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("posthaste_events_{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

#[test]
fn a_client_that_comes_back_is_answered_early_and_each_side_has_a_switch() {
    run(async |world| {
        let (server, events) = world.start(any(), &accepting());
        let address = server.addresses()[0];
        let client = world.client();
        assert!(!world.visit(&client, address, true, "1").await, "without a ticket nothing is early");
        assert!(world.visit(&client, address, true, "2").await);
        assert!(world.visit(&client, address, true, "3").await, "the ticket of an early session is as good");
        assert!(!world.visit(&client, address, false, "4").await, "the client's switch");
        assert_eq!((figure(&events, "early_sessions_total"), figure(&events, "sessions_total")), (2, 4));
        assert_eq!(figure(&events, "early_sessions_unproven_total"), 0);
        let (other, events) = world.start(any(), &Tickets::new());
        let client = world.client();
        for id in ["5", "6"] {
            assert!(!world.visit(&client, other.addresses()[0], true, id).await, "the server's switch");
        }
        assert_eq!(figure(&events, "early_sessions_total"), 0);
        assert_eq!(world.store_count(&client, address).await, 6);
    });
}

impl World {
    /// How many events there are: each came once.
    async fn store_count(&self, client: &Client, address: SocketAddr) -> u64 {
        let both = self.connect(client, address, true);
        both.publish("orders", &event("last")).await.unwrap().sequence - 1
    }
}

/// A server that is sent away, killed, or knows nothing of the tickets: nobody notices but by the time.
/// RFC 9001 section 4.6.2-3.
#[test]
fn early_data_that_is_refused_is_sent_again_and_nobody_notices() {
    run(async |world| {
        let (server, _) = world.start(any(), &accepting());
        let address = server.addresses()[0];
        let both = world.connect(&world.client(), address, true);
        both.publish("orders", &event("1")).await.unwrap();
        server.shutdown(Duration::ZERO).await.unwrap_err();
        // Other keys of tickets, and after that none of the server's own: both resume without, or not at all.
        let (server, events) = world.start(address, &accepting());
        both.publish("orders", &event("2")).await.unwrap();
        assert_eq!(figure(&events, "early_sessions_total"), 0);
        events.go_away("come again");
        both.publish("orders", &event("3")).await.unwrap();
        while figure(&events, "early_sessions_total") == 0 {
            world.handle.sleep(Duration::from_millis(5)).await;
            events.go_away("and again");
        }
        both.publish("orders", &event("4")).await.unwrap();
        both.close(PATIENCE).await.unwrap();
        let answers = world.answers.borrow().clone();
        assert!(!answers[0] && answers.iter().any(|is_early| *is_early), "{answers:?}");
        assert_eq!(world.store_count(&world.client(), address).await, 4);
        server.shutdown(Duration::from_secs(5)).await.unwrap();
    });
}

/// What a server reads of a session while it is early, and behind that.
type Read = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// T8: the token is never in early data.
#[test]
fn t8_nothing_but_a_ping_is_in_early_data() {
    run(async |world| {
        let read = Read::default();
        let kept = read.clone();
        let server = Server::builder(world.identity.clone())
            .listen(any())
            .name("*")
            .tickets(accepting())
            .dangerous_session_protocol_with_early_data_that_may_be_replayed(PROTOCOL, move |session: Session| {
                let kept = kept.clone();
                async move {
                    let (_send, mut receive) = session.accept_bidirectional().await?;
                    while let Some(bytes) = receive.read().await? {
                        kept.lock().unwrap().push((session.is_early(), bytes.to_vec()));
                        if bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
                            break;
                        }
                    }
                    Ok::<(), posthaste::Error>(())
                }
            })
            .start_sessions(&world.handle)
            .unwrap();
        // The answer is long under way, so that what is sent early is read early.
        let relay = Relay::start(server.addresses()[0], Path::parse(["delay=30"]).unwrap()).unwrap();
        let client = world.client();
        let both = world.connect(&client, relay.address(), true);
        // It closes when it has seen Auth, and the client comes back at once. A machine that is busy for longer than
        // the answer is under way reads a Ping late: it comes back until two have been read early.
        let frames = loop {
            world.handle.sleep(Duration::from_millis(20)).await;
            let read = read.lock().unwrap().clone();
            let secrets = read.iter().filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(SECRET)).count();
            let mut reader = FrameReader::new(1 << 10);
            read.into_iter().filter(|(is_early, _)| *is_early).for_each(|(_, bytes)| reader.push(bytes.into()));
            let frames: Vec<Frame> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
            if secrets >= 3 && frames.len() >= 2 {
                break frames;
            }
        };
        assert!(frames.iter().all(|frame| matches!(frame, Frame::Ping(_))), "{frames:?}");
        drop(both);
    });
}

/// A client without manners sends all at once; it is let in when it is known to be there.
#[test]
fn t8_what_else_comes_early_waits_for_the_handshake() {
    run(async |world| {
        let (server, events) = world.start(any(), &accepting());
        let client = world.client();
        let relay = Relay::start(server.addresses()[0], Path::parse(["delay=20"]).unwrap()).unwrap();
        let authority = relay.address().to_string();
        let flight: Vec<u8> = [
            Frame::from(Ping { timestamp: 1 }),
            Auth { client_id: "both".into(), token: SECRET.into(), ..Auth::default() }.into(),
        ]
        .iter()
        .flat_map(|frame| frame.encoded().to_vec())
        .collect();
        // A machine that is busy for longer than the answer is under way lets an early session in when it is not early any more: again,
        // until two have been let in early.
        let mut rounds = 0;
        while figure(&events, "early_sessions_total") < 2 {
            let open = client.dangerous_open_session_with_early_data_that_may_be_replayed(PROTOCOL, &authority);
            let session = open.await.unwrap();
            assert_eq!(session.is_early(), rounds > 0);
            let (mut send, mut receive) = session.open_bidirectional().await.unwrap();
            send.write_all(flight.clone()).await.unwrap();
            let mut reader = FrameReader::new(1 << 20);
            let mut names = Vec::new();
            while names.len() < 2 {
                reader.push(receive.read().await.unwrap().unwrap());
                names.extend(std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| frame.name()));
            }
            assert_eq!((&names[..], session.is_early()), (&["Pong", "AuthAck"][..], false));
            assert!(session.proven().await.is_ok());
            let taken = if rounds > 0 { EarlyData::Accepted } else { EarlyData::NotOffered };
            assert_eq!(session.early_data(), Some(taken));
            rounds += 1;
        }
        assert!(rounds >= 3, "the first is not early: {rounds}");
        assert_eq!(figure(&events, "clients_admitted_total"), rounds);
    });
}

/// Carries datagrams, and keeps those of clients.
struct Recorder {
    address: SocketAddr,
    sent: mpsc::Receiver<Vec<u8>>,
}

impl Recorder {
    fn start(server: SocketAddr) -> Recorder {
        let front = UdpSocket::bind(any()).unwrap();
        let (address, (sender, sent)) = (front.local_addr().unwrap(), mpsc::channel());
        // It ends with the test's process.
        thread::spawn(move || {
            let mut backs: Vec<(SocketAddr, UdpSocket)> = Vec::new();
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = front.recv_from(&mut buffer) {
                let place = backs.iter().position(|(client, _)| *client == from).unwrap_or_else(|| {
                    let back = UdpSocket::bind(any()).unwrap();
                    back.connect(server).unwrap();
                    let (answers, front) = (back.try_clone().unwrap(), front.try_clone().unwrap());
                    thread::spawn(move || {
                        let mut buffer = [0; 2048];
                        while let Ok(len) = answers.recv(&mut buffer) {
                            let _ = front.send_to(&buffer[..len], from);
                        }
                    });
                    backs.push((from, back));
                    backs.len() - 1
                });
                let _ = sender.send(buffer[..len].to_vec());
                let _ = backs[place].1.send(&buffer[..len]);
            }
        });
        Recorder { address, sent }
    }
}

/// T8: the same bytes twice, to the server that took them and to one that has the same keys.
#[test]
fn t8_a_first_flight_that_is_sent_again_is_answered_by_no_session() {
    run(async |world| {
        let keys = Tickets::shared(&[[7; 32]]).unwrap().dangerous_accept_early_data_that_may_be_replayed();
        let (server, events) = world.start(any(), &keys);
        let recorder = Recorder::start(server.addresses()[0]);
        let client = world.client();
        assert!(!world.visit(&client, recorder.address, true, "1").await);
        recorder.sent.try_iter().for_each(drop);
        assert!(world.visit(&client, recorder.address, true, "2").await);
        // Long headers: of this handshake, behind what was left of the first connection.
        let flight: Vec<Vec<u8>> =
            recorder.sent.try_iter().filter(|datagram| datagram[0] & 0x80 != 0).take(2).collect();
        assert!(!flight.is_empty());
        let same = Tickets::shared(&[[7; 32]]).unwrap().dangerous_accept_early_data_that_may_be_replayed();
        let (sibling, of_sibling) = world.start(any(), &same);
        for (address, events, sessions, early) in
            [(server.addresses()[0], &events, 2, 1), (sibling.addresses()[0], &of_sibling, 0, 0)]
        {
            let thief = UdpSocket::bind(any()).unwrap();
            thief.connect(address).unwrap();
            thief.set_nonblocking(true).unwrap();
            // As long as the server remembers the connection that it was from, this is of that.
            let mut buffer = [0; 2048];
            while thief.recv(&mut buffer).is_err() {
                flight.iter().for_each(|datagram| drop(thief.send(datagram)));
                world.handle.sleep(Duration::from_millis(20)).await;
            }
            assert!(buffer[0] & 0x80 != 0, "a handshake begins");
            world.handle.sleep(Duration::from_millis(100)).await;
            assert_eq!((figure(events, "sessions_total"), figure(events, "early_sessions_total")), (sessions, early));
        }
        assert_eq!(world.store_count(&client, server.addresses()[0]).await, 2);
    });
}

#[test]
fn on_a_bad_network_a_client_that_comes_back_loses_nothing() {
    for seed in 1..=4 {
        run(async |world| {
            let (server, events) = world.start(any(), &accepting());
            let seed = format!("seed={seed}");
            let words = ["loss=100", "delay=3", "reordering=100", "late=4", &seed];
            let relay = Relay::start(server.addresses()[0], Path::parse(words).unwrap()).unwrap();
            let client = world.client();
            for n in 0..6 {
                world.visit(&client, relay.address(), true, &n.to_string()).await;
            }
            assert_eq!(world.store_count(&client, server.addresses()[0]).await, 6, "each once");
            assert!(figure(&events, "early_sessions_total") > 0);
        });
    }
}

/// Nobody is there: the next attempt is made in the usual way.
#[test]
fn an_early_session_with_nobody_ends_and_is_not_tried_early_again() {
    run(async |world| {
        let (server, _) = world.start(any(), &accepting());
        let address = server.addresses()[0];
        let roots = Roots::from_pem(world.identity.certificate_pem().as_bytes()).unwrap();
        let client = Client::builder(roots).connect_timeout(Duration::from_millis(200)).build(&world.handle);
        assert!(!world.visit(&client, address, true, "1").await);
        server.shutdown(Duration::from_secs(5)).await.unwrap();
        let silent = UdpSocket::bind(address).unwrap();
        let both = world.connect(&client, address, true);
        let lost = Cell::new(false);
        let first = both.connected().await;
        lost.set(first.is_err());
        assert!(lost.get(), "{first:?}");
        let publishing = both.publish_soon("orders", &event("2")).await.unwrap();
        drop(silent);
        let (_server, events) = world.start(address, &accepting());
        publishing.await.unwrap();
        assert_eq!(figure(&events, "early_sessions_total"), 0);
    });
}
