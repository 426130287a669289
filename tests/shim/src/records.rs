//! Records over TCP: the loop around `tls::record::Connection`.

use crate::failure::Failure;
use crate::link::Link;
use crate::transport::{Read, Transport};
use crypto_ring::SystemRandom;
use tls::Session;
use tls::record::{Connection, MAX_RECORD_LEN, Received};
use tls::records::KeyUpdate;

/// One end over records.
pub struct Records {
    link: Link,
    connection: Connection,
    random: SystemRandom,
    /// What has come and was not taken.
    incoming: Vec<u8>,
    is_at_end: bool,
}

impl Records {
    pub fn new(link: Link, connection: Connection) -> Records {
        let random = SystemRandom::new();
        Records { link, connection, random, incoming: Vec::new(), is_at_end: false }
    }

    fn try_read(&mut self) -> Result<Read, Failure> {
        loop {
            match self.connection.receive(&mut self.incoming, &mut self.random)? {
                Received::Taken(len) => {
                    self.incoming.drain(..len);
                    if len > 0 {
                        return Ok(Read::Progress);
                    }
                }
                Received::Data { content, taken } => {
                    let data = self.incoming.get(content).unwrap_or_default().to_vec();
                    self.incoming.drain(..taken);
                    return Ok(Read::Data(data));
                }
                Received::End(len) => {
                    self.incoming.drain(..len);
                    return Ok(Read::End);
                }
                Received::Incomplete if self.is_at_end => {
                    self.connection.on_end()?;
                    return Ok(Read::End);
                }
                Received::Incomplete => self.is_at_end = self.link.read_some(&mut self.incoming)? == 0,
            }
        }
    }
}

impl Transport for Records {
    fn session(&self) -> &Session {
        self.connection.session()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let mut out = vec![0; MAX_RECORD_LEN];
        loop {
            match self.connection.transmit(&mut out) {
                0 => return Ok(()),
                len => self.link.write(out.get(..len).unwrap_or_default())?,
            }
        }
    }

    fn read(&mut self) -> Result<Read, Failure> {
        let result = self.try_read();
        if result.is_err() {
            // The first failure is the one to tell of; the peer may be gone already.
            let _ = self.flush();
        }
        result
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut out = vec![0; 2 * MAX_RECORD_LEN];
        let mut rest = data;
        while !rest.is_empty() {
            let written = self.connection.write(rest, &mut out)?;
            self.link.write(out.get(..written.written).unwrap_or_default())?;
            rest = rest.get(written.taken..).unwrap_or_default();
        }
        self.flush()
    }

    fn update_keys(&mut self) -> Result<(), Failure> {
        self.connection.update_keys(KeyUpdate::NotRequested)?;
        self.flush()
    }

    fn peer_key_updates(&self) -> u64 {
        self.connection.key_updates().1
    }

    fn is_early(&self) -> bool {
        false
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.connection.close();
        self.flush()
    }

    fn tells_truncation(&self) -> bool {
        true
    }

    fn into_link(self: Box<Self>) -> Link {
        self.link
    }
}
