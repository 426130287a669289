//! Whether a connection whose handshake is complete is what the flags expect.

use crate::failure::Failure;
use crate::identity::{Identities, read_file};
use crate::options::{Expected, Options};
use tls::{EarlyData, Session};

/// Checks all of it.
///
/// # Errors
/// [`Failure::Expectation`] with what was expected and what is.
pub fn check(
    options: &Options,
    session: &Session,
    is_resumption: bool,
    identities: &Identities,
) -> Result<(), Failure> {
    let expected = &options.expected;
    let resumed = is_resumption && !expected.session_miss;
    same("resumption", resumed, session.is_resumed())?;
    protocol(options, session)?;
    server_name(expected, session)?;
    if let Some(group) = expected.group {
        same("group", Some(group), session.key_exchange_group().map(|group| group.0))?;
    }
    if let Some(suite) = expected.cipher_suite {
        same("cipher suite", Some(suite), session.cipher_suite().map(|suite| suite.id))?;
    }
    // A ticket stands in for the signature.
    if let Some(scheme) = expected.signature_scheme.filter(|_| !session.is_resumed()) {
        let found = if options.is_server { session.client_signature_scheme() } else { session.signature_scheme() };
        same("signature scheme", Some(scheme), found.map(|scheme| scheme.0))?;
    }
    if let Some(retry) = expected.retry {
        same("retry", retry, session.is_retried())?;
    }
    if let Some(parameters) = &expected.transport_parameters {
        same("transport parameters", Some(&parameters[..]), session.peer_parameters())?;
    }
    if let Some(credential) = expected.credential {
        same("credential", credential, identities.shown())?;
    }
    early_data(expected, session)?;
    peer(options, session)
}

fn same<T: PartialEq + core::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::Expectation(format!("{what}: expected {expected:?}, found {found:?}")))
}

fn protocol(options: &Options, session: &Session) -> Result<(), Failure> {
    // A server is told what it selects, a client what has to come.
    let expected = match options.is_server {
        true if options.declines_protocol => None,
        true => options.selected_protocol.as_deref(),
        false => options.expected.protocol.as_deref(),
    };
    same("application protocol", expected.filter(|protocol| !protocol.is_empty()), session.alpn())
}

fn server_name(expected: &Expected, session: &Session) -> Result<(), Failure> {
    let found = session.server_name().map(str::as_bytes);
    match &expected.server_name {
        Some(name) => same("server name", Some(&name[..]), found),
        None if expected.no_server_name => same("server name", None, found),
        None => Ok(()),
    }
}

fn early_data(expected: &Expected, session: &Session) -> Result<(), Failure> {
    let found = session.early_data();
    if expected.early_data_accepted {
        same("early data", EarlyData::Accepted, found)?;
    }
    if expected.early_data_refused && found == EarlyData::Accepted {
        return Err(Failure::Expectation("early data was accepted".to_owned()));
    }
    if expected.no_early_data_offer {
        same("early data", EarlyData::NotOffered, found)?;
    }
    Ok(())
}

fn peer(options: &Options, session: &Session) -> Result<(), Failure> {
    // A ticket stands in for a server's certificates, and holds a client's.
    if session.is_resumed() && !options.is_server {
        return Ok(());
    }
    let expected = &options.expected;
    let certificates = session.peer_identity().map(|identity| identity.certificates());
    if let Some(file) = &expected.peer_certificates {
        let wanted = x509::load_certificates_pem(&read_file(file)?);
        let wanted = wanted.map_err(|error| Failure::File(format!("-expect-peer-cert-file: {error}")))?;
        let same_chain = certificates.is_some_and(|found| found == wanted);
        same("the chain of -expect-peer-cert-file", true, same_chain)?;
    }
    let must_be_known = !expected.no_peer_certificate && (!options.is_server || options.requires_client_certificate);
    if expected.no_peer_certificate || must_be_known {
        same("a certificate of the peer", must_be_known, certificates.is_some())?;
    }
    if let Some(response) = &expected.ocsp_response {
        let found = session.peer_identity().and_then(|identity| identity.ocsp_response());
        same("OCSP response", Some(&response[..]), found)?;
    }
    Ok(())
}
