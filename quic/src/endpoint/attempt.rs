//! What a client's connection is made of, to be made again and to know whose tokens are good for it.

use super::token_store::TokenOrigin;
use crate::wire::version::Version;
use alloc::string::ToString;
use alloc::sync::Arc;

/// What a client's connection is made of. Kept until the handshake is complete.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) tls: Arc<tls::ClientConfig>,
    pub(super) name: x509::ServerName,
    /// Early data may be sent, if there is a ticket that allows it.
    pub(super) offers_early_data: bool,
}

impl Attempt {
    /// Whose tokens are good for it.
    pub(super) fn token_origin(&self, version: Version) -> TokenOrigin {
        let server = match &self.name {
            x509::ServerName::Dns(name) => name.to_string(),
            x509::ServerName::Ip(address) => address.to_string(),
        };
        TokenOrigin { server, version }
    }
}
