//! What the connections of a worker may hold together, by every version of HTTP: one budget for what waits to be sent, one for what may
//! come and was not read.
//!
//! A connection by TCP takes its part of the same two numbers from which those by QUIC take theirs. Nobody is refused for want of it:
//! who comes when others hold all has the least that a connection can work with, and the others get more again as they are read.

use quic::{ReceiveMemory, ReceiveShare, SendMemory, SendShare};
use std::cell::Cell;
use std::rc::Rc;

/// How much of the memory of a server is for what it sends: a fifth, as the defaults have it; what clients may send takes the rest.
const TO_SEND: u64 = 5;

/// So much of `all` bytes for what is sent, and for what comes.
pub(crate) fn divided(all: u64) -> (u64, u64) {
    let send = all / TO_SEND;
    (send, all - send)
}

/// The budgets. Clones are about the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    send: SendMemory,
    receive: ReceiveMemory,
    /// It was told that all is held, and half of it has not become free since.
    is_told: Rc<Cell<bool>>,
}

/// The part of one connection by TCP. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) send: SendShare,
    receive: ReceiveShare,
}

impl Memory {
    /// What connections by QUIC have.
    pub(crate) fn of<U>(endpoint: &quic::Endpoint<U>) -> Memory {
        Memory { send: endpoint.send_memory(), receive: endpoint.receive_memory(), is_told: Rc::default() }
    }

    /// The part of one more connection, which would like to be sent so many bytes before they are read.
    pub(crate) fn part(&self, wanted: u64) -> Part {
        Part { send: self.send.clone().share(), receive: self.receive.begin(wanted) }
    }

    /// Whether all that may be held to send is, and that is worth a line in a log.
    pub(crate) fn is_newly_short(&self) -> bool {
        if self.is_told.get() {
            self.is_told.set(!self.send.is_half_free());
            return false;
        }
        self.is_told.set(self.send.is_used_up());
        self.is_told.get()
    }
}

impl Part {
    /// How many bytes may come before they are read.
    pub(crate) fn window(&self) -> u64 {
        self.receive.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_memory_is_short_is_told_once_until_half_of_it_is_free() {
        let (send, receive) = (SendMemory::new(1 << 20), ReceiveMemory::new(1 << 20));
        let memory = Memory { send, receive, is_told: Rc::default() };
        let mut part = memory.part(1 << 20);
        assert_eq!(part.window(), 64 << 10, "the least, because that is more than half of it");
        for (held, is_news) in [(0, false), (1 << 20, true), (1 << 20, false), (600 << 10, false), (1 << 20, false)] {
            part.send.set(held);
            assert_eq!(memory.is_newly_short(), is_news, "{held}");
        }
        part.send.set(512 << 10);
        assert!(!memory.is_newly_short());
        part.send.set(2 << 20);
        assert!(memory.is_newly_short());
        drop(part);
        assert!(memory.send.is_half_free());
    }

    #[test]
    fn the_default_budgets_are_divided_as_any_are() {
        let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, std::sync::Arc::default(), None);
        assert_eq!(divided(config.send_memory + config.receive_memory), (config.send_memory, config.receive_memory));
    }
}
