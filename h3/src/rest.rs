//! What still comes of a request after its response was complete. Nobody wants it, and it is held to the rules all the same
//! (RFC 9114 sections 4.1, 7.1 and 7.2): frames that may not come close the connection, as they would have before.
//!
//! Content is dropped as it comes. Two things are awaited: the mere end of a request that has no content, and, of a client that
//! was asked to stop, whatever it sent before it knew. Both end at [`MAX_REST`](crate::request_stream::MAX_REST) bytes and at the
//! time that the content of a request has; what comes after that is dropped unread by the transport. A client that was asked
//! gets no more credit on the stream. Each rest is one of the streams that QUIC allows to be open, so there are no more of them.

use crate::exchange::{READ_AHEAD, Shared};
use crate::message;
use crate::request_stream::{Next, Receive};
use crate::transport::{Read, Transport};
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::{Instant, StreamId};

/// The rests of requests whose clients were asked to stop.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    asked: BTreeMap<StreamId, Box<Asked>>,
}

#[derive(Debug)]
struct Asked {
    receive: Receive,
    /// Until when it is read.
    until: Option<Instant>,
}

impl Rests {
    /// One more, which is read until then.
    pub(crate) fn insert(&mut self, id: StreamId, receive: Receive, until: Option<Instant>) {
        self.asked.insert(id, Box::new(Asked { receive, until }));
    }

    /// That of a stream.
    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Receive> {
        self.asked.get_mut(&id).map(|asked| &mut asked.receive)
    }

    /// Nothing more of it is read.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<Receive> {
        self.asked.remove(&id).map(|asked| asked.receive)
    }

    /// Those whose time is over.
    pub(crate) fn due(&self, now: Instant) -> Vec<StreamId> {
        let is_due = |asked: &Asked| asked.until.is_some_and(|until| until <= now);
        self.asked.iter().filter(|(_, asked)| is_due(asked)).map(|(id, _)| *id).collect()
    }

    /// When the time of the next one is over.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.asked.values().filter_map(|asked| asked.until).min()
    }

    /// The connection is over.
    pub(crate) fn clear(&mut self) {
        self.asked.clear();
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.asked.len()
    }
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing but frames of no use has come, and nothing else need follow but the end.
    Waiting,
    /// Content or trailers have come or are sure to, and more may follow.
    Wanting,
    /// The end, or a reset.
    Over,
    /// As much as is read.
    TooMuch,
}

/// Reads what has come, judges it and drops it. Frames of unknown types may stand anywhere: clients send them to keep servers
/// used to ignoring them.
pub(crate) fn read_rest(
    shared: &mut Shared,
    receive: &mut Receive,
    id: StreamId,
    transport: &mut impl Transport,
) -> Result<Rest, Violation> {
    let mut is_wanting = false;
    if core::mem::take(&mut receive.is_blocked) {
        shared.decoder.abandon(id.value());
        receive.has_skipped = true;
    }
    loop {
        let next = shared.next(receive)?;
        is_wanting |= matches!(next, Next::Section(_) | Next::Body);
        match next {
            Next::Glitch => shared.budget.spend()?,
            Next::Signal(_) => return Err(Violation::SignalMisplaced),
            // What is not wanted is not waited for, and what was not decoded must not be acknowledged.
            Next::Section(section) if shared.refers_to_table(&section) => {
                receive.has_skipped = true;
                receive.message.on_trailers();
            }
            Next::Section(section) => {
                let max_size = shared.config.limits.max_field_section_size;
                message::decode_trailers(&mut shared.decoder, id, &section, max_size)?;
                receive.message.on_trailers();
            }
            Next::Body if receive.drop_content()? > 0 => {}
            Next::Body | Next::NeedInput => {
                let wanted =
                    if receive.body_left() > 0 { receive.rest_left } else { READ_AHEAD.min(receive.rest_left) };
                if wanted == 0 {
                    return Ok(Rest::TooMuch);
                }
                match transport.read(id, wanted) {
                    Read::Data(bytes) => {
                        receive.rest_left -= bytes.len();
                        receive.feed(bytes);
                    }
                    Read::Blocked if is_wanting || receive.expects_content() => return Ok(Rest::Wanting),
                    Read::Blocked => return Ok(Rest::Waiting),
                    Read::Reset(_) => return Ok(Rest::Over),
                    Read::Finished => {
                        receive.on_end(shared.side)?;
                        return Ok(Rest::Over);
                    }
                }
            }
        }
    }
}
