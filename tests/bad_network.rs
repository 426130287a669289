//! The library's client and server over real sockets, with a bad network between them. What each case costs on virtual time
//! is the affair of the simulated tests; here everything has to come to its end, whole.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{
    AddressValidation, Bytes, Client, CongestionControl, Error, Handle, IdLayout, Identity, LoadBalancing,
    MemoryTickets, Method, Reply, Request, ResponseHead, Roots, Server, Status, Tickets, Version, Versions,
};
use relay::{Path, Relay};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const DOWN: usize = 2_000_000;
const UP: usize = 1_000_000;
/// Long beyond what any of the cases takes, and below the idle timeout, so that nobody is rescued by a second connection.
const PATIENCE: Duration = Duration::from_secs(25);

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place % 251) as u8).collect()
}

async fn answer(request: Request, reply: Reply) -> Result<(), Error> {
    let body = request.into_parts().1.read_to_end(UP).await?;
    if body.is_empty() { reply.send(200, pattern(DOWN)).await } else { reply.send(200, body).await }
}

/// Downloads, uploads and gets back what was uploaded, all on one connection at the same time.
async fn exchange(client: Client, base: String, handle: &Handle) -> Result<(), Error> {
    let (other, url) = (client.clone(), base.clone());
    let echo = handle.spawn(async move {
        let sent = Bytes::from(pattern(UP));
        let mut response = other.request(Method::Put, &url).body(sent.clone()).send().await?;
        assert_eq!(response.body().read_to_end(UP).await?, sent.as_ref());
        Ok::<(), Error>(())
    });
    let mut response = client.get(&base).send().await?;
    assert_eq!(response.body().read_to_end(DOWN).await?, pattern(DOWN));
    echo.await.unwrap()
}

/// Everything is exchanged over the path within `PATIENCE`; gives the relay for its counts.
fn over(settings: &str) -> Result<Relay, Error> {
    with(settings, &Ends::default())
}

/// How the two ends are set up.
#[derive(Default)]
struct Ends {
    control: CongestionControl,
    /// What the server likes, best first.
    versions: Versions,
    /// The server asks clients to show their address.
    asks: bool,
}

/// The same, with ends that are set up like this.
fn with(settings: &str, ends: &Ends) -> Result<Relay, Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let mut server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
        server.transport.versions = ends.versions;
        if ends.asks {
            server = server.address_validation(AddressValidation::Always);
        }
        let server = server.congestion_control(ends.control).start(&handle, answer)?;
        let relay = Relay::start(server.addresses()[0], Path::parse(settings.split(' ')).unwrap()).unwrap();
        let client = Client::builder(roots).congestion_control(ends.control).build(&handle);
        let exchanging = exchange(client.clone(), format!("https://{}/", relay.address()), &handle);
        assert!(handle.timeout(PATIENCE, exchanging).await.map_err(|_| settings).unwrap().is_ok(), "{settings}");
        assert_eq!(
            client.connections()[0].1.version,
            ends.versions.as_slice()[0],
            "the server's best, which the client has"
        );
        client.close().await;
        Ok(relay)
    })?
}

#[test]
fn loss_and_reordering() -> Result<(), Error> {
    let relay = over("delay=5 loss=20 reordering=100")?;
    assert!(relay.counts().lost.load(Ordering::Relaxed) > 10);
    Ok(())
}

#[test]
fn loss_and_queues_with_each_congestion_control() -> Result<(), Error> {
    use CongestionControl::{Bbr, NewReno};
    let over_with = |settings, control| with(settings, &Ends { control, ..Ends::default() });
    let relay = over_with("delay=10 loss=20 reordering=20", Bbr)?;
    assert!(relay.counts().lost.load(Ordering::Relaxed) > 10);
    over_with("delay=10 rate=20000 queue=10", Bbr)?;
    over_with("delay=20 rate=20000 rebinding=200", Bbr)?;
    over_with("delay=10 rate=20000 queue=10", NewReno).map(drop)
}

#[test]
fn a_change_of_version_in_a_bad_network() -> Result<(), Error> {
    let cases = ["delay=20 first-flight=3", "delay=5 loss=50 reordering=100", "delay=20 rate=20000 rebinding=1000"];
    let versions = Versions::new(&[Version::V2, Version::V1]).unwrap();
    let ends = Ends { versions, asks: true, ..Ends::default() };
    cases.into_iter().try_for_each(|settings| with(settings, &ends).map(drop))
}

#[test]
fn a_lost_first_flight() -> Result<(), Error> {
    over("delay=20 first-flight=3").map(drop)
}

/// Two hundred requests at a time whose fields repeat, with dynamic tables at both ends: what is inserted is lost and overtaken on the
/// way, and every request and every response arrives as it was.
#[test]
fn dynamic_tables_over_loss_and_reordering() -> Result<(), Error> {
    const OWN: &str = "x-own";
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let answer = |request: Request, reply: Reply| async move {
            let own = request.fields().first_text(OWN).unwrap_or("none").to_owned();
            let head = ResponseHead::new(Status::OK).with_field(OWN, &own).unwrap();
            let head = head.with_field("x-always", "the same in every response").unwrap();
            reply.send(head, own).await
        };
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
        let server = builder.dynamic_table(512).start(&handle, answer)?;
        let relay = Relay::start(server.addresses()[0], Path::parse(["delay=5", "loss=50", "reordering=200"]).unwrap())
            .unwrap();
        let url = format!("https://{}/", relay.address());
        let client = Client::builder(roots).dynamic_table(512).build(&handle);
        client.get(&url).send().await?.body().read_to_end(10).await?;
        let asking = (0..200).map(|number| {
            let (client, url) = (client.clone(), url.clone());
            handle.spawn(async move {
                let value = format!("value {} of a few", number % 7);
                let mut response = client.get(&url).field(OWN, &value).send().await?;
                assert_eq!(response.fields().first_text(OWN), Some(value.as_str()));
                assert_eq!(response.body().read_to_end(100).await?, value.as_bytes());
                Ok::<(), Error>(())
            })
        });
        for answer in asking.collect::<Vec<_>>() {
            handle.timeout(PATIENCE, answer).await.unwrap().unwrap()?;
        }
        client.close().await;
        Ok(())
    })?
}

/// Handshakes over a path that loses one datagram in five, several at the same time: each request is answered.
#[test]
fn handshakes_over_a_path_that_loses_much() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let answer = |_, reply: Reply| async move { reply.send(200, "here").await };
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
        let server = builder.start(&handle, answer)?;
        let relay = Relay::start(server.addresses()[0], Path::parse(["delay=25", "loss=200"]).unwrap()).unwrap();
        let url = format!("https://{}/", relay.address());
        let asking = (0..24).map(|_| {
            let (client, url) = (Client::builder(roots.clone()).build(&handle), url.clone());
            handle.spawn(async move { client.get(&url).send().await?.body().read_to_end(10).await })
        });
        for answer in asking.collect::<Vec<_>>() {
            assert_eq!(handle.timeout(PATIENCE, answer).await.unwrap().unwrap()?, b"here");
        }
        assert!(relay.counts().lost.load(Ordering::Relaxed) > 20);
        Ok(())
    })?
}

#[test]
fn a_bottleneck_with_a_short_queue() -> Result<(), Error> {
    over("delay=10 rate=20000 queue=10").map(drop)
}

#[test]
fn ports_that_change() -> Result<(), Error> {
    for time in ["rebinding=200", "rebinding=1000"] {
        let relay = over(&format!("delay=20 rate=20000 {time}"))?;
        assert!(relay.counts().rebound.load(Ordering::Relaxed) > 0, "{time}");
    }
    Ok(())
}

/// The kernel finds the worker by IDs that load balancers read, however the client's port changes, and packets that come late
/// from the port before, or twice, are no harm.
/// The first packets with the token of the Retry are lost, and the next ones come from another port, for which it is not good.
#[test]
fn another_port_between_a_retry_and_its_token() -> Result<(), Error> {
    let settings = "delay=10 lost-from=3 lost-to=4 first-rebinding=300 rebinding=60000";
    with(settings, &Ends { asks: true, ..Ends::default() }).map(|_| ())
}

#[test]
fn workers_behind_ports_that_change() -> Result<(), Error> {
    let identity = Identity::development(&[])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let balancing = LoadBalancing::new(1, &[0, 7], 8).expect("a layout").with_key(&[3; 16]);
    let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
    let workers = builder.id_layout(IdLayout::for_load_balancers(balancing)).start_workers(3, answer)?;
    posthaste::run(|handle| async move {
        let path = Path::parse("delay=10 loss=10 reordering=50 rebinding=100".split(' ')).unwrap();
        let relay = Relay::start(workers.addresses()[0], path).unwrap();
        let client = Client::builder(roots).build(&handle);
        let exchanging = exchange(client.clone(), format!("https://{}/", relay.address()), &handle);
        handle.timeout(PATIENCE, exchanging).await.expect("it comes to its end")?;
        assert!(relay.counts().rebound.load(Ordering::Relaxed) > 1);
        let stats = workers.stats()?;
        assert_eq!((stats.strangers.accepted, stats.handed_over), (1, 0));
        client.close().await;
        workers.shutdown();
        workers.join()
    })?
}

#[test]
fn a_path_that_narrows() -> Result<(), Error> {
    let cases = [(1440, 0), (1300, 300), (1280, 100), (1200, 0), (1200, 300)];
    let narrowing = cases.map(|(size, silence)| {
        std::thread::spawn(move || {
            over(&format!("delay=20 rate=20000 narrow-after=300 narrow-size={size} narrow-silence={silence}")).map(drop)
        })
    });
    narrowing.into_iter().try_for_each(|case| case.join().unwrap())
}

/// Early data over a path that loses and reorders, on many connections: whatever becomes of it, each request is answered, and whoever
/// is answered as early has sent it so.
#[test]
fn early_data() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let pem = identity.certificate_pem();
        let answer = |request: Request, reply: Reply| async move {
            let is_early = request.is_early();
            reply.send(200, if is_early { "early" } else { "late" }).await
        };
        let tickets = Tickets::new().dangerous_accept_early_data_that_may_be_replayed();
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").tickets(tickets);
        let server = builder.start(&handle, answer)?;
        let settings = "delay=5 loss=100 reordering=200";
        let relay = Relay::start(server.addresses()[0], Path::parse(settings.split(' ')).unwrap()).unwrap();
        let url = format!("https://{}/", relay.address());
        let store = Arc::new(MemoryTickets::default());
        let mut early = 0;
        for _ in 0..40 {
            let builder = Client::builder(Roots::from_pem(pem.as_bytes())?).ticket_store(store.clone());
            let client = builder.dangerous_offer_early_data_that_may_be_replayed().build(&handle);
            let asking = async {
                let first = client.get(&url).dangerous_send_as_early_data_that_may_be_replayed();
                let body = first.send().await?.body().read_to_end(10).await?;
                // Behind the tickets.
                assert_eq!(client.get(&url).send().await?.body().read_to_end(10).await?, b"late");
                Ok::<_, Error>(body)
            };
            let body = handle.timeout(PATIENCE, asking).await.map_err(|_| settings).unwrap()?;
            early += usize::from(body == b"early".as_ref());
            client.close().await;
        }
        assert!(early > 10, "{early} of 40 were early");
        assert!(relay.counts().lost.load(Ordering::Relaxed) > 10);
        Ok(())
    })?
}
