//! The rows W-2, W-4, W-6 to W-9, W-12 and W-14 of the acceptance, each over HTTP/3 and without it where both have it.

use crate::support::{Authority, identity};
use crate::{PATIENCE, count_all, default, echo_all, export_all, hold_all, serve, there_and_back};
use posthaste::trace::{Trace, TraceConsumer};
use posthaste::{
    Bytes, Client, ClientBuilder, ClientTrust, DatagramBatch, DatagramError, Error, Handle, Identity, KeyLog, Roots,
    SentDatagrams, Server, ServerBuilder, Session,
};
use relay::{Path, Relay};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const PROTOCOL: &str = "echo/1";

/// Both ways to a session with an echo.
const WAYS: [bool; 2] = [true, false];

fn listening(server: Identity) -> ServerBuilder {
    Server::builder(server)
        .listen("127.0.0.1:0".parse().unwrap())
        .name("*")
        .webtransport(&default())
        .session_protocol(PROTOCOL, echo_all)
        .session_protocol("count/1", count_all)
        .session_protocol("hold/1", hold_all)
        .session_protocol("export/1", export_all)
}

async fn open(client: &Client, by_http: bool, at: impl ToString) -> Result<Session, Error> {
    let at = at.to_string();
    if by_http {
        client.webtransport(&format!("https://{at}/")).connect().await
    } else {
        client.open_session(PROTOCOL, &at).await
    }
}

fn builder(roots: &Roots) -> ClientBuilder {
    Client::builder(roots.clone()).webtransport(&default())
}

/// Runs `test` for both ways, with what builds a client and where an echo is.
fn each_way(test: impl AsyncFn(Roots, SocketAddr, bool, Handle) -> Result<(), Error>) {
    posthaste::run(|handle: Handle| async move {
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let server = listening(server).start(&handle, serve)?;
        for by_http in WAYS {
            let testing = test(roots.clone(), server.addresses()[0], by_http, handle.clone());
            handle.timeout(PATIENCE, testing).await.map_err(|_| format!("{by_http} takes too long")).unwrap()?;
        }
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// The whole connection goes, with what else is on it, and the next session gets another.
#[test]
fn a_session_that_is_broken_off_leaves_its_connection() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let (session, other) = (open(&client, by_http, at).await?, open(&client, by_http, at).await?);
        let before = client.connections().len();
        session.break_off("nobody answers");
        assert!(session.closed().await.is_err() || !by_http);
        if by_http {
            assert!(other.closed().await.is_err(), "it was on the same connection");
        }
        let next = open(&client, by_http, at).await?;
        assert_eq!(there_and_back(&next, vec![7; 1000]).await?, vec![7; 1000]);
        assert_eq!(before, if by_http { 1 } else { 2 }, "one without HTTP is a connection of its own");
        Ok(())
    });
}

/// The figures of [`count_all`].
async fn counts(session: &Session) -> Result<Vec<u64>, Error> {
    let (mut send, mut receive) = session.open_bidirectional().await?;
    send.finish()?;
    let said = String::from_utf8(receive.read_to_end(100).await?).unwrap();
    Ok(said.split(' ').map(|count| count.parse().unwrap()).collect())
}

/// As fast as they go, and no faster: none is refused by the sender, and what became of each is known on both sides. Those that are missing
/// were in packets that the transport knows to be lost (the receiver's socket was full).
#[test]
fn w2_ten_thousand_datagrams() {
    const COUNT: u64 = 10_000;
    const LEN: usize = 100;
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let session = match by_http {
            true => client.webtransport(&format!("https://{at}/count")).connect().await?,
            false => client.open_session("count/1", &at.to_string()).await?,
        };
        for number in 0..COUNT as u32 {
            session.write_datagram(&number.to_be_bytes().repeat(LEN / 4)).await.unwrap();
        }
        while session.datagram_stats().unwrap().unsent > 0 {
            counts(&session).await?;
        }
        // A few packets more, so that what was lost of the last ones is known.
        for _ in 0..5 {
            counts(&session).await?;
        }
        let [seen, received, read, dropped, arrived, overflown] = counts(&session).await?.try_into().unwrap();
        let of_all = session.datagram_stats().unwrap();
        assert_eq!((session.stats().unwrap().datagrams_sent, of_all.sent, of_all.dropped_unsent), (COUNT, COUNT, 0));
        // Each that has come was read, or gave way to a newer one.
        assert_eq!((seen, read + dropped), (read, received));
        assert_eq!((arrived, received), if by_http { (received + overflown, received) } else { (received, received) });
        assert!(seen > 1000, "{seen} of 10,000");
        // What has not come was lost with packets of so many each.
        let lost = session.transport_stats().unwrap().packets_lost;
        let in_a_packet = (1500 / LEN) as u64;
        assert!(COUNT - arrived <= lost * in_a_packet, "{arrived} have come, and {lost} packets are lost");
        client.close().await;
        Ok(())
    });
}

/// Many in one call, both ways, over a path that loses one in twenty: all are taken, and what comes back is whole and comes once.
#[test]
fn w2_many_in_one_call() {
    const BATCH: u32 = 100;
    each_way(async |roots, at, by_http, handle| {
        let relay = Relay::start(at, Path::parse(["delay=1", "loss=50"]).unwrap()).unwrap();
        let client = builder(&roots).build(&handle);
        let session = open(&client, by_http, relay.address()).await?;
        let (reader, seen) = (session.clone(), Rc::new(RefCell::new(BTreeSet::new())));
        let all = seen.clone();
        handle.spawn_detached(async move {
            let mut batch = DatagramBatch::new();
            while reader.read_datagrams(&mut batch).await.is_ok() {
                assert!(!batch.is_empty());
                for datagram in batch.iter() {
                    let number = u32::from_be_bytes(datagram[..4].try_into().unwrap());
                    assert!(datagram == number.to_be_bytes().repeat(1 + number as usize % 250), "it is whole");
                    assert!(all.borrow_mut().insert(number), "none comes twice");
                }
            }
            assert!(batch.is_empty(), "and nothing is left of earlier ones");
        });
        let mut next = 0;
        while seen.borrow().len() < 3000 {
            let numbers = next..next + BATCH;
            let contents = numbers.map(|number| number.to_be_bytes().repeat(1 + number as usize % 250));
            let sent = session.write_datagrams(contents).await;
            assert_eq!((sent.taken, sent.refused), (BATCH as usize, None));
            next += BATCH;
            // The path has a round trip, and the echo waits for nobody.
            assert!(there_and_back(&session, vec![1]).await? == [1]);
            assert!(next < 20_000, "{} of {next} came back", seen.borrow().len());
        }
        assert_eq!(session.stats().unwrap().datagrams_sent, u64::from(next));
        session.close(0, "");
        client.close().await;
        Ok(())
    });
}

/// What is taken of many is said: those before one that is too large or for which there is no room; and where the session ends while the
/// others wait, none of those. Whoever waits for some hears of the end.
#[test]
fn w2_a_batch_is_cut_short() {
    each_way(async |roots, at, by_http, handle| {
        let mut builder = builder(&roots);
        builder.transport.datagrams.max_unsent_count = 4;
        let client = builder.build(&handle);
        let session = open(&client, by_http, at).await?;
        // Nothing is sent before the task waits.
        let sent = session.send_datagrams((0..9_u8).map(|number| [number]));
        assert_eq!((sent.taken, sent.refused), (4, Some(DatagramError::Full)));
        assert_eq!(session.send_datagrams([[0_u8; 0]; 0]), SentDatagrams { taken: 0, refused: None });
        let sent = session.write_datagrams((4..9_u8).map(|number| [number])).await;
        assert_eq!((sent.taken, sent.refused), (5, None));
        let (mut back, mut batch) = (Vec::new(), DatagramBatch::new());
        while back.len() < 9 {
            session.read_datagrams(&mut batch).await?;
            back.extend(batch.iter().map(|datagram| datagram[0]));
        }
        back.sort_unstable();
        assert_eq!(back, (0..9).collect::<Vec<u8>>());
        let most = session.max_datagram().unwrap();
        let large = vec![0; most + 1];
        let sent = session.write_datagrams([&b"fits"[..], &large, b"behind"]).await;
        assert_eq!((sent.taken, sent.refused), (1, Some(DatagramError::TooLarge { most })));
        session.read_datagrams(&mut batch).await?;
        assert_eq!(batch.iter().collect::<Vec<_>>(), [b"fits"]);
        {
            let mut reading = pin!(session.read_datagrams(&mut batch));
            assert!(poll_once(&mut reading).is_pending());
            let mut writing = pin!(session.write_datagrams([b"x"; 9]));
            assert!(poll_once(&mut writing).is_pending(), "there is room for four");
            session.close(7, "enough");
            let sent = writing.await;
            assert_eq!((sent.taken, sent.refused), (4, Some(DatagramError::Ended)));
            assert!(matches!(reading.await, Err(Error::SessionClosed { code: 7, .. })));
        }
        assert!(batch.is_empty());
        assert_eq!(session.send_datagrams([b"x"]).refused, Some(DatagramError::Ended));
        client.close().await;
        Ok(())
    });
}

/// A receiver that reads none holds up nobody: all that are written go, and of those that came the oldest gave way.
#[test]
fn w2_many_to_whom_nobody_listens() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let session = match by_http {
            true => client.webtransport(&format!("https://{at}/holds")).connect().await?,
            false => client.open_session("hold/1", &at.to_string()).await?,
        };
        for _ in 0..100 {
            let sent = session.write_datagrams([[7; 500]; 100]).await;
            assert_eq!((sent.taken, sent.refused), (100, None));
        }
        while session.datagram_stats().unwrap().sent < 10_000 {
            session.write_datagram(&[7; 500]).await.unwrap();
        }
        assert_eq!(session.datagram_stats().unwrap().dropped_unsent, 0);
        session.close(0, "");
        client.close().await;
        Ok(())
    });
}

/// Where as many wait as may, the newest is refused, or the oldest gives way.
#[test]
fn w2_what_is_dropped_is_chosen() {
    each_way(async |roots, at, by_http, handle| {
        let mut builder = builder(&roots);
        builder.transport.datagrams.max_unsent_count = 4;
        let client = builder.build(&handle);
        let session = open(&client, by_http, at).await?;
        // Nothing is sent before the task waits.
        for number in 0..4 {
            session.send_datagram(&[number]).unwrap();
        }
        assert_eq!(session.send_datagram(&[4]), Err(DatagramError::Full));
        session.send_newest_datagram(&[5]).unwrap();
        session.send_newest_datagram(&[6]).unwrap();
        let mut back = Vec::new();
        for _ in 0..4 {
            back.push(session.read_datagram().await?.to_vec()[0]);
        }
        back.sort_unstable();
        assert_eq!(back, [2, 3, 5, 6]);
        session.write_datagram(&[7]).await.unwrap();
        assert_eq!(session.read_datagram().await?.to_vec(), [7]);
        session.close(0, "");
        assert_eq!(session.write_datagram(&[8]).await, Err(DatagramError::Ended));
        client.close().await;
        Ok(())
    });
}

/// It grows with what is found of the path, and shrinks when that carries less.
#[test]
fn w2_the_largest_datagram_follows_the_path() {
    each_way(async |roots, at, by_http, handle| {
        let narrow = ["narrow-after=2000", "narrow-size=1300"];
        let relay = Relay::start(at, Path::parse(narrow).unwrap()).unwrap();
        let client = builder(&roots).build(&handle);
        let session = open(&client, by_http, relay.address()).await?;
        let mut largest = session.max_datagram().unwrap();
        while largest < 1320 {
            // Larger ones are looked for when they would be of use.
            session.write_datagram(&vec![0; largest]).await.unwrap();
            largest = session.max_datagram_other_than(largest).await?;
        }
        // Whoever sends finds out that the path has narrowed: at once, or step by step where what is a little smaller was still
        // acknowledged when the first losses were noticed.
        let grown = largest;
        while largest > 1300 {
            match session.write_datagram(&vec![0; largest]).await {
                Ok(()) => {}
                Err(DatagramError::TooLarge { most }) => {
                    assert!(most < largest);
                    largest = most;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(session.max_datagram_other_than(grown).await? <= 1300);
        session.close(0, "");
        client.close().await;
        Ok(())
    });
}

/// What is dropped before its end is given up with code 0, and the last clone of a session closes it; a future that is dropped has done
/// nothing.
#[test]
fn w4_what_is_dropped_is_given_up() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let session = open(&client, by_http, at).await?;

        // A sending half: the echo is told code 0, and gives its own up with one more.
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("half").await?;
        drop(send);
        let end = loop {
            match receive.read().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(matches!(end, Err(Error::StreamReset { code: Some(1) })), "{end:?}");

        // One that was finished is not given up.
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("whole").await?;
        send.finish()?;
        drop(send);
        assert_eq!(receive.read_to_end(100).await?, b"whole");

        // A receiving half: the echo's writing is stopped, and it drops what it has of the stream.
        let (mut send, receive) = session.open_bidirectional().await?;
        drop(receive);
        let end = loop {
            match send.write_all(vec![0; 1000]).await {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(end, Error::StreamStopped { code: Some(0) }), "{end}");

        // Futures: what was not accepted, opened or read by one is for the next.
        drop(session.accept_bidirectional());
        drop(session.read_datagram());
        let (mut send, mut receive) = session.open_bidirectional().await?;
        {
            let mut reading = pin!(receive.read());
            assert!(poll_once(&mut reading).is_pending());
        }
        let mut bytes = Bytes::from("in parts");
        send.write(&mut bytes).await?;
        assert!(bytes.is_empty());
        send.finish()?;
        assert_eq!(receive.read_to_end(100).await?, b"in parts");

        // A clone keeps the session; a stream does not.
        let other = session.clone();
        drop(session);
        assert_eq!(there_and_back(&other, vec![1; 10]).await?, [1; 10]);
        let (mut send, _receive) = other.open_bidirectional().await?;
        drop(other);
        assert!(send.write_all("too late").await.is_err());
        client.close().await;
        Ok(())
    });
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whom a client believes, and under which name: roots, hashes, an address of its own for a name, and literals of both families.
#[test]
fn w6_roots_hashes_and_names() {
    posthaste::run(|handle: Handle| async move {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let day = 24 * 3600;
        let short = identity(&["sessions.example"], now - 60, 10 * day);
        let long = identity(&["sessions.example"], now - 60, 100 * day);
        let other = identity(&["sessions.example"], now - 60, 10 * day);
        let roots_of = |identity: &Identity| Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let hash = |identity: &Identity| Roots::certificate_hashes(vec![identity.certificate_sha256()]);
        for (shown, roots, name, is_believed) in [
            (&short, roots_of(&short), "sessions.example", true),
            (&short, roots_of(&other), "sessions.example", false),
            (&short, roots_of(&short), "127.0.0.1", false),
            (&short, hash(&short), "127.0.0.1", true),
            (&short, hash(&other), "127.0.0.1", false),
            (&long, hash(&long), "127.0.0.1", false),
        ] {
            let server = listening(shown.clone()).start(&handle, serve)?;
            let at = server.addresses()[0];
            let builder = builder(&roots).resolve_to("sessions.example", at.port(), vec![at.ip()]);
            let client = builder.build(&handle);
            for by_http in WAYS {
                match open(&client, by_http, format!("{name}:{}", at.port())).await {
                    Ok(session) => {
                        assert!(is_believed, "{name} {by_http}");
                        assert_eq!(there_and_back(&session, vec![3; 30]).await?, [3; 30]);
                    }
                    Err(Error::Certificate { .. }) => assert!(!is_believed, "{name} {by_http}"),
                    Err(other) => panic!("{other}"),
                }
            }
            client.close().await;
        }
        let local = Identity::development(&[])?;
        let server = listening(local.clone()).listen("[::1]:0".parse().unwrap()).start(&handle, serve)?;
        let client = builder(&roots_of(&local)).build(&handle);
        for address in server.addresses() {
            for by_http in WAYS {
                let session = open(&client, by_http, address).await?;
                assert_eq!(there_and_back(&session, vec![4; 40]).await?, [4; 40], "{address}");
            }
        }
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// No certificate of a client is asked for, or one may be shown, or has to be: for clients that show none, a good one, and one that is
/// not believed.
#[test]
fn w7_certificates_of_clients() {
    posthaste::run(|handle: Handle| async move {
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let trust = || ClientTrust::from_pem(ours.pem().as_bytes()).unwrap();
        let (good, expired) = (ours.client("client.example", false), ours.client("client.example", true));
        let foreign = other.client("client.example", false);
        let known = Arc::new(Mutex::new(Vec::new()));
        for (wanted, answers) in [
            (posthaste::ClientAuthentication::None, [Some(false), Some(false), Some(false), Some(false)]),
            (trust().optional(), [Some(false), Some(true), Some(false), None]),
            (trust().required(), [None, Some(true), None, None]),
        ] {
            let told = known.clone();
            let server = listening(server.clone()).client_authentication(wanted).session_protocol(
                "who/1",
                move |session: Session| {
                    told.lock().unwrap().push(session.peer_identity().is_some());
                    echo_all(session)
                },
            );
            let server = server.start(&handle, serve)?;
            let at = server.addresses()[0].to_string();
            // Of another authority: it is not shown where the server has said whom it believes.
            let shown = [None, Some(&good), Some(&foreign), Some(&expired)];
            for (identity, answer) in shown.into_iter().zip(answers) {
                for by_http in WAYS {
                    let mut builder = builder(&roots);
                    if let Some(identity) = identity {
                        builder = builder.identity(identity);
                    }
                    let client = builder.build(&handle);
                    let opened = match by_http {
                        true => open(&client, true, &at).await,
                        false => client.open_session("who/1", &at).await,
                    };
                    // A client is through before the server has judged it.
                    let result = match opened {
                        Ok(session) => there_and_back(&session, vec![5; 50]).await.map(drop),
                        Err(error) => Err(error),
                    };
                    assert_eq!(result.is_ok(), answer.is_some(), "{result:?} {by_http}");
                    if let Some(is_known) = answer.filter(|_| !by_http) {
                        assert_eq!(known.lock().unwrap().pop(), Some(is_known));
                    }
                    client.close().await;
                }
            }
        }
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// Two names, two certificates, one port.
#[test]
fn w8_certificates_by_name() {
    posthaste::run(|handle: Handle| async move {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let names = ["one.example", "two.example"];
        let identities = names.map(|name| identity(&[name], now - 60, 1_000_000));
        let server = listening(identities[0].clone()).resolver(Identity::by_name(&identities));
        let server = server.start(&handle, serve)?;
        let at = server.addresses()[0];
        for (name, shown) in names.iter().zip(&identities) {
            for (believed, is_good) in identities.iter().map(|believed| (believed, std::ptr::eq(believed, shown))) {
                let roots = Roots::from_pem(believed.certificate_pem().as_bytes())?;
                let client = builder(&roots).resolve_to("*", at.port(), vec![at.ip()]).build(&handle);
                for by_http in WAYS {
                    let opened = open(&client, by_http, format!("{name}:{}", at.port())).await;
                    assert_eq!(opened.is_ok(), is_good, "{name} {by_http}: {opened:?}");
                }
            }
        }
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// Counts what it is given.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl TraceConsumer for Counting {
    fn record(&mut self, _trace: &Trace<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl KeyLog for Counting {
    fn log(&self, _label: &str, _client_random: &[u8; 32], _secret: &[u8]) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What can be seen of a session: its figures, those of its connection, the records and the secrets of that.
#[test]
fn w9_figures_records_and_secrets() {
    each_way(async |roots, at, by_http, handle| {
        let (records, secrets) = (Counting::default(), Counting::default());
        let client = builder(&roots).trace(records.clone()).key_log(secrets.clone()).build(&handle);
        let session = open(&client, by_http, at).await?;
        assert!(secrets.0.load(Ordering::Relaxed) >= 4, "two secrets of the handshake, and two of the data");
        let before = records.0.load(Ordering::Relaxed);
        assert!(before > 0);
        assert_eq!(there_and_back(&session, vec![6; 6000]).await?.len(), 6000);
        let (of_session, transport) = (session.stats().unwrap(), session.transport_stats().unwrap());
        assert_eq!((of_session.opened, of_session.written, of_session.read), (1, 6000, 6000));
        assert!(transport.packets_sent > 5 && transport.bytes_sent > 6000 && !transport.smoothed_rtt.is_zero());
        assert!(records.0.load(Ordering::Relaxed) > before);
        assert_eq!(session.remote(), at);
        client.close().await;
        Ok(())
    });
}

/// Who closes a session, and then its connection at once, as browsers do, is heard with code and message, also where both have come by the time
/// that the other end looks.
#[test]
fn w10_a_close_is_heard_though_the_connection_ends_right_behind_it() {
    let server = Identity::development(&[]).unwrap();
    let roots = Roots::from_pem(server.certificate_pem().as_bytes()).unwrap();
    let (heard, hears) = std::sync::mpsc::channel();
    let (looks_away, looked_away) = std::sync::mpsc::channel();
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    let server = Server::builder(server).listen("127.0.0.1:0".parse().unwrap()).name("*").webtransport(&default());
    let parts = Arc::new((Mutex::new(heard), Mutex::new(looks_away), Mutex::new(goes_on)));
    let workers = server.start_workers(1, move |request, reply| {
        let parts = parts.clone();
        async move {
            let Ok(request) = posthaste::SessionRequest::new(request, reply) else { panic!("nothing else is asked") };
            let session = request.accept().await?;
            session.read_datagram().await?;
            // From now on this thread does nothing, until all has come.
            parts.1.lock().unwrap().send(()).expect("the client waits");
            parts.2.lock().unwrap().recv().expect("the client says when");
            let end = session.closed().await;
            parts.0.lock().unwrap().send(end).expect("the test waits");
            Ok::<(), Error>(())
        }
    });
    let workers = workers.unwrap();
    let at = workers.addresses()[0];
    posthaste::run(|handle: Handle| async move {
        let client = builder(&roots).build(&handle);
        let session = open(&client, true, at).await?;
        let sent = |session: &Session| session.transport_stats().map_or(u64::MAX, |stats| stats.packets_sent);
        let leave = async |session: &Session, before: u64| {
            while sent(session) <= before {
                runtime::executor::yield_now().await;
            }
        };
        let before = sent(&session);
        session.send_datagram(b"look away").unwrap();
        leave(&session, before).await;
        looked_away.recv_timeout(PATIENCE).expect("it does");
        let before = sent(&session);
        session.close(99, "from the page");
        leave(&session, before).await;
        session.break_off("done");
        runtime::executor::yield_now().await;
        client.close().await;
        go_on.send(()).expect("the server waits");
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
    let end = hears.recv_timeout(PATIENCE).expect("the server tells").unwrap();
    assert_eq!((end.code, end.reason.as_str(), end.by_peer), (99, "from the page", true));
}

/// What both ends of a session know and nobody else.
///
/// draft-ietf-webtrans-http3 section 4.8-1.
#[test]
fn both_ends_of_a_session_export_the_same_keys() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let (protocol, path) = ("export/1", "/exports");
        let ask = async || match by_http {
            true => client.webtransport(&format!("https://{at}{path}")).connect().await,
            false => client.open_session(protocol, &at.to_string()).await,
        };
        let (one, other) = (ask().await?, ask().await?);
        let exported = |session: &Session, label: &[u8], context: &[u8], len: usize| {
            let mut out = vec![0; len];
            session.export(label, context, &mut out).map(|()| out)
        };
        let mut known = Vec::new();
        for session in [&one, &other] {
            for (label, context, len) in [("label", "context", 32), ("label", "", 32), ("other", "context", 500)] {
                let ours = exported(session, label.as_bytes(), context.as_bytes(), len)?;
                let asked = format!("{label} {context} {len}");
                assert_eq!(there_and_back(session, asked.into_bytes()).await?, ours, "{label} {context}");
                assert!(!known.contains(&ours), "of this session, this label and this context alone");
                known.push(ours);
            }
        }
        // No key is like the beginning of another.
        assert_ne!(exported(&one, b"label", b"context", 33)?[..32], known[0]);
        for (label, context, len) in [(&[b'x'; 256][..], &[][..], 32), (b"x", &[], 100_000)] {
            assert!(exported(&one, label, context, len).is_err(), "{} {len}", label.len());
        }
        if by_http {
            assert!(exported(&one, b"", b"", 32).is_err() && exported(&one, b"x", &[0; 256], 32).is_err());
        }
        one.close(0, "");
        assert!(matches!(exported(&one, b"label", b"", 32), Err(Error::SessionClosed { .. })));
        Ok(())
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future of ours, polled by an executor that is not: woken when there is reason, not otherwise, and forgotten when it is dropped.
#[test]
fn w12_tasks_of_other_executors_are_woken_for_a_reason() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let session = open(&client, by_http, at).await?;
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut context = Context::from_waker(&waker);
        let rung = || bell.0.load(Ordering::SeqCst);
        let kept = || Arc::strong_count(&bell);
        let at_rest = kept();

        // Each kind of wait, given up: no waker is left behind.
        {
            let (mut one, mut two) = (pin!(session.accept_bidirectional()), pin!(session.accept_bidirectional()));
            let (mut datagram, mut closed) = (pin!(session.read_datagram()), pin!(session.closed()));
            let (mut uni, mut draining) = (pin!(session.accept_unidirectional()), pin!(session.draining()));
            for _ in 0..3 {
                assert!(one.as_mut().poll(&mut context).is_pending() && two.as_mut().poll(&mut context).is_pending());
                assert!(datagram.as_mut().poll(&mut context).is_pending());
                assert!(closed.as_mut().poll(&mut context).is_pending());
                assert!(uni.as_mut().poll(&mut context).is_pending());
                assert!(draining.as_mut().poll(&mut context).is_pending());
            }
            assert_eq!(kept(), at_rest + 6, "one for each wait, however often it was polled");
        }
        assert_eq!((kept(), rung()), (at_rest, 0));

        // What happens to others rings nothing.
        let mut datagram = Box::pin(session.read_datagram());
        assert!(datagram.as_mut().poll(&mut context).is_pending());
        assert_eq!(there_and_back(&session, vec![7; 70]).await?, [7; 70]);
        assert_eq!(rung(), 0);
        // What it waits for rings once.
        session.send_datagram(b"there and back").unwrap();
        let deadline = handle.now() + PATIENCE;
        while rung() == 0 {
            assert!(handle.now() < deadline, "it is never woken");
            runtime::executor::yield_now().await;
        }
        let Poll::Ready(read) = datagram.as_mut().poll(&mut context) else { panic!("woken for nothing") };
        assert_eq!(read?.to_vec(), b"there and back");
        drop(datagram);
        assert_eq!((kept(), rung()), (at_rest, 1));

        // Streams: read and written without a wait, nothing is kept; the end of the session rings for who waits.
        let (mut send, mut receive) = session.open_bidirectional().await?;
        let mut data = Bytes::from("x");
        assert!(send.poll_write(&mut data, &context).is_ready());
        assert_eq!(kept(), at_rest);
        assert!(receive.poll_read(10, &context).is_pending());
        assert_eq!(kept(), at_rest + 1);
        let mut accept = Box::pin(session.accept_bidirectional());
        assert!(accept.as_mut().poll(&mut context).is_pending());
        let before = rung();
        session.close(1, "");
        assert_eq!(rung(), before + 2);
        assert!(matches!(accept.as_mut().poll(&mut context), Poll::Ready(Err(Error::SessionClosed { code: 1, .. }))));
        assert!(matches!(receive.poll_read(10, &context), Poll::Ready(Err(Error::SessionClosed { code: 1, .. }))));
        drop(accept);
        drop((send, receive));
        assert_eq!(kept(), at_rest);
        client.close().await;
        Ok(())
    });
}

/// What comes to an application that does not read.
#[derive(Clone, Copy, Debug)]
enum Unread {
    Bidirectional,
    Unidirectional,
    OneStream,
    Datagrams,
}

/// Sends as much of it as there may be, and gives what has to be kept.
async fn fill(session: &Session, way: Unread, by_http: bool) -> Result<Box<dyn std::any::Any>, Error> {
    let some = vec![1; 100];
    match way {
        Unread::Bidirectional => {
            let mut all = Vec::new();
            while let Poll::Ready(opened) = poll_once(&mut pin!(session.open_bidirectional())) {
                let mut stream = opened?;
                stream.0.write_all(some.clone()).await?;
                all.push(stream);
            }
            assert_eq!(all.len(), if by_http { 100 } else { 256 });
            Ok(Box::new(all))
        }
        Unread::Unidirectional => {
            let mut all = Vec::new();
            while let Poll::Ready(opened) = poll_once(&mut pin!(session.open_unidirectional())) {
                let mut stream = opened?;
                stream.write_all(some.clone()).await?;
                all.push(stream);
            }
            assert_eq!(all.len(), 100);
            Ok(Box::new(all))
        }
        Unread::OneStream => {
            let mut stream = session.open_bidirectional().await?;
            stream.0.write_all(vec![1; if by_http { 256 << 10 } else { 512 << 10 }]).await?;
            assert!(poll_once(&mut pin!(stream.0.write_all(some))).is_pending(), "no more is taken");
            Ok(Box::new(stream))
        }
        Unread::Datagrams => {
            for _ in 0..1000 {
                session.write_datagram(&some).await.map_err(|error| Error::Message(error.to_string()))?;
            }
            Ok(Box::new(()))
        }
    }
}

/// Of two other sessions each has 300 echoes, and a request is answered.
#[test]
fn w14_a_session_that_is_not_read_holds_up_nothing_else() {
    each_way(async |roots, at, by_http, handle| {
        for way in [Unread::Bidirectional, Unread::Unidirectional, Unread::OneStream, Unread::Datagrams] {
            let client = builder(&roots).build(&handle);
            let stalled = match by_http {
                true => client.webtransport(&format!("https://{at}/holds")).connect().await?,
                false => client.open_session("hold/1", &at.to_string()).await?,
            };
            let kept = fill(&stalled, way, by_http).await?;
            let others = [open(&client, true, at).await?, open(&client, by_http, at).await?];
            for (number, session) in
                (0..150_usize).flat_map(|number| others.iter().map(move |session| (number, session)))
            {
                let bytes = vec![number as u8; 1 + number * 7 % 3000];
                assert_eq!(there_and_back(session, bytes.clone()).await?, bytes);
                let mut send = session.open_unidirectional().await?;
                send.write_all(bytes.clone()).await?;
                send.finish()?;
                assert_eq!(session.accept_unidirectional().await?.read_to_end(10_000).await?, bytes);
            }
            assert_eq!(client.get(&format!("https://{at}/")).send().await?.status().code(), 200, "{way:?}");
            // All sessions over HTTP/3 are on one connection; one without HTTP has its own.
            assert_eq!(client.open_connections(), if by_http { 1 } else { 3 });
            drop((kept, others));
            stalled.close(0, "");
            client.close().await;
        }
        Ok(())
    });
}

/// W-9: silence ends a connection, but not one that is kept alive, nor one with a session that is held.
#[test]
fn w9_silence_ends_what_nobody_keeps_alive() {
    each_way(async |roots, at, by_http, handle| {
        let idle = Duration::from_secs(1);
        let client = |keep_alive| {
            let mut builder = builder(&roots);
            builder.transport.max_idle_timeout = idle;
            builder.transport.keep_alive = keep_alive;
            builder.build(&handle)
        };
        let (holding, kept, silent) = (client(None), client(Some(idle / 4)), client(None));
        let session = open(&holding, by_http, at).await?;
        for client in [&kept, &silent] {
            client.get(&format!("https://{at}/")).send().await?.body().read_to_end(100).await?;
        }
        while silent.open_connections() > 0 {
            handle.sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(kept.open_connections(), 1);
        assert_eq!(there_and_back(&session, vec![7; 1000]).await?, vec![7; 1000]);
        for client in [holding, kept] {
            client.close().await;
        }
        Ok(())
    });
}

/// What is asked of a client's connections is asked of those of sessions without HTTP as well.
#[test]
fn connections_of_sessions_are_seen_moved_and_given_new_keys() {
    each_way(async |roots, at, by_http, handle| {
        let client = builder(&roots).build(&handle);
        let session = open(&client, by_http, at).await?;
        assert_eq!(client.connections().iter().map(|(remote, _)| *remote).collect::<Vec<_>>(), [at]);
        // By then the handshake is confirmed: before, nothing moves.
        assert_eq!(there_and_back(&session, vec![7; 10]).await?, vec![7; 10]);
        let before = client.paths()[0][0].local;
        assert_eq!(client.migrate().await?, 1);
        assert_ne!(client.paths()[0][0].local, before);
        assert_eq!(client.update_keys(), 1);
        assert_eq!(there_and_back(&session, vec![7; 100_000]).await?, vec![7; 100_000]);
        let (_, stats) = client.connections()[0];
        assert_eq!((stats.migrations, stats.key_updates), (1, 1));
        session.close(0, "");
        session.closed().await?;
        if !by_http {
            assert_eq!((client.open_connections(), client.update_keys()), (0, 0), "it is gone with its session");
        }
        client.close().await;
        Ok(())
    });
}
