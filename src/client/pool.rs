//! One connection for each server, opened when it is first needed and again when it is gone. Tasks that ask while it is
//! being opened wait for the same one.
//!
//! A connection leaves the pool when no more requests can be made on it, when it was idle for long, and when there are as
//! many as may be and another is needed: then the one that was idle the longest. One task for each connection waits for the
//! first two; it wakes when the connection ends, and at most once in the time that a connection may be idle.

use crate::client::connection::{Connect, Connection};
use crate::client::line::Line;
use crate::error::Error;
use crate::url::Url;
use base::Instant;
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How many connections there may be, and for how long one may be idle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { connections: 512, idle: Duration::from_secs(60) }
    }
}

/// Connections by host and port.
pub(crate) struct Pool {
    handle: Handle,
    connect: Box<dyn Connect>,
    limits: Limits,
    /// By authority.
    /// RFC 9114 section 3.3-2, 3.3-3: a connection is for the one authority it was opened for.
    slots: RefCell<BTreeMap<Rc<str>, Slot>>,
}

/// An open connection, and who waits for an exchange on it.
pub(crate) struct Pooled {
    pub(crate) connection: Rc<dyn Connection>,
    pub(crate) line: Line,
    /// When it was last asked for.
    used: Cell<Instant>,
    /// The pool has given it up for want of use.
    is_dismissed: Cell<bool>,
}

/// Which server.
#[derive(Clone)]
pub(crate) struct Origin {
    authority: Rc<str>,
    pub(crate) host: Rc<str>,
    pub(crate) port: u16,
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

impl Pooled {
    /// Whether it ended because the pool had no more use for it, and another will do.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.is_dismissed.get()
    }

    /// Since when nobody has used it or asked for it; `None` while somebody does.
    fn idle_since(&self) -> Option<Instant> {
        let since = self.connection.idle_since().filter(|_| self.line.is_empty())?;
        Some(since.max(self.used.get()))
    }

    /// Closes it, because nobody uses it.
    fn dismiss(&self) {
        self.is_dismissed.set(true);
        self.connection.close();
    }
}

impl Pool {
    /// No connections yet.
    pub(crate) fn new(handle: Handle, connect: Box<dyn Connect>, limits: Limits) -> Rc<Pool> {
        Rc::new(Pool { handle, connect, limits, slots: RefCell::default() })
    }

    /// Where its tasks run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The connection to a server, if it is there.
    pub(crate) fn ready(&self, origin: &Origin) -> Option<Rc<Pooled>> {
        match self.slots.borrow().get(&*origin.authority) {
            Some(Slot::Open(pooled)) if pooled.connection.is_open() => {
                pooled.used.set(self.handle.now());
                Some(pooled.clone())
            }
            _ => None,
        }
    }

    /// A connection to a server, and whether it was there before. One that is opened for this may be `early`.
    pub(crate) async fn connection(self: &Rc<Pool>, origin: &Origin, early: bool) -> Result<(Rc<Pooled>, bool), Error> {
        if let Some(pooled) = self.ready(origin) {
            return Ok((pooled, true));
        }
        let known = match self.slots.borrow().get(&*origin.authority) {
            Some(Slot::Opening(opening)) => Some(opening.clone()),
            _ => None,
        };
        let opening = match known {
            Some(opening) => opening,
            None => self.begin(origin, early)?,
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

    /// A connection of its own to a server, which nobody else is given. It ends with what is opened on it.
    pub(crate) async fn apart(&self, origin: &Origin) -> Result<Rc<Pooled>, Error> {
        let connection = self.connect.connect(origin.host.clone(), origin.port, false).await?;
        let used = Cell::new(self.handle.now());
        Ok(Rc::new(Pooled { connection, line: Line::default(), used, is_dismissed: Cell::new(false) }))
    }

    /// Begins to open a connection, for which there has to be room.
    fn begin(self: &Rc<Pool>, origin: &Origin, early: bool) -> Result<Rc<Opening>, Error> {
        self.slots.borrow_mut().remove(&*origin.authority);
        self.make_room()?;
        let opening = Rc::new(Opening::default());
        self.slots.borrow_mut().insert(origin.authority.clone(), Slot::Opening(opening.clone()));
        self.handle.spawn_detached(open(self.clone(), origin.clone(), opening.clone(), early));
        Ok(opening)
    }

    /// Gives up the connection that was idle the longest, if there are as many as there may be.
    fn make_room(&self) -> Result<(), Error> {
        let dismissed = {
            let mut slots = self.slots.borrow_mut();
            if slots.len() < self.limits.connections {
                return Ok(());
            }
            let idle = slots.iter().filter_map(|(authority, slot)| match slot {
                Slot::Open(pooled) => Some((pooled.idle_since()?, authority)),
                Slot::Opening(_) => None,
            });
            let oldest = idle.min().map(|(_, authority)| authority.clone());
            oldest.and_then(|authority| slots.remove(&authority))
        };
        match dismissed {
            Some(Slot::Open(pooled)) => pooled.dismiss(),
            _ => {
                return Err(Error::Message(format!(
                    "all {} connections that the client may have are in use: wait for a response, or raise \
                     max_connections",
                    self.limits.connections
                )));
            }
        }
        Ok(())
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
        let known = std::mem::take(&mut *self.slots.borrow_mut());
        self.connect.close_all().await;
        drop(known);
    }

    /// Gives a connection up that leads to the wrong place.
    pub(crate) fn give_up(&self, origin: &Origin, wrong: &Rc<Pooled>) {
        self.forget(&origin.authority, wrong);
        // Others may still be at work on it: it ends with the last of them.
        wrong.is_dismissed.set(true);
    }

    /// Forgets a connection, if it is still the one for its server.
    fn forget(&self, authority: &str, gone: &Rc<Pooled>) {
        let mut slots = self.slots.borrow_mut();
        if matches!(slots.get(authority), Some(Slot::Open(pooled)) if Rc::ptr_eq(pooled, gone)) {
            slots.remove(authority);
        }
    }
}

async fn open(pool: Rc<Pool>, origin: Origin, opening: Rc<Opening>, early: bool) {
    let connection = pool.connect.connect(origin.host, origin.port, early).await;
    let used = Cell::new(pool.handle.now());
    let pooled =
        |connection| Rc::new(Pooled { connection, line: Line::default(), used, is_dismissed: Cell::new(false) });
    let result = connection.map(pooled);
    {
        let mut slots = pool.slots.borrow_mut();
        match &result {
            Ok(pooled) => {
                let watch = watch(Rc::downgrade(&pool), origin.authority.clone(), Rc::downgrade(pooled));
                pool.handle.spawn_detached(watch);
                slots.insert(origin.authority, Slot::Open(pooled.clone()))
            }
            Err(_) => slots.remove(&*origin.authority),
        };
    }
    *opening.result.borrow_mut() = Some(result);
    let waiting = std::mem::take(&mut *opening.waiting.borrow_mut());
    waiting.into_iter().for_each(Waker::wake);
}

/// Takes a connection out of the pool when it is over, or was idle for too long. It keeps neither of them alive.
async fn watch(pool: Weak<Pool>, authority: Rc<str>, watched: Weak<Pooled>) {
    let Some((handle, idle)) = pool.upgrade().map(|pool| (pool.handle.clone(), pool.limits.idle)) else { return };
    let mut wake_at = handle.now() + idle;
    loop {
        let mut sleep = pin!(handle.sleep_until(wake_at));
        let is_closing = poll_fn(|context| {
            let closing = watched.upgrade().map(|pooled| pooled.connection.poll_closing(context));
            match closing {
                None | Some(Poll::Ready(())) => Poll::Ready(true),
                Some(Poll::Pending) => sleep.as_mut().poll(context).map(|()| false),
            }
        })
        .await;
        let (Some(pool), Some(pooled)) = (pool.upgrade(), watched.upgrade()) else { return };
        // The true time: by that of the turn, which is earlier, a sleep may be over before its end.
        let now = handle.read_clock();
        let idle_since = pooled.idle_since().unwrap_or(now);
        if is_closing || idle_since + idle <= now {
            pool.forget(&authority, &pooled);
            if !is_closing {
                pooled.dismiss();
            }
            return;
        }
        wake_at = idle_since + idle;
    }
}
