//! NewSessionTicket (RFC 9846 section 4.7.1). It is checked and thrown away: resumption is not built yet.

use crate::message::extension::{ExtensionType, Extensions, Place, whole};
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
    /// Whether 0-RTT data may be sent with it.
    pub allows_early_data: bool,
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
                allows_early_data: false,
            };
            Ok((ticket, reader.u16_prefixed()?))
        })?;
        if ticket.ticket.is_empty() {
            return Err(Violation::Malformed);
        }
        for (kind, data) in Extensions::decode(block, Place::NewSessionTicket)?.iter() {
            if kind == ExtensionType::EARLY_DATA {
                // RFC 9001 s4.6.1: QUIC limits early data by its own flow control, so the number here says only yes.
                if whole(data, |reader| Ok(reader.u32()?))? != u32::MAX {
                    return Err(Violation::TicketEarlyData);
                }
                ticket.allows_early_data = true;
            }
        }
        Ok(ticket)
    }
}
