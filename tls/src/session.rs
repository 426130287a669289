//! All that the transport sees of TLS: handshake bytes go in and out by encryption level, keys come out as values, the
//! transport parameters of both sides pass through unread (RFC 9001 section 4).
//!
//! The transport gives the bytes of each level in order and once. What it does not know: messages, states, certificates.

use crate::client;
use crate::config::{ClientConfig, ServerConfig};
use crate::effects::Effects;
use crate::error::{Error, LocalError};
use crate::inbox::{Inbox, message};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::framing::HandshakeType;
use crate::schedule;
use crate::server;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::CipherSuite;
use rustls_pki_types::CertificateDer;

/// The longest label that an exporter takes: HKDF's label has 255 bytes, six of them "tls13 ".
const MAX_EXPORTER_LABEL: usize = 249;

/// One TLS 1.3 handshake over QUIC, of either side, and what may follow it.
///
/// After each `read`, and after `client`, poll keys and output until there are none. Output of a level is sent under the
/// keys of that level, which were given out before or together with it.
#[derive(Debug)]
pub struct Session {
    state: State,
    inbox: Inbox,
    effects: Effects,
}

#[derive(Debug)]
enum State {
    Client(client::state::State),
    Server(server::state::State),
    Failed(Box<Error>),
}

impl Session {
    /// A client that wants to reach `name`. Its ClientHello is ready to be sent.
    ///
    /// # Errors
    /// [`Error::Local`] if the configuration cannot work.
    pub fn client(
        config: Arc<ClientConfig>,
        name: x509::ServerName,
        transport_parameters: Vec<u8>,
        random: &mut dyn Random,
    ) -> Result<Session, Error> {
        let mut effects = Effects::default();
        let state = client::start::start(config, name, transport_parameters, random, &mut effects)?;
        let state = State::Client(client::state::State::WaitServerHello(Box::new(state)));
        Ok(Session { state, inbox: Inbox::new(), effects })
    }

    /// A server that waits for a ClientHello.
    pub fn server(config: Arc<ServerConfig>, transport_parameters: Vec<u8>) -> Session {
        let start = server::start::Start::new(config, transport_parameters);
        let state = State::Server(server::state::State::Start(Box::new(start)));
        Session { state, inbox: Inbox::new(), effects: Effects::default() }
    }

    /// Reads handshake bytes of `level`, in order, in any pieces.
    ///
    /// # Errors
    /// Whatever ends the handshake. Every later call gives the same error again.
    pub fn read(&mut self, level: Level, bytes: &[u8], random: &mut dyn Random) -> Result<(), Error> {
        let result = self.try_read(level, bytes, random);
        if let Err(error) = &result
            && !matches!(self.state, State::Failed(_))
        {
            self.fail(error.clone());
        }
        result
    }

    /// The next bytes to send, and their level.
    pub fn poll_output(&mut self) -> Option<(Level, Vec<u8>)> {
        pop(&mut self.effects.output)
    }

    /// The next keys that became available.
    pub fn poll_keys(&mut self) -> Option<KeyChange> {
        pop(&mut self.effects.keys)
    }

    /// Whether the handshake is complete (RFC 9001 section 4.1.1): Finished was sent, and the peer's was verified.
    pub fn is_complete(&self) -> bool {
        matches!(
            self.state,
            State::Client(client::state::State::Connected(_)) | State::Server(server::state::State::Connected(_))
        )
    }

    /// The peer's transport parameters: a server has them as soon as the ClientHello is read, a client as soon as
    /// EncryptedExtensions are. Until the handshake is complete nobody vouches for them.
    pub fn peer_transport_parameters(&self) -> Option<&[u8]> {
        self.effects.peer_transport_parameters.as_deref()
    }

    /// Gives the peer's transport parameters away, so that an idle connection need not keep them.
    pub fn take_peer_transport_parameters(&mut self) -> Option<Vec<u8>> {
        self.effects.peer_transport_parameters.take()
    }

    /// The application protocol that was agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.effects.application_protocol.as_deref()
    }

    /// On a server, the name that the client asked for: in lower case, without a trailing dot, a valid DNS name.
    pub fn server_name(&self) -> Option<&str> {
        self.effects.server_name.as_deref()
    }

    /// On a client that keeps them, the server's certificates, its own first.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.effects.peer_certificates
    }

    /// The suite that was agreed on.
    pub fn cipher_suite(&self) -> Option<&'static CipherSuite> {
        self.effects.suite
    }

    /// Fills `out` with keying material for other uses (RFC 9846 section 7.5): the same on both sides, for the same label
    /// and context.
    ///
    /// # Errors
    /// [`LocalError::NotComplete`] before the handshake is complete; [`LocalError::ExporterArguments`] if `label` is longer
    /// than 249 bytes or `out` than 255 digests.
    pub fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let (Some(suite), Some(exporter), true) = (self.effects.suite, &self.effects.exporter, self.is_complete())
        else {
            return Err(LocalError::NotComplete.into());
        };
        if label.len() > MAX_EXPORTER_LABEL || out.len() > 255 * suite.hash.output_len() {
            return Err(LocalError::ExporterArguments.into());
        }
        schedule::export(suite, exporter, label, context, out);
        Ok(())
    }

    fn try_read(&mut self, level: Level, mut bytes: &[u8], random: &mut dyn Random) -> Result<(), Error> {
        let mut began_at_this_level = false;
        while !bytes.is_empty() {
            self.check_level(level, began_at_this_level)?;
            began_at_this_level = true;
            let whole = self.inbox.fill(&mut bytes).map_err(|violation| self.violated(violation))?;
            self.check_kind()?;
            if whole {
                self.on_message(random)?;
            }
        }
        // A failed session gives its error even for no bytes.
        if let State::Failed(error) = &self.state { Err((**error).clone()) } else { Ok(()) }
    }

    /// Messages belong to the level of the state: a message that should be under new keys but comes under the old ones was
    /// perhaps injected by somebody who has only the old ones.
    fn check_level(&self, level: Level, began_at_this_level: bool) -> Result<(), Error> {
        let expected = match &self.state {
            State::Client(state) => state.level(),
            State::Server(state) => state.level(),
            State::Failed(error) => return Err((**error).clone()),
        };
        match level {
            Level::EarlyData => Err(self.violated(Violation::CryptoInEarlyData)),
            _ if level == expected => Ok(()),
            _ if began_at_this_level => Err(self.violated(Violation::MessageAcrossKeyChange)),
            _ => Err(self.violated(Violation::WrongLevel)),
        }
    }

    /// Refuses a message by its first byte, before its body is gathered.
    fn check_kind(&self) -> Result<(), Error> {
        let Some(kind) = self.inbox.kind() else { return Ok(()) };
        let expected = match &self.state {
            State::Client(state) => state.expects(kind),
            State::Server(state) => state.expects(kind),
            State::Failed(error) => return Err((**error).clone()),
        };
        match kind {
            _ if expected => Ok(()),
            // RFC 9001 s6: QUIC updates keys by its own packets; s8.3: and ends early data without a message.
            HandshakeType::KEY_UPDATE => Err(self.violated(Violation::KeyUpdate)),
            HandshakeType::END_OF_EARLY_DATA => Err(self.violated(Violation::EndOfEarlyData)),
            _ => Err(self.violated(Violation::UnexpectedMessage)),
        }
    }

    fn on_message(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        let bytes = self.inbox.take();
        let message = message(&bytes);
        let name = self.state_name();
        let effects = &mut self.effects;
        // While a state is consumed there is none; what is put in its place is gone again before anybody can see it.
        let placeholder = State::Failed(Box::new(Error::Local(LocalError::NotComplete)));
        let next = match core::mem::replace(&mut self.state, placeholder) {
            State::Client(state) => state.on_message(&message, random, effects).map(State::Client),
            State::Server(state) => state.on_message(&message, random, effects).map(State::Server),
            State::Failed(error) => Err(*error),
        };
        match next {
            Ok(next) => {
                self.state = next;
                Ok(())
            }
            Err(error) => {
                let error = error.in_state(name);
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Forgets all secrets: nothing of a failed handshake is of use.
    fn fail(&mut self, error: Error) {
        self.state = State::Failed(Box::new(error));
        self.inbox = Inbox::new();
        self.effects = Effects::default();
    }

    fn violated(&self, violation: Violation) -> Error {
        Error::Peer { violation, state: self.state_name() }
    }

    fn state_name(&self) -> &'static str {
        match &self.state {
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
