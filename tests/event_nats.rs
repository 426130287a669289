//! The store on NATS JetStream, against a server that `tests/peers/run nats` has started.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

mod event_promises;
mod event_serving;

use event_promises::{PATIENCE, Place, event, keep, texts};
use event_serving::{Serving, folder, ids, inject, text};
use posthaste::events::delivery::{Refusal, SubscriptionSettings};
use posthaste::events::{NatsOptions, NatsStore};
use posthaste::{Identity, Roots};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `nats://HOST:PORT`, and for the cluster those of all of its nodes.
fn url() -> String {
    std::env::var("POSTHASTE_NATS").expect("POSTHASTE_NATS has the address of a NATS server: see tests/peers/run")
}

/// The file of a certificate by which a server of `tls://` is known.
fn authorities() -> Option<String> {
    std::env::var("POSTHASTE_NATS_CA").ok()
}

fn connect(replicas: u32) -> NatsStore {
    let roots = authorities().map(|file| Roots::from_pem_file(file).expect("a certificate"));
    NatsStore::connect(&url(), NatsOptions { replicas, roots, ..NatsOptions::default() }).expect("the server answers")
}

/// Names that no earlier run has used.
fn prefix(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    format!("{name}-{}", now.as_millis())
}

#[test]
#[ignore = "needs a NATS server: tests/peers/run nats"]
fn jetstream_keeps_the_promises_of_a_store() {
    keep(&connect(1), &prefix("promises"));
}

#[test]
#[ignore = "needs a NATS server: tests/peers/run nats"]
fn what_two_of_our_servers_do_is_one_store() {
    let (one, other) = (connect(1), connect(1));
    let namespace = prefix("two");
    let (one, other) = (Place { store: &one, namespace: namespace.clone() }, Place { store: &other, namespace });
    one.subscribe("s", SubscriptionSettings::default());
    one.publish_texts(0..10);
    other.publish_texts(10..20);
    let mut got = BTreeSet::new();
    while got.len() < 20 {
        for place in [&one, &other] {
            let batch = place.fetch("s", 3, Duration::from_millis(100));
            got.extend(texts(&batch));
            assert_eq!(place.acknowledge("s", &batch), 0);
        }
    }
    assert!(one.fetch("s", 9, Duration::ZERO).is_empty() && other.fetch("s", 9, Duration::ZERO).is_empty());
}

/// `POSTHASTE_NATS_KILL` is a command that ends one node of three.
#[test]
#[ignore = "needs a cluster of NATS servers: tests/peers/run nats"]
fn a_node_of_three_is_killed_under_load_and_nothing_is_lost() {
    let kill = std::env::var("POSTHASTE_NATS_KILL").expect("POSTHASTE_NATS_KILL has the command that ends a node");
    let stores: Vec<NatsStore> = (0..3).map(|_| connect(3)).collect();
    let namespace = prefix("cluster");
    let places: Vec<Place<'_>> = stores.iter().map(|store| Place { store, namespace: namespace.clone() }).collect();
    let settings =
        SubscriptionSettings { acknowledgment_deadline: Duration::from_secs(5), ..SubscriptionSettings::default() };
    places[0].subscribe("s", settings);
    const EACH: usize = 400;
    let got = std::thread::scope(|scope| {
        for (number, place) in places.iter().enumerate() {
            let kill = &kill;
            scope.spawn(move || {
                for count in 0..EACH {
                    if number == 0 && count == EACH / 3 {
                        let status = std::process::Command::new("sh").args(["-c", kill]).status();
                        assert!(status.expect("a shell").success(), "the node was killed");
                    }
                    place.publish(vec![event(&format!("{number}.{count}"), "")]);
                }
            });
        }
        let mut got = BTreeSet::new();
        while got.len() < 3 * EACH {
            let batch = places[1].fetch("s", 100, PATIENCE);
            got.extend(texts(&batch));
            // One that was lost on the way to the server comes again.
            places[1].acknowledge("s", &batch);
        }
        got
    });
    for number in 0..3 {
        assert!((0..EACH).all(|count| got.contains(&format!("{number}.{count}"))), "all of publisher {number}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_with_its_address() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = socket.local_addr().expect("an address").to_string();
    drop(socket);
    let refused = NatsStore::connect(&format!("nats://{place}"), NatsOptions::default()).expect_err("nobody is there");
    assert!(matches!(refused, Refusal::Unreachable { .. }) && refused.to_string().contains(&place), "{refused}");
    let bad = NatsStore::connect("http://localhost", NatsOptions::default()).expect_err("no address of NATS");
    assert!(bad.to_string().contains("nats://"), "{bad}");
}

#[test]
#[ignore = "needs a NATS server with TLS: tests/peers/run nats"]
fn a_server_whose_certificate_is_of_nobody_that_is_believed_is_refused() {
    let other = Identity::development(&[]).expect("a key").certificate_pem();
    let roots = Some(Roots::from_pem(other.as_bytes()).expect("a certificate"));
    let refused = NatsStore::connect(&url(), NatsOptions { roots, ..NatsOptions::default() });
    let Err(Refusal::Unreachable { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.to_lowercase().contains("certificate"), "{reason}");
}

#[test]
#[ignore = "needs a NATS server: tests/peers/run nats"]
fn two_servers_of_the_command_keep_events_on_jetstream_and_one_of_them_is_killed() {
    let (folder, url, namespace) = (folder(), url(), prefix("command"));
    let authorities = authorities();
    let mut arguments = vec!["--store", url.as_str()];
    arguments.extend(authorities.iter().flat_map(|file| ["--store-ca", file.as_str()]));
    let start = || Serving::start(&folder, "127.0.0.1:0", &arguments);
    let (one, other) = (start(), start());
    let lines: String = (0..300).map(|number| format!("{{\"id\":\"e{number}\"}}\n")).collect();
    let stored = ids(&text(&inject(&one, &namespace, &lines)));
    assert_eq!(stored.len(), 300);
    assert_eq!(ids(&text(&other.run("both", &["tail", &other.url, &namespace]))), stored);
    one.signal("-KILL");
    drop(one);
    assert!(text(&inject(&other, &namespace, "{\"id\":\"e7\"}\n")).contains("\"is_duplicate\":true"));
    let consume = ["tail", &other.url, &namespace, "--subscription", "s", "-n", "300"];
    let consumed: BTreeSet<String> = ids(&text(&other.run("both", &consume))).into_iter().collect();
    assert_eq!(consumed, stored.into_iter().collect());
}
