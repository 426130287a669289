//! Congestion control (RFC 9002 section 7): which algorithm runs, chosen at run time without a virtual call.

pub(crate) mod controller;
pub(crate) mod cubic;
pub(crate) mod hystart;
pub(crate) mod new_reno;
pub(crate) mod window;

use super::config::CongestionControl;
use base::Instant;
use controller::{Acked, Controller};
use cubic::Cubic;
use new_reno::NewReno;

/// One of the controllers.
#[derive(Clone, Debug)]
pub(crate) enum AnyController {
    /// RFC 9438.
    Cubic(Cubic),
    /// RFC 9002 section 7.3.
    NewReno(NewReno),
}

impl AnyController {
    /// At the initial window of so many datagrams.
    pub(crate) fn new(algorithm: CongestionControl, max_datagram_size: u64, packets: u32) -> AnyController {
        match algorithm {
            CongestionControl::Cubic => AnyController::Cubic(Cubic::new(max_datagram_size, packets)),
            CongestionControl::NewReno => AnyController::NewReno(NewReno::new(max_datagram_size, packets)),
        }
    }
}

impl Controller for AnyController {
    fn window(&self) -> u64 {
        match self {
            AnyController::Cubic(controller) => controller.window(),
            AnyController::NewReno(controller) => controller.window(),
        }
    }

    fn is_slow_start(&self) -> bool {
        match self {
            AnyController::Cubic(controller) => controller.is_slow_start(),
            AnyController::NewReno(controller) => controller.is_slow_start(),
        }
    }

    fn recovery_start(&self) -> Option<Instant> {
        match self {
            AnyController::Cubic(controller) => controller.recovery_start(),
            AnyController::NewReno(controller) => controller.recovery_start(),
        }
    }

    fn on_acked(&mut self, acked: &Acked) {
        match self {
            AnyController::Cubic(controller) => controller.on_acked(acked),
            AnyController::NewReno(controller) => controller.on_acked(acked),
        }
    }

    fn on_congestion_event(&mut self, now: Instant, time_sent: Instant) -> bool {
        match self {
            AnyController::Cubic(controller) => controller.on_congestion_event(now, time_sent),
            AnyController::NewReno(controller) => controller.on_congestion_event(now, time_sent),
        }
    }

    fn on_persistent_congestion(&mut self) {
        match self {
            AnyController::Cubic(controller) => controller.on_persistent_congestion(),
            AnyController::NewReno(controller) => controller.on_persistent_congestion(),
        }
    }

    fn limit_window(&mut self, bytes: u64) {
        match self {
            AnyController::Cubic(controller) => controller.limit_window(bytes),
            AnyController::NewReno(controller) => controller.limit_window(bytes),
        }
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        match self {
            AnyController::Cubic(controller) => controller.set_max_datagram_size(bytes),
            AnyController::NewReno(controller) => controller.set_max_datagram_size(bytes),
        }
    }
}
