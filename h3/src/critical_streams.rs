//! The streams that exist once on each side (RFC 9114 section 6.2, RFC 9204 section 4.2): control, encoder and decoder. They
//! are opened first and never end.

use crate::config::Config;
use crate::control_stream::ControlStream;
use crate::frame::{grease, push_header};
use crate::frame_reader::VarIntReader;
use crate::outbox::Outbox;
use crate::settings;
use crate::stream_type::{self, StreamType};
use crate::transport::Transport;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Side, StreamId};

/// The place of the control stream among those that this side opens.
pub(crate) const CONTROL: usize = 0;

/// A unidirectional stream of the peer's.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Its type has not come.
    Unidentified(VarIntReader),
    Control(ControlStream),
    /// Read by our decoder.
    Encoder,
    /// Read by our encoder.
    Decoder,
    /// Belongs to a request whose number has not come. The type had so many bytes.
    Data {
        type_len: usize,
        request: VarIntReader,
    },
}

/// Which of the streams that may exist once were opened by the peer.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    control: bool,
    encoder: bool,
    decoder: bool,
}

impl Seen {
    /// What a stream of this type is to an end of `side`; `None` if it means nothing.
    /// RFC 9204 section 4.2-2, 4.2-7: the streams of QPACK are taken whatever the settings say, each once.
    /// `takes_data`: streams that belong to requests are taken.
    pub(crate) fn identify(
        &mut self,
        side: Side,
        stream_type: StreamType,
        takes_data: bool,
    ) -> Result<Option<Incoming>, Violation> {
        let (seen, incoming) = match (stream_type, side) {
            (StreamType::Control, side) => {
                (&mut self.control, Incoming::Control(ControlStream::new(side.peer(), takes_data)))
            }
            (StreamType::QpackEncoder, _) => (&mut self.encoder, Incoming::Encoder),
            (StreamType::QpackDecoder, _) => (&mut self.decoder, Incoming::Decoder),
            // RFC 9114 section 6.2.2-1: only servers push.
            (StreamType::Push, Side::Server) => return Err(Violation::PushStreamOfClient),
            // RFC 9114 section 4.6-2: this side never sends MAX_PUSH_ID.
            (StreamType::Push, Side::Client) => return Err(Violation::PushStreamNotAllowed),
            (StreamType::Data | StreamType::Unknown, _) => return Ok(None),
        };
        // RFC 9114 section 6.2.1-3: one of each kind.
        if core::mem::replace(seen, true) {
            return Err(Violation::DuplicateCriticalStream);
        }
        Ok(Some(incoming))
    }
}

/// A unidirectional stream of ours.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// `None` until the transport lets it be opened.
    pub(crate) id: Option<StreamId>,
    /// What waits to be sent.
    pub(crate) outbox: Outbox,
}

impl Outgoing {
    fn new(first: Vec<u8>) -> Outgoing {
        let mut outbox = Outbox::new();
        outbox.push(Bytes::from(first));
        Outgoing { id: None, outbox }
    }

    /// Sends bytes after all that waits.
    pub(crate) fn send(&mut self, transport: &mut impl Transport, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self.id {
            // If the peer stopped the stream, that comes as an input of its own and closes the connection.
            Some(id) => drop(self.outbox.write(transport, id, [Bytes::from(bytes)], false)),
            None => self.outbox.push(Bytes::from(bytes)),
        }
    }
}

/// Our control, encoder and decoder streams, with what they begin with.
pub(crate) fn outgoing(side: Side, config: &Config) -> [Outgoing; 3] {
    let single = |stream_type| {
        let mut first = Vec::new();
        push_varint(&mut first, stream_type);
        Outgoing::new(first)
    };
    [
        Outgoing::new(control_preface(config, side)),
        // Peers may wait for these two, though nothing is ever sent on them without a dynamic table.
        // RFC 9204 section 4.2-1: one of each, which never ends.
        single(stream_type::QPACK_ENCODER),
        single(stream_type::QPACK_DECODER),
    ]
}

/// Stream type, SETTINGS, and once a frame that means nothing.
/// RFC 9114 section 3.2-5, 6.2.1-1, 7.2.4-1.
fn control_preface(config: &Config, side: Side) -> Vec<u8> {
    let mut out = Vec::new();
    push_varint(&mut out, stream_type::CONTROL);
    settings::push(&mut out, config, side == Side::Server);
    if let Some(number) = config.grease {
        push_header(&mut out, grease(number), 0);
    }
    out
}
