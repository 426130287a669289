//! The sessions on an HTTP/3 connection, for those who work with them.

use crate::error::Error;
use crate::http3::known::{Known, Standing};
use crate::http3::link::Link;
use crate::http3::sessions::sessions;
use crate::webtransport::door::{Call, SessionDoor};
use crate::webtransport::line::Line;
use quic::ConnectionHandle;
use runtime::Handle;
use std::rc::Rc;

/// A connection, for its sessions.
pub(crate) struct SessionLine {
    pub(crate) link: Rc<Link>,
    pub(crate) known: Rc<Known>,
    pub(crate) handle: ConnectionHandle,
}

impl SessionDoor for SessionLine {
    fn visit(&self, call: Call<'_>) {
        self.link.with(self.handle, |http, transport| {
            if let Some(sessions) = sessions(&self.known, http, self.link.side()).borrow_mut().as_mut() {
                call(sessions, http, transport);
            }
        });
        self.line().deliver();
    }

    fn line(&self) -> &Line {
        self.known.line()
    }

    fn executor(&self) -> &Handle {
        self.link.executor()
    }

    fn failure(&self) -> Error {
        match self.known.standing() {
            Standing::Over(error) => Error::clone(&error),
            _ => Error::ShutDown,
        }
    }
}
