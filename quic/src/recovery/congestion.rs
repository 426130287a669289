//! Congestion control (RFC 9002 section 7): which algorithm runs, chosen at run time without a virtual call.
//!
//! Places kept: `congestion/cubic` (RFC 9438) and `congestion/hystart` (RFC 9406) are further controllers of the same
//! trait; `recovery/ecn` will validate the path and call [`Controller::on_congestion_event`] when the CE count grows.

pub(crate) mod controller;
pub(crate) mod new_reno;

use base::Instant;
use controller::{Acked, Controller};
use new_reno::NewReno;

/// One of the controllers.
#[derive(Clone, Debug)]
pub(crate) enum AnyController {
    /// RFC 9002 section 7.3.
    NewReno(NewReno),
}

impl Controller for AnyController {
    fn window(&self) -> u64 {
        match self {
            AnyController::NewReno(controller) => controller.window(),
        }
    }

    fn is_slow_start(&self) -> bool {
        match self {
            AnyController::NewReno(controller) => controller.is_slow_start(),
        }
    }

    fn recovery_start(&self) -> Option<Instant> {
        match self {
            AnyController::NewReno(controller) => controller.recovery_start(),
        }
    }

    fn on_acked(&mut self, acked: &Acked) {
        match self {
            AnyController::NewReno(controller) => controller.on_acked(acked),
        }
    }

    fn on_congestion_event(&mut self, now: Instant, time_sent: Instant) -> bool {
        match self {
            AnyController::NewReno(controller) => controller.on_congestion_event(now, time_sent),
        }
    }

    fn on_persistent_congestion(&mut self) {
        match self {
            AnyController::NewReno(controller) => controller.on_persistent_congestion(),
        }
    }

    fn limit_window(&mut self, bytes: u64) {
        match self {
            AnyController::NewReno(controller) => controller.limit_window(bytes),
        }
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        match self {
            AnyController::NewReno(controller) => controller.set_max_datagram_size(bytes),
        }
    }
}
