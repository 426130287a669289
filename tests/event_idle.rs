//! What consumers cost that wait for events.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

mod event_serving;

use event_serving::{Serving, folder};
use posthaste::events::messages::Settings;
use posthaste::events::{ClientConfig, Event, EventClient};
use posthaste::{Client, Handle, Roots};
use std::rc::Rc;
use std::time::Duration;

const CONSUMERS: usize = 1000;
/// Of the server for each consumer on a connection of its own, in KiB.
const MOST_EACH: usize = 64;
const PATIENCE: Duration = Duration::from_secs(300);

fn resident_kib(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_thousand_consumers_that_wait_cost_little_memory() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &[]);
    let pem = std::fs::read(&serving.certificate).unwrap();
    let url = format!("quic://{}", serving.address());
    posthaste::run(|handle: Handle| async move {
        let task = async {
            let client = Client::builder(Roots::from_pem(&pem).unwrap()).build(&handle);
            let connect = || {
                let config = ClientConfig::new("root", "root-secret");
                EventClient::connect(&client, &url, config, &handle).unwrap()
            };
            let first = connect();
            first.ensure("orders", "s", Settings::default()).await.unwrap();
            let before = resident_kib(serving.child.id());
            let mut all = Vec::new();
            for _ in 0..CONSUMERS {
                let consumer = connect();
                consumer.connected().await.unwrap();
                all.push((Rc::new(consumer.subscribe("orders", "s", Settings::default())), consumer));
            }
            // Until all of them wait at the server.
            while first.describe("orders").await.unwrap().namespaces[0].subscriptions[0].consumers < CONSUMERS as u64 {
                handle.sleep(Duration::from_millis(20)).await;
            }
            let each = (resident_kib(serving.child.id()) - before) / CONSUMERS;
            println!("{each} KiB each");
            assert!(each <= MOST_EACH, "{each} KiB each");
            // Each event goes to one of them.
            let waiting: Vec<_> = all
                .iter()
                .map(|(subscription, _)| {
                    let subscription = subscription.clone();
                    handle.spawn(async move { subscription.next().await.unwrap().unwrap().event().unwrap().id })
                })
                .collect();
            first.publish("orders", &Event { id: "one".into(), ..Event::default() }).await.unwrap();
            while !waiting.iter().any(|task| task.is_finished()) {
                handle.sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(waiting.iter().filter(|task| task.is_finished()).count(), 1);
        };
        assert!(handle.timeout(PATIENCE, task).await.is_ok(), "it takes too long");
    })
    .unwrap();
}
