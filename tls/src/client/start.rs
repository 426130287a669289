//! START: nothing is sent. The content of the first ClientHello, and of the second after a HelloRetryRequest.

use crate::carrier::Carrier;
use crate::client::key_offer::KeyOffer;
use crate::config::ClientConfig;
use crate::error::{Error, LocalError};
use crate::message::client_hello::{ClientHelloFields, ResumptionFields};
use crate::message::extension::Offered;
use crate::signature_wishes::offered_schemes;
use crate::violation::Violation;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::{KeyExchange, NamedGroup};

/// What both ClientHellos are made of.
pub(crate) struct Start {
    pub(super) config: Arc<ClientConfig>,
    pub(super) carrier: Carrier,
    /// The server's name.
    pub(super) name: x509::ServerName,
    /// The client's random.
    pub(super) client_random: [u8; 32],
    /// What it can do, best first; not empty. The first ClientHello holds a share of the first.
    pub(super) exchanges: Cow<'static, [&'static dyn KeyExchange]>,
}

impl Start {
    /// A client that wants to reach `name`, if its configuration can work.
    pub(crate) fn new(
        config: Arc<ClientConfig>,
        carrier: Carrier,
        name: x509::ServerName,
        random: &mut dyn Random,
    ) -> Result<Start, LocalError> {
        let exchanges = config.groups.key_exchanges(&config.provider);
        if exchanges.is_empty() || config.provider.cipher_suites.is_empty() {
            return Err(LocalError::EmptyProvider);
        }
        // RFC 9001 section 8.1-1: QUIC agrees on a protocol by ALPN.
        let lacks_protocol = config.alpn.is_empty() && carrier.rules.without_application_protocol.is_err();
        if lacks_protocol || config.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
            return Err(LocalError::ApplicationProtocols);
        }
        let client_random = base::random::array(random);
        Ok(Start { config, carrier, name, client_random, exchanges })
    }

    /// A fresh share of the best key exchange, and of its part.
    pub(super) fn first_offer(&self, random: &mut dyn Random) -> Result<KeyOffer, LocalError> {
        let first = self.exchanges.first().ok_or(LocalError::EmptyProvider)?;
        KeyOffer::first(*first, &self.exchanges, random)
    }

    /// A fresh share of the group that a server asks for.
    /// RFC 9846 section 4.2.2-3, 4.3.8-14.
    pub(super) fn retried_offer(&self, group: NamedGroup, random: &mut dyn Random) -> Result<KeyOffer, Error> {
        let exchange = self.exchanges.iter().find(|exchange| exchange.group() == group);
        Ok(KeyOffer::only(*exchange.ok_or(Violation::RetryGroup)?, random)?)
    }

    /// A ClientHello with these shares, and which extensions it offers.
    /// RFC 9846 section 4.2.2-1, 4.2.2-2, 4.3.3-2, 9.2-9, 4.2.2-17.
    pub(super) fn client_hello(
        &self,
        offer: &KeyOffer,
        cookie: Option<&[u8]>,
        resumption: ResumptionFields<'_>,
    ) -> Result<(Vec<u8>, Offered), LocalError> {
        let provider = &self.config.provider;
        let suites = provider.cipher_suites.iter().map(|suite| suite.id);
        let numbers: Vec<u16> = suites.chain(self.exchanges.iter().map(|exchange| exchange.group().0)).collect();
        let (cipher_suites, supported_groups) = numbers.split_at(provider.cipher_suites.len());
        let hello = ClientHelloFields {
            random: &self.client_random,
            session_id: &self.carrier.session_id,
            cipher_suites,
            // RFC 6066 s3: a name is sent, an address is not.
            server_name: match &self.name {
                // RFC 9114 section 3.2-2, 3.2-3: a name is always told, an address never.
                x509::ServerName::Dns(name) => Some(name),
                x509::ServerName::Ip(_) => None,
            },
            supported_groups,
            signature_algorithms: &offered_schemes(provider),
            key_shares: &offer.shares(),
            application_protocols: &self.config.alpn,
            // RFC 9001 section 8.2-1: over QUIC it is always there.
            carrier_extension: self.carrier.extension(),
            cookie,
            resumption,
            requests_ocsp_response: self.config.request_ocsp_response,
        };
        hello.encode()
    }
}
