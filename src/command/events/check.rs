//! `posthaste events check` and `token`: registries, and whether a server lets a client in.

use crate::command::arguments::EventsClient;
use crate::command::events::connect;
use crate::command::failure::{Failure, plain};
use crate::command::output;
use posthaste::events::{Registry, TokenHash, delivery};
use std::time::Duration;

/// Bytes of a registry, at most.
const MAX_REGISTRY: u64 = 64 << 20;
/// The variable that has a registry.
pub const VARIABLE: &str = "H3X_REGISTRY";
/// How long the first pong may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at what is named.
pub fn run(client: Option<&EventsClient>, registry: Option<&str>) -> Result<(), Failure> {
    if let Some(file) = registry {
        let registry = read(file)?;
        output::print(&format!("{file}: {} clients\n", registry.len()))?;
    }
    let Some(client) = client else { return Ok(()) };
    connect::with(client, async |connected| {
        let pinged = async {
            while connected.events.round_trip().is_none() {
                connected.handle.sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = connected.handle.timeout(PATIENCE, pinged).await;
        let away = connected
            .events
            .round_trip()
            .map_or("no answer to a ping".to_owned(), |time| format!("{:.2} ms away", time.as_secs_f64() * 1000.0));
        output::print(&format!("{}: the client is let in; {away}\n", client.url))
    })
}

/// The registry of a file.
pub fn read(file: &str) -> Result<Registry, Failure> {
    let failed = |error: &std::io::Error| Failure::Failed(format!("{file} could not be read: {}", plain(error)));
    let length = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
    if length > MAX_REGISTRY {
        return Err(Failure::Failed(format!("{file} has {length} bytes; a registry has at most {MAX_REGISTRY}")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let registry = Registry::parse(&text, crypto_ring::hash::SHA256);
    registry.map_err(|error| Failure::Failed(format!("{file}, {error}")))
}

/// The registry of a file, or of the variable.
pub fn registry(file: Option<&str>) -> Result<Registry, Failure> {
    match (file, std::env::var(VARIABLE)) {
        (Some(file), _) => read(file),
        (None, Ok(text)) => Registry::parse_variable(&text, crypto_ring::hash::SHA256)
            .map_err(|error| Failure::Failed(format!("{VARIABLE}, grant {}: {}", error.line, error.problem))),
        (None, Err(_)) => Err(Failure::Usage(format!(
            "nobody would be let in: --registry FILE or {VARIABLE} says who may do what; posthaste events token draws tokens"
        ))),
    }
}

/// Prints a new token and the line that lets it in.
pub fn token(client: &str, namespace: &str, rights: &str) -> Result<(), Failure> {
    let bytes: [u8; 24] = base::random::array(&mut crypto_ring::SystemRandom::new());
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = TokenHash::of(&token, crypto_ring::hash::SHA256).to_hex();
    let line = format!("{client} {namespace} {rights} sha256:{hash}");
    Registry::parse(&line, crypto_ring::hash::SHA256).map_err(|error| Failure::Usage(error.problem))?;
    debug_assert!(namespace == "*" || delivery::is_name(namespace), "the registry has looked at it");
    output::print(&format!("token: {token}\nregistry: {line}\n"))
}
