//! What happened, as a running hash and, if wanted, as text.

use base::{DuplexEnd, Ecn, FourTuple, Instant};
use std::fmt::Write;

/// A datagram that leaves a machine or reaches one.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// When.
    pub now: Instant,
    /// Whether the machine sends it; otherwise it receives it.
    pub is_sent: bool,
    /// As this machine sees it.
    pub four_tuple: FourTuple,
    /// Its mark.
    pub ecn: Ecn,
    /// The UDP payload.
    pub payload: &'a [u8],
}

/// What happens at one end of a byte stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamObservation<'a> {
    /// When.
    pub now: Instant,
    /// Which connection of the world.
    pub connection: usize,
    /// Which of its two ends.
    pub side: usize,
    /// What.
    pub step: StreamStep<'a>,
}

/// A step of one end of a byte stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StreamStep<'a> {
    /// The link takes these bytes.
    Writes(&'a [u8]),
    /// The link takes the end of output.
    WritesEnd,
    /// The link gives these bytes.
    Reads(&'a [u8]),
    /// The link gives the end of input.
    ReadsEnd,
    /// The connection is over for this end.
    Over(DuplexEnd),
}

/// FNV-1a over all observations: two runs with the same hash did the same.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    text: Option<String>,
}

impl Trace {
    /// Nothing happened yet; text only `with_text`.
    pub const fn new(with_text: bool) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, text: if with_text { Some(String::new()) } else { None } }
    }

    /// Of all so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// A line for each datagram; empty unless asked for.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }

    /// Adds an observation.
    pub(crate) fn record(&mut self, observation: &Observation<'_>) {
        let Observation { now, is_sent, four_tuple: FourTuple { local, remote }, ecn, payload } = *observation;
        self.update(&now.as_nanos().to_be_bytes());
        self.update(&[u8::from(is_sent), ecn as u8]);
        for address in [local, remote] {
            match address.ip() {
                std::net::IpAddr::V4(ip) => self.update(&ip.octets()),
                std::net::IpAddr::V6(ip) => self.update(&ip.octets()),
            }
            self.update(&address.port().to_be_bytes());
        }
        self.update(&(payload.len() as u64).to_be_bytes());
        self.update(payload);
        if let Some(text) = &mut self.text {
            let verb = if is_sent { "sends to" } else { "receives from" };
            let (at, len) = (now.as_nanos(), payload.len());
            let result = write!(text, "{at:>15} {local} {verb} {remote} {ecn:?} {len} bytes: ");
            debug_assert!(result.is_ok(), "a string takes everything");
            payload.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
            text.push('\n');
        }
    }

    /// Adds a step of a byte stream.
    pub(crate) fn record_stream(&mut self, observation: &StreamObservation<'_>) {
        let StreamObservation { now, connection, side, step } = *observation;
        let (number, bytes): (u8, &[u8]) = match step {
            StreamStep::Writes(bytes) => (2, bytes),
            StreamStep::WritesEnd => (3, &[]),
            StreamStep::Reads(bytes) => (4, bytes),
            StreamStep::ReadsEnd => (5, &[]),
            StreamStep::Over(end) => (6 + end as u8, &[]),
        };
        self.update(&now.as_nanos().to_be_bytes());
        self.update(&(connection as u64).to_be_bytes());
        self.update(&[side as u8, number]);
        self.update(&(bytes.len() as u64).to_be_bytes());
        self.update(bytes);
        if let Some(text) = &mut self.text {
            let at = now.as_nanos();
            let result = writeln!(text, "{at:>15} connection {connection}, side {side}: {step:02x?}");
            debug_assert!(result.is_ok(), "a string takes everything");
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hash = bytes.iter().fold(self.hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
}
