//! A ClientHello taken apart, to be put together wrongly.

use crate::message::client_hello::{ClientHelloFields, ResumptionFields};
use crate::message::extension::{ExtensionType, push_extension};
use crate::message::framing::{HEADER_LEN, HandshakeType, push_message, push_u16_block};
use crate::testing::{CLIENT_PARAMETERS, Counting};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use base::Reader;
use base::writer::push_u8_prefixed;
use crypto::{NamedGroup, Offer};

pub(crate) struct HelloParts {
    pub(crate) version: u16,
    pub(crate) session_id: Vec<u8>,
    pub(crate) suites: Vec<u16>,
    pub(crate) compression: Vec<u8>,
    pub(crate) extensions: Vec<(ExtensionType, Vec<u8>)>,
    pub(crate) offer: Box<dyn Offer>,
}

impl HelloParts {
    /// A hello that every server of the tests accepts.
    pub(crate) fn good() -> HelloParts {
        let exchange = crypto_ring::PROVIDER.key_exchange(NamedGroup::X25519).unwrap();
        let offer = exchange.offer(&mut Counting(0)).unwrap();
        let fields = ClientHelloFields {
            random: &[9; 32],
            session_id: &[],
            cipher_suites: &[0x1301],
            server_name: Some("server.example"),
            supported_groups: &[0x001d, 0x0017],
            signature_algorithms: &[0x0403],
            key_shares: &[(NamedGroup::X25519, offer.share())],
            application_protocols: &[b"h3".to_vec()],
            carrier_extension: Some((ExtensionType::QUIC_TRANSPORT_PARAMETERS, CLIENT_PARAMETERS)),
            cookie: None,
            resumption: ResumptionFields::default(),
            requests_ocsp_response: false,
        };
        let (bytes, _) = fields.encode().unwrap();
        // After version, random, session ID, one suite and compression.
        let mut reader = Reader::new(&bytes[HEADER_LEN + 2 + 32 + 1 + 4 + 2..]);
        let mut block = Reader::new(reader.u16_prefixed().unwrap());
        let mut extensions = Vec::new();
        while !block.is_empty() {
            extensions.push((ExtensionType(block.u16().unwrap()), block.u16_prefixed().unwrap().to_vec()));
        }
        HelloParts {
            version: 0x0303,
            session_id: vec![],
            suites: vec![0x1301],
            compression: vec![0],
            extensions,
            offer,
        }
    }

    pub(crate) fn remove(&mut self, kind: ExtensionType) {
        self.extensions.retain(|(other, _)| *other != kind);
    }

    pub(crate) fn set(&mut self, kind: ExtensionType, data: &[u8]) {
        self.remove(kind);
        self.extensions.push((kind, data.to_vec()));
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_message(&mut out, HandshakeType::CLIENT_HELLO, |out| {
            out.extend_from_slice(&self.version.to_be_bytes());
            out.extend_from_slice(&[9; 32]);
            push_u8_prefixed(out, |out| out.extend_from_slice(&self.session_id))?;
            push_u16_block(out, |out| {
                out.extend(self.suites.iter().flat_map(|suite| suite.to_be_bytes()));
                Ok(())
            })?;
            push_u8_prefixed(out, |out| out.extend_from_slice(&self.compression))?;
            push_u16_block(out, |out| {
                self.extensions.iter().try_for_each(|(kind, data)| {
                    push_extension(out, *kind, |out| {
                        out.extend_from_slice(data);
                        Ok(())
                    })
                })
            })
        })
        .unwrap();
        out
    }
}
