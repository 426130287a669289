//! What a peer sends: frames to messages (RFC 6455 sections 5 and 6.2).

use crate::close_code::CloseCode;
use crate::config::Limits;
use crate::header::{Header, HeaderReader, MAX_CONTROL, Opcode};
use crate::mask::{self, Key};
use crate::message::{Close, Message};
use crate::violation::Violation;
use alloc::string::String;
use alloc::vec::Vec;
use base::{Bytes, Side};

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Message(Message),
    /// With what is to be sent back.
    Ping(Vec<u8>),
    Pong,
    Close(Close),
}

/// Frames that are being received.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Who sends.
    from: Side,
    limits: Limits,
    header: HeaderReader,
    frame: Option<Frame>,
    /// The message whose frames come.
    message: Option<Partial>,
    /// The content of the control frame that comes.
    control: Vec<u8>,
}

/// The frame whose content comes.
#[derive(Debug)]
struct Frame {
    header: Header,
    /// Bytes of its content that have come.
    at: usize,
    len: usize,
}

/// A message of which a part has come.
#[derive(Debug)]
struct Partial {
    is_text: bool,
    content: Vec<u8>,
    /// So many bytes of it are whole characters.
    checked: usize,
}

impl Reader {
    pub(crate) fn new(from: Side, limits: Limits) -> Reader {
        let (header, control) = (HeaderReader::default(), Vec::new());
        Reader { from, limits, header, frame: None, message: None, control }
    }

    /// Takes bytes up to the end of what they make whole, and says how many it took.
    ///
    /// RFC 6455 section 6.2-1, 6.2-2, 6.2-3, 6.2-4, 6.2-7, 10.7-1.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Received>), Violation> {
        let mut taken = 0;
        loop {
            let rest = &bytes[taken..];
            let Some(frame) = &mut self.frame else {
                let (count, header) = self.header.take(rest, self.from)?;
                taken += count;
                let Some(header) = header else { return Ok((taken, None)) };
                self.begin(header)?;
                continue;
            };
            let count = rest.len().min(frame.len - frame.at);
            let (at, key) = (frame.at, frame.header.mask);
            frame.at += count;
            taken += count;
            let (is_whole, header) = (frame.at == frame.len, frame.header);
            self.append(header.opcode, key, at, &rest[..count])?;
            if !is_whole {
                return Ok((taken, None));
            }
            self.frame = None;
            if let Some(received) = self.finish(header)? {
                return Ok((taken, Some(received)));
            }
        }
    }

    /// Bytes that are held for the peer.
    pub(crate) fn held(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.content.capacity()) + self.control.capacity()
    }

    /// The content of a frame comes. What is too large is refused before anything of it is taken.
    ///
    /// RFC 6455 section 5.4-4, 5.4-5, 5.4-7, 5.4-12, 10.4-1, 10.4-2.
    fn begin(&mut self, header: Header) -> Result<(), Violation> {
        let len = usize::try_from(header.len).unwrap_or(usize::MAX);
        if !header.opcode.is_control() {
            if len > self.limits.max_frame {
                return Err(Violation::FrameTooBig);
            }
            match (header.opcode, &self.message) {
                (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
                (Opcode::Continuation, Some(_)) => {}
                (_, Some(_)) => return Err(Violation::Interleaved),
                (opcode, None) => {
                    let is_text = opcode == Opcode::Text;
                    self.message = Some(Partial { is_text, content: Vec::new(), checked: 0 });
                }
            }
            let before = self.message.as_ref().map_or(0, |message| message.content.len());
            if len > self.limits.max_message.saturating_sub(before) {
                return Err(Violation::MessageTooBig);
            }
        }
        self.frame = Some(Frame { header, at: 0, len });
        Ok(())
    }

    fn append(&mut self, opcode: Opcode, key: Option<Key>, at: usize, bytes: &[u8]) -> Result<(), Violation> {
        let content = match &mut self.message {
            Some(message) if !opcode.is_control() => &mut message.content,
            _ => &mut self.control,
        };
        let start = content.len();
        content.extend_from_slice(bytes);
        if let Some(key) = key {
            mask::apply(key, at, &mut content[start..]);
        }
        match &mut self.message {
            Some(message) if !opcode.is_control() => message.check(),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, header: Header) -> Result<Option<Received>, Violation> {
        if !header.opcode.is_control() {
            if !header.is_last {
                return Ok(None);
            }
            let message = self.message.take().expect("a data frame is of a message");
            return message.finish().map(|message| Some(Received::Message(message)));
        }
        let content = core::mem::take(&mut self.control);
        debug_assert!(content.len() <= MAX_CONTROL, "the header was checked");
        Ok(Some(match header.opcode {
            Opcode::Ping => Received::Ping(content),
            Opcode::Close => Received::Close(close(&content)?),
            _ => Received::Pong,
        }))
    }
}

impl Partial {
    /// Text is looked at as it comes: what cannot become UTF-8 any more is refused at once.
    ///
    /// RFC 6455 section 5.6-1, 8.1-1.
    fn check(&mut self) -> Result<(), Violation> {
        if !self.is_text {
            return Ok(());
        }
        match core::str::from_utf8(&self.content[self.checked..]) {
            Ok(_) => self.checked = self.content.len(),
            Err(error) if error.error_len().is_some() => return Err(Violation::NotText),
            // A character goes on in what comes next.
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    fn finish(self) -> Result<Message, Violation> {
        if !self.is_text {
            return Ok(Message::Binary(Bytes::from(self.content)));
        }
        if self.checked < self.content.len() {
            return Err(Violation::NotText);
        }
        Ok(Message::Text(String::from_utf8(self.content).expect("it was checked as it came")))
    }
}

/// RFC 6455 section 5.5.1-2, 7.4.1-3, 7.4.1-4, 7.4.1-6.
fn close(content: &[u8]) -> Result<Close, Violation> {
    match content {
        [] => Ok(Close::unsaid()),
        [_] => Err(Violation::CloseLength),
        [high, low, reason @ ..] => {
            let code = CloseCode::new(u16::from_be_bytes([*high, *low])).ok_or(Violation::CloseNumber)?;
            let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
            Ok(Close { code: Some(code), reason: reason.into() })
        }
    }
}
