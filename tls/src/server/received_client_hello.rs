//! RECVD_CH: the ClientHello is checked, and a cipher suite and a key exchange are selected. A ClientHello without a share for
//! that key exchange is answered with a HelloRetryRequest, and the server returns to START.

use crate::carrier::Rules;
use crate::early_data::EarlyData;
use crate::effects::Effects;
use crate::error::Error;
use crate::level::Level;
use crate::message::client_hello::{ClientHello, LEGACY_VERSION, TLS13};
use crate::message::extension::ExtensionType;
use crate::message::framing::Message;
use crate::message::server_hello::encode_hello_retry_request;
use crate::server::choice::{choose_exchange, choose_suite};
use crate::server::start::{Retried, Start};
use crate::transcript::Transcript;
use crate::violation::Violation;
use crypto::{CipherSuite, Digest, KeyExchange, NamedGroup};

/// A ClientHello that this server can answer.
pub(crate) struct ReceivedClientHello<'a> {
    pub(super) start: &'a Start,
    pub(super) hello: ClientHello<'a>,
    pub(super) suite: &'static CipherSuite,
    pub(super) exchange: &'static dyn KeyExchange,
    /// The client's share for it.
    pub(super) share: &'a [u8],
    /// All messages up to this one.
    pub(super) transcript: Transcript,
    /// The digest of all before the binders of this one, if it has any.
    pub(super) before_binders: Option<Digest>,
    /// Whether a HelloRetryRequest came before.
    pub(super) is_retried: bool,
}

impl<'a> ReceivedClientHello<'a> {
    /// Reads a ClientHello. `None` if there is no share in it that is of use: then a HelloRetryRequest is sent, and `start`
    /// waits for the second ClientHello.
    /// RFC 9846 section 4.2.4-9, 9.2-17, 9.2-19, 9.2-16.
    pub(crate) fn on_client_hello(
        start: &'a mut Start,
        message: &Message<'a>,
        effects: &mut Effects,
    ) -> Result<Option<ReceivedClientHello<'a>>, Error> {
        let rules = start.carrier.rules;
        let hello = ClientHello::decode(message.body)?;
        check(rules, &hello)?;
        // RFC 9846 s9.2: what is missing is said before what does not match.
        // RFC 9846 section 9.2: with a pre-shared key it may do without.
        if hello.signature_algorithms.is_none() && hello.pre_shared_keys.is_none() {
            return Err(Violation::MissingSignatureAlgorithms.into());
        }
        // RFC 9001 section 8.2-1: over QUIC the parameters are demanded.
        let parameters = rules.peer_parameters(&hello.extensions)?;
        let suite = choose_suite(&start.config, hello.cipher_suites)?;
        let (exchange, share) = choose_exchange(&start.config, &hello)?;
        effects.peer_parameters = parameters.map(<[u8]>::to_vec);
        if let Some(version) = parameters.and_then(|parameters| start.carrier.on_peer_parameters(parameters)) {
            effects.version = version;
            effects.answered_parameters = Some(start.carrier.parameters.clone());
        }
        effects.is_in_compatibility_mode = !hello.legacy_session_id.is_empty();
        effects.suite = Some(suite);

        let (covered, binders) = split(message.bytes, &hello);
        let retried = start.retried.take();
        let is_retried = retried.is_some();
        let (exchange, share, mut transcript) = match (retried, share) {
            (None, Some(share)) => (exchange, share, Transcript::new(suite, covered)),
            (None, None) => {
                start.retried = Some(retry(message, &hello, suite, exchange, effects)?);
                return Ok(None);
            }
            (Some(retried), _) => {
                let share = retried_share(&hello, retried.exchange.group())?;
                if retried.suite.id != suite.id || retried.unchanged != unchanged_part(suite, &hello) {
                    return Err(Violation::ClientHelloChanged.into());
                }
                let mut transcript = retried.transcript;
                transcript.add(covered);
                (retried.exchange, share, transcript)
            }
        };
        let before_binders = (!binders.is_empty()).then(|| transcript.current());
        transcript.add(binders);
        effects.group = Some(exchange.group());
        let received =
            ReceivedClientHello { start, hello, suite, exchange, share, transcript, before_binders, is_retried };
        Ok(Some(received))
    }
}

/// What the binders cover, and the binders with their length, which end the message (RFC 9846 section 4.3.11.2).
fn split<'a>(message: &'a [u8], hello: &ClientHello<'_>) -> (&'a [u8], &'a [u8]) {
    let binders = hello.pre_shared_keys.map_or(0, |keys| keys.binders_len());
    message.split_at(message.len().saturating_sub(binders))
}

/// Checks what holds for every ClientHello, whatever the server can do.
/// RFC 9846 section 4.2.2-13, 4.2.2-21, 4.3.1-4, 4.3.1-5, 4.3.1-7, 4.3.9-3, 4.3.10-11.
fn check(rules: &Rules, hello: &ClientHello<'_>) -> Result<(), Violation> {
    // RFC 9001 section 4.2-2, RFC 9846 section 4.2.2: this side speaks TLS 1.3 and nothing older.
    if !hello.supported_versions.is_some_and(|versions| versions.contains(TLS13)) {
        return Err(Violation::VersionTooOld);
    }
    if hello.legacy_version != LEGACY_VERSION {
        return Err(Violation::LegacyVersion);
    }
    // RFC 9001 s8.4: over QUIC a session ID makes no sense.
    if !hello.legacy_session_id.is_empty() {
        rules.session_id?;
    }
    if hello.legacy_compression_methods != [0] {
        return Err(Violation::CompressionMethod);
    }
    // RFC 9846 section 4.3.9.
    if hello.pre_shared_keys.is_some() && hello.psk_key_exchange_modes.is_none() {
        return Err(Violation::MissingPskKeyExchangeModes);
    }
    if hello.offers_early_data && hello.pre_shared_keys.is_none() {
        return Err(Violation::EarlyDataWithoutPreSharedKey);
    }
    // RFC 9001 s4.7 lets QUIC's own Retry do what cookies are for, and TCP needs none: none is ever given.
    if hello.cookie.is_some() {
        return Err(Violation::CookieNotIssued);
    }
    rules.check_foreign_extensions(&hello.extensions)
}

/// Asks for a share of `exchange`.
/// RFC 9846 section 4.2.4-1, 4.3.10-7.
fn retry(
    message: &Message<'_>,
    hello: &ClientHello<'_>,
    suite: &'static CipherSuite,
    exchange: &'static dyn KeyExchange,
    effects: &mut Effects,
) -> Result<Retried, Error> {
    let request = encode_hello_retry_request(hello.legacy_session_id, suite.id, exchange.group())?;
    let mut transcript = Transcript::after_retry(suite, message.bytes);
    transcript.add(&request);
    effects.is_retried = true;
    // RFC 9846 section 4.3.10: what follows the first hello is not taken, and the second does not offer it again.
    if hello.offers_early_data {
        effects.early_data = EarlyData::Refused;
    }
    effects.send(Level::Initial, request);
    Ok(Retried { suite, exchange, unchanged: unchanged_part(suite, hello), transcript })
}

/// After a HelloRetryRequest: the one share that was asked for, and nothing else (RFC 9846 section 4.2.2).
fn retried_share<'a>(hello: &ClientHello<'a>, group: NamedGroup) -> Result<&'a [u8], Violation> {
    if hello.offers_early_data {
        return Err(Violation::EarlyDataAfterRetry);
    }
    let mut shares = hello.key_shares.ok_or(Violation::MissingKeyShare)?.iter();
    match (shares.next(), shares.next()) {
        (Some((only, share)), None) if only == group => Ok(share),
        _ => Err(Violation::RetriedKeyShare),
    }
}

/// A digest of all that a second ClientHello must repeat (RFC 9846 section 4.2.2).
/// RFC 9846 section 4.2.2-7.
fn unchanged_part(suite: &CipherSuite, hello: &ClientHello<'_>) -> Digest {
    let mut part = hello.random.to_vec();
    part.extend_from_slice(&(hello.legacy_session_id.len() as u64).to_be_bytes());
    part.extend_from_slice(hello.legacy_session_id);
    part.extend(hello.cipher_suites.iter().flat_map(u16::to_be_bytes));
    for (kind, data) in hello.extensions.iter() {
        let may_change = matches!(
            kind,
            ExtensionType::KEY_SHARE
                | ExtensionType::EARLY_DATA
                | ExtensionType::COOKIE
                | ExtensionType::PRE_SHARED_KEY
                | ExtensionType::PADDING
        );
        if !may_change {
            part.extend_from_slice(&kind.0.to_be_bytes());
            part.extend_from_slice(&(data.len() as u64).to_be_bytes());
            part.extend_from_slice(data);
        }
    }
    suite.hash.digest(&[&part])
}
