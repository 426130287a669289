//! The sessions on a connection, for those who work with them: those over HTTP/3, or the one that the connection is.

use crate::error::Error;
use crate::http3::known::{Known, Standing};
use crate::http3::link::Link;
use crate::http3::sessions::sessions;
use crate::webtransport::door::{Call, Carrier, SessionDoor};
use crate::webtransport::line::Line;
use quic::{ConnectionHandle, Stats};
use runtime::Handle;
use std::rc::Rc;

/// A connection, for its sessions.
pub(crate) struct SessionLine {
    pub(crate) link: Rc<Link>,
    pub(crate) known: Rc<Known>,
    pub(crate) handle: ConnectionHandle,
}

impl SessionLine {
    fn visit_http(&self, call: Call<'_>) {
        self.link.with(self.handle, |http, transport| {
            if let Some(sessions) = sessions(&self.known, http, self.link.side()).borrow_mut().as_mut() {
                call(Carrier::Http3(sessions, http, transport));
            }
        });
    }

    fn visit_raw(&self, call: Call<'_>) {
        let now = self.link.executor().now();
        self.link.with_transport(self.handle, |transport| {
            if let Some(raw) = self.line().raw.borrow_mut().as_mut() {
                call(Carrier::Raw(raw, transport, now));
            }
        });
    }
}

impl SessionDoor for SessionLine {
    fn visit(&self, call: Call<'_>) {
        let is_raw = self.line().raw.borrow().is_some();
        if is_raw {
            self.visit_raw(call);
        } else {
            self.visit_http(call);
        }
        self.line().deliver();
    }

    fn line(&self) -> &Line {
        self.known.line()
    }

    fn executor(&self) -> &Handle {
        self.link.executor()
    }

    fn transport_stats(&self) -> Option<Stats> {
        self.link.stats_of(self.handle)
    }

    fn failure(&self) -> Error {
        match self.known.standing() {
            Standing::Over(error) => Error::clone(&error),
            _ => Error::ShutDown,
        }
    }
}
