//! NewSessionTicket (RFC 9846 section 4.7.1).

use crate::message::extension::{ExtensionType, Extensions, Offered, Place, whole};
use crate::violation::Violation;
use base::Reader;

/// A ticket to resume with.
#[derive(Clone, Copy, Debug)]
pub struct NewSessionTicket<'a> {
    /// How long the server says that it may be used; never longer than seven days, whatever this is.
    pub lifetime_seconds: u32,
    /// What hides its age.
    pub age_add: u32,
    /// What makes its key differ from those of other tickets of this connection.
    pub nonce: &'a [u8],
    /// The ticket itself.
    pub ticket: &'a [u8],
    /// How many bytes of 0-RTT data may be sent with it, if any may. Over QUIC the number says only that some may.
    pub max_early_data_size: Option<u32>,
}

impl<'a> NewSessionTicket<'a> {
    /// Reads the body.
    pub fn decode(body: &'a [u8]) -> Result<NewSessionTicket<'a>, Violation> {
        let (mut ticket, block) = whole(body, |reader: &mut Reader<'a>| {
            let ticket = NewSessionTicket {
                lifetime_seconds: reader.u32()?,
                age_add: reader.u32()?,
                nonce: reader.u8_prefixed()?,
                ticket: reader.u16_prefixed()?,
                max_early_data_size: None,
            };
            Ok((ticket, reader.u16_prefixed()?))
        })?;
        if ticket.ticket.is_empty() {
            return Err(Violation::Malformed);
        }
        for (kind, data) in Extensions::decode(block, Place::NewSessionTicket, &Offered::nothing())?.iter() {
            if kind == ExtensionType::EARLY_DATA {
                ticket.max_early_data_size = Some(whole(data, |reader| Ok(reader.u32()?))?);
            }
        }
        Ok(ticket)
    }
}
