//! Which requests are being answered, for a server that ends: what it cuts short is told by name.

use crate::exchange::calls::{Events, Exchange};
use crate::server::cut_request::CutRequest;
use http::{Method, RequestHead};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

/// Those that are being answered, if they are to be named at the end.
#[derive(Default)]
pub(crate) struct UnderWay {
    last: Cell<u64>,
    requests: RefCell<BTreeMap<u64, Entry>>,
}

struct Entry {
    remote: SocketAddr,
    method: Method,
    target: Box<str>,
    exchange: Events,
}

/// One is among them as long as this lives.
pub(crate) struct Listed {
    all: Rc<UnderWay>,
    number: u64,
}

impl UnderWay {
    /// A request has come.
    pub(crate) fn list(self: &Rc<UnderWay>, exchange: &Exchange, head: &RequestHead) -> Listed {
        let number = self.last.get() + 1;
        self.last.set(number);
        let target = head.path.as_ref().map(http::Path::as_str);
        let target = target.or(head.authority.as_ref().map(http::Authority::as_str)).unwrap_or_default().into();
        let (remote, method) = (exchange.peer().remote, head.method.clone());
        self.requests.borrow_mut().insert(number, Entry { remote, method, target, exchange: exchange.events() });
        Listed { all: self.clone(), number }
    }

    /// What would be cut now, the oldest first.
    pub(crate) fn cut(&self) -> Vec<CutRequest> {
        let requests = self.requests.borrow();
        let of_one = |entry: &Entry| {
            let (status, bytes) = entry.exchange.sent().unwrap_or_default();
            let (remote, method, target) = (entry.remote, entry.method.clone(), entry.target.to_string());
            CutRequest { remote, method, target, status, bytes }
        };
        requests.values().map(of_one).collect()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.all.requests.borrow_mut().remove(&self.number);
    }
}
