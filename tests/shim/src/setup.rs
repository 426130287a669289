//! From options to the configurations of `tls`.

use crate::failure::Failure;
use crate::identity::Identities;
use crate::judge::Judge;
use crate::link::Link;
use crate::options::Options;
use crate::quic::Quic;
use crate::records::Records;
use crate::tickets::{Clock, Tickets};
use crate::transport::Transport;
use crypto::{NamedGroup, Provider};
use crypto_ring::SystemRandom;
use std::sync::Arc;
use tls::record::{Connection, Settings};
use tls::{ClientAuthentication, ClientConfig, Groups, ServerConfig, ServerVerification, TicketPolicy};
use x509::ServerName;

/// What the connections of one process share.
pub struct Shared {
    pub clock: Arc<Clock>,
    pub tickets: Arc<Tickets>,
    pub policy: TicketPolicy,
}

/// A connection that is about to begin, and what it can show.
pub struct Begun {
    pub transport: Box<dyn Transport>,
    pub identities: Arc<Identities>,
}

/// Makes the side that the options describe, over a link that is asked for once everything else is there: a configuration that
/// cannot be made is told before the runner waits for anything.
pub fn begin(
    options: &Options,
    shared: &Shared,
    link: impl FnOnce() -> Result<Link, Failure>,
) -> Result<Begun, Failure> {
    let provider = provider(options)?;
    let identities = Arc::new(Identities::load(&provider, options)?);
    let judge = Arc::new(Judge::new(options));
    let transport = match options.is_server {
        true => {
            let config = Arc::new(server_config(options, shared, provider, identities.clone(), judge)?);
            server(options, config, link()?)
        }
        false => {
            let config = Arc::new(client_config(options, shared, provider, identities.clone(), judge)?);
            client(options, config, link()?)?
        }
    };
    Ok(Begun { transport, identities })
}

fn client(options: &Options, config: Arc<ClientConfig>, link: Link) -> Result<Box<dyn Transport>, Failure> {
    // An address is a name that nobody is sent.
    let name = ServerName::parse(options.host_name.as_deref().unwrap_or("127.0.0.1"));
    let name = name.map_err(|error| Failure::Usage(format!("-host-name: {error}")))?;
    let random = &mut SystemRandom::new();
    if options.is_quic {
        let parameters = options.transport_parameters.clone();
        let session = tls::quic::client_with_early_data(config, name, parameters, random)?;
        return Ok(Box::new(Quic::new(link, session, false, SystemRandom::new())));
    }
    let settings = Settings::default();
    let connection = Connection::client_with_early_data(config, name, &settings, base::Instant::ZERO, random)?;
    Ok(Box::new(Records::new(link, connection, false)))
}

fn server(options: &Options, config: Arc<ServerConfig>, link: Link) -> Box<dyn Transport> {
    if options.is_quic {
        let parameters = options.transport_parameters.clone();
        let session = tls::quic::server_with_early_data(config, parameters, &options.early_data_context);
        return Box::new(Quic::new(link, session, true, SystemRandom::new()));
    }
    let (settings, context) = (Settings::default(), &options.early_data_context);
    let connection = Connection::server_with_early_data(config, &settings, context, base::Instant::ZERO);
    Box::new(Records::new(link, connection, true))
}

fn client_config(
    options: &Options,
    shared: &Shared,
    provider: Provider,
    identities: Arc<Identities>,
    judge: Arc<Judge>,
) -> Result<ClientConfig, Failure> {
    let protocols = options.advertised_protocols.clone();
    let mut config = ClientConfig::new(provider, ServerVerification::Custom(judge), protocols, shared.clock.clone());
    config.groups = groups(options, &provider)?;
    config.keep_peer_certificates = true;
    config.request_ocsp_response = options.requests_ocsp_response;
    config.dangerous_offer_early_data_that_may_be_replayed = options.has_early_data;
    config.tickets = options.has_tickets.then(|| shared.tickets.clone() as Arc<dyn tls::TicketStore>);
    config.identities = (!identities.is_empty()).then_some(identities as Arc<dyn tls::ClientResolver>);
    Ok(config)
}

fn server_config(
    options: &Options,
    shared: &Shared,
    provider: Provider,
    identities: Arc<Identities>,
    judge: Arc<Judge>,
) -> Result<ServerConfig, Failure> {
    let protocols = match (&options.selected_protocol, options.refuses_protocol) {
        _ if options.declines_protocol => Vec::new(),
        // No client offers this one.
        (_, true) => vec![b"\0refused".to_vec()],
        (Some(protocol), false) if protocol.is_empty() => Vec::new(),
        (Some(protocol), false) => vec![protocol.clone()],
        (None, false) => Vec::new(),
    };
    let mut config = ServerConfig::new(provider, identities, protocols, shared.clock.clone());
    config.groups = groups(options, &provider)?;
    config.tickets = options.has_tickets.then(|| shared.policy.clone());
    config.client_authentication = match (options.requires_client_certificate, options.verifies_peer) {
        (true, _) => ClientAuthentication::Required(judge),
        (false, true) => ClientAuthentication::Optional(judge),
        (false, false) => ClientAuthentication::None,
    };
    Ok(config)
}

fn groups(options: &Options, provider: &Provider) -> Result<Groups, Failure> {
    let groups: Vec<_> = options.groups.iter().map(|number| NamedGroup(*number)).collect();
    match groups.iter().find(|group| provider.key_exchange(**group).is_none()) {
        Some(group) => Err(Failure::Unimplemented(format!("key exchange {:#06x}", group.0))),
        None if groups.is_empty() => Ok(Groups::OfProvider),
        None => Ok(Groups::Only(groups)),
    }
}

/// The provider with what the options leave of its suites and signatures. Its tables live as long as the process.
fn provider(options: &Options) -> Result<Provider, Failure> {
    let mut provider = crypto_ring::provider();
    if !options.cipher_suites.is_empty() {
        let suite = |id: &u16| {
            let missing = || Failure::Unimplemented(format!("cipher suite {id:#06x}"));
            provider.cipher_suite(*id).ok_or_else(missing)
        };
        let suites: Vec<_> = options.cipher_suites.iter().map(suite).collect::<Result<_, _>>()?;
        provider.cipher_suites = suites.leak();
    }
    if !options.verified_schemes.is_empty() {
        // What only certificates are signed with stays.
        let row =
            |scheme: &u16| provider.verifiers.iter().copied().find(|row| row.scheme().map(|s| s.0) == Some(*scheme));
        let in_certificates = provider.verifiers.iter().copied().filter(|row| row.scheme().is_none());
        let rows: Vec<_> = options.verified_schemes.iter().filter_map(row).chain(in_certificates).collect();
        provider.verifiers = rows.leak();
    }
    Ok(provider)
}
