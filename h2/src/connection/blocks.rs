//! Blocks of fields: taken apart into heads and trailers, and written.

use super::state::Connection;
use crate::frame::{self, END_HEADERS, END_STREAM, Kind};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Bytes;
use hpack::DecodeError;
use http::{Authority, Fields, Malformed, RequestDecoder, RequestHead, ResponseDecoder, ResponseHead, TrailersDecoder};

/// What a block says.
pub(crate) enum Said {
    Request(RequestHead),
    Response(ResponseHead),
    Trailers(Fields),
}

/// Which of them it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Request,
    Response,
    Trailers,
    /// It is read for what it does to the table alone.
    Nothing,
}

impl Connection {
    /// The most bytes of a block: compressed fields are hardly ever larger than the fields.
    pub(crate) fn max_block(&self) -> usize {
        self.config.limits.max_field_section_size.max(frame::MAX_FRAME_LEN)
    }

    /// The rules of messages are those of every version (`http::message_rules`).
    ///
    /// RFC 9113 section 8.1-3, 8.1-4, 8.2.1-2, 8.2.1-3, 8.2.1-4, 8.2.1-5, 8.2.1-6, 8.2.1-7, 8.2.2-2, 8.2.2-3.
    /// RFC 9113 section 8.3-2, 8.3-3, 8.3-4, 8.3-5, 8.3-6, 8.3-7, 8.3-8, 8.3.1-1, 8.3.1-12, 8.3.2-1, 8.5-1.
    /// RFC 9113 section 4.3-2, 4.3-3, 10.5.1-2.
    ///
    /// What a whole block says. One that cannot be decoded is an error of the connection; a message that is not well-formed one of its
    /// stream.
    pub(crate) fn decode(&mut self, block: &[u8], wanted: Wanted) -> Result<Option<Said>, Violation> {
        let most = self.config.limits.max_field_section_size;
        match wanted {
            Wanted::Request => {
                let known: Option<Authority> = self.known.clone();
                let mut request = RequestDecoder::new(self.config.extended_connect).with_known(known);
                self.decoder.decode(block, most, |name, value| request.push(name, value)).map_err(violation)?;
                let head = request.finish().map_err(Violation::Malformed)?;
                self.known.clone_from(&head.authority);
                Ok(Some(Said::Request(head)))
            }
            Wanted::Response => {
                let mut response = ResponseDecoder::new();
                self.decoder.decode(block, most, |name, value| response.push(name, value)).map_err(violation)?;
                Ok(Some(Said::Response(response.finish().map_err(Violation::Malformed)?)))
            }
            Wanted::Trailers => {
                let mut trailers = TrailersDecoder::new();
                self.decoder.decode(block, most, |name, value| trailers.push(name, value)).map_err(violation)?;
                Ok(Some(Said::Trailers(trailers.finish())))
            }
            Wanted::Nothing => match self.decoder.decode(block, 0, |_, _| Ok::<(), Malformed>(())) {
                Err(DecodeError::Compression(error)) => Err(Violation::Compression(error)),
                _ => Ok(None),
            },
        }
    }

    pub(crate) fn take_block(&mut self) -> Option<(u32, bool, Vec<u8>)> {
        self.block.take().map(|block| (block.stream, block.ends_stream, block.bytes))
    }

    /// Queues a block of fields in as many frames as it needs. RFC 9113 section 4.1-1, 4.3-1, 6.2-3, 6.10-1, 8.1-2: one after the other.
    pub(crate) fn send_block<'a>(
        &mut self,
        stream: u32,
        lines: impl Iterator<Item = (&'a str, &'a [u8])>,
        ends_stream: bool,
    ) {
        let mut block = Vec::with_capacity(256);
        self.encoder.encode(lines, &mut block);
        let mut frames = Vec::with_capacity(block.len() + frame::HEADER_LEN);
        let mut parts = block.chunks(self.peer.max_frame_len).peekable();
        let mut kind = Kind::Headers;
        // A block without lines is one frame all the same.
        let mut part = parts.next().unwrap_or_default();
        loop {
            let next = parts.next();
            let is_first = kind == Kind::Headers;
            let flags =
                if next.is_none() { END_HEADERS } else { 0 } | if is_first && ends_stream { END_STREAM } else { 0 };
            frame::push(&mut frames, kind, flags, stream, part);
            match next {
                Some(following) => (part, kind) = (following, Kind::Continuation),
                None => break,
            }
        }
        self.out.push_control(Bytes::from(frames));
    }
}

fn violation(error: DecodeError<Malformed>) -> Violation {
    match error {
        DecodeError::Compression(error) => Violation::Compression(error),
        DecodeError::TooLarge => Violation::FieldsTooLarge,
        DecodeError::Refused(malformed) => Violation::Malformed(malformed),
    }
}
