//! Our end with blocking sockets, where what is tested is the connection and no driver.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use tls::record::{Connection, Received};
use tls::{Ticket, TicketCache, TicketOrigin, TicketStore, WallClock};

/// Longer than any step takes.
pub const LIMIT: Duration = Duration::from_secs(20);

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }

    fn unix_millis(&self) -> u64 {
        SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as u64
    }
}

pub struct Store(pub Mutex<TicketCache>);

impl Store {
    pub fn new() -> Store {
        Store(Mutex::new(TicketCache::new(4, 4)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().expect("nobody panics").is_empty()
    }
}

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().expect("nobody panics").take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().expect("nobody panics").put(origin, ticket);
    }
}

/// Our end of one connection, and what it has heard.
pub struct Ours {
    pub connection: Connection,
    pub tcp: TcpStream,
    pub inbox: Vec<u8>,
    pub early: Vec<u8>,
    pub data: Vec<u8>,
    pub has_ended: bool,
}

impl Ours {
    pub fn new(connection: Connection, tcp: TcpStream) -> Result<Ours, Failure> {
        tcp.set_read_timeout(Some(LIMIT))?;
        Ok(Ours { connection, tcp, inbox: Vec::new(), early: Vec::new(), data: Vec::new(), has_ended: false })
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        let mut out = [0; 20_000];
        loop {
            match self.connection.transmit(&mut out) {
                0 => return Ok(()),
                len => self.tcp.write_all(&out[..len])?,
            }
        }
    }

    /// Sends data, early or not.
    pub fn send(&mut self, data: &[u8], is_early: bool) -> Result<(), Failure> {
        let mut out = [0; 20_000];
        let done = match is_early {
            true => self.connection.write_early_data(data, &mut out)?,
            false => self.connection.write(data, &mut out)?,
        };
        self.tcp.write_all(&out[..done.written])?;
        if done.taken == data.len() { Ok(()) } else { Err(format!("only {} bytes were taken", done.taken).into()) }
    }

    /// Goes on until `is_done`, or the other end has ended.
    pub fn until(&mut self, is_done: impl Fn(&Ours) -> bool) -> Result<(), Failure> {
        let random = &mut crypto_ring::SystemRandom::new();
        self.flush()?;
        while !is_done(self) && !self.has_ended {
            let mut room = [0; 20_000];
            let len = self.tcp.read(&mut room)?;
            if len == 0 {
                self.connection.on_end()?;
                return Ok(());
            }
            self.inbox.extend_from_slice(&room[..len]);
            loop {
                let received = self.connection.receive(&mut self.inbox, random);
                self.flush()?;
                let taken = match received? {
                    Received::Incomplete => break,
                    Received::Taken(taken) => taken,
                    Received::Data { content, taken } => {
                        self.data.extend_from_slice(&self.inbox[content]);
                        taken
                    }
                    Received::EarlyData { content, taken } => {
                        self.early.extend_from_slice(&self.inbox[content]);
                        taken
                    }
                    Received::End(taken) => {
                        self.has_ended = true;
                        taken
                    }
                };
                self.inbox.drain(..taken);
            }
        }
        Ok(())
    }

    pub fn close(&mut self) -> Result<(), Failure> {
        self.connection.close();
        self.flush()
    }
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} and not {expected:?}").into()) }
}
