//! Congestion control (RFC 9002 section 7): which algorithm runs, chosen at run time without a virtual call.

pub(crate) mod bbr;
pub(crate) mod controller;
pub(crate) mod cubic;
pub(crate) mod hystart;
pub(crate) mod new_reno;
pub(crate) mod window;

use super::config::CongestionControl;
use alloc::boxed::Box;
use base::Instant;
use bbr::Bbr;
use controller::{Acked, Controller, Left, Sent};
use cubic::Cubic;
use new_reno::NewReno;

/// One of the controllers.
#[derive(Clone, Debug)]
pub(crate) enum AnyController {
    /// RFC 9438.
    Cubic(Cubic),
    /// RFC 9002 section 7.3.
    NewReno(NewReno),
    /// Its state is much larger: kept elsewhere, so that the others take no more room for it.
    Bbr(Box<Bbr>),
}

/// What an undone recovery period goes back to.
#[derive(Clone, Debug)]
pub(crate) enum Saved {
    /// All of the controller.
    Whole(AnyController),
    /// The controller itself knows.
    Within,
}

/// Asks whichever controller there is.
macro_rules! ask {
    ($any:expr, $controller:ident => $answer:expr) => {
        match $any {
            AnyController::Cubic($controller) => $answer,
            AnyController::NewReno($controller) => $answer,
            AnyController::Bbr($controller) => $answer,
        }
    };
}

impl AnyController {
    /// At the initial window of so many datagrams.
    pub(crate) fn new(algorithm: CongestionControl, max_datagram_size: u64, packets: u32) -> AnyController {
        match algorithm {
            CongestionControl::Cubic => AnyController::Cubic(Cubic::new(max_datagram_size, packets)),
            CongestionControl::NewReno => AnyController::NewReno(NewReno::new(max_datagram_size, packets)),
            CongestionControl::Bbr => AnyController::Bbr(Box::new(Bbr::new(max_datagram_size, packets))),
        }
    }

    /// To go back to, if the recovery period that begins now should not have begun.
    pub(crate) fn save(&self) -> Saved {
        match self {
            AnyController::Cubic(_) | AnyController::NewReno(_) => Saved::Whole(self.clone()),
            AnyController::Bbr(_) => Saved::Within,
        }
    }

    /// Goes back.
    pub(crate) fn restore(&mut self, saved: Saved) {
        match (self, saved) {
            (AnyController::Bbr(controller), Saved::Within) => controller.undo(),
            (controller, Saved::Whole(before)) => *controller = before,
            (_, Saved::Within) => unreachable!("only BBR knows itself what was before"),
        }
    }
}

impl Controller for AnyController {
    #[inline]
    fn window(&self) -> u64 {
        ask!(self, controller => controller.window())
    }

    #[inline]
    fn pacing_rate(&self) -> Option<u64> {
        ask!(self, controller => controller.pacing_rate())
    }

    fn is_slow_start(&self) -> bool {
        ask!(self, controller => controller.is_slow_start())
    }

    fn recovery_start(&self) -> Option<Instant> {
        ask!(self, controller => controller.recovery_start())
    }

    #[inline]
    fn on_sent(&mut self, sent: &Sent) {
        ask!(self, controller => controller.on_sent(sent));
    }

    #[inline]
    fn on_packet_acked(&mut self, packet: &Left) {
        ask!(self, controller => controller.on_packet_acked(packet));
    }

    fn on_packet_lost(&mut self, packet: &Left) {
        ask!(self, controller => controller.on_packet_lost(packet));
    }

    fn on_packet_discarded(&mut self, time_sent: Instant) {
        ask!(self, controller => controller.on_packet_discarded(time_sent));
    }

    #[inline]
    fn on_application_limited(&mut self, bytes_in_flight: u64) {
        ask!(self, controller => controller.on_application_limited(bytes_in_flight));
    }

    fn on_acked(&mut self, acked: &Acked) {
        match self {
            AnyController::Bbr(controller) => controller.on_acked(acked),
            // What was sent before the recovery period, and what tells of congestion itself, lets no window grow.
            _ if acked.bytes == 0 => {}
            AnyController::Cubic(controller) => controller.on_acked(acked),
            AnyController::NewReno(controller) => controller.on_acked(acked),
        }
    }

    fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, is_queued: bool) -> bool {
        ask!(self, controller => controller.on_congestion_event(start, time_sent, is_queued))
    }

    fn on_congestion_mark(&mut self, start: Instant, time_sent: Instant) -> bool {
        ask!(self, controller => controller.on_congestion_mark(start, time_sent))
    }

    fn on_persistent_congestion(&mut self) {
        ask!(self, controller => controller.on_persistent_congestion());
    }

    fn limit_window(&mut self, bytes: u64) {
        ask!(self, controller => controller.limit_window(bytes));
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        ask!(self, controller => controller.set_max_datagram_size(bytes));
    }

    fn on_path_taken_up(&mut self) {
        ask!(self, controller => controller.on_path_taken_up());
    }

    fn release_memory(&mut self) {
        ask!(self, controller => controller.release_memory());
    }
}
