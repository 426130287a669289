//! Consumes a log, and prints an alert for each line that has an error. Any number of these share the work, and each line is looked at
//! by one of them. One that is killed leaves its lines to the others.
//!
//! `cargo run --example alerts https://localhost:4433/events CA.pem logs`, with the client's name and token in
//! `POSTHASTE_EVENTS_CLIENT` and `POSTHASTE_EVENTS_TOKEN`.

use posthaste::events::messages::Settings;
use posthaste::events::{ClientConfig, Event, EventClient};
use posthaste::{Client, Error, Roots, WebTransportLimits};
use std::time::Duration;

/// How long a line waits that could not be dealt with.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

fn main() -> Result<(), Error> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [url, ca, namespace] = &given[..] else {
        eprintln!("usage: alerts URL CA_PEM NAMESPACE");
        std::process::exit(2)
    };
    let variable = |name: &str| std::env::var(name).map_err(|_| Error::Message(format!("{name} is not set")));
    let config = ClientConfig::new(variable("POSTHASTE_EVENTS_CLIENT")?, variable("POSTHASTE_EVENTS_TOKEN")?);
    posthaste::run(|handle| async move {
        let client =
            Client::builder(Roots::from_pem_file(ca)?).webtransport(&WebTransportLimits::default()).build(&handle);
        let events = EventClient::connect(&client, url, config, &handle)?;
        // After five attempts a line goes to where somebody can look at it.
        let settings = Settings { max_deliveries: 5, dead_letter: format!("{namespace}.dead"), ..Settings::default() };
        let alerts = events.subscribe(namespace, "alerts", settings);
        // A line is acknowledged when this succeeds, and comes again when it does not.
        alerts.handle_each(AGAIN_AFTER, |line| async move { alert(&line) }).await?;
        Ok(())
    })?
}

fn alert(line: &Event) -> Result<(), std::io::Error> {
    if line.message.to_lowercase().contains("error") {
        use std::io::Write;
        writeln!(std::io::stdout(), "ALERT {}: {}", line.timestamp, line.message)?;
    }
    Ok(())
}
