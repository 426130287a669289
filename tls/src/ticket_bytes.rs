//! Tickets as bytes, for a client that keeps them beyond its own life.

use crate::ticket::{MAX_TICKET_LEN, Ticket, TicketOrigin};
use alloc::vec::Vec;
use base::Reader;
use base::writer::{push_u8_prefixed, push_u16_prefixed};
use crypto::Secret;

/// The form of the bytes: another one means nothing here.
const FORM: u8 = 1;

impl Ticket {
    /// The ticket as bytes, of a form that only [`from_bytes`](Ticket::from_bytes) knows. Its key is among them: whoever has
    /// them can resume in the client's place, and read what the client sends as early data.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Ticket { suite, received_millis, expires_millis, certificate_expires, age_add, max_early_data, .. } = self;
        let mut out = Vec::new();
        out.push(FORM);
        out.extend_from_slice(&suite.to_be_bytes());
        for number in [received_millis, expires_millis, certificate_expires] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for number in [age_add, max_early_data] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        let protocol = self.application_protocol.as_deref().unwrap_or_default();
        for part in [self.secret.as_bytes(), protocol] {
            push_u8_prefixed(&mut out, |out| out.extend_from_slice(part)).expect("secrets and protocols are short");
        }
        for part in [&self.identity, &self.parameters, &self.application] {
            push_u16_prefixed(&mut out, |out| out.extend_from_slice(part))
                .expect("what is kept with a ticket is short");
        }
        out
    }

    /// The ticket that these bytes are of; `None` if they are of none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Ticket> {
        let mut reader = Reader::new(bytes);
        if reader.u8().ok()? != FORM {
            return None;
        }
        let suite = reader.u16().ok()?;
        let mut number = || reader.u64().ok();
        let (received_millis, expires_millis, certificate_expires) = (number()?, number()?, number()?);
        let (age_add, max_early_data) = (reader.u32().ok()?, reader.u32().ok()?);
        let secret = reader.u8_prefixed().ok().filter(|secret| matches!(secret.len(), 32 | 48))?;
        let protocol = reader.u8_prefixed().ok()?;
        let mut part = || reader.u16_prefixed().ok().map(Vec::from);
        let (identity, parameters, application) = (part()?, part()?, part()?);
        let fits = identity.len() <= MAX_TICKET_LEN && application.len() <= MAX_TICKET_LEN && reader.is_empty();
        fits.then(|| Ticket {
            identity,
            secret: Secret::new(secret),
            suite,
            application_protocol: (!protocol.is_empty()).then(|| protocol.to_vec()),
            received_millis,
            expires_millis,
            certificate_expires,
            age_add,
            max_early_data,
            parameters,
            application,
        })
    }
}

impl TicketOrigin {
    /// The origin with this digest, which [`as_bytes`](TicketOrigin::as_bytes) gave.
    pub const fn from_bytes(digest: [u8; 32]) -> TicketOrigin {
        TicketOrigin(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn ticket() -> Ticket {
        Ticket {
            identity: vec![1; 300],
            secret: Secret::new(&[2; 48]),
            suite: 0x1302,
            application_protocol: Some(vec![b'h', b'3']),
            received_millis: 3,
            expires_millis: 4,
            certificate_expires: 5,
            age_add: 6,
            max_early_data: u32::MAX,
            parameters: vec![7; 80],
            application: vec![8; 9],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for protocol in [Some(vec![b'h', b'3']), None] {
            let written = Ticket { application_protocol: protocol.clone(), ..ticket() };
            let read = Ticket::from_bytes(&written.to_bytes()).unwrap();
            assert_eq!((&read.identity, read.secret.as_bytes()), (&written.identity, written.secret.as_bytes()));
            assert_eq!((read.suite, &read.application_protocol), (written.suite, &protocol));
            assert_eq!((read.received_millis, read.expires_millis, read.certificate_expires), (3, 4, 5));
            assert_eq!((read.age_add, read.max_early_data), (6, u32::MAX));
            assert_eq!((&read.parameters, &read.application), (&written.parameters, &written.application));
        }
        let origin = TicketOrigin([9; 32]);
        assert_eq!(TicketOrigin::from_bytes(*origin.as_bytes()), origin);
    }

    #[test]
    fn bytes_of_another_form_are_no_ticket() {
        let bytes = ticket().to_bytes();
        for len in 0..bytes.len() {
            assert!(Ticket::from_bytes(&bytes[..len]).is_none(), "{len}");
        }
        assert!(Ticket::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
        assert!(Ticket::from_bytes(&[&[FORM + 1], &bytes[1..]].concat()).is_none());
        let short = Ticket { secret: Secret::new(&[2; 16]), ..ticket() };
        assert!(Ticket::from_bytes(&short.to_bytes()).is_none(), "no hash has so few bytes");
        let long = Ticket { identity: vec![0; MAX_TICKET_LEN + 1], ..ticket() };
        assert!(Ticket::from_bytes(&long.to_bytes()).is_none());
    }
}
