//! The twelve things HTTP/3 needs of QUIC, a place for its records, and what it makes use of where there is it.

use crate::error_code;
use alloc::vec::Vec;
use base::{Bytes, Direction, Instant, StreamId, VarInt};
use http::exchange::{DatagramError, SendError};
use http::pace::Delivery;
use quic::WhenFull;

/// A connection with streams. Calls are cheap and never wait.
pub trait Transport {
    /// Opens a stream; `None` if the peer allows no more for now. `on_streams_available` is called when it does again.
    fn open(&mut self, direction: Direction) -> Option<StreamId>;

    /// Takes what has arrived, at most `max` bytes. Credit goes back to the peer for what is taken and for nothing else.
    fn read(&mut self, id: StreamId, max: usize) -> Read;

    /// As [`read`](Transport::read), and whether the end stands behind the bytes that are given and counts as read with them.
    fn read_with_end(&mut self, id: StreamId, max: usize) -> (Read, bool) {
        (self.read(id, max), false)
    }

    /// How many of `wanted` bytes would be taken now. 0 if there is too little room to be worth the trouble: then
    /// `on_stream_writable` is called once there is more.
    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError>;

    /// Takes as much of `data` as fits, and drops that from its front. After it left something, `on_stream_writable` is
    /// called once there is room again.
    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError>;

    /// As [`write`](Transport::write), of several pieces that follow each other. On an error nothing was taken.
    fn write_parts(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<(), WriteError> {
        for part in parts {
            self.write(id, part)?;
            if !part.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// As [`write_parts`](Transport::write_parts), of the last pieces: if all of them were taken, nothing more will be written.
    fn write_last(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<(), WriteError> {
        self.write_parts(id, parts)?;
        if parts.iter().all(Bytes::is_empty) {
            self.finish(id);
        }
        Ok(())
    }

    /// As [`write`](Transport::write), of bytes that stay where they stand until they have arrived; what is left is given back. With `ends`
    /// they are the last, as for [`write_last`](Transport::write_last).
    fn write_own(&mut self, id: StreamId, data: Vec<u8>, ends: bool) -> Result<Bytes, WriteError> {
        let mut parts = [Bytes::from(data)];
        if ends {
            self.write_last(id, &mut parts)?;
        } else {
            self.write(id, &mut parts[0])?;
        }
        let [rest] = parts;
        Ok(rest)
    }

    /// Memory to make that in: empty, and perhaps used before.
    fn memory(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// What was read is not needed any more: its memory may be used again.
    fn give_back(&mut self, _bytes: Bytes) {}

    /// Nothing more will be written.
    fn finish(&mut self, id: StreamId);

    /// Gives up sending. Does nothing if the sending side has ended.
    fn reset(&mut self, id: StreamId, code: VarInt);

    /// Gives up sending behind the first `reliable_size` bytes, which are delivered if the peer knows such resets. What it does not
    /// know is a plain [`reset`](Transport::reset).
    fn reset_at(&mut self, id: StreamId, code: VarInt, _reliable_size: u64) {
        self.reset(id, code);
    }

    /// Whether the peer knows resets behind a part that is delivered.
    fn can_reset_at(&self) -> bool {
        false
    }

    /// The end of what has come on a stream, with gaps or without, or of all that the peer sent if it has said that.
    fn received(&self, _id: StreamId) -> Option<u64> {
        None
    }

    /// What the peer would take for the size of a stream if it were reset now.
    fn sent(&self, _id: StreamId) -> Option<u64> {
        None
    }

    /// Asks the peer to stop, and goes on reading: what comes all the same is told and read as before, and earns no credit on the
    /// stream. Does nothing if the receiving side has ended.
    fn ask_to_stop(&mut self, id: StreamId, code: VarInt);

    /// Gives up reading: what has come and still comes is thrown away, and the peer is asked to stop unless it was. Does nothing
    /// if the receiving side has ended.
    fn stop_sending(&mut self, id: StreamId, code: VarInt);

    /// The present, as of this call.
    fn now(&self) -> Instant;

    /// How much of what was written to a stream has arrived; `None` if it is no stream that is sent on.
    fn delivery(&self, id: StreamId) -> Option<Delivery>;

    /// Bytes of all streams that were written and are not acknowledged.
    fn unacknowledged(&self) -> u64;

    /// Sends a stream by this urgency, from 0, the highest, to 7, from now on, and one that is `incremental` by turns with others
    /// that are as urgent. Where nothing is said, streams are sent by turns.
    fn prioritize(&mut self, _id: StreamId, _urgency: u8, _incremental: bool) {}

    /// Sends a datagram once, whose bytes are those of both parts (RFC 9221): if there is room for it, or, where it says so, in the place of
    /// the oldest that wait, whatever they belong to.
    fn send_datagram(&mut self, _parts: [&[u8]; 2], _when_full: WhenFull) -> Result<(), DatagramError> {
        Err(DatagramError::Unsupported)
    }

    /// A datagram of `len` bytes would be of use, which is larger than any that can be sent: where the path can be asked whether it
    /// carries one, it is.
    fn want_larger_datagrams(&mut self, _len: usize) {}

    /// Gives each datagram that has come to `take`, the oldest first, until that is false. `on_datagrams` is called when there are some.
    fn take_datagrams(&mut self, _take: &mut dyn FnMut(&[u8]) -> bool) {}

    /// Bytes of the largest datagram that can be sent now; `None` if none can.
    fn max_datagram_size(&self) -> Option<usize> {
        None
    }

    /// How many request streams the peer may have opened so far, if that is known.
    fn requests_allowed(&self) -> Option<u64> {
        None
    }

    /// Lets the peer have `more` bytes unread than before, for streams that have limits of their own. How many of them it may have.
    fn extend_credit(&mut self, more: u64) -> u64 {
        more
    }

    /// Lets the peer have `more` streams of this direction open than before, for those.
    fn extend_streams(&mut self, _direction: Direction, _more: u64) {}

    /// How many bytes the peer may have unread on the connection: more, where the application reads fast or it was extended.
    fn receive_window(&self) -> u64 {
        0
    }

    /// Whether records of what HTTP/3 does are wanted.
    fn is_traced(&self) -> bool {
        false
    }

    /// Keeps a record about a stream ([`HttpRecord`](crate::trace::HttpRecord)) among the transport's own.
    fn trace(&mut self, _id: StreamId, _record: &[u8]) {}

    /// On a client, what HTTP/3 relies on when it sends early data on a later connection.
    fn remember(&mut self, _settings: &[u8]) {}

    /// Closes the connection.
    fn close(&mut self, code: VarInt, reason: &'static str);
}

/// What reading gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Bytes, at least one.
    Data(Bytes),
    /// All bytes were read, and there will be no more.
    Finished,
    /// The peer gave the stream up with this code.
    Reset(VarInt),
    /// Nothing for now; `on_stream_readable` is called when there is.
    Blocked,
}

/// Why nothing can be written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The peer asked to stop, with this code.
    Stopped(VarInt),
    /// The stream or the connection is closed.
    Closed,
}

impl From<WriteError> for SendError {
    fn from(error: WriteError) -> SendError {
        match error {
            WriteError::Stopped(code) => SendError::Stopped(error_code::reason(code)),
            WriteError::Closed => SendError::Ended,
        }
    }
}
