//! START: nothing is sent. A client leaves this state at once.

use crate::client::wait_server_hello::{Parameters, WaitServerHello};
use crate::config::ClientConfig;
use crate::effects::Effects;
use crate::error::{Error, LocalError};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;

/// Sends the ClientHello, with one share: for the provider's first key exchange.
pub fn start(
    config: Arc<ClientConfig>,
    name: x509::ServerName,
    transport_parameters: Vec<u8>,
    random: &mut dyn Random,
    effects: &mut Effects,
) -> Result<WaitServerHello, Error> {
    let provider = config.provider;
    let exchange = *provider.key_exchanges.first().ok_or(LocalError::EmptyProvider)?;
    if provider.cipher_suites.is_empty() {
        return Err(LocalError::EmptyProvider.into());
    }
    if config.alpn.is_empty() || config.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
        return Err(LocalError::ApplicationProtocols.into());
    }
    let client_random = base::random::array(random);
    let parameters = Parameters { config, name, transport_parameters, client_random };
    WaitServerHello::send_client_hello(parameters, exchange, random, effects)
}
