//! How a session without HTTP begins on its connection, and what holds the connection for as long as it is used.

use crate::exchange::calls::{Exchange, Peer};
use crate::exchange::door::{Door, Extent, Responded};
use crate::http3::known::Known;
use crate::http3::link::Link;
use crate::http3::new_session::NewSession;
use crate::http3::session_line::SessionLine;
use crate::webtransport::raw::ID;
use crate::webtransport::session::Session;
use base::Bytes;
use http::exchange::{Body, Reason, SendError};
use http::{Fields, ResponseHead};
use quic::ConnectionHandle;
use std::rc::Rc;
use std::task::{Context, Poll};

/// In the place of a request that a session begins with: it counts among what is under way on its connection, and nothing is sent on it.
struct Hold {
    link: Rc<Link>,
    known: Rc<Known>,
    handle: ConnectionHandle,
}

/// The session of a connection on which this protocol was agreed upon.
pub(crate) fn begin(
    link: &Rc<Link>,
    handle: ConnectionHandle,
    known: &Rc<Known>,
    peer: Peer,
    url: String,
    protocol: String,
) -> Session {
    let hold = Hold { link: link.clone(), known: known.clone(), handle };
    let (exchange, events) = Exchange::new(peer, hold);
    link.add_exchange(known, ID, events);
    let door = Rc::new(SessionLine { link: link.clone(), known: known.clone(), handle });
    known.line().add_session(ID);
    Session::begin(door, ID, exchange, url, Some(protocol))
}

/// Has `on_session` given each session without HTTP that begins on the connections of `link`, with the name of its protocol: when the
/// handshake is complete, or where that protocol `takes_early_data` as soon as some is taken. To be called once, before any can come.
pub(crate) fn serve(
    link: &Link,
    takes_early_data: impl Fn(&str) -> bool + 'static,
    on_session: impl Fn(Session, &str) + 'static,
) {
    link.on_new_session(Box::new(move |link: &Rc<Link>, new: NewSession| {
        let NewSession { handle, known, peer, protocol, name } = new;
        if peer.is_early && !takes_early_data(&protocol) {
            return false;
        }
        let at = || link.addresses().first().map(ToString::to_string).unwrap_or_default();
        let url = format!("quic://{}", name.unwrap_or_else(at));
        on_session(begin(link, handle, &known, peer, url, protocol.clone()), &protocol);
        true
    }));
}

impl Door for Hold {
    fn respond(&self, _: &ResponseHead, _: &mut Bytes, _: bool) -> Result<Responded, SendError> {
        Err(SendError::Ended)
    }

    fn room(&self, _: usize) -> Result<usize, SendError> {
        Err(SendError::Ended)
    }

    fn write(&self, _: &mut Bytes) -> Result<(), SendError> {
        Err(SendError::Ended)
    }

    fn read(&self, _: usize) -> Option<Body> {
        Some(Body::Gone)
    }

    fn finish(&self, _: Option<&Fields>) -> Result<(), SendError> {
        Err(SendError::Ended)
    }

    fn lift_time_limits(&self) {}

    fn is_proven(&self) -> bool {
        self.known.is_proven()
    }

    fn poll_proven(&self, context: &Context<'_>) -> Poll<()> {
        self.known.poll_proven(context)
    }

    fn cancel(&self, _: Extent, _: Reason) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.link.remove_exchange(self.handle, &self.known, ID);
    }
}
