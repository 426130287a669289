//! A server of several workers, over real sockets: clients that move, policies, and the end.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{
    Admission, Client, Error, Handle, IdLayout, Identity, LoadBalancing, Reply, Request, Roots, Server, ServerBuilder,
    Workers,
};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WORKERS: usize = 4;

fn builder() -> ServerBuilder {
    Server::builder(Identity::development(&[]).unwrap()).listen("127.0.0.1:0".parse().unwrap())
}

/// Answers with the worker and the address of the client.
async fn who_and_where(request: Request, reply: Reply) -> Result<(), Error> {
    let worker = std::thread::current().name().unwrap_or("").to_owned();
    reply.send(200, format!("{worker} {}", request.remote())).await
}

fn client(handle: &Handle) -> Client {
    Client::builder(Roots::dangerous_accept_any()).build(handle)
}

/// Which worker answers, and where it sees the client.
async fn ask(client: &Client, workers: &Workers) -> Result<(String, String), Error> {
    let mut response = client.get(&format!("https://{}/", workers.addresses()[0])).send().await?;
    let text = String::from_utf8(response.body().read_to_end(100).await?).unwrap();
    let (worker, remote) = text.split_once(' ').unwrap();
    Ok((worker.to_owned(), remote.to_owned()))
}

/// A client that moves comes out at another worker three times out of four where nobody steers, and its connection goes on
/// where it was.
#[test]
fn a_connection_stays_with_its_worker_when_its_client_moves() -> Result<(), Error> {
    assert!(handed_over(builder().steer_workers(false), WORKERS, 12)? > 0);
    Ok(())
}

/// The kernel finds the worker, in our own IDs and in those that load balancers read; only a datagram that goes by its
/// addresses, with a long header, may come to another.
#[test]
fn the_kernel_finds_the_worker_of_a_client_that_moves() -> Result<(), Error> {
    let balancing = || LoadBalancing::new(2, &[1, 2, 3], 8).unwrap();
    assert_eq!(handed_over(builder(), WORKERS, 40)?, 0);
    assert_eq!(handed_over(builder().id_layout(IdLayout::for_load_balancers(balancing())), WORKERS, 12)?, 0);
    let sealed = IdLayout::for_load_balancers(balancing().with_key(&[9; 16]));
    assert_eq!(handed_over(builder().id_layout(sealed), WORKERS, 12)?, 0);
    Ok(())
}

/// Two workers and clients that move all the time: every request is answered, and what goes from worker to worker is counted.
/// `POSTHASTE_MOVES` makes it longer.
#[test]
fn no_move_is_lost_and_hardly_any_is_handed_over() -> Result<(), Error> {
    let moves = std::env::var("POSTHASTE_MOVES").map_or(30, |moves| moves.parse().expect("a number"));
    for (is_steered, range) in [(true, 0..=moves as u64 / 1000), (false, moves as u64 / 4..=u64::MAX)] {
        let begun = Instant::now();
        let count = handed_over(builder().steer_workers(is_steered), 2, moves)?;
        println!("{moves} moves, steered: {is_steered}: {count} datagrams handed over, {:?}", begun.elapsed());
        assert!(range.contains(&count), "steered: {is_steered}, {count} datagrams");
    }
    Ok(())
}

/// IDs that are too short for it are handed over as ever.
#[test]
fn workers_with_short_ids_hand_over() -> Result<(), Error> {
    assert!(handed_over(builder().id_layout(IdLayout::new(6).unwrap()), WORKERS, 12)? > 0);
    Ok(())
}

/// Clients move so many times in all, and each is answered by its worker; how many datagrams went from worker to worker. There are
/// more of them if there are many moves, because a server gives another ID to move with once the move before is known to be good.
fn handed_over(builder: ServerBuilder, count: usize, moves: usize) -> Result<u64, Error> {
    let workers = Arc::new(builder.start_workers(count, who_and_where)?);
    posthaste::run(|handle| async move {
        let clients = 1 + moves / 100;
        let moving = |_| handle.spawn(move_about(handle.clone(), workers.clone(), moves.div_ceil(clients)));
        let moving: Vec<_> = (0..clients).map(moving).collect();
        for client in moving {
            client.await.expect("no panic")?;
        }
        let handed_over = workers.stats()?.handed_over;
        workers.shutdown();
        Arc::into_inner(workers).expect("clients are gone").join()?;
        Ok(handed_over)
    })?
}

/// One client's.
async fn move_about(handle: Handle, workers: Arc<Workers>, moves: usize) -> Result<(), Error> {
    let client = client(&handle);
    let (worker, mut last) = ask(&client, &workers).await?;
    for _ in 0..moves {
        // Where the server has given no connection ID yet, a move waits for it.
        assert_eq!(client.migrate().await?, 1);
        let moved = async {
            loop {
                let (answering, now) = ask(&client, &workers).await?;
                assert_eq!(answering, worker);
                if last != now {
                    return Ok::<String, Error>(now);
                }
                handle.sleep(Duration::from_millis(2)).await;
            }
        };
        last = handle.timeout(Duration::from_secs(20), moved).await.expect("the server follows")?;
    }
    client.close().await;
    Ok(())
}

/// Many clients are spread over the workers, and a shutdown lets the answers under way finish, on all of them.
#[test]
fn all_workers_serve_and_all_drain() -> Result<(), Error> {
    let (gate, waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_open, held) = (gate.clone(), waiting.clone());
    let workers = builder().start_workers(2, move |request: Request, reply: Reply| {
        let (is_open, held) = (is_open.clone(), held.clone());
        async move {
            let mut writer = reply.start(200)?;
            held.fetch_add(1, Ordering::SeqCst);
            // The rest of the request comes when the test lets it.
            let _ = request.into_parts().1.read_to_end(100).await?;
            assert!(is_open.load(Ordering::SeqCst));
            writer.write(std::thread::current().name().unwrap().to_owned()).await?;
            writer.finish()
        }
    })?;
    posthaste::run(|handle| async move {
        let url = format!("https://{}/", workers.addresses()[0]);
        let mut open = Vec::new();
        for _ in 0..24 {
            let client = client(&handle);
            open.push((client.post(&url).start().await?, client));
        }
        while waiting.load(Ordering::SeqCst) < open.len() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        workers.shutdown();
        handle.sleep(Duration::from_millis(20)).await;
        gate.store(true, Ordering::SeqCst);
        let mut names = std::collections::BTreeSet::new();
        for ((writer, pending), client) in open {
            writer.finish()?;
            let mut response = pending.response().await?;
            names.insert(response.body().read_to_end(100).await?);
            client.close().await;
        }
        assert_eq!(names.len(), 2, "both workers have answered");
        workers.join()
    })?
}

#[test]
fn a_port_that_is_taken_is_refused_and_so_is_no_worker() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let builder = || Server::builder(Identity::development(&[]).unwrap()).listen(address);
    let error = builder().start_workers(2, who_and_where).unwrap_err();
    assert!(matches!(error, Error::Listen { address: asked, .. } if asked == address), "{error}");
    drop(taken);
    let first = builder().start_workers(2, who_and_where).unwrap();
    // Their sockets share the port among each other, and with nobody else.
    assert!(matches!(builder().start_workers(2, who_and_where), Err(Error::Listen { .. })));
    assert!(builder().start_workers(0, who_and_where).unwrap_err().to_string().contains("0 workers"));
    first.close();
    first.join().unwrap();
}

/// One policy for all workers: a proof of the address first, and nobody at all after a while.
#[test]
fn a_policy_decides_who_may_begin() -> Result<(), Error> {
    let (is_closed, asked) = (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let (closed, counts) = (is_closed.clone(), asked.clone());
    let builder = builder().secret([7; 32]).on_incoming(move |incoming| {
        counts[usize::from(incoming.is_validated)].fetch_add(1, Ordering::SeqCst);
        match (closed.load(Ordering::SeqCst), incoming.is_validated) {
            (true, _) => Admission::Refuse,
            (false, false) => Admission::Retry,
            (false, true) => Admission::Accept,
        }
    });
    let workers = builder.start_workers(2, who_and_where)?;
    posthaste::run(|handle| async move {
        for _ in 0..4 {
            ask(&client(&handle), &workers).await?;
        }
        // A ClientHello is two packets. Each is asked to come back, as is each that a client sends again because a busy machine takes its
        // time; and when they do, the first begins the connection.
        let [unvalidated, validated] = [0, 1].map(|place: usize| asked[place].load(Ordering::SeqCst));
        assert!(unvalidated >= 4 * 2 && validated == 4, "{unvalidated} and {validated}");
        is_closed.store(true, Ordering::SeqCst);
        let error = ask(&client(&handle), &workers).await.unwrap_err();
        assert!(matches!(error, Error::Closed { .. }), "{error}");
        workers.close();
        workers.join()
    })?
}

/// What all workers have counted is had as that of one server is, and stays counted when they have ended.
#[test]
fn counters_of_all_workers_are_added_up() -> Result<(), Error> {
    let workers = builder().start_workers(WORKERS, who_and_where)?;
    posthaste::run(|handle| async move {
        assert_eq!(workers.stats()?.held.connections, 0);
        // Each from another port, so that they are spread.
        let clients: Vec<Client> = (0..20).map(|_| client(&handle)).collect();
        let mut seen = Vec::new();
        for client in &clients {
            seen.push(ask(client, &workers).await?);
        }
        let stats = workers.stats()?;
        assert_eq!((stats.held.connections, stats.strangers.accepted), (20, 20));
        let mut told: Vec<String> = workers.connections()?.iter().map(|(remote, _)| remote.to_string()).collect();
        let mut expected: Vec<String> = seen.iter().map(|(_, remote)| remote.clone()).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
        assert!(workers.connections()?.iter().all(|(_, stats)| stats.bytes_received > 0));
        assert_eq!(workers.requests_under_way()?, 0);
        for client in clients {
            client.close().await;
        }
        workers.shutdown();
        while workers.stats()?.held.connections > 0 {
            handle.sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(workers.stats()?.strangers.accepted, 20);
        workers.join()
    })?
}

/// A handler that keeps its thread is named, and nobody waits for it for long.
#[test]
fn a_worker_that_does_not_answer_is_named() -> Result<(), Error> {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (begun, begins) = std::sync::mpsc::channel();
    let begun = std::sync::Mutex::new(begun);
    let shared = Arc::new((held, begun));
    let workers = builder().start_workers(1, move |_, reply: Reply| {
        let shared = shared.clone();
        async move {
            let _ = shared.1.lock().unwrap().send(());
            let _ = shared.0.lock().unwrap().recv();
            reply.send(200, "").await
        }
    })?;
    posthaste::run(|handle| async move {
        let client = client(&handle);
        let url = format!("https://{}/", workers.addresses()[0]);
        let asking = handle.spawn(async move { client.get(&url).send().await.map(drop) });
        handle
            .timeout(Duration::from_secs(20), async {
                while begins.try_recv().is_err() {
                    handle.sleep(Duration::from_millis(2)).await;
                }
            })
            .await
            .expect("the handler is called");
        let error = workers.stats().unwrap_err().to_string();
        assert!(error.contains("worker 0") && error.contains("handler"), "{error}");
        release.send(()).unwrap();
        asking.await.expect("no panic")?;
        assert_eq!(workers.stats()?.held.connections, 1);
        workers.close();
        workers.join()
    })?
}
