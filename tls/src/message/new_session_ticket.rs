//! NewSessionTicket (RFC 9846 section 4.7.1).

use crate::error::LocalError;
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, push_extension, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Reader;
use base::writer::{push_u8_prefixed, push_u16_prefixed};

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
    /// RFC 9846 section 4.7.1-16, 9.3-6.
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

    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), LocalError> {
        push_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
            out.extend_from_slice(&self.lifetime_seconds.to_be_bytes());
            out.extend_from_slice(&self.age_add.to_be_bytes());
            push_u8_prefixed(out, |out| out.extend_from_slice(self.nonce))?;
            push_u16_prefixed(out, |out| out.extend_from_slice(self.ticket))?;
            push_u16_block(out, |out| match self.max_early_data_size {
                None => Ok(()),
                Some(size) => push_extension(out, ExtensionType::EARLY_DATA, |out| {
                    out.extend_from_slice(&size.to_be_bytes());
                    Ok(())
                }),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::framing::HEADER_LEN;

    #[test]
    fn what_is_written_is_read_and_nothing_less() {
        for max_early_data_size in [None, Some(u32::MAX)] {
            let ticket = NewSessionTicket {
                lifetime_seconds: 7200,
                age_add: 0xfedc_ba98,
                nonce: &[0, 1],
                ticket: b"ticket",
                max_early_data_size,
            };
            let mut bytes = Vec::new();
            ticket.encode(&mut bytes).unwrap();
            let body = &bytes[HEADER_LEN..];
            let read = NewSessionTicket::decode(body).unwrap();
            assert_eq!((read.lifetime_seconds, read.age_add), (7200, 0xfedc_ba98));
            assert_eq!((read.nonce, read.ticket), (&[0, 1][..], &b"ticket"[..]));
            assert_eq!(read.max_early_data_size, max_early_data_size);
            for end in 0..body.len() {
                assert_eq!(NewSessionTicket::decode(&body[..end]).err(), Some(Violation::Malformed), "{end}");
            }
            for position in 0..body.len() {
                for value in 0..=255 {
                    let mut changed = body.to_vec();
                    changed[position] = value;
                    let _ = NewSessionTicket::decode(&changed);
                }
            }
        }
    }

    /// RFC 9846 section 4.7.1-16, 9.3-6.
    #[test]
    fn extensions_that_are_not_known_are_passed_over() {
        let with = |extensions: &[u8]| {
            let body = [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 9, 0, extensions.len() as u8], extensions].concat();
            NewSessionTicket::decode(&body).map(|ticket| ticket.max_early_data_size)
        };
        assert_eq!(with(&[0x1a, 0x1a, 0, 0]), Ok(None));
        assert_eq!(with(&[0x1a, 0x1a, 0, 1, 7, 0, 42, 0, 4, 0, 0, 1, 0, 0xfa, 0xfa, 0, 0]), Ok(Some(256)));
        // One that is known has its place elsewhere.
        assert_eq!(with(&[0, 16, 0, 0]), Err(Violation::ExtensionNotAllowed));
    }

    #[test]
    fn a_ticket_of_no_bytes_is_none() {
        assert_eq!(
            NewSessionTicket::decode(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).err(),
            Some(Violation::Malformed)
        );
    }
}
