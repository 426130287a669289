//! One connection for each server, opened when it is first needed and again when it is gone. Whoever asks while it is
//! being opened waits for the same one.

use crate::client::connection::{Connect, Connection};
use crate::client::line::Line;
use crate::error::Error;
use crate::url::Url;
use runtime::Handle;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Connections by host and port.
pub(crate) struct Pool {
    handle: Handle,
    connect: Box<dyn Connect>,
    /// By authority.
    /// RFC 9114 section 3.3-2, 3.3-3: a connection is for the one authority it was opened for.
    slots: RefCell<HashMap<Rc<str>, Slot>>,
}

/// An open connection, and who waits for an exchange on it.
pub(crate) struct Pooled {
    pub(crate) connection: Rc<dyn Connection>,
    pub(crate) line: Line,
}

/// Which server.
#[derive(Clone)]
pub(crate) struct Origin {
    authority: Rc<str>,
    host: Rc<str>,
    port: u16,
}

impl Origin {
    /// The one that a URL names.
    pub(crate) fn new(url: &Url) -> Origin {
        Origin { authority: url.authority().into(), host: url.host().into(), port: url.port() }
    }
}

enum Slot {
    Opening(Rc<Opening>),
    Open(Rc<Pooled>),
}

/// A connection that is being opened.
#[derive(Default)]
struct Opening {
    result: RefCell<Option<Result<Rc<Pooled>, Error>>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Pool {
    /// No connections yet.
    pub(crate) fn new(handle: Handle, connect: Box<dyn Connect>) -> Rc<Pool> {
        Rc::new(Pool { handle, connect, slots: RefCell::default() })
    }

    /// Where its tasks run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A connection to a server, and whether it was there before.
    pub(crate) async fn connection(self: &Rc<Pool>, origin: &Origin) -> Result<(Rc<Pooled>, bool), Error> {
        let opening = {
            let mut slots = self.slots.borrow_mut();
            match slots.get(&*origin.authority) {
                Some(Slot::Open(pooled)) if pooled.connection.is_open() => return Ok((pooled.clone(), true)),
                Some(Slot::Opening(opening)) => opening.clone(),
                _ => {
                    let opening = Rc::new(Opening::default());
                    slots.insert(origin.authority.clone(), Slot::Opening(opening.clone()));
                    self.handle.spawn_detached(open(self.clone(), origin.clone(), opening.clone()));
                    opening
                }
            }
        };
        let result = poll_fn(|context| match &*opening.result.borrow() {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                opening.waiting.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        });
        Ok((result.await?, false))
    }

    /// The connections that are open.
    pub(crate) fn open(&self) -> Vec<Rc<Pooled>> {
        let slots = self.slots.borrow();
        let open = slots.values().filter_map(|slot| match slot {
            Slot::Open(pooled) if pooled.connection.is_open() => Some(pooled.clone()),
            Slot::Open(_) | Slot::Opening(_) => None,
        });
        open.collect()
    }

    /// Closes all connections, and lets the servers know.
    pub(crate) async fn close(&self) {
        let mut closing = Vec::new();
        for (_, slot) in self.slots.borrow_mut().drain() {
            if let Slot::Open(pooled) = slot {
                pooled.connection.close();
                closing.push(pooled);
            }
        }
        for pooled in closing {
            pooled.connection.farewell().await;
        }
    }
}

async fn open(pool: Rc<Pool>, origin: Origin, opening: Rc<Opening>) {
    let connection = pool.connect.connect(origin.host, origin.port).await;
    let result = connection.map(|connection| Rc::new(Pooled { connection, line: Line::default() }));
    {
        let mut slots = pool.slots.borrow_mut();
        match &result {
            Ok(pooled) => slots.insert(origin.authority, Slot::Open(pooled.clone())),
            Err(_) => slots.remove(&*origin.authority),
        };
    }
    *opening.result.borrow_mut() = Some(result);
    let waiting = std::mem::take(&mut *opening.waiting.borrow_mut());
    waiting.into_iter().for_each(Waker::wake);
}
