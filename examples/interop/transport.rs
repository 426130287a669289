//! The settings of both ends' transport that depend on the case.

use super::case::Case;
use crypto::{CipherSuite, Provider};
use quic::{Version, Versions};
use std::sync::Arc;
use std::time::Duration;

/// The protocol of all cases but one.
pub const HQ: &[u8] = b"hq-interop";
/// No less than a case may take: of some handshakes one packet in three is lost.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(300);
/// Of handshakes as well: where much is lost, probes of both ends come ever less often.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// What a client begins with that is to see its windows grow.
const SMALL_STREAM: u64 = 64 << 10;
/// The same, of all streams.
const SMALL_CONNECTION: u64 = 128 << 10;

/// Of QUIC.
pub fn config(case: &Case, is_traced: bool) -> Arc<quic::Config> {
    let mut config = quic::Config {
        handshake_timeout: HANDSHAKE_TIMEOUT,
        max_idle_timeout: IDLE_TIMEOUT,
        ..quic::Config::default()
    };
    config.recovery.ecn = case.marks;
    // Who reads the runner's captures looks for the QUIC bit.
    config.grease = false;
    if case.version_2
        && let Some(versions) = Versions::new(&[Version::V2, Version::V1])
    {
        config.versions = versions;
    }
    config.trace = is_traced.then(Default::default);
    if case.small_windows {
        config.streams.max_data = SMALL_CONNECTION;
        config.streams.max_stream_data_bidi_local = SMALL_STREAM;
    }
    Arc::new(config)
}

/// Of cryptography.
pub fn provider(case: &Case) -> Provider {
    let provider = crypto_ring::PROVIDER;
    match provider.cipher_suite(CipherSuite::CHACHA20_POLY1305_SHA256) {
        // For as long as the process.
        Some(suite) if case.only_chacha20 => Provider { cipher_suites: vec![suite].leak(), ..provider },
        _ => provider,
    }
}

/// The time of day.
#[derive(Debug)]
pub struct Clock;

impl tls::WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        runtime::clock::unix_seconds()
    }

    fn unix_millis(&self) -> u64 {
        runtime::clock::unix_millis()
    }
}
