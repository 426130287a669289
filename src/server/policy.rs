//! What a server decides about connections, before HTTP: cryptography, who may begin one, connection IDs, secrets.

use crate::error::Error;
use crate::server::memory;
use crate::server::networks::Networks;
use crate::tickets::Tickets;
use crate::tokens;
use base::Steering;
use crypto::{Provider, Secret, hkdf};
use quic::{AddressValidation, Admission, EndpointConfig, IdLayout, Incoming, TokenPolicy};
use runtime::Handover;
use std::sync::Arc;
use tls::Groups;

/// Decides about first packets.
type OnIncoming = dyn Fn(&Incoming) -> Admission + Send + Sync;

/// The decisions, as settings.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) provider: Provider,
    pub(crate) groups: Groups,
    pub(crate) on_incoming: Option<Arc<OnIncoming>>,
    pub(crate) address_validation: AddressValidation,
    /// What clients are given to come back with; the workers share what was taken.
    pub(crate) tokens: Option<TokenPolicy>,
    /// The most connections of an endpoint, if it is not the default.
    pub(crate) max_connections: Option<usize>,
    /// The most connections of a network with all workers, if it is not the default.
    pub(crate) max_of_network: Option<usize>,
    /// The connections of each network. Those that are started from one builder do not share them.
    pub(crate) networks: Arc<Networks>,
    /// What the connections of all workers may hold, if it is not the default.
    pub(crate) memory: Option<u64>,
    /// What connections allow their clients to send, if it is not the default.
    pub(crate) receive_memory: Option<u64>,
    pub(crate) ids: IdLayout,
    pub(crate) secret: Option<[u8; 32]>,
    /// The kernel is asked to find the worker of a packet.
    pub(crate) is_steered: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            provider: crypto_ring::PROVIDER,
            groups: Groups::default(),
            on_incoming: None,
            address_validation: AddressValidation::default(),
            tokens: Some(tokens::policy(&Tickets::new())),
            max_connections: None,
            max_of_network: None,
            networks: Networks::new(usize::MAX),
            memory: None,
            receive_memory: None,
            ids: IdLayout::default(),
            secret: None,
            is_steered: true,
        }
    }
}

/// What a network may have at least, unless it is said: many people may share an address.
const LEAST_OF_NETWORK: usize = 1000;

impl Policy {
    /// From now on connections are counted anew, of a server with so many workers. Without another number a network may have a quarter of
    /// all connections.
    pub(crate) fn begin_to_count(&mut self, workers: usize, max_connections: usize) {
        let all = self.max_connections.unwrap_or(max_connections).saturating_mul(workers);
        self.networks = Networks::new(self.max_of_network.unwrap_or((all / 4).max(LEAST_OF_NETWORK)));
    }

    /// Who comes from a network that has as many connections as it may is refused, once it has shown that it comes from there.
    fn decide(&self) -> Arc<OnIncoming> {
        let (own, networks) = (self.on_incoming.clone(), self.networks.clone());
        Arc::new(move |incoming| match &own {
            _ if networks.is_full(incoming.four_tuple.remote.ip()) => match incoming.is_validated {
                true => Admission::Refuse,
                false => Admission::Retry,
            },
            Some(own) => own(incoming),
            None => Admission::Accept,
        })
    }

    /// For several workers: they share a secret, and the connection IDs name the worker.
    pub(crate) fn share(&mut self, workers: usize) -> Result<(), Error> {
        if self.ids.workers() > 1 {
            return Err(Error::Message(
                "the layout of connection IDs names workers already: give one for a single worker, and their number is \
                 put into it"
                    .into(),
            ));
        }
        let secret = self.secret.get_or_insert_with(|| base::random::array(&mut crypto_ring::SystemRandom::new()));
        let secret = Secret::new(secret);
        // To be refused before any worker starts.
        let count = u32::try_from(workers).unwrap_or(u32::MAX);
        self.ids.clone().with_workers(count, 0, secret).map(drop).map_err(Error::message)
    }

    /// How the kernel finds the worker of a packet, if it is to.
    pub(crate) fn steering(&self, workers: usize) -> Result<Option<Steering>, Error> {
        let Some(secret) = self.secret.as_ref().filter(|_| self.is_steered && workers > 1) else { return Ok(None) };
        let count = u32::try_from(workers).unwrap_or(u32::MAX);
        let layout = self.ids.clone().with_workers(count, 0, self.id_key(&Secret::new(secret)));
        Ok(layout.map_err(Error::message)?.steering(self.provider.initial))
    }

    fn id_key(&self, secret: &Secret) -> Secret {
        hkdf::expand_label_secret(self.provider.initial.hash, secret, b"connection IDs", &[])
    }

    /// Puts them into the configuration of an endpoint: of a single one, or of one of several.
    pub(crate) fn apply(&self, config: &mut EndpointConfig, handover: Option<&Handover>) -> Result<(), Error> {
        config.on_incoming = Some(self.decide());
        config.address_validation = self.address_validation;
        config.tokens = self.tokens.clone();
        config.max_connections = self.max_connections.unwrap_or(config.max_connections);
        if let Some(all) = self.memory {
            let workers = handover.map_or(1, Handover::workers);
            (config.send_memory, config.receive_memory) = memory::divided(all / u64::from(workers));
        }
        config.receive_memory = self.receive_memory.unwrap_or(config.receive_memory);
        config.ids = self.ids.clone();
        if let Some(secret) = &self.secret {
            let secret = Secret::new(secret);
            let derive = |label: &[u8]| hkdf::expand_label_secret(self.provider.initial.hash, &secret, label, &[]);
            config.reset_secret = Some(derive(b"stateless resets"));
            config.token_secret = Some(derive(b"retry tokens"));
            let key = self.id_key(&secret);
            config.ids = match handover {
                Some(handover) => self.ids.clone().with_workers(handover.workers(), handover.worker(), key),
                None => Ok(self.ids.clone().with_key(key)),
            }
            .map_err(Error::message)?;
        }
        config.check().map_err(Error::message)
    }
}
