//! The time of day, for certificates.

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl tls::WallClock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        runtime::clock::unix_seconds()
    }
}
