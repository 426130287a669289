//! What a connection tells the application.

use crate::datagram::DatagramEvent;
use crate::error::CloseReason;
use crate::stream::StreamEvent;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use base::FourTuple;

/// One thing the application may want to know. Asked for with `poll_event`; nothing is called back.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A server has said all that it has to say in the handshake, and can send: streams can be opened and written (RFC 9001
    /// section 5.7). Who the client is, and whether it is there at all, shows when the handshake is complete.
    ///
    /// A client that may send early data: streams can be opened and written, and what is sent before the handshake is complete may
    /// reach the server more than once (RFC 9001 section 9.2).
    CanSend,
    /// The handshake is complete: the peer is authenticated as far as the configuration asks, streams can be opened.
    Established,
    /// The handshake is confirmed (RFC 9001 section 4.1.2): the peer knows it, too.
    Confirmed,
    /// Something happened on a stream. With it comes the word that the application set for the stream
    /// ([`set_stream_word`](crate::Connection::set_stream_word)), 0 if it set none.
    Stream(StreamEvent, u32),
    /// Something about datagrams.
    Datagram(DatagramEvent),
    /// All that the application wrote, and every end and reset, has been acknowledged. Told once for each time that
    /// [`request_flushed`](crate::Connection::request_flushed) was called, and not at all if the connection ends before.
    Flushed,
    /// A migration that this side's application asked for is done: all is sent from there.
    Migrated(FourTuple),
    /// One failed: nothing has changed.
    MigrationFailed(FourTuple),
    /// The other end is at another address from now on, and has proved it: the client of this server has moved, or this client
    /// uses its server's preferred address (RFC 9000 sections 9.3, 9.6). An address that nobody has proved is never told. Of
    /// several that were not asked for yet, the last is told.
    PeerMoved(FourTuple),
    /// The server's preferred address did not answer this client: nothing has changed.
    PreferredAddressFailed(FourTuple),
    /// The connection is over. No other event follows.
    Closed(CloseReason),
}

/// Events of the connection itself, in the order in which they happened; streams keep their own.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: VecDeque<Event>,
    /// The last event, told after everything else.
    closed: Option<Box<CloseReason>>,
    /// It was told. The application may still do what it likes with streams, and hears no more of them.
    is_over: bool,
}

impl Events {
    /// Something happened.
    pub(crate) fn push(&mut self, event: Event) {
        if self.is_over {
            return;
        }
        if matches!(event, Event::PeerMoved(_)) {
            // A peer moves as often as it likes, so what nobody has asked for yet is worth nothing any more.
            self.waiting.retain(|waiting| !matches!(waiting, Event::PeerMoved(_)));
        }
        self.waiting.push_back(event);
    }

    /// The connection is over: this is told last.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.closed = Some(Box::new(reason));
    }

    /// The next event but the last.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// Gives back what the queue does not use: there are two or three events in a connection's life, most of them at its beginning.
    pub(crate) fn release_memory(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// The last event, when nothing else is left to be told.
    pub(crate) fn pop_closed(&mut self) -> Option<Event> {
        let reason = self.closed.take()?;
        self.is_over = true;
        Some(Event::Closed(*reason))
    }

    /// Whether the end was told, and nothing follows.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The end that waits to be told.
    pub(crate) fn closed(&self) -> Option<&CloseReason> {
        self.closed.as_deref()
    }

    /// Whether the end waits to be told.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether nothing waits to be told.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.closed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_once_and_last() {
        let mut events = Events::default();
        assert!(events.is_empty() && events.pop().is_none() && events.pop_closed().is_none());
        events.push(Event::Established);
        events.close(CloseReason::StatelessReset);
        events.push(Event::Confirmed);
        assert!(events.is_closed() && !events.is_empty());
        assert_eq!(
            [events.pop(), events.pop(), events.pop()],
            [Some(Event::Established), Some(Event::Confirmed), None]
        );
        assert!(!events.is_empty());
        assert_eq!(events.pop_closed(), Some(Event::Closed(CloseReason::StatelessReset)));
        assert!(events.is_empty() && !events.is_closed() && events.pop_closed().is_none());
        events.push(Event::Confirmed);
        assert!(events.is_over() && events.is_empty());
    }
}
