//! Ships a log: each line of standard input is an event, kept until the server has it, also while the server is away.
//!
//! `tail -F /var/log/syslog | cargo run --example ship_logs https://localhost:4433/events CA.pem logs`, with the client's name and
//! token in `POSTHASTE_EVENTS_CLIENT` and `POSTHASTE_EVENTS_TOKEN`.

use posthaste::events::{ClientConfig, Event, EventClient};
use posthaste::{Client, Error, Roots, WebTransportLimits};
use std::io::BufRead;
use std::sync::mpsc::{TryRecvError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Error> {
    let [url, ca, namespace] = arguments();
    let variable = |name: &str| std::env::var(name).map_err(|_| Error::Message(format!("{name} is not set")));
    let config = ClientConfig::new(variable("POSTHASTE_EVENTS_CLIENT")?, variable("POSTHASTE_EVENTS_TOKEN")?);
    // Lines come from a thread of their own: reading them would hold up the network. It waits where too many are under way.
    let (sender, lines) = sync_channel(1000);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    posthaste::run(|handle| async move {
        let client =
            Client::builder(Roots::from_pem_file(ca)?).webtransport(&WebTransportLimits::default()).build(&handle);
        let log = |event: &_| eprintln!("{event:?}");
        let events = EventClient::connect_with_log(&client, &url, config, &handle, log)?;
        loop {
            let line = match lines.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Empty) => {
                    handle.sleep(Duration::from_millis(20)).await;
                    continue;
                }
                Err(TryRecvError::Disconnected) => break,
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let event = Event {
                kind: "line".into(),
                message: line,
                timestamp: u64::try_from(now.as_millis()).unwrap_or_default(),
                ..Event::default()
            };
            // Waits for room in the queue, and not for the server.
            drop(events.publish_soon(&namespace, &event).await?);
        }
        Ok(events.close(Duration::from_secs(60)).await?)
    })?
}

fn arguments() -> [String; 3] {
    let given: Vec<String> = std::env::args().skip(1).collect();
    given.try_into().unwrap_or_else(|_| {
        eprintln!("usage: ship_logs URL CA_PEM NAMESPACE");
        std::process::exit(2)
    })
}
