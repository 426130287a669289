//! Receiving many messages with one system call, or one by one where the system refuses that.
//!
//! After a refusal the other call is made at once, so nothing is left in the socket. An error of both is returned to
//! the caller.

use std::io;

use crate::offload::REFUSALS_TOLERATED;
use crate::sys::{self, Arrival, Receiving};

/// The system calls; a trait so that tests can refuse.
pub(crate) trait Inlet {
    /// Receives up to as many messages as there are buffers of `buffer_len` bytes.
    fn receive_each(
        &mut self,
        buffers: &mut [u8],
        buffer_len: usize,
        arrivals: &mut Vec<Option<Arrival>>,
    ) -> io::Result<()>;
    /// Receives one message.
    fn receive_one(&mut self, buffer: &mut [u8], arrivals: &mut Vec<Option<Arrival>>) -> io::Result<()>;
}

/// Which call is in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake {
    /// One call receives several messages.
    pub(crate) many_messages: bool,
    refusals_in_a_row: u32,
}

impl Intake {
    /// Many messages, until that is refused.
    pub(crate) const fn new() -> Intake {
        Intake { many_messages: true, refusals_in_a_row: 0 }
    }

    /// Adds what there is to `arrivals`. True if the call has seen that there is no more.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing; others that both calls report.
    pub(crate) fn receive(
        &mut self,
        inlet: &mut impl Inlet,
        buffers: &mut [u8],
        buffer_len: usize,
        arrivals: &mut Vec<Option<Arrival>>,
    ) -> io::Result<bool> {
        if self.many_messages {
            match inlet.receive_each(buffers, buffer_len, arrivals) {
                Ok(()) => {
                    self.refusals_in_a_row = 0;
                    return Ok(arrivals.len() < buffers.len() / buffer_len.max(1));
                }
                Err(error) => match sys::of_receive(&error) {
                    Receiving::Told => return Err(error),
                    meaning => self.note_refusal(meaning),
                },
            }
        }
        let buffer = &mut buffers[..buffer_len];
        inlet.receive_one(buffer, arrivals).map(|()| false)
    }

    fn note_refusal(&mut self, meaning: Receiving) {
        self.refusals_in_a_row += 1;
        if meaning == Receiving::Unsupported || self.refusals_in_a_row >= REFUSALS_TOLERATED {
            self.many_messages = false;
        }
    }
}
