//! Frames: what all streams of a session consist of, in both directions. One layout: a version, a type, the length of the payload, and
//! the payload, which is a message of Protocol Buffers.

use crate::code::ErrorCode;
use crate::messages::*;
use crate::protobuf::Message;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base::Bytes;
use core::fmt;

/// The version of the protocol that this is.
pub const VERSION: u8 = 1;
/// Bytes before the payload: the version, the type, and four of the length, the most significant first.
pub const HEADER: usize = 6;
/// Bytes of a payload, if nothing else is said.
pub const DEFAULT_MAX_FRAME: usize = 1 << 20;

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// A frame.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the message of its name")]
        pub enum Frame {
            $($name($name),)*
        }

        impl Frame {
            /// The number of its type.
            pub const fn kind(&self) -> u8 {
                match self {
                    $(Frame::$name(_) => $number,)*
                }
            }

            /// The name of its type.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Frame::$name(_) => stringify!($name),)*
                }
            }

            /// Appends the frame.
            ///
            /// # Panics
            /// The payload has 4 GiB or more: whoever makes a frame keeps to limits far below.
            pub fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&[VERSION, self.kind(), 0, 0, 0, 0]);
                let begin = out.len();
                match self {
                    $(Frame::$name(message) => message.write(out),)*
                }
                let len = u32::try_from(out.len() - begin).expect("payloads are limited");
                out[begin - 4..begin].copy_from_slice(&len.to_be_bytes());
            }

            /// A frame of this type. `None` if the type is not known: such frames are skipped.
            fn parse(kind: u8, payload: &Bytes) -> Result<Option<Frame>, FrameError> {
                let wrap = |error| FrameError::Payload { kind, error };
                Ok(Some(match kind {
                    $($number => Frame::$name($name::parse(payload).map_err(wrap)?),)*
                    _ => return Ok(None),
                }))
            }
        }

        $(
            impl From<$name> for Frame {
                fn from(message: $name) -> Frame {
                    Frame::$name(message)
                }
            }
        )*
    };
}

frames! {
    Auth = 0x01,
    AuthAck = 0x02,
    AuthError = 0x03,
    Ping = 0x04,
    Pong = 0x05,
    GoAway = 0x06,
    Failure = 0x07,
    RateLimitNotice = 0x08,
    Publish = 0x10,
    PublishAck = 0x11,
    Subscribe = 0x20,
    Subscribed = 0x21,
    Unsubscribe = 0x22,
    Acknowledge = 0x23,
    Refuse = 0x24,
    Extend = 0x25,
    Done = 0x26,
    Fetch = 0x30,
    Consume = 0x31,
    Read = 0x32,
    Batch = 0x33,
    Describe = 0x40,
    Description = 0x41,
}

impl Frame {
    /// The bytes of the frame.
    pub fn encoded(&self) -> Bytes {
        let mut out = Vec::new();
        self.write(&mut out);
        Bytes::from(out)
    }
}

/// Why bytes are no frame. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It begins with another version.
    Version(u8),
    /// The payload is longer than the limit.
    TooLong {
        /// Bytes of it.
        len: u32,
        /// Bytes that are taken.
        limit: usize,
    },
    /// The payload is not a message of this type.
    Payload {
        /// The type.
        kind: u8,
        /// Why.
        error: crate::protobuf::Malformed,
    },
    /// The stream ended within a frame.
    Truncated,
}

impl FrameError {
    /// The code that tells the other end.
    pub const fn code(&self) -> ErrorCode {
        match self {
            FrameError::Version(_) => ErrorCode::Version,
            FrameError::TooLong { .. } => ErrorCode::TooLarge,
            FrameError::Payload { .. } | FrameError::Truncated => ErrorCode::Malformed,
        }
    }

    /// The same for people.
    pub fn explain(&self) -> String {
        format!("{self}")
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Version(version) => write!(f, "a frame of version {version}; this is version {VERSION}"),
            FrameError::TooLong { len, limit } => {
                write!(f, "a frame with a payload of {len} bytes, of which at most {limit} are taken")
            }
            FrameError::Payload { kind, error } => write!(f, "a frame of type {kind:#04x} is not well-formed: {error}"),
            FrameError::Truncated => f.write_str("the stream ended within a frame"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Takes the bytes of a stream as they come, and gives frames. What it holds is less than a header and a payload of the limit, and the
/// length is looked at before anything is kept.
#[derive(Debug)]
pub struct FrameReader {
    limit: usize,
    parts: VecDeque<Bytes>,
    held: usize,
    header: Option<(u8, usize)>,
}

impl FrameReader {
    /// For a stream of which each payload has at most `limit` bytes.
    pub fn new(limit: usize) -> FrameReader {
        FrameReader { limit, parts: VecDeque::new(), held: 0, header: None }
    }

    /// The limit from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes what came next on the stream.
    pub fn push(&mut self, bytes: Bytes) {
        self.held += bytes.len();
        if !bytes.is_empty() {
            self.parts.push_back(bytes);
        }
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The next frame that is whole; those of types that are not known are skipped.
    ///
    /// # Errors
    /// What comes next is no frame.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let (kind, len) = match self.header {
                Some(header) => header,
                None => {
                    // The version alone tells whether the rest means anything.
                    if let Some(version) = self.parts.front().map(|part| part[0])
                        && version != VERSION
                    {
                        return Err(FrameError::Version(version));
                    }
                    if self.held < HEADER {
                        return Ok(None);
                    }
                    let header = self.take(HEADER);
                    let len = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
                    let fits = usize::try_from(len).ok().filter(|len| *len <= self.limit);
                    let fits = fits.ok_or(FrameError::TooLong { len, limit: self.limit })?;
                    *self.header.insert((header[1], fits))
                }
            };
            if self.held < len {
                return Ok(None);
            }
            let payload = self.take(len);
            self.header = None;
            if let Some(frame) = Frame::parse(kind, &payload)? {
                return Ok(Some(frame));
            }
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// Within a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.held == 0 && self.header.is_none() { Ok(()) } else { Err(FrameError::Truncated) }
    }

    /// The next `count` bytes, of which there are as many, in memory of their own: what is kept of a frame must not hold on to the memory
    /// that the stream came in.
    fn take(&mut self, count: usize) -> Bytes {
        debug_assert!(count <= self.held, "only what is held is taken");
        self.held -= count;
        let mut whole = Vec::with_capacity(count);
        while whole.len() < count {
            let Some(mut part) = self.parts.pop_front() else { break };
            let wanted = part.len().min(count - whole.len());
            whole.extend_from_slice(&part.split_to(wanted));
            if !part.is_empty() {
                self.parts.push_front(part);
            }
        }
        Bytes::from(whole)
    }
}
