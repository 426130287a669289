//! Running a server: its configuration file, its figures, its logs, and what it says to whoever started it.
#![allow(clippy::unwrap_used)] // a test may

#[path = "operation/configuration.rs"]
mod configuration;
#[path = "operation/logs.rs"]
mod logs;
#[path = "operation/metrics.rs"]
mod metrics;
#[path = "operation/service.rs"]
mod service;
#[path = "command/serving.rs"]
#[allow(dead_code)] // a part of it is for other tests
mod serving;

use posthaste::{Client, Error};

/// Asks until the answer is what it should be: the server hears of a signal a little later than it is sent.
pub(crate) async fn until(client: &Client, url: &str, is_it: impl Fn(u16, &[u8]) -> bool) -> Result<(), Error> {
    for _ in 0..2000 {
        let mut response = client.get(url).send().await?;
        let body = response.body().read_to_end(100_000).await?;
        if is_it(response.status().code(), &body) {
            return Ok(());
        }
    }
    panic!("{url} does not become what it should be")
}
