//! Round trips that packets count and not the clock (draft-ietf-ccwg-bbr section 5.5.1).

/// Which round trip runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// How many were complete.
    pub count: u64,
    /// Whether the newest acknowledgment completed one.
    pub is_start: bool,
    /// How many were complete since the bandwidth was probed.
    pub since_probe: u64,
    // The one that runs ends with a packet that was sent when so much had been delivered.
    next_delivered: u64,
}

impl Rounds {
    /// A packet is acknowledged at whose sending `prior_delivered` bytes had been delivered; now it is `delivered`.
    pub(super) const fn on_acked(&mut self, prior_delivered: u64, delivered: u64) {
        self.is_start = prior_delivered >= self.next_delivered;
        if self.is_start {
            self.begin(delivered);
            self.count += 1;
            self.since_probe += 1;
        }
    }

    /// A round trip begins here.
    pub(super) const fn begin(&mut self, delivered: u64) {
        self.next_delivered = delivered;
    }
}
