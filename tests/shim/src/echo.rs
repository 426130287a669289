//! One connection: the handshake, what is exported and written first, the echo of what comes, and the end.

use crate::check::check;
use crate::failure::Failure;
use crate::flags::Connections;
use crate::link::Link;
use crate::options::Options;
use crate::setup::{Begun, Shared, begin};
use crate::tickets::{Clock, Tickets, policy};
use crate::transport::{Read, Transport};
use std::sync::Arc;
use tls::EarlyData;

/// What the echo changes of each byte.
const MASK: u8 = 0xff;
/// The lengths that `-write-different-record-sizes` writes, and of what.
const SIZES: [usize; 10] = [1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];
const FILLER: u8 = 0x42;
/// Keying material is exported in one piece of this length or less.
const MAX_EXPORT: usize = 8160;

/// Makes all connections that the flags ask for.
pub fn run(connections: &Connections) -> Result<(), Failure> {
    let Connections { initial, resume, retry } = connections;
    let clock = Arc::new(Clock::default());
    let policy = policy(initial.has_early_data, &clock);
    let shared = Shared { clock, tickets: Arc::new(Tickets::default()), policy };
    for number in 0..=initial.resume_count {
        let (is_resumption, options) = (number > 0, if number > 0 { resume } else { initial });
        shared.tickets.turn();
        if is_resumption && !options.is_server && !shared.tickets.has_offers() {
            return Err(Failure::Expectation("there is no ticket to resume with".to_owned()));
        }
        let Begun { transport, identities } = begin(options, &shared, || Link::connect(options))?;
        let mut talk = Talk { transport, options, is_resumption, is_checked: false };
        let result =
            talk.run(retry, &shared, |talk| check(talk.options, talk.transport.session(), is_resumption, &identities));
        talk.transport.into_link().end();
        result?;
        shared.clock.advance(options.resumption_delay_seconds);
    }
    Ok(())
}

/// One connection at work.
struct Talk<'a> {
    transport: Box<dyn Transport>,
    options: &'a Options,
    is_resumption: bool,
    is_checked: bool,
}

impl<'a> Talk<'a> {
    fn run(
        &mut self,
        retry: &'a Options,
        shared: &Shared,
        check: impl Fn(&Talk<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.handshake(true)?;
        self.check_once(&check)?;
        self.begin_with()?;
        if self.refused_early_data()? {
            self.options = retry;
            self.check_once(&check)?;
            self.begin_with()?;
        }
        let is_announced = if self.options.shuts_down { false } else { self.echo(&check)? };
        self.check_tickets(shared)?;
        self.end(is_announced)
    }

    /// Until the handshake is complete, or data can be sent before that.
    fn handshake(&mut self, is_early_enough: bool) -> Result<(), Failure> {
        loop {
            self.transport.flush()?;
            let is_early = is_early_enough && self.transport.is_early();
            if self.transport.session().is_complete() || is_early {
                return Ok(());
            }
            match self.transport.read()? {
                Read::Progress => {}
                Read::Data(_) => return Err(Failure::Framing("application data in the handshake")),
                Read::End => return Err(tls::record::Error::ClosedInHandshake.into()),
            }
        }
    }

    fn check_once(&mut self, check: impl Fn(&Talk<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
        if self.is_checked || !self.transport.session().is_complete() {
            return Ok(());
        }
        self.is_checked = true;
        check(self)
    }

    /// Waits for the answer to early data, on a client that has sent some: whether all has to be said again.
    fn refused_early_data(&mut self) -> Result<bool, Failure> {
        if self.options.is_server || self.transport.session().early_data() != EarlyData::Offered {
            return Ok(false);
        }
        self.handshake(false)?;
        let is_refused = self.transport.session().early_data() == EarlyData::Refused;
        match is_refused == self.options.expected.early_data_refused {
            true => Ok(is_refused),
            false if is_refused => Err(Failure::Expectation("early data was refused".to_owned())),
            false => Err(Failure::Expectation("early data was accepted".to_owned())),
        }
    }

    /// What is said before anything is heard.
    fn begin_with(&mut self) -> Result<(), Failure> {
        let Options { exported_len, writes_first, first_write, first_write_count, .. } = self.options;
        if *exported_len > 0 {
            let material = self.export(*exported_len)?;
            self.write(&material)?;
        }
        if self.options.writes_many_sizes {
            for len in SIZES {
                self.write(&vec![FILLER; len])?;
            }
        } else if *writes_first {
            for _ in 0..*first_write_count {
                self.write(first_write)?;
            }
        }
        Ok(())
    }

    fn export(&self, len: usize) -> Result<Vec<u8>, Failure> {
        let mut material = vec![0; len.min(MAX_EXPORT)];
        let Options { export_label, export_context, .. } = self.options;
        self.transport.session().export(export_label, export_context, &mut material)?;
        Ok(material)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.transport.write(data)
    }

    /// Sends everything back that comes, each byte turned. Gives whether the peer has announced the end.
    fn echo(&mut self, check: impl Fn(&Talk<'_>) -> Result<(), Failure>) -> Result<bool, Failure> {
        loop {
            if self.options.updates_keys_before_read {
                self.transport.update_keys()?;
            }
            let data = loop {
                let was_complete = self.transport.session().is_complete();
                match self.transport.read() {
                    // The answer to a KeyUpdate waits for the next data, so that many requests have one.
                    Ok(Read::Progress) if was_complete => {}
                    Ok(Read::Progress) => {
                        self.transport.flush()?;
                        self.check_once(&check)?;
                    }
                    Ok(Read::Data(data)) => break data,
                    Ok(Read::End) => return Ok(self.transport.tells_truncation()),
                    Err(Failure::Records(tls::record::Error::Truncated)) if self.is_checked => return Ok(false),
                    Err(failure) => return Err(failure),
                }
            };
            self.answer(data)?;
        }
    }

    fn answer(&mut self, data: Vec<u8>) -> Result<(), Failure> {
        let mut pieces = data.chunks(self.options.read_size).peekable();
        while let Some(piece) = pieces.next() {
            if self.options.exports_between_reads {
                self.export(1)?;
            }
            if self.options.updates_keys {
                self.transport.update_keys()?;
            }
            let turned: Vec<u8> = piece.iter().map(|byte| byte ^ MASK).collect();
            self.write(&turned)?;
            if self.options.updates_keys_before_read && pieces.peek().is_some() {
                self.transport.update_keys()?;
            }
        }
        Ok(())
    }

    /// A client has to get tickets, unless it is told otherwise.
    fn check_tickets(&self, shared: &Shared) -> Result<(), Failure> {
        let expects_one = !self.options.expected.no_session && !self.options.shuts_down && self.options.has_tickets;
        let has_one = shared.tickets.has_received();
        if self.options.is_server || has_one == expects_one {
            return Ok(());
        }
        let (expected, round) =
            (if expects_one { "a" } else { "no" }, if self.is_resumption { "a later" } else { "the first" });
        Err(Failure::Expectation(format!("expected {expected} ticket on {round} connection")))
    }

    fn end(&mut self, is_announced: bool) -> Result<(), Failure> {
        if !self.options.checks_close_notify {
            // Whether the runner still hears it does not matter to it.
            let _ = self.transport.close();
            return Ok(());
        }
        self.transport.close()?;
        if !self.options.shuts_down {
            let missing = Failure::from(tls::record::Error::Truncated);
            return if is_announced || !self.transport.tells_truncation() { Ok(()) } else { Err(missing) };
        }
        loop {
            match self.transport.read()? {
                Read::End => return Ok(()),
                Read::Progress => self.transport.flush()?,
                Read::Data(_) => return Err(Failure::Expectation("application data instead of the end".to_owned())),
            }
        }
    }
}
