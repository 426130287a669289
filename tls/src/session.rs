//! A TLS 1.3 handshake of either side, and what may follow it, for any carrier: handshake bytes go in and out by encryption
//! level, keys come out as values (RFC 9001 section 4, RFC 9846 section 5.1).
//!
//! A carrier, [`quic`](crate::quic) or [`records`](crate::records), makes the session with its rules, and then gives it the
//! bytes of each level in order and once. A carrier knows no messages, states or certificates.

use crate::carrier::{Carrier, Rules};
use crate::client::start::Start as ClientStart;
use crate::client::state::State as ClientState;
use crate::client::wait_server_hello::WaitServerHello;
use crate::client_authentication::ClientAuthentication;
use crate::config::{ClientConfig, ServerConfig};
use crate::early_data::EarlyData;
use crate::effects::Effects;
use crate::error::{Error, LocalError};
use crate::inbox::{Inbox, message};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::framing::{HandshakeType, Message};
use crate::message::key_update::KeyUpdate;
use crate::peer_identity::PeerIdentity;
use crate::schedule;
use crate::server::start::Start as ServerStart;
use crate::server::state::State as ServerState;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::{CipherSuite, NamedGroup, SignatureScheme};

/// The longest label that an exporter takes: HKDF's label has 255 bytes, six of them "tls13 ".
const MAX_EXPORTER_LABEL: usize = 249;

/// One TLS 1.3 handshake, of either side, and what may follow it.
///
/// After each `read`, and once at the beginning, poll keys and output until there are none. Output of a level is sent under
/// the keys of that level, which were given out before or together with it.
#[derive(Debug)]
pub struct Session {
    rules: &'static Rules,
    /// None only while a message is read, which consumes the state.
    state: Option<State>,
    inbox: Inbox,
    /// Whole messages that were read.
    messages_read: u64,
    effects: Effects,
}

#[derive(Debug)]
enum State {
    Client(ClientState),
    Server(ServerState),
    Failed(Box<Error>),
}

impl Session {
    /// A client that wants to reach `name`. Its ClientHello is ready to be sent. `wants_early_data` says whether the carrier has a
    /// way to send early data.
    ///
    /// # Errors
    /// [`Error::Local`] if the configuration cannot work.
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        carrier: Carrier,
        name: x509::ServerName,
        wants_early_data: bool,
        random: &mut dyn Random,
    ) -> Result<Session, Error> {
        let mut effects = Effects { version: carrier.version, ..Effects::default() };
        let rules = carrier.rules;
        let start = ClientStart::new(config, carrier, name, random)?;
        let state = WaitServerHello::on_start(start, wants_early_data, random, &mut effects)?;
        let state = State::Client(ClientState::WaitServerHello(Box::new(state)));
        Ok(Session { rules, state: Some(state), inbox: Inbox::new(), messages_read: 0, effects })
    }

    /// A server that waits for a ClientHello. With an `early_data_context` the carrier has a way to receive early data, and relies
    /// on what the context says.
    pub(crate) fn server(config: Arc<ServerConfig>, carrier: Carrier, early_data_context: Option<&[u8]>) -> Session {
        let (rules, version) = (carrier.rules, carrier.version);
        let start = ServerStart::new(config, carrier, early_data_context);
        let state = State::Server(ServerState::Start(Box::new(start)));
        let effects = Effects { version, ..Effects::default() };
        Session { rules, state: Some(state), inbox: Inbox::new(), messages_read: 0, effects }
    }

    /// Reads handshake bytes of `level`, in order, in any pieces. Over records each piece is one record.
    ///
    /// # Errors
    /// Whatever ends the handshake. Every later call gives the same error again.
    pub fn read(&mut self, level: Level, bytes: &[u8], random: &mut dyn Random) -> Result<(), Error> {
        let result = self.try_read(level, bytes, random);
        if let Err(error) = &result
            && !matches!(self.state(), State::Failed(_))
        {
            self.fail(error.clone());
        }
        result
    }

    /// The next bytes to send, and their level.
    /// RFC 9001 section 4.9-2.
    pub fn poll_output(&mut self) -> Option<(Level, Vec<u8>)> {
        pop(&mut self.effects.output)
    }

    /// The next keys that became available.
    pub fn poll_keys(&mut self) -> Option<KeyChange> {
        pop(&mut self.effects.keys)
    }

    /// Whether the peer has announced new keys since this was last asked: what it sends from now on is sealed under its
    /// next traffic secret, which the carrier derives. At most one in each `read`, because a KeyUpdate ends its record
    /// (RFC 9846 section 5.1). Never over QUIC.
    pub fn poll_key_update(&mut self) -> Option<KeyUpdate> {
        self.effects.key_update.take()
    }

    /// Whether the handshake is complete (RFC 9001 section 4.1.1): Finished was sent, and the peer's was verified.
    pub fn is_complete(&self) -> bool {
        matches!(self.state(), State::Client(ClientState::Connected(_)) | State::Server(ServerState::Connected(_)))
    }

    /// What the peer says in the carrier's own extension, over QUIC its transport parameters: a server has it as soon as
    /// the ClientHello is read, a client as soon as EncryptedExtensions are. Until the handshake is complete it is
    /// not authenticated.
    pub fn peer_parameters(&self) -> Option<&[u8]> {
        self.effects.peer_parameters.as_deref()
    }

    /// Gives the peer's parameters away, so that an idle connection need not keep them.
    pub fn take_peer_parameters(&mut self) -> Option<Vec<u8>> {
        self.effects.peer_parameters.take()
    }

    /// On a server whose answer was made for its client ([`server_of`](crate::quic::server_of)): what was answered, once.
    pub fn take_answered_parameters(&mut self) -> Option<Vec<u8>> {
        self.effects.answered_parameters.take()
    }

    /// On a client: the connection goes on with this version of the carrier's protocol. Tickets that come are for that one.
    pub fn set_version(&mut self, version: u32) {
        self.effects.version = version;
    }

    /// The application protocol that was agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.effects.application_protocol.as_deref()
    }

    /// On a server, the name that the client asked for: in lower case, without a trailing dot, a valid DNS name.
    pub fn server_name(&self) -> Option<&str> {
        self.effects.server_name.as_deref()
    }

    /// On a server whose handshake is complete, what the client was asked for.
    pub fn client_authentication(&self) -> Option<&ClientAuthentication> {
        match self.state() {
            State::Server(ServerState::Connected(connected)) => Some(connected.client_authentication()),
            _ => None,
        }
    }

    /// Who the other end is. On a server: the client, once the handshake is complete and if it showed a certificate. On a client:
    /// the server, as soon as its certificate was accepted, if
    /// [`keep_peer_certificates`](ClientConfig::keep_peer_certificates) says so.
    pub fn peer_identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.effects.peer_identity.as_ref()
    }

    /// The suite that was agreed on.
    pub fn cipher_suite(&self) -> Option<&'static CipherSuite> {
        self.effects.suite
    }

    /// The group of the key exchange, once both shares are known.
    pub fn key_exchange_group(&self) -> Option<NamedGroup> {
        self.effects.group
    }

    /// How the server signed the handshake: a server knows when it has chosen, a client when it has verified.
    pub fn signature_scheme(&self) -> Option<SignatureScheme> {
        self.effects.signature_scheme
    }

    /// How the client signed the handshake, where this is a server that asked it for a certificate and was shown one; `None` if a ticket
    /// stands in for that.
    pub fn client_signature_scheme(&self) -> Option<SignatureScheme> {
        self.effects.client_signature_scheme
    }

    /// Whether a HelloRetryRequest cost a round trip.
    pub fn is_retried(&self) -> bool {
        self.effects.is_retried
    }

    /// Whether a ticket of an earlier connection stands in for the server's certificate (RFC 9846 section 2.2): then no
    /// certificate was shown and nothing was signed.
    pub fn is_resumed(&self) -> bool {
        self.effects.is_resumed
    }

    /// What has become of early data. A client may send it as soon as it has the keys, a server open it likewise; until the
    /// handshake is complete a server does not know whether it was sent just now or is a repetition.
    pub fn early_data(&self) -> EarlyData {
        self.effects.early_data
    }

    /// On a client that offers early data, what the server said in the carrier's own extension on the connection that its ticket
    /// is from; what is sent early has to keep to it. Once, and not after the server has answered.
    pub fn take_remembered_parameters(&mut self) -> Option<Vec<u8>> {
        match &mut self.state {
            Some(State::Client(ClientState::WaitServerHello(state))) => state.take_remembered_parameters(),
            _ => None,
        }
    }

    /// On a client that offers early data, what the application had said that it relies on when the ticket came
    /// ([`remember_application`](Session::remember_application)): nothing if it had not yet said anything. Once, and not after the
    /// server has answered.
    pub fn take_remembered_application(&mut self) -> Option<Vec<u8>> {
        match &mut self.state {
            Some(State::Client(ClientState::WaitServerHello(state))) => state.take_remembered_application(),
            _ => None,
        }
    }

    /// On a client, what the application relies on when it sends early data in a later connection to this server, such as
    /// SETTINGS of HTTP/3: it is kept with each ticket that comes from now on. At most 4,096 bytes; nothing is kept where early
    /// data is not wanted, or before the handshake is complete.
    pub fn remember_application(&mut self, application: &[u8]) {
        if let Some(State::Client(ClientState::Connected(state))) = &mut self.state {
            state.remember(application);
        }
    }

    /// Has a server send its tickets, as output of [`Level::OneRtt`], once: what they are made of is forgotten then. A carrier
    /// calls this when nothing of the handshake is under way any more. Nothing happens on a client, or if no tickets are due.
    ///
    /// # Errors
    /// [`LocalError::NotComplete`] before the handshake is complete; [`LocalError::TooLong`] if a ticket does not fit into a
    /// message.
    pub fn send_tickets(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        if !self.is_complete() {
            return Err(LocalError::NotComplete.into());
        }
        match &mut self.state {
            Some(State::Server(ServerState::Connected(state))) => Ok(state.send_tickets(random, &mut self.effects)?),
            _ => Ok(()),
        }
    }

    /// The connection is idle: a client that has received a ticket forgets what more of them would be made of. Servers give their
    /// tickets together.
    pub fn rest(&mut self) {
        if let Some(State::Client(ClientState::Connected(state))) = &mut self.state {
            state.rest();
        }
    }

    /// Whether the client wants middlebox compatibility mode, which only records have: then each side sends one
    /// change_cipher_spec record, a server after its first message and a client before its second flight
    /// (RFC 9846 appendix E.4).
    pub fn is_in_compatibility_mode(&self) -> bool {
        self.effects.is_in_compatibility_mode
    }

    /// On a client that offers early data, how many bytes of it its ticket allows; over QUIC the number has no meaning. Not after the
    /// server has answered.
    pub(crate) fn max_early_data(&self) -> u32 {
        match &self.state {
            Some(State::Client(ClientState::WaitServerHello(state))) => state.max_early_data(),
            _ => 0,
        }
    }

    /// On a server, whether early data comes until a message ends it.
    pub(crate) fn reads_early_data(&self) -> bool {
        matches!(&self.state, Some(State::Server(ServerState::WaitEndOfEarlyData(_))))
    }

    /// On a server, whether the client offered early data that this side refuses: a carrier with records has to skip what it
    /// sent by then (RFC 9846 section 4.3.10). Not where it is taken: then what does not open ends the connection.
    pub(crate) fn refuses_early_data(&self) -> bool {
        matches!(&self.state, Some(State::Server(_))) && self.effects.early_data == EarlyData::Refused
    }

    /// Whether a message has begun whose end has not come: over records nothing else may come between (RFC 9846
    /// section 5.1).
    pub(crate) fn is_in_message(&self) -> bool {
        self.inbox.kind().is_some()
    }

    /// How many whole messages were read: what is left of a record brought only a part of one.
    pub(crate) const fn messages_read(&self) -> u64 {
        self.messages_read
    }

    /// Fills `out` with keying material for other uses (RFC 9846 section 7.5): the same on both sides, for the same label
    /// and context.
    ///
    /// # Errors
    /// [`LocalError::NotComplete`] before the handshake is complete, and once the connection is over; [`LocalError::ExporterArguments`] if `label` is longer
    /// than 249 bytes or `out` than 255 digests.
    pub fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if !self.is_complete() {
            return Err(LocalError::NotComplete.into());
        }
        let suite = self.effects.suite.expect("a complete handshake has agreed on a suite");
        let exporter = self.effects.exporter.as_ref().ok_or(LocalError::NotComplete)?;
        if label.len() > MAX_EXPORTER_LABEL || out.len() > 255 * suite.hash.output_len() {
            return Err(LocalError::ExporterArguments.into());
        }
        schedule::export(suite, exporter, label, context, out);
        Ok(())
    }

    fn try_read(&mut self, level: Level, mut bytes: &[u8], random: &mut dyn Random) -> Result<(), Error> {
        let mut began_at_this_level = false;
        while !bytes.is_empty() {
            let kind = self.inbox.kind().or(bytes.first().copied().map(HandshakeType));
            self.check_level(level, began_at_this_level, kind)?;
            began_at_this_level = true;
            let whole = self.inbox.fill(&mut bytes).map_err(|violation| self.violated(violation))?;
            let whole = whole.as_deref().map(message);
            self.check_kind(whole.as_ref().map(|message| message.kind).or(self.inbox.kind()))?;
            if let Some(message) = &whole {
                self.on_message(message, random)?;
            }
            // RFC 9846 s5.1: what follows a KeyUpdate is under new keys, so nothing does in the same record.
            if self.effects.key_update.is_some() && !bytes.is_empty() {
                return Err(self.violated(Violation::MessageAcrossKeyChange));
            }
        }
        // A failed session gives its error even for no bytes.
        if let State::Failed(error) = self.state() { Err((**error).clone()) } else { Ok(()) }
    }

    /// Messages belong to the level of the state: a message that should be under new keys but comes under the old ones may
    /// be injected by an attacker who has only the old ones.
    /// `kind`: of the message that begins or goes on.
    fn check_level(&self, level: Level, began_at_this_level: bool, kind: Option<HandshakeType>) -> Result<(), Error> {
        let expected = match self.state() {
            State::Client(state) => state.level(),
            State::Server(state) => state.level(),
            State::Failed(error) => return Err((**error).clone()),
        };
        let verdict = match level {
            Level::EarlyData if expected != level => self.rules.messages_in_early_data.and(Err(Violation::WrongLevel)),
            _ if level == expected => Ok(()),
            // RFC 9001 section 6-3: the message has an error of its own, wherever it comes.
            _ if kind == Some(HandshakeType::KEY_UPDATE) && self.rules.key_update.is_err() => self.rules.key_update,
            // RFC 9846 s5.1: messages do not span a change of keys.
            _ if began_at_this_level => Err(Violation::MessageAcrossKeyChange),
            _ => Err(Violation::WrongLevel),
        };
        verdict.map_err(|violation| self.violated(violation))
    }

    /// Refuses a message by its first byte, before its body is gathered.
    /// RFC 9846 section 4.7.3-1.
    fn check_kind(&self, kind: Option<HandshakeType>) -> Result<(), Error> {
        let Some(kind) = kind else { return Ok(()) };
        let expected = match self.state() {
            State::Client(state) => state.expects(kind),
            State::Server(state) => state.expects(kind),
            State::Failed(error) => return Err((**error).clone()),
        };
        let verdict = match self.rules.check_message(kind, self.is_complete()) {
            Ok(()) if expected => Ok(()),
            Ok(()) => Err(Violation::UnexpectedMessage),
            Err(violation) => Err(violation),
        };
        verdict.map_err(|violation| self.violated(violation))
    }

    fn on_message(&mut self, message: &Message<'_>, random: &mut dyn Random) -> Result<(), Error> {
        self.messages_read += 1;
        let name = self.state_name();
        let effects = &mut self.effects;
        let next = match self.state.take().expect("a session that reads has a state") {
            State::Client(state) => state.on_message(message, random, effects).map(State::Client),
            State::Server(state) => state.on_message(message, random, effects).map(State::Server),
            State::Failed(error) => Err(*error),
        };
        match next {
            Ok(next) => {
                self.state = Some(next);
                Ok(())
            }
            Err(error) => {
                let error = error.in_state(name);
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    fn state(&self) -> &State {
        self.state.as_ref().expect("a session has a state between two messages")
    }

    /// Ends the session with an error that every later call gives again.
    /// RFC 9001 section 4.8-1, RFC 9846 s6: every alert is fatal, and the secrets are forgotten.
    pub(crate) fn fail(&mut self, error: Error) {
        self.state = Some(State::Failed(Box::new(error)));
        self.inbox = Inbox::new();
        self.effects = Effects::default();
    }

    fn violated(&self, violation: Violation) -> Error {
        Error::Peer { violation, state: self.state_name() }
    }

    /// Forgets what exporters start from: the connection is over, and nothing else is left of its secrets.
    pub(crate) fn forget_exporter(&mut self) {
        self.effects.exporter = None;
    }

    /// The name of the state in RFC 9846 appendix A.
    pub(crate) fn state_name(&self) -> &'static str {
        match self.state() {
            State::Client(state) => state.name(),
            State::Server(state) => state.name(),
            State::Failed(_) => "failed",
        }
    }
}

/// The front of a queue; a queue that is empty gives its memory back.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let front = queue.pop_front();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    front
}

#[cfg(test)]
mod tests;
