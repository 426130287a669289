//! One connection for each server, opened when it is first needed and again when it is gone. Whoever asks while it is
//! being opened waits for the same one.

use crate::client::connect::{Connected, Dialer};
use crate::error::Error;
use crate::link::close_all;
use crate::url::Url;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Connections by host and port.
pub(crate) struct Pool {
    dialer: Dialer,
    /// By authority.
    slots: RefCell<HashMap<Rc<str>, Slot>>,
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
    Open(Rc<Connected>),
}

/// A connection that is being opened.
#[derive(Default)]
struct Opening {
    result: RefCell<Option<Result<Rc<Connected>, Error>>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Pool {
    /// No connections yet.
    pub(crate) fn new(dialer: Dialer) -> Rc<Pool> {
        Rc::new(Pool { dialer, slots: RefCell::default() })
    }

    /// What it opens connections with.
    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// A connection to a server, and whether it was there before.
    pub(crate) async fn connection(self: &Rc<Pool>, origin: &Origin) -> Result<(Rc<Connected>, bool), Error> {
        let opening = {
            let mut slots = self.slots.borrow_mut();
            match slots.get(&*origin.authority) {
                Some(Slot::Open(connected)) if connected.is_open() => return Ok((connected.clone(), true)),
                Some(Slot::Opening(opening)) => opening.clone(),
                _ => {
                    let opening = Rc::new(Opening::default());
                    slots.insert(origin.authority.clone(), Slot::Opening(opening.clone()));
                    self.dialer.handle.spawn_detached(open(self.clone(), origin.clone(), opening.clone()));
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
    pub(crate) fn open(&self) -> Vec<Rc<Connected>> {
        let slots = self.slots.borrow();
        let open = slots.values().filter_map(|slot| match slot {
            Slot::Open(connected) if connected.is_open() => Some(connected.clone()),
            Slot::Open(_) | Slot::Opening(_) => None,
        });
        open.collect()
    }

    /// Closes all connections, and lets the servers know.
    pub(crate) async fn close(&self) {
        let mut closing = Vec::new();
        for (_, slot) in self.slots.borrow_mut().drain() {
            if let Slot::Open(connected) = slot {
                connected.link.with_endpoint(|endpoint, now| close_all(endpoint, now, &[connected.handle]));
                closing.push(connected);
            }
        }
        for connected in closing {
            connected.link.farewell().await;
        }
    }
}

async fn open(pool: Rc<Pool>, origin: Origin, opening: Rc<Opening>) {
    let result = pool.dialer.connect(&origin.host, origin.port).await.map(Rc::new);
    {
        let mut slots = pool.slots.borrow_mut();
        match &result {
            Ok(connected) => slots.insert(origin.authority, Slot::Open(connected.clone())),
            Err(_) => slots.remove(&*origin.authority),
        };
    }
    *opening.result.borrow_mut() = Some(result);
    let waiting = std::mem::take(&mut *opening.waiting.borrow_mut());
    waiting.into_iter().for_each(Waker::wake);
}
