//! One stream of a session: what of it is to be sent, what was read, and which bytes count against the limits of the session.

use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Direction, Side, StreamId, VarInt};

/// What a bidirectional stream begins with (draft-ietf-webtrans-http3 section 4.3).
const SIGNAL: VarInt = VarInt::from_u32(0x41);
/// The type of a unidirectional one (section 4.2).
const TYPE: VarInt = VarInt::from_u32(0x54);

/// Both halves, as far as the stream has them.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) session: StreamId,
    pub(crate) send: Option<SendHalf>,
    pub(crate) receive: Option<ReceiveHalf>,
}

impl Stream {
    /// One of this side's, with what it begins with.
    ///
    /// draft-ietf-webtrans-http3 section 4.2-1, 4.2-2, 4.3-1, 4.3-2.
    pub(crate) fn of_ours(session: StreamId, direction: Direction) -> Stream {
        let mut header = Vec::new();
        let is_bidirectional = direction == Direction::Bidirectional;
        push_varint(&mut header, if is_bidirectional { SIGNAL } else { TYPE });
        push_varint(&mut header, VarInt::new(session.value()).expect("the number of a stream"));
        let send = Some(SendHalf::new(Bytes::from(header)));
        let receive = is_bidirectional.then(|| ReceiveHalf::new(0, Bytes::new()));
        Stream { session, send, receive }
    }

    /// One of the other end's.
    pub(crate) fn of_theirs(session: StreamId, direction: Direction, header_len: usize, ahead: Bytes) -> Stream {
        let send = (direction == Direction::Bidirectional).then(|| SendHalf::new(Bytes::new()));
        Stream { session, send, receive: Some(ReceiveHalf::new(header_len as u64, ahead)) }
    }

    /// Whether both halves have ended, and nothing is left to be told.
    pub(crate) fn is_over(&self) -> bool {
        self.send.as_ref().is_none_or(|send| send.state == SendState::Over)
            && self.receive.as_ref().is_none_or(|receive| receive.end.is_some() && !receive.has_news)
    }
}

/// Where sending stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendState {
    Open,
    /// All was said, and the beginning of the stream waits for room.
    Finishing,
    /// The transport has all of it.
    Finished,
    /// It has arrived, or was given up.
    Over,
}

/// What goes to the other end.
#[derive(Debug)]
pub(crate) struct SendHalf {
    pub(crate) state: SendState,
    /// The beginning, as far as the transport has not taken it.
    pub(crate) header: Bytes,
    pub(crate) header_len: u64,
    /// Bytes of content that the transport has taken.
    pub(crate) written: u64,
    /// The other end wants no more, with this code of an application, if it was one.
    pub(crate) stopped: Option<Option<u32>>,
}

impl SendHalf {
    fn new(header: Bytes) -> SendHalf {
        let header_len = header.len() as u64;
        SendHalf { state: SendState::Open, header, header_len, written: 0, stopped: None }
    }

    /// Of what the transport has taken, how much content will never be sent, if it is given up when so much was sent.
    pub(crate) fn unsent(&self, sent: Option<u64>) -> u64 {
        let sent = sent.map_or(self.written, |sent| sent.saturating_sub(self.header_len));
        self.written.saturating_sub(sent)
    }
}

/// How receiving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    /// With this code of an application, if it was one.
    Reset(Option<u32>),
    /// This side wanted no more.
    Stopped,
}

/// What comes from the other end.
#[derive(Debug)]
pub(crate) struct ReceiveHalf {
    header_len: u64,
    /// What HTTP/3 has read behind the beginning.
    pub(crate) ahead: Bytes,
    /// Bytes of content that count as used: they have come, or will never come.
    counted: u64,
    /// Those that are done with.
    done: u64,
    /// What comes is dropped: this side wants no more.
    pub(crate) is_unwanted: bool,
    pub(crate) end: Option<End>,
    /// The end is a reset that nobody has read.
    pub(crate) has_news: bool,
}

impl ReceiveHalf {
    fn new(header_len: u64, ahead: Bytes) -> ReceiveHalf {
        ReceiveHalf { header_len, ahead, counted: 0, done: 0, is_unwanted: false, end: None, has_news: false }
    }

    /// The transport has seen so many bytes of the stream: how many of content are new.
    pub(crate) fn count(&mut self, received: u64) -> u64 {
        let content = received.saturating_sub(self.header_len);
        let new = content.saturating_sub(self.counted);
        self.counted += new;
        new
    }

    /// So many bytes are done with. They have come, so they count.
    pub(crate) fn on_read(&mut self, count: usize) {
        self.done += count as u64;
    }

    /// Nothing more comes: how many bytes that count were never read, and are done with by that.
    pub(crate) fn on_end(&mut self, end: End) -> u64 {
        self.end = Some(end);
        self.has_news = matches!(end, End::Reset(_)) && !self.is_unwanted;
        self.ahead = Bytes::new();
        let left = self.counted.saturating_sub(self.done);
        self.done += left;
        left
    }
}

/// Which direction a stream has, and whether `side` opened it.
pub(crate) fn is_ours(id: StreamId, side: Side) -> bool {
    id.initiator() == side
}
