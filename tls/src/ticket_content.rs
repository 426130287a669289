//! What a server writes into its tickets for itself, and what they are bound to besides.

use alloc::vec::Vec;
use base::Reader;
use base::writer::{push_u8_prefixed, push_u16_prefixed};
use crypto::{CipherSuite, Secret, SecretBytes};
use rustls_pki_types::CertificateDer;

/// The form of the content. Another form gets another number, so that old tickets are passed over and not misread.
const FORM: u8 = 2;
/// Bytes of a client's certificates that a ticket holds. Clients keep tickets of some thousand bytes, and send them in their first
/// flight; with more than this they are given none.
const MAX_CLIENT_LEN: usize = 3072;
/// Form, suite, time, lifetime, and what is added to the age.
const FIXED_LEN: usize = 1 + 2 + 8 + 4 + 4;

/// What a ticket holds, under its seal.
#[derive(Debug)]
pub(crate) struct TicketContent {
    /// The suite of the connection that it was given on.
    pub suite: u16,
    /// When it was issued, in milliseconds since 1970.
    pub issued_millis: u64,
    /// For how many seconds it is good.
    pub lifetime_seconds: u32,
    /// What hides its age.
    pub age_add: u32,
    /// What the carrier relies on in early data, as a digest; `None` if no early data may come with it.
    pub early_data: Option<[u8; 32]>,
    /// What is known of the client.
    pub client: TicketClient,
    /// The pre-shared key.
    pub secret: Secret,
}

/// What a server knows of a client that it gives a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TicketClient {
    /// It was not asked for a certificate.
    NotAsked,
    /// It was asked, and declined.
    Declined,
    /// It has proved who it is. These are its certificates, its own first: there is at least one.
    Known(Vec<CertificateDer<'static>>),
}

impl TicketClient {
    /// One with these certificates, unless they are too long for a ticket.
    pub(crate) fn known(path: &[CertificateDer<'static>]) -> Option<TicketClient> {
        let len: usize = path.iter().map(|certificate| certificate.len()).sum();
        (!path.is_empty() && len <= MAX_CLIENT_LEN).then(|| TicketClient::Known(path.to_vec()))
    }

    /// Each certificate with its length behind a number of the kind.
    fn encode(&self) -> Vec<u8> {
        let (kind, certificates) = match self {
            TicketClient::NotAsked => (0, &[][..]),
            TicketClient::Declined => (1, &[][..]),
            TicketClient::Known(certificates) => (2, certificates.as_slice()),
        };
        let mut out = alloc::vec![kind];
        for certificate in certificates {
            push_u16_prefixed(&mut out, |out| out.extend_from_slice(certificate))
                .expect("certificates in tickets are short");
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<TicketClient> {
        let (kind, rest) = bytes.split_first()?;
        let mut reader = Reader::new(rest);
        let mut certificates = Vec::new();
        while !reader.is_empty() {
            certificates.push(CertificateDer::from(reader.u16_prefixed().ok()?.to_vec()));
        }
        match (kind, certificates.is_empty()) {
            (0, true) => Some(TicketClient::NotAsked),
            (1, true) => Some(TicketClient::Declined),
            (2, false) => Some(TicketClient::Known(certificates)),
            _ => None,
        }
    }
}

/// What a ticket is good together with. It is not in the ticket, but covered by its seal: where any of it is different the
/// ticket does not open.
#[derive(Debug)]
pub(crate) struct TicketBounds<'a> {
    /// Which carrier the connection is over.
    pub carrier: u16,
    /// And over which version of its protocol (RFC 9369 section 5).
    pub version: u32,
    /// The configuration's generation.
    pub generation: u64,
    /// The generation of what the certificate was selected from.
    pub identities_generation: u64,
    /// The digest of the server's own certificate: a server that has another identity resumes nothing.
    pub identity: &'a [u8],
    /// The name that the client asks for.
    pub server_name: Option<&'a str>,
    /// The application protocol.
    pub application_protocol: Option<&'a [u8]>,
}

impl TicketContent {
    pub(crate) fn encode(&self) -> SecretBytes {
        let client = self.client.encode();
        let parts = [self.early_data.as_slice().as_flattened(), self.secret.as_bytes()];
        let len = FIXED_LEN + parts.iter().map(|part| 1 + part.len()).sum::<usize>() + 2 + client.len();
        SecretBytes::with_capacity(len, |out| {
            out.push(FORM);
            out.extend_from_slice(&self.suite.to_be_bytes());
            out.extend_from_slice(&self.issued_millis.to_be_bytes());
            out.extend_from_slice(&self.lifetime_seconds.to_be_bytes());
            out.extend_from_slice(&self.age_add.to_be_bytes());
            for part in parts {
                push_u8_prefixed(out, |out| out.extend_from_slice(part)).expect("digests and secrets are short");
            }
            push_u16_prefixed(out, |out| out.extend_from_slice(&client)).expect("certificates in tickets are short");
        })
    }

    /// `None` if it is of another form.
    pub(crate) fn decode(bytes: &[u8]) -> Option<TicketContent> {
        let mut reader = Reader::new(bytes);
        if reader.u8().ok()? != FORM {
            return None;
        }
        let content = TicketContent {
            suite: reader.u16().ok()?,
            issued_millis: reader.u64().ok()?,
            lifetime_seconds: reader.u32().ok()?,
            age_add: reader.u32().ok()?,
            early_data: digest(&mut reader)?,
            secret: secret(&mut reader)?,
            client: TicketClient::decode(reader.u16_prefixed().ok()?)?,
        };
        reader.is_empty().then_some(content)
    }

    /// How old it is, in milliseconds; `None` if it is too old, or from the future.
    pub(crate) fn age(&self, unix_millis: u64) -> Option<u64> {
        let age = unix_millis.checked_sub(self.issued_millis)?;
        (age < u64::from(self.lifetime_seconds) * 1000).then_some(age)
    }
}

fn digest(reader: &mut Reader<'_>) -> Option<Option<[u8; 32]>> {
    match reader.u8_prefixed().ok()? {
        [] => Some(None),
        digest => digest.try_into().ok().map(Some),
    }
}

fn secret(reader: &mut Reader<'_>) -> Option<Secret> {
    let bytes = reader.u8_prefixed().ok()?;
    (!bytes.is_empty() && bytes.len() <= Secret::MAX_LEN).then(|| Secret::new(bytes))
}

impl TicketBounds<'_> {
    /// The bytes that the seal covers, for a suite of this hash. Each part has its length, so that none runs into the next.
    pub(crate) fn encode(&self, suite: &CipherSuite) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.push(FORM);
        out.extend_from_slice(&self.carrier.to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&self.identities_generation.to_be_bytes());
        // A hash is told by its length: the two of TLS 1.3 differ in it.
        // RFC 9846 section 4.7.1.
        out.extend_from_slice(&(suite.hash.output_len() as u64).to_be_bytes());
        let name = self.server_name.map(str::as_bytes);
        for part in [Some(self.identity), name, self.application_protocol] {
            out.push(u8::from(part.is_some()));
            let part = part.unwrap_or_default();
            push_u16_prefixed(&mut out, |out| out.extend_from_slice(part)).expect("names and digests are short");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(byte: u8, len: usize) -> CertificateDer<'static> {
        CertificateDer::from(alloc::vec![byte; len])
    }

    #[test]
    fn what_is_known_of_a_client_is_read_as_it_was_written() {
        let known = TicketClient::known(&[certificate(1, 3000), certificate(2, 72)]).unwrap();
        for client in [TicketClient::NotAsked, TicketClient::Declined, known] {
            assert_eq!(TicketClient::decode(&client.encode()), Some(client.clone()));
            let bytes = TicketContent { client: client.clone(), ..content() }.encode();
            assert_eq!(TicketContent::decode(&bytes).unwrap().client, client);
        }
        // Nobody is known by nothing, and long chains are for full handshakes.
        assert_eq!(TicketClient::known(&[]), None);
        assert_eq!(TicketClient::known(&[certificate(1, 3000), certificate(2, 73)]), None);
        for bytes in [&[][..], &[2], &[3], &[0, 0, 1, 9], &[1, 0, 1, 9], &[2, 0, 2, 9]] {
            assert_eq!(TicketClient::decode(bytes), None, "{bytes:?}");
        }
    }

    fn content() -> TicketContent {
        TicketContent {
            suite: 0x1302,
            issued_millis: 1_000_000,
            lifetime_seconds: 10,
            age_add: 77,
            early_data: Some([5; 32]),
            client: TicketClient::Known(alloc::vec![certificate(7, 300), certificate(8, 2)]),
            secret: Secret::new(&[3; 48]),
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_less() {
        let bytes = content().encode();
        let read = TicketContent::decode(&bytes).unwrap();
        assert_eq!((read.suite, read.issued_millis, read.lifetime_seconds, read.age_add), (0x1302, 1_000_000, 10, 77));
        assert_eq!((read.early_data, &read.client), (Some([5; 32]), &content().client));
        assert_eq!(read.secret.as_bytes(), [3; 48]);
        for end in 0..bytes.len() {
            assert!(TicketContent::decode(&bytes[..end]).is_none(), "{end}");
        }
        for position in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.to_vec();
                changed[position] = value;
                let _ = TicketContent::decode(&changed);
            }
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(TicketContent::decode(&longer).is_none());
        let mut other_form = bytes.to_vec();
        other_form[0] = 1;
        assert!(TicketContent::decode(&other_form).is_none());
    }

    #[test]
    fn a_ticket_has_an_age_only_within_its_life() {
        for (now, age) in [
            (0, None),
            (999_999, None),
            (1_000_000, Some(0)),
            (1_009_999, Some(9_999)),
            (1_010_000, None),
            (u64::MAX, None),
        ] {
            assert_eq!(content().age(now), age, "{now}");
        }
        let longest = TicketContent { lifetime_seconds: u32::MAX, issued_millis: 0, ..content() };
        assert!(longest.age(u64::MAX).is_none());
    }

    /// RFC 9369 section 5-2.
    #[test]
    fn whatever_differs_gives_other_bytes() {
        let suite = crypto_ring::PROVIDER.initial;
        let bounds = || TicketBounds {
            carrier: 57,
            version: 1,
            generation: 1,
            identities_generation: 3,
            identity: &[1; 32],
            server_name: Some("a.example"),
            application_protocol: Some(b"h3"),
        };
        let others = [
            TicketBounds { carrier: 0, ..bounds() },
            TicketBounds { version: 2, ..bounds() },
            TicketBounds { generation: 2, ..bounds() },
            TicketBounds { identities_generation: 2, ..bounds() },
            TicketBounds { generation: 3, identities_generation: 1, ..bounds() },
            TicketBounds { identity: &[2; 32], ..bounds() },
            TicketBounds { server_name: Some("b.example"), ..bounds() },
            TicketBounds { server_name: Some(""), ..bounds() },
            TicketBounds { server_name: None, ..bounds() },
            TicketBounds { application_protocol: Some(b"h2"), ..bounds() },
            TicketBounds { application_protocol: None, ..bounds() },
            TicketBounds { server_name: Some("a.exampleh"), application_protocol: Some(b"3"), ..bounds() },
        ];
        let mut all: Vec<Vec<u8>> = others.iter().map(|other| other.encode(suite)).collect();
        all.push(bounds().encode(suite));
        all.push(bounds().encode(crypto_ring::PROVIDER.cipher_suite(0x1302).unwrap()));
        all.sort();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
        // Suites of one hash are as good as each other.
        let chacha = crypto_ring::PROVIDER.cipher_suite(0x1303).unwrap();
        assert_eq!(bounds().encode(suite), bounds().encode(chacha));
    }
}
