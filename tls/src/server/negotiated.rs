//! NEGOTIATED: the parameters are chosen. The server sends all of its flight at once.

use crate::certified_key::CertifiedKey;
use crate::client_proof::{Asked, ClientAuthenticated};
use crate::config::ServerConfig;
use crate::early_data::EarlyData;
use crate::effects::{Effects, KeyLogEntry};
use crate::error::{Error, LocalError};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_request;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::client_hello::ClientHello;
use crate::message::encrypted_extensions::EncryptedExtensionsFields;
use crate::message::framing::{HandshakeType, push_message};
use crate::message::server_hello::{encode_resuming_server_hello, encode_server_hello};
use crate::proof::BinderVerified;
use crate::resolver::Selected;
use crate::schedule::{Early, Handshake, Main, verify_data};
use crate::server::choice::{choose_certificate, choose_protocol, choose_scheme, server_name};
use crate::server::issuer::Terms;
use crate::server::received_client_hello::ReceivedClientHello;
use crate::server::resumption::{Attempt, Resumption, wants_key_exchange};
use crate::server::start::Start;
use crate::signature_wishes::offered_schemes;
use crate::ticket_content::TicketBounds;
use crate::transcript::Transcript;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Random, Side};
use crypto::{CipherSuite, Digest, KeyExchange, KeyExchangeError, Secret, SignatureScheme};
use x509::Staple;

/// How many bytes of early data a ticket allows where the number is a limit: what a server holds for a handshake.
pub(crate) const MAX_EARLY_DATA: u32 = 16_384;

/// Everything that was chosen for a client.
pub(crate) struct Negotiated<'a> {
    answer: Answer<'a>,
    /// The key schedule's first stage with the ticket's key, if there is one.
    early: Option<Early>,
    /// What the tickets of this connection will be made of, if any are given.
    terms: Option<Terms>,
}

/// What the server's flight says.
struct Answer<'a> {
    start: &'a Start,
    client_random: [u8; 32],
    session_id: &'a [u8],
    suite: &'static CipherSuite,
    exchange: &'static dyn KeyExchange,
    /// The client's share for it.
    client_share: &'a [u8],
    application_protocol: Option<&'a [u8]>,
    /// Whether the client's name was used.
    acknowledges_server_name: bool,
    /// Whether the client has sent the carrier's own extension, so that it is answered.
    answers_carrier: bool,
    authentication: Authentication,
    takes_early_data: bool,
    /// What the client has to show: nothing, or what it is asked for.
    client: Result<ClientAuthenticated, Asked>,
    /// All messages so far.
    transcript: Transcript,
}

/// What is left of the server's part when its flight is sent: what the client's messages are checked with.
#[derive(Debug)]
pub(crate) struct FlightSent {
    pub(super) suite: &'static CipherSuite,
    /// All messages so far.
    pub(super) transcript: Transcript,
    /// client_handshake_traffic_secret.
    pub(super) client_traffic: Secret,
    /// Whether early data comes first.
    pub(super) takes_early_data: bool,
    /// What tickets are made of.
    pub(super) tickets: Option<(Main, Terms)>,
}

/// How the server shows who it is.
enum Authentication {
    /// By the key of the client's ticket of this number, which both sides have: neither message of the other way is sent.
    Ticket { number: u16, _proof: BinderVerified },
    /// By Certificate and CertificateVerify.
    Certificate {
        /// The chain and its key.
        certified: Arc<CertifiedKey>,
        /// What goes with it, if the client has asked for it.
        staple: Option<Arc<Staple>>,
        /// How the key signs.
        scheme: SignatureScheme,
    },
}

/// What the client sends next.
pub(crate) enum Next {
    /// Finished: nothing more was asked for.
    Finished(FlightSent, ClientAuthenticated),
    /// Certificate.
    Certificate(Arc<ServerConfig>, Asked, FlightSent),
}

impl<'a> Negotiated<'a> {
    /// Chooses what is left to choose: protocol, name, and ticket or certificate.
    pub(crate) fn select(
        received: ReceivedClientHello<'a>,
        random: &mut dyn Random,
        effects: &mut Effects,
    ) -> Result<Negotiated<'a>, Error> {
        let ReceivedClientHello { start, hello, suite, exchange, share, transcript, before_binders, is_retried } =
            received;
        let config = &start.config;
        let application_protocol = choose_protocol(config, start.carrier.rules, &hello)?;
        let name = server_name(&hello)?;
        let Selected { certified, staple, client_authentication, generation } =
            choose_certificate(config, &hello, name.as_deref(), application_protocol)?;
        let policy = client_authentication.as_ref().unwrap_or(&config.client_authentication);
        let client = ClientAuthenticated::by_policy(policy);
        let bounds = TicketBounds {
            carrier: start.carrier.rules.number(),
            version: start.carrier.version,
            generation: config.tickets.as_ref().map_or(0, |policy| policy.generation),
            identities_generation: generation,
            identity: &identity(config, &certified),
            server_name: name.as_deref(),
            application_protocol,
        };
        let (before_binders, asks_client) = (before_binders.as_ref(), client.is_err());
        let attempt = Attempt { config, hello: &hello, suite, before_binders, bounds: &bounds, client: &client };
        let resumption = attempt.resume(random)?;
        let takes_early_data = hello.offers_early_data
            && !is_retried
            && resumption.as_ref().is_some_and(|resumption| takes_early_data(start, resumption, suite));
        // RFC 9369 s5: what a connection gives belongs to the version that it goes on with.
        let bounds = TicketBounds { version: effects.version, ..bounds };
        let terms = terms(start, &hello, suite, &bounds, asks_client);
        let (early, authentication, client) = match resumption {
            Some(Resumption { number, early, proof, client, .. }) => {
                (Some(early), Authentication::Ticket { number, _proof: proof }, Ok(client))
            }
            None => {
                let scheme = choose_scheme(&certified, &hello)?;
                effects.signature_scheme = Some(scheme);
                let now = config.wall_clock.unix_seconds();
                let staple = staple.filter(|staple| hello.requests_ocsp_response && staple.is_current(now));
                (None, Authentication::Certificate { certified, staple, scheme }, client)
            }
        };
        effects.is_resumed = matches!(authentication, Authentication::Ticket { .. });
        if hello.offers_early_data {
            effects.early_data = if takes_early_data { EarlyData::Accepted } else { EarlyData::Refused };
        }
        effects.application_protocol = application_protocol.map(Vec::from);
        // RFC 6066 s3: whoever resumes is told nothing of the name.
        let acknowledges_server_name = name.is_some() && !effects.is_resumed;
        effects.server_name = name;
        let answer = Answer {
            start,
            client_random: hello.random,
            session_id: hello.legacy_session_id,
            suite,
            exchange,
            client_share: share,
            application_protocol,
            acknowledges_server_name,
            answers_carrier: effects.peer_parameters.is_some(),
            authentication,
            takes_early_data,
            client,
            transcript,
        };
        Ok(Negotiated { answer, early, terms })
    }

    /// Sends ServerHello, EncryptedExtensions, CertificateRequest if the client is asked for anything, Certificate,
    /// CertificateVerify and Finished, and goes on to what the client sends next. With a ticket none of the third to the fifth is
    /// sent.
    /// RFC 9846 section 4.3.11.3: at once, whether or not early data comes.
    /// RFC 9846 section 4-1, 4.3.11.3-1.
    pub(crate) fn send_flight(self, random: &mut dyn Random, effects: &mut Effects) -> Result<Next, Error> {
        let Negotiated { mut answer, early, terms } = self;
        let (suite, takes_early_data) = (answer.suite, answer.takes_early_data);
        if let Some(early) = early.as_ref().filter(|_| takes_early_data) {
            let secret = early.client_traffic(&answer.transcript.current());
            effects.give_keys(Side::Server, KeyChange::EarlyData { suite, secret }, answer.key_log_entry());
        }
        let schedule = Handshake::begin(suite, early, answer.send_server_hello(random, effects)?);
        let digest = answer.transcript.current();
        let [client_traffic, server_traffic] = schedule.traffic(&digest);
        let flight = answer.encrypted_flight(&server_traffic)?;
        let keys = KeyChange::Handshake { suite, local: server_traffic, remote: client_traffic.clone() };
        effects.give_keys(Side::Server, keys, answer.key_log_entry());
        effects.send(Level::Handshake, flight);

        let main = schedule.into_main();
        let digest = answer.transcript.current();
        let [remote, local, exporter] = main.traffic_and_exporter(&digest);
        effects.exporter = Some(exporter);
        let keys = KeyChange::OneRtt { suite, local, remote };
        effects.give_keys(Side::Server, keys, answer.key_log_entry());
        let tickets = terms.map(|terms| (main, terms));
        let sent = FlightSent { suite, transcript: answer.transcript, client_traffic, takes_early_data, tickets };
        Ok(match answer.client {
            Ok(client) => Next::Finished(sent, client),
            Err(asked) => Next::Certificate(answer.start.config.clone(), asked, sent),
        })
    }
}

impl Answer<'_> {
    /// RFC 9846 section 4.2.3-3, 4.2.3-4, 4.3.8-15, 4.3.9-8.
    fn send_server_hello(&mut self, random: &mut dyn Random, effects: &mut Effects) -> Result<Secret, Error> {
        let accepted = self.exchange.accept(self.client_share, random).map_err(|error| match error {
            KeyExchangeError::BadShare => Error::from(Violation::BadKeyShare),
            KeyExchangeError::Internal => Error::from(LocalError::KeyExchange),
        })?;
        let server_random = base::random::array(random);
        let group = self.exchange.group();
        let (id, suite, share) = (self.session_id, self.suite.id, &accepted.share[..]);
        let hello = match self.authentication {
            Authentication::Certificate { .. } => encode_server_hello(&server_random, id, suite, group, share),
            Authentication::Ticket { number, .. } => {
                encode_resuming_server_hello(&server_random, id, suite, (group, share), number)
            }
        }?;
        self.transcript.add(&hello);
        effects.send(Level::Initial, hello);
        Ok(accepted.secret)
    }

    /// Each message is added to the transcript before the next, which signs or authenticates it, is made.
    /// RFC 9846 section 4.4.1-1, 4.4.2-8, 4.5.1-1, 4.5.2-1, 4.3-5, 4.5.1-9, 4.5.1-15.
    fn encrypted_flight(&mut self, server_traffic: &Secret) -> Result<Vec<u8>, Error> {
        let mut flight = Vec::with_capacity(2048);
        let answer = EncryptedExtensionsFields {
            application_protocol: self.application_protocol,
            acknowledges_server_name: self.acknowledges_server_name,
            // RFC 9001 section 8.2-1: over QUIC it is always there.
            carrier_extension: self.start.carrier.extension().filter(|_| self.answers_carrier),
            accepts_early_data: self.takes_early_data,
        };
        answer.encode(&mut flight)?;
        // RFC 9846 section 4.4.2-2: behind EncryptedExtensions, and only where the server itself shows a certificate.
        if let (Err(asked), Authentication::Certificate { .. }) = (&self.client, &self.authentication) {
            let schemes = offered_schemes(&self.start.config.provider);
            certificate_request::encode(&mut flight, &schemes, asked.authorities())?;
        }
        match &self.authentication {
            // RFC 9846 section 4.4.2: no CertificateRequest, and nothing to show.
            Authentication::Ticket { .. } => self.transcript.add(&flight),
            Authentication::Certificate { certified, staple, scheme } => {
                let response = staple.as_ref().map(|staple| staple.der());
                certificate::encode(&mut flight, &certified.chain, response)?;
                self.transcript.add(&flight);
                let content = signed_by_server(&self.transcript.current());
                let signature = certified.key.sign(*scheme, &content).map_err(|_| LocalError::Signing)?;
                let before = flight.len();
                CertificateVerify { scheme: *scheme, signature: &signature }.encode(&mut flight)?;
                self.transcript.add(&flight[before..]);
            }
        }
        let before = flight.len();
        let data = verify_data(self.suite, server_traffic, &self.transcript.current());
        push_message(&mut flight, HandshakeType::FINISHED, |out| {
            out.extend_from_slice(&data);
            Ok(())
        })?;
        self.transcript.add(&flight[before..]);
        Ok(flight)
    }

    fn key_log_entry(&self) -> KeyLogEntry<'_> {
        KeyLogEntry { key_log: self.start.config.key_log.as_ref(), client_random: &self.client_random }
    }
}

/// The digest of the server's own certificate.
fn identity(config: &ServerConfig, certified: &CertifiedKey) -> Digest {
    let leaf = certified.chain.first().map_or(&[][..], |certificate| certificate.as_ref());
    config.provider.initial.hash.digest(&[leaf])
}

/// What the tickets of this connection will be made of. None are given to a client that could not use them. Those of a client that is
/// asked for a certificate allow no early data: who it is would be known only after that was acted upon.
/// RFC 9846 section 4.3.9.
fn terms(
    start: &Start,
    hello: &ClientHello<'_>,
    suite: &'static CipherSuite,
    bounds: &TicketBounds<'_>,
    asks_client: bool,
) -> Option<Terms> {
    let policy = start.config.tickets.as_ref().filter(|_| wants_key_exchange(hello))?;
    let takes_early_data = policy.dangerous_accept_early_data_that_may_be_replayed.is_some();
    // RFC 9001 section 4.6.1-1: over QUIC the number is no limit.
    let max_early_data = if start.carrier.rules.limited_early_data.is_ok() { MAX_EARLY_DATA } else { u32::MAX };
    let early_data = start.early_data.filter(|_| takes_early_data && !asks_client);
    let (config, bounds) = (start.config.clone(), bounds.encode(suite));
    Some(Terms { config, suite, bounds, early_data, max_early_data })
}

/// Whether early data is taken: if its carrier relies on the same as then, with the first ticket and its very suite, if the ClientHello is
/// fresh, and once. Name and application protocol are the ticket's own, or it would not have opened.
/// RFC 9846 section 4.3.10.
/// RFC 9001 section 9.2-1. RFC 8470 section 6.2-1.
/// RFC 9846 section 4.3.10-3, 4.3.10-5, 4.3.10-8, 4.3.10-9, 4.3.10-10, 4.3.10-12, 4.3.10-13, 4.3.10-15.
fn takes_early_data(start: &Start, resumption: &Resumption, suite: &CipherSuite) -> bool {
    let Resumption { number, content, age: (seen, claimed), digest, .. } = resumption;
    let policy = start.config.tickets.as_ref();
    let Some(filter) = policy.and_then(|policy| policy.dangerous_accept_early_data_that_may_be_replayed.as_ref())
    else {
        return false;
    };
    let fits = *number == 0 && content.suite == suite.id;
    let relies_on_the_same = content.early_data.is_some() && content.early_data == start.early_data;
    let digest = digest.first_chunk().expect("the hash of the initial suite has 32 bytes");
    // The filter last: it remembers what it is asked about.
    fits && relies_on_the_same
        && filter.is_fresh(*seen, *claimed)
        && filter.is_first(digest, start.config.wall_clock.unix_millis())
}
