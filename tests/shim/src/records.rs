//! Records over TCP: the loop around `tls::record::Connection`.

use crate::failure::Failure;
use crate::link::Link;
use crate::transport::{Read, Transport};
use crypto_ring::SystemRandom;
use tls::record::{Connection, MAX_RECORD_LEN, Received, Written};
use tls::records::KeyUpdate;
use tls::{EarlyData, Session};

/// One end over records.
pub struct Records {
    link: Link,
    connection: Connection,
    is_server: bool,
    random: SystemRandom,
    /// What has come and was not taken.
    incoming: Vec<u8>,
    is_at_end: bool,
}

impl Records {
    pub fn new(link: Link, connection: Connection, is_server: bool) -> Records {
        let random = SystemRandom::new();
        Records { link, connection, is_server, random, incoming: Vec::new(), is_at_end: false }
    }

    /// Seals the front of the data, under whatever keys there are for it.
    fn seal(&mut self, data: &[u8], out: &mut [u8]) -> Result<Written, Failure> {
        if self.connection.is_complete() {
            return Ok(self.connection.write(data, out)?);
        }
        if self.is_server {
            return Err(Failure::Unimplemented("data of a server before its client's Finished".to_owned()));
        }
        let written = self.connection.write_early_data(data, out)?;
        match written.taken {
            0 => Err(Failure::Unimplemented("more early data than the ticket allows".to_owned())),
            _ => Ok(written),
        }
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
                // What comes before its client has finished is answered like all else, if it can be.
                Received::Data { content, taken } | Received::EarlyData { content, taken } => {
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
            let written = self.seal(rest, &mut out)?;
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
        match self.connection.session().early_data() {
            EarlyData::Offered => self.connection.early_data_room() > 0,
            EarlyData::Accepted => self.is_server,
            EarlyData::NotOffered | EarlyData::Refused => false,
        }
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
