//! A session without HTTP that may begin: the whole of a connection on which another protocol was agreed upon.

use crate::exchange::calls::Peer;
use crate::http3::known::Known;
use quic::ConnectionHandle;
use std::rc::Rc;

/// What it would begin with.
pub(crate) struct NewSession {
    /// Its connection.
    pub(crate) handle: ConnectionHandle,
    /// What is known of that.
    pub(crate) known: Rc<Known>,
    /// The client.
    pub(crate) peer: Peer,
    /// What both ends agreed upon.
    pub(crate) protocol: String,
    /// The name that the client asked for.
    pub(crate) name: Option<String>,
}

impl NewSession {
    /// On this connection, with what TLS knows of it.
    pub(crate) fn of(
        handle: ConnectionHandle,
        known: &Rc<Known>,
        peer: Peer,
        session: Option<&tls::Session>,
    ) -> NewSession {
        let protocol = session.and_then(tls::Session::alpn).map(String::from_utf8_lossy);
        let protocol = protocol.unwrap_or_default().into_owned();
        let name = session.and_then(tls::Session::server_name).map(str::to_owned);
        NewSession { handle, known: known.clone(), peer, protocol, name }
    }
}
