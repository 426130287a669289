//! The pretended QUIC of the contract: TLS as QUIC carries it, in frames that show each level's secret instead of using it.
//!
//! A frame is a type (of TLS records), a level, the number of the cipher suite, a length of four bytes, and then the secret of
//! the level and the content. Suite and secret are zero and empty where there are no keys.

use crate::failure::Failure;
use crate::link::Link;
use crate::transport::{Read, Transport};
use base::Random;
use crypto::{CipherSuite, Secret};
use tls::{EarlyData, KeyChange, Level, Session};

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const FATAL: u8 = 2;
const HEADER_LEN: usize = 8;
/// More than any frame of the runner has.
const MAX_FRAME_LEN: usize = 1 << 20;
const LEVELS: [Level; 4] = [Level::Initial, Level::EarlyData, Level::Handshake, Level::OneRtt];

/// What protects a level in one direction.
#[derive(Default)]
struct Keys {
    suite: u16,
    secret: Vec<u8>,
}

impl Keys {
    fn new(suite: &CipherSuite, secret: &Secret) -> Keys {
        Keys { suite: suite.id, secret: secret.as_bytes().to_vec() }
    }
}

/// One end over the pretended QUIC.
pub struct Quic<R> {
    link: Link,
    session: Session,
    is_server: bool,
    random: R,
    /// By level; at Initial there are empty ones.
    remote: [Option<Keys>; LEVELS.len()],
    local: [Option<Keys>; LEVELS.len()],
    /// What the client sends under 1-RTT keys may not be opened before its Finished.
    later: Option<Keys>,
}

impl<R: Random> Quic<R> {
    pub fn new(link: Link, session: Session, is_server: bool, random: R) -> Quic<R> {
        let initial = || [Some(Keys::default()), None, None, None];
        Quic { link, session, is_server, random, remote: initial(), local: initial(), later: None }
    }

    fn take_keys(&mut self) {
        while let Some(change) = self.session.poll_keys() {
            let level = change.level() as usize;
            match change {
                KeyChange::EarlyData { suite, secret } => {
                    let direction = if self.is_server { &mut self.remote } else { &mut self.local };
                    direction[level] = Some(Keys::new(suite, &secret));
                }
                KeyChange::Handshake { suite, local, remote } => {
                    self.local[level] = Some(Keys::new(suite, &local));
                    self.remote[level] = Some(Keys::new(suite, &remote));
                }
                KeyChange::OneRtt { suite, local, remote } => {
                    self.local[level] = Some(Keys::new(suite, &local));
                    self.later = Some(Keys::new(suite, &remote));
                }
            }
        }
        if self.session.is_complete() && self.later.is_some() {
            self.remote[Level::OneRtt as usize] = self.later.take();
            self.remote[Level::EarlyData as usize] = None;
            self.local[Level::EarlyData as usize] = None;
        }
    }

    fn write_frame(&mut self, kind: u8, level: Level, content: &[u8]) -> Result<(), Failure> {
        let keys = self.local[level as usize].as_ref().ok_or(Failure::Framing("nothing protects this level"))?;
        let len = u32::try_from(keys.secret.len() + content.len());
        let len = len.map_err(|_| Failure::Framing("a frame too long to be sent"))?;
        let mut frame = vec![kind, level as u8];
        frame.extend_from_slice(&keys.suite.to_be_bytes());
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(&keys.secret);
        frame.extend_from_slice(content);
        self.link.write(&frame)
    }

    /// The newest level that this side sends at, but for early data.
    fn newest_level(&self) -> Level {
        let has_keys = |level: &&Level| **level != Level::EarlyData && self.local[**level as usize].is_some();
        LEVELS.iter().rev().find(has_keys).copied().unwrap_or(Level::Initial)
    }

    fn try_read(&mut self) -> Result<Read, Failure> {
        let Some(header) = self.link.read_exactly(HEADER_LEN)? else { return self.on_end() };
        let (kind, level, suite, len) = header_of(&header)?;
        let body = self.link.read_exactly(len)?.ok_or(Failure::Framing("a frame is cut off"))?;
        let Some(keys) = &self.remote[level as usize] else {
            // Early data that was refused comes all the same.
            let is_skipped = level == Level::EarlyData && self.is_server;
            return if is_skipped {
                Ok(Read::Progress)
            } else {
                Err(Failure::Framing("a frame of a level without keys"))
            };
        };
        let content = body.strip_prefix(&keys.secret[..]).filter(|_| keys.suite == suite);
        let content = content.ok_or(Failure::Framing("a frame under another suite or secret"))?.to_vec();
        match kind {
            HANDSHAKE => {
                self.session.read(level, &content, &mut self.random)?;
                if self.session.is_complete() {
                    self.session.send_tickets(&mut self.random)?;
                }
                self.flush()?;
                Ok(Read::Progress)
            }
            APPLICATION_DATA => Ok(Read::Data(content)),
            _ => Err(Failure::Framing("a frame of a type that QUIC does not have")),
        }
    }

    /// The contract cannot tell an end from a failure to read.
    fn on_end(&mut self) -> Result<Read, Failure> {
        if self.session.is_complete() { Ok(Read::End) } else { Err(tls::record::Error::Truncated.into()) }
    }
}

/// Type, level, suite and length of what follows.
fn header_of(header: &[u8]) -> Result<(u8, Level, u16, usize), Failure> {
    let [kind, level, high, low, a, b, c, d] = header else { return Err(Failure::Framing("a header is cut off")) };
    let level = LEVELS.get(usize::from(*level)).ok_or(Failure::Framing("a level that QUIC does not have"))?;
    let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    if len > MAX_FRAME_LEN {
        return Err(Failure::Framing("a frame longer than is accepted"));
    }
    Ok((*kind, *level, u16::from_be_bytes([*high, *low]), len))
}

impl<R: Random> Transport for Quic<R> {
    fn session(&self) -> &Session {
        &self.session
    }

    fn flush(&mut self) -> Result<(), Failure> {
        loop {
            self.take_keys();
            let Some((level, message)) = self.session.poll_output() else { return Ok(()) };
            self.write_frame(HANDSHAKE, level, &message)?;
        }
    }

    fn read(&mut self) -> Result<Read, Failure> {
        let result = self.try_read();
        if let Err(Failure::Tls(error)) = &result {
            let (level, alert) = (self.newest_level(), error.alert());
            // The first failure is the one to tell of; the peer may be gone already.
            let _ = self.write_frame(ALERT, level, &[FATAL, alert]);
        }
        result
    }

    fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        let is_early_client = !self.is_server && !self.session.is_complete();
        let level = if is_early_client { Level::EarlyData } else { Level::OneRtt };
        self.write_frame(APPLICATION_DATA, level, data)
    }

    fn update_keys(&mut self) -> Result<(), Failure> {
        Err(Failure::Unimplemented("KeyUpdate over QUIC, which has key updates of its own".to_owned()))
    }

    fn peer_key_updates(&self) -> u64 {
        0
    }

    fn is_early(&self) -> bool {
        match self.session.early_data() {
            EarlyData::Offered => !self.is_server && self.local[Level::EarlyData as usize].is_some(),
            EarlyData::Accepted => self.is_server && self.local[Level::OneRtt as usize].is_some(),
            EarlyData::NotOffered | EarlyData::Refused => false,
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn tells_truncation(&self) -> bool {
        false
    }

    fn into_link(self: Box<Self>) -> Link {
        self.link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_whole_or_refused() {
        assert_eq!(header_of(&[22, 2, 0x13, 1, 0, 0, 1, 2]), Ok((22, Level::Handshake, 0x1301, 258)));
        for header in [&[][..], &[22, 0, 0, 0, 0, 0, 0], &[22, 4, 0, 0, 0, 0, 0, 0], &[22, 0, 0, 0, 1, 0, 0, 0]] {
            assert!(matches!(header_of(header), Err(Failure::Framing(_))), "{header:?}");
        }
    }
}
