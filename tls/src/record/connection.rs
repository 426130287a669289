//! One end of a connection over records: it takes the records that come to whom they are for, and sends what the handshake,
//! key updates, closing and the application have to say.

use crate::config::{ClientConfig, ServerConfig};
use crate::early_data::EarlyData;
use crate::error::LocalError;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::record::counts::WithoutData;
use crate::record::error::Error;
use crate::record::header::ContentType;
use crate::record::keys::TrafficKeys;
use crate::record::reader::{Found, Record, RecordReader};
use crate::record::settings::{MIN_RECORD_SIZE_LIMIT, Settings};
use crate::record::writer::RecordWriter;
use crate::records::{self, KeyUpdate, PeerAlert};
use crate::server::negotiated::MAX_EARLY_DATA;
use crate::session::Session;
use crate::violation::Violation;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use base::{Instant, Random, Side};
use core::ops::Range;

/// user_canceled, as a warning (RFC 9846 section 6.1).
const USER_CANCELED: [u8; 2] = [1, 90];

/// One end of a TLS connection over a byte stream.
///
/// A loop around it: give what has come to [`receive`](Connection::receive), again and again until it says
/// [`Received::Incomplete`], and take what it has to say by [`transmit`](Connection::transmit) or
/// [`write`](Connection::write) after that. Once it gives an error it gives the same error always; what
/// [`transmit`](Connection::transmit) still has is the alert that tells the peer.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    side: Side,
    reader: RecordReader,
    writer: RecordWriter,
    /// Keys that the handshake has given and that are not in use yet, in their order.
    local_keys: VecDeque<(Level, TrafficKeys)>,
    remote_keys: VecDeque<(Level, TrafficKeys)>,
    /// Whether the one change_cipher_spec record of this side was sent.
    sent_change_cipher_spec: bool,
    /// Whether a client wants middlebox compatibility mode, also when its session has failed.
    compatibility_mode: bool,
    /// Whether the peer's record_size_limit was read.
    knows_limit: bool,
    without_data: WithoutData,
    /// Bytes of early data that may still be sent, or received.
    early_data_left: usize,
    /// The KeyUpdate to send before anything else.
    owed_update: Option<KeyUpdate>,
    /// Whether the peer was asked for a KeyUpdate and none has come.
    awaits_update: bool,
    closed: Closed,
    error: Option<Error>,
    handshake_deadline: Instant,
}

/// Which direction has ended with close_notify.
#[derive(Clone, Copy, Debug, Default)]
struct Closed {
    by_us: bool,
    by_peer: bool,
}

/// What was at the front of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Not a whole record: nothing was done, and more bytes are needed. At most [`MAX_RECORD_LEN`](super::MAX_RECORD_LEN)
    /// bytes are ever waited for.
    Incomplete,
    /// So many bytes that were for this layer.
    Taken(usize),
    /// Application data, which was decrypted where it lies.
    Data {
        /// Where it is in the bytes that were given.
        content: Range<usize>,
        /// How many bytes were taken.
        taken: usize,
    },
    /// Early data, on a server that takes it: decrypted where it lies. Until the handshake is complete nobody can tell whether the
    /// client has sent it just now, or somebody has recorded it and sends it to each server that would take it.
    EarlyData {
        /// Where it is in the bytes that were given.
        content: Range<usize>,
        /// How many bytes were taken.
        taken: usize,
    },
    /// So many bytes, and the end of what the peer sends: close_notify.
    End(usize),
}

/// What became of data that was to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the data that are sealed now.
    pub taken: usize,
    /// Bytes at the front of the buffer that are to be sent.
    pub written: usize,
}

impl Connection {
    /// A client that wants to reach `name`. Its ClientHello is ready to be sent.
    ///
    /// # Errors
    /// [`Error::Tls`] if the configuration cannot work.
    pub fn client(
        config: Arc<ClientConfig>,
        name: x509::ServerName,
        settings: &Settings,
        now: Instant,
        random: &mut dyn Random,
    ) -> Result<Connection, Error> {
        let settings = settings.clone().within_range();
        let session = records::client(config, name, settings.compatibility_mode, settings.record_size_limit, random)?;
        Connection::begin(session, &settings, now)
    }

    /// The same as [`Connection::client`], and offers early data if the configuration allows it
    /// ([`dangerous_offer_early_data_that_may_be_replayed`]) and there is a ticket for it. What may be sent is
    /// [`early_data_room`](Connection::early_data_room); whether it was taken is [`Session::early_data`], and what was not has to be
    /// sent again.
    ///
    /// # Errors
    /// [`Error::Tls`] if the configuration cannot work.
    ///
    /// [`dangerous_offer_early_data_that_may_be_replayed`]: ClientConfig::dangerous_offer_early_data_that_may_be_replayed
    pub fn client_with_early_data(
        config: Arc<ClientConfig>,
        name: x509::ServerName,
        settings: &Settings,
        now: Instant,
        random: &mut dyn Random,
    ) -> Result<Connection, Error> {
        let settings = settings.clone().within_range();
        let (mode, limit) = (settings.compatibility_mode, settings.record_size_limit);
        let session = records::client_with_early_data(config, name, mode, limit, random)?;
        Connection::begin(session, &settings, now)
    }

    fn begin(session: Session, settings: &Settings, now: Instant) -> Result<Connection, Error> {
        let mut connection = Connection::new(Side::Client, session, settings, now);
        // RFC 8449 section 4: until the server says what it takes now, it takes what it took when it gave the ticket.
        let remembered = connection.session.take_remembered_parameters();
        if let Some(Ok(limit)) = remembered.map(|parameters| <[u8; 2]>::try_from(&parameters[..])) {
            connection.writer.set_inner_limit(u16::from_be_bytes(limit).max(MIN_RECORD_SIZE_LIMIT));
        }
        connection.send_messages()?;
        Ok(connection)
    }

    /// A server that waits for a ClientHello.
    pub fn server(config: Arc<ServerConfig>, settings: &Settings, now: Instant) -> Connection {
        let settings = settings.clone().within_range();
        let session = records::server(config, settings.record_size_limit);
        Connection::new(Side::Server, session, &settings, now)
    }

    /// The same as [`Connection::server`], and takes early data if the configuration allows it
    /// ([`dangerous_accept_early_data_that_may_be_replayed`]): it comes as [`Received::EarlyData`]. `context` is what the
    /// application promises a client that comes back: under another one, tickets are good but no early data is.
    ///
    /// [`dangerous_accept_early_data_that_may_be_replayed`]: crate::TicketPolicy::dangerous_accept_early_data_that_may_be_replayed
    pub fn server_with_early_data(
        config: Arc<ServerConfig>,
        settings: &Settings,
        context: &[u8],
        now: Instant,
    ) -> Connection {
        let settings = settings.clone().within_range();
        let session = records::server_with_early_data(config, settings.record_size_limit, context);
        Connection::new(Side::Server, session, &settings, now)
    }

    fn new(side: Side, session: Session, settings: &Settings, now: Instant) -> Connection {
        let early_data_left = match side {
            Side::Client => session.max_early_data(),
            Side::Server => MAX_EARLY_DATA,
        };
        Connection {
            side,
            reader: RecordReader::new(settings.record_size_limit),
            writer: RecordWriter::new(side, settings.padding_multiple, settings.records_per_key),
            local_keys: VecDeque::new(),
            remote_keys: VecDeque::new(),
            sent_change_cipher_spec: false,
            compatibility_mode: session.is_in_compatibility_mode(),
            knows_limit: false,
            without_data: WithoutData::default(),
            early_data_left: usize::try_from(early_data_left).unwrap_or(usize::MAX),
            owed_update: None,
            awaits_update: false,
            closed: Closed::default(),
            error: None,
            handshake_deadline: now + settings.handshake_timeout,
            session,
        }
    }

    // What there is to know.

    /// The handshake: what was agreed on, and the exporter.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the handshake is complete: data can be sent, and what is received is from the peer.
    pub fn is_complete(&self) -> bool {
        self.session.is_complete()
    }

    /// Whether data can be sent now: the handshake is complete, nothing has failed, and this side has not closed.
    pub fn may_write(&self) -> bool {
        self.error.is_none() && self.is_complete() && !self.closed.by_us
    }

    /// On a client that offers early data, how many bytes of it can be sent now. None any more once the server has refused it, or
    /// the handshake is complete.
    pub fn early_data_room(&self) -> usize {
        // RFC 9846 section 5.5-2: early data has one set of keys, which nothing replaces.
        if self.sends_early_data() && !self.writer.wants_update() { self.early_data_left } else { 0 }
    }

    fn sends_early_data(&self) -> bool {
        let is_open = matches!(self.session.early_data(), EarlyData::Offered | EarlyData::Accepted);
        self.side == Side::Client && is_open && self.error.is_none() && !self.is_complete()
    }

    /// Whether this side has closed or failed, and all that says so was taken: then the stream's direction can be ended.
    pub fn has_finished_sending(&self) -> bool {
        (self.error.is_some() || self.closed.by_us) && !self.writer.has_waiting()
    }

    /// Whether this layer has anything to send, or its end to say.
    pub(super) fn has_output(&self) -> bool {
        self.writer.has_waiting() || self.owed_update.is_some() || self.closed.by_us || self.error.is_some()
    }

    /// Whether the peer has said that it sends nothing more.
    pub const fn peer_has_closed(&self) -> bool {
        self.closed.by_peer
    }

    /// How often this side, and the peer, has replaced its keys.
    pub const fn key_updates(&self) -> (u64, u64) {
        (self.writer.updates(), self.reader.updates())
    }

    /// Why the connection ended before its time, if it did.
    pub const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// When [`on_timeout`](Connection::on_timeout) is to be called: the end of patience with a handshake.
    pub fn deadline(&self) -> Option<Instant> {
        (self.error.is_none() && !self.is_complete()).then_some(self.handshake_deadline)
    }

    /// A handshake that is not complete at its deadline fails.
    ///
    /// # Errors
    /// [`Error::HandshakeTimeout`] then.
    pub fn on_timeout(&mut self, now: Instant) -> Result<(), Error> {
        match self.deadline() {
            Some(deadline) if deadline <= now => Err(self.fail(Error::HandshakeTimeout)),
            _ => Ok(()),
        }
    }

    // In.

    /// Takes the record at the front of `bytes`, if it is whole there, and opens it in place.
    ///
    /// # Errors
    /// Whatever ends the connection.
    pub fn receive(&mut self, bytes: &mut [u8], random: &mut dyn Random) -> Result<Received, Error> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.closed.by_peer {
            // RFC 9846 section 6.1-1.
            return Ok(if bytes.is_empty() { Received::Incomplete } else { Received::Taken(bytes.len()) });
        }
        self.try_receive(bytes, random).map_err(|error| self.fail(error))
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the peer has not closed before.
    pub fn on_end(&mut self) -> Result<(), Error> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None if self.closed.by_peer => Ok(()),
            // RFC 9846 section 6.1-8: what ends without close_notify is not the end of the data.
            None => Err(self.fail(Error::Truncated)),
        }
    }

    fn try_receive(&mut self, bytes: &mut [u8], random: &mut dyn Random) -> Result<Received, Error> {
        let state = self.session.state_name();
        let record = match self.reader.read(bytes).map_err(|error| error.in_state(state))? {
            Found::Incomplete => return Ok(Received::Incomplete),
            Found::Skipped(len) => return Ok(Received::Taken(len)),
            Found::Record(record) => record,
        };
        let content = bytes.get(record.content.clone()).unwrap_or_default();
        match record.kind {
            ContentType::Alert => return self.on_alert(content, record.len),
            ContentType::Handshake => {
                let (was_complete, messages_read) = (self.is_complete(), self.session.messages_read());
                self.session.read(self.reader.level(), content, random)?;
                // RFC 9846 section 5.1-2: each message may come in as many records as it has bytes.
                if !was_complete {
                    self.without_data.on_data();
                } else if self.session.messages_read() > messages_read {
                    self.on_nothing()?;
                }
                if self.is_complete() {
                    // Those of a server leave once, with the last of its handshake.
                    self.session.send_tickets(random)?;
                }
                self.on_messages()?;
            }
            // RFC 9846 section 5.1-3, 5.1-4.
            _ if self.session.is_in_message() => return Err(self.violated(Violation::InterleavedRecord)),
            ContentType::ChangeCipherSpec => self.on_change_cipher_spec()?,
            ContentType::ApplicationData => return self.on_data(record),
        }
        Ok(Received::Taken(record.len))
    }

    fn on_alert(&mut self, content: &[u8], len: usize) -> Result<Received, Error> {
        match PeerAlert::decode(content).map_err(|violation| self.violated(violation))? {
            // RFC 9846 section 6-4, 6-5: whatever its level, and known or not.
            PeerAlert::Error(alert) => Err(Error::PeerAlert(alert)),
            _ if self.session.is_in_message() => Err(self.violated(Violation::InterleavedRecord)),
            // RFC 9846 section 6.1-4: it goes on until close_notify.
            PeerAlert::UserCanceled => self.on_nothing().map(|()| Received::Taken(len)),
            PeerAlert::CloseNotify if !self.is_complete() => Err(Error::ClosedInHandshake),
            PeerAlert::CloseNotify => {
                self.closed.by_peer = true;
                self.reader.forget();
                self.forget_if_over();
                // RFC 9846 section 6-1.
                Ok(Received::End(len))
            }
        }
    }

    /// RFC 9846 section 5-1, 5-3: dropped between the first ClientHello and the peer's Finished, and nowhere else.
    fn on_change_cipher_spec(&mut self) -> Result<(), Error> {
        let after_client_hello = self.side == Side::Client || self.session.cipher_suite().is_some();
        if !after_client_hello || self.is_complete() {
            return Err(self.violated(Violation::ChangeCipherSpec));
        }
        self.on_nothing()
    }

    fn on_data(&mut self, record: Record) -> Result<Received, Error> {
        let Record { content, len, .. } = record;
        // RFC 9846 section 2-2, 5-5.
        if !self.is_complete() && self.reader.level() != Level::EarlyData {
            return Err(self.violated(Violation::RecordType));
        }
        if content.is_empty() {
            self.on_nothing()?;
            return Ok(Received::Taken(len));
        }
        self.without_data.on_data();
        if self.is_complete() {
            return Ok(Received::Data { content, taken: len });
        }
        // RFC 9846 section 4.3.10: its content counts, and neither type nor padding.
        let left = self.early_data_left.checked_sub(content.len());
        self.early_data_left = left.ok_or_else(|| self.violated(Violation::EarlyDataTooLong))?;
        Ok(Received::EarlyData { content, taken: len })
    }

    fn on_nothing(&mut self) -> Result<(), Error> {
        self.without_data.on_nothing().map_err(|violation| self.violated(violation))
    }

    fn violated(&self, violation: Violation) -> Error {
        Error::Tls(crate::Error::from(violation).in_state(self.session.state_name()))
    }

    // The handshake, and what may follow it.

    /// What follows from messages that the session has read.
    fn on_messages(&mut self) -> Result<(), Error> {
        self.heed_record_size_limit()?;
        if self.session.refuses_early_data() {
            self.reader.skip_early_data();
        }
        self.send_messages()?;
        if let Some(update) = self.session.poll_key_update() {
            // RFC 9846 section 4.7.3-3.
            self.reader.update_keys();
            self.awaits_update = false;
            if update == KeyUpdate::Requested {
                // RFC 9846 section 4.7.3-5: one answer, however often it was asked for.
                self.owed_update.get_or_insert(KeyUpdate::NotRequested);
            }
        }
        Ok(())
    }

    /// RFC 8449 section 4: no record under protection is longer than the peer takes.
    fn heed_record_size_limit(&mut self) -> Result<(), Error> {
        let Some(parameters) = self.session.peer_parameters().filter(|_| !self.knows_limit) else { return Ok(()) };
        let limit = <[u8; 2]>::try_from(parameters).map(u16::from_be_bytes);
        let limit = limit.map_err(|_| self.violated(Violation::Malformed))?;
        if limit < MIN_RECORD_SIZE_LIMIT {
            return Err(self.violated(Violation::RecordSizeLimit));
        }
        self.knows_limit = true;
        self.writer.set_inner_limit(limit);
        Ok(())
    }

    /// Seals what the session has to say, each level under its keys, and goes on to the newest ones.
    fn send_messages(&mut self) -> Result<(), Error> {
        while let Some(change) = self.session.poll_keys() {
            let level = change.level();
            match change {
                KeyChange::EarlyData { suite, secret } => {
                    let keys = TrafficKeys::new(suite, secret);
                    let direction =
                        if self.side == Side::Client { &mut self.local_keys } else { &mut self.remote_keys };
                    direction.push_back((level, keys));
                }
                KeyChange::Handshake { suite, local, remote } | KeyChange::OneRtt { suite, local, remote } => {
                    self.local_keys.push_back((level, TrafficKeys::new(suite, local)));
                    self.remote_keys.push_back((level, TrafficKeys::new(suite, remote)));
                }
            }
        }
        while let Some((level, message)) = self.session.poll_output() {
            if level == Level::Initial {
                // A second ClientHello, behind early data that was refused.
                self.writer.forget();
            }
            self.write_under(level);
            // RFC 9846 section E.4-1: a client's is before its second flight, a server's after its first message.
            if self.side == Side::Client && self.writer.has_written() {
                self.send_change_cipher_spec();
            }
            self.writer.push(ContentType::Handshake, &message).map_err(crate::Error::from)?;
            if self.side == Side::Server {
                self.send_change_cipher_spec();
            }
        }
        if self.sends_early_data() {
            // RFC 9846 section E.4-1: before early data, which goes until EndOfEarlyData.
            self.send_change_cipher_spec();
            self.write_under(Level::EarlyData);
        } else {
            self.write_under(Level::OneRtt);
        }
        self.read_under(self.level_to_read());
        Ok(())
    }

    /// What the client sends as application data waits until its Finished has come, and that until its early data is over.
    fn level_to_read(&self) -> Level {
        if self.is_complete() {
            Level::OneRtt
        } else if self.session.reads_early_data() {
            Level::EarlyData
        } else {
            Level::Handshake
        }
    }

    /// RFC 9846 section 4.5.3-3.
    fn write_under(&mut self, level: Level) {
        while let Some((_, keys)) = next_up_to(level, &mut self.local_keys) {
            self.writer.set_keys(keys);
        }
    }

    fn read_under(&mut self, level: Level) {
        while let Some((level, keys)) = next_up_to(level, &mut self.remote_keys) {
            self.reader.set_keys(level, keys);
        }
    }

    fn send_change_cipher_spec(&mut self) {
        if self.session.is_in_compatibility_mode() && !self.sent_change_cipher_spec {
            self.sent_change_cipher_spec = true;
            self.writer.push_change_cipher_spec();
        }
    }

    // Out.

    /// Seals under new keys from now on, and asks the peer to do the same if it is [`KeyUpdate::Requested`]. The KeyUpdate is
    /// sent before anything else. Keys are also replaced without this before they have sealed too much.
    ///
    /// # Errors
    /// [`LocalError::NotComplete`] if data cannot be sent now.
    pub fn update_keys(&mut self, request: KeyUpdate) -> Result<(), Error> {
        if !self.may_write() {
            return Err(crate::Error::from(LocalError::NotComplete).into());
        }
        // RFC 9846 section 4.7.3-6: a second request waits for the answer to the first.
        let request = if self.awaits_update { KeyUpdate::NotRequested } else { request };
        if request == KeyUpdate::Requested || self.owed_update.is_none() {
            self.owed_update = Some(request);
        }
        Ok(())
    }

    /// Writes what this layer has to say to the front of `out`: messages of the handshake, key updates, alerts. Gives the number
    /// of bytes; zero if there is nothing.
    pub fn transmit(&mut self, out: &mut [u8]) -> usize {
        let mut written = self.writer.take(out);
        if !self.writer.has_waiting() && self.owed_update.is_some() {
            if let Err(error) = self.send_key_update() {
                self.fail(error);
            }
            written += self.writer.take(out.get_mut(written..).unwrap_or_default());
        }
        written
    }

    /// Seals as much of `data` as there is room for at the front of `out`, behind what [`transmit`](Connection::transmit)
    /// gives. A record is written whole or not at all: with room for [`MAX_RECORD_LEN`](super::MAX_RECORD_LEN) bytes something
    /// always is. Nothing is taken before the handshake is complete, and after it was closed.
    ///
    /// # Errors
    /// The connection has failed: now, because keys are used up and cannot be replaced, or before.
    pub fn write(&mut self, data: &[u8], out: &mut [u8]) -> Result<Written, Error> {
        let mut done = Written { taken: 0, written: self.transmit(out) };
        if let Some(error) = &self.error {
            // What tells the peer comes first.
            return if done.written == 0 && !self.writer.has_waiting() { Err(error.clone()) } else { Ok(done) };
        }
        while self.may_write() && !self.writer.has_waiting() && done.taken < data.len() {
            // RFC 9846 section 5.5-1.
            if self.writer.wants_update() {
                self.owed_update.get_or_insert(KeyUpdate::NotRequested);
                done.written += self.transmit(out.get_mut(done.written..).unwrap_or_default());
                if self.error.is_some() || self.writer.has_waiting() {
                    break;
                }
            }
            let (rest, room) = (data.get(done.taken..), out.get_mut(done.written..));
            let sealed = self.writer.write_data(rest.unwrap_or_default(), room.unwrap_or_default());
            match sealed.map_err(|error| self.fail(crate::Error::from(error).into()))? {
                Some((taken, written)) => {
                    done.taken += taken;
                    done.written += written;
                }
                None => break,
            }
        }
        Ok(done)
    }

    /// How much data can be put into `room` bytes, behind the place of a header, so that [`seal_in_place`](Connection::seal_in_place)
    /// makes records of it; none while anything else is to be sent first.
    pub(super) fn room_in_place(&self, room: usize) -> usize {
        let is_free = self.may_write() && !self.writer.has_waiting() && self.owed_update.is_none();
        let content = if is_free { self.writer.content_room(room) } else { 0 };
        if self.writer.may_seal(content) { content } else { 0 }
    }

    /// Makes records of `len` bytes of data that lie behind the place of a header at the front of `out`. Gives how long they are.
    pub(super) fn seal_in_place(&mut self, len: usize, out: &mut [u8]) -> Result<usize, Error> {
        self.writer.seal_in_place(len, out).map_err(|error| self.fail(crate::Error::from(error).into()))
    }

    /// The same for early data: seals at most [`early_data_room`](Connection::early_data_room) bytes of `data`. Only for what
    /// may be acted upon more than once: whoever records it can send it again (RFC 9846 section 8).
    ///
    /// # Errors
    /// As for [`write`](Connection::write).
    pub fn write_early_data(&mut self, data: &[u8], out: &mut [u8]) -> Result<Written, Error> {
        let mut done = Written { taken: 0, written: self.transmit(out) };
        if let Some(error) = &self.error {
            return if done.written == 0 && !self.writer.has_waiting() { Err(error.clone()) } else { Ok(done) };
        }
        while !self.writer.has_waiting() {
            let rest = data.get(done.taken..).unwrap_or_default();
            let (now, _) = rest.split_at(rest.len().min(self.early_data_room()));
            let room = out.get_mut(done.written..).unwrap_or_default();
            if now.is_empty() {
                break;
            }
            let sealed = self.writer.write_data(now, room);
            let Some((taken, written)) = sealed.map_err(|error| self.fail(crate::Error::from(error).into()))? else {
                break;
            };
            self.early_data_left -= taken;
            done.taken += taken;
            done.written += written;
        }
        Ok(done)
    }

    /// Says that this side sends nothing more; the peer may go on (RFC 9846 section 6.1). In a handshake it gives the
    /// connection up.
    /// RFC 9846 section 6.1-5, 6.1-6.
    pub fn close(&mut self) {
        if self.error.is_some() || self.closed.by_us {
            return;
        }
        if !self.is_complete() {
            self.fail(Error::Canceled);
            return;
        }
        self.closed.by_us = true;
        self.owed_update = None;
        // RFC 9846 section 6.1-2. Keys that cannot seal it have failed before.
        let _ = self.writer.push(ContentType::Alert, &records::close_notify());
        self.writer.forget();
        self.forget_if_over();
    }

    /// The stream is gone: nothing is received or sent any more, and the keys are forgotten.
    pub fn on_reset(&mut self) {
        if !(self.closed.by_us && self.closed.by_peer) {
            self.fail(Error::Reset);
        }
        self.writer.discard();
    }

    fn send_key_update(&mut self) -> Result<(), Error> {
        let Some(update) = self.owed_update.take() else { return Ok(()) };
        if !self.writer.may_update() {
            // A request is ignored; keys that are used up end the connection.
            let is_over = self.writer.wants_update();
            return if is_over { Err(crate::Error::from(LocalError::KeysUsedUp).into()) } else { Ok(()) };
        }
        let message = records::encode_key_update(update);
        self.writer.push(ContentType::Handshake, &message).map_err(crate::Error::from)?;
        self.writer.update_keys();
        self.awaits_update |= update == KeyUpdate::Requested;
        Ok(())
    }

    // The end.

    /// The connection is over: the peer is told, and the keys are forgotten.
    /// RFC 9846 section 6-2, 6-3, 6.2-1, 6.2-2.
    fn fail(&mut self, error: Error) -> Error {
        if let Some(earlier) = &self.error {
            return earlier.clone();
        }
        // Keys that cannot seal the alert end the connection without it.
        let _ = self.tell(&error);
        self.error = Some(error.clone());
        self.writer.forget();
        self.forget();
        error
    }

    /// RFC 9846 section 6.2-4, 6.1-3.
    fn tell(&mut self, error: &Error) -> Result<(), LocalError> {
        let Some(alert) = error.alert().filter(|_| !self.closed.by_us) else { return Ok(()) };
        // RFC 9846 section E.4-1: of a client that gives up, a protected alert is all of its second flight.
        if self.compatibility_mode && self.writer.has_keys() && !self.sent_change_cipher_spec {
            self.sent_change_cipher_spec = true;
            self.writer.push_change_cipher_spec();
        }
        match error {
            Error::HandshakeTimeout | Error::Canceled => {
                self.writer.push(ContentType::Alert, &USER_CANCELED)?;
                self.writer.push(ContentType::Alert, &records::close_notify())
            }
            _ => self.writer.push(ContentType::Alert, &records::encode_alert(alert)),
        }
    }

    fn forget_if_over(&mut self) {
        if self.closed.by_us && self.closed.by_peer {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.reader.forget();
        (self.local_keys, self.remote_keys) = (VecDeque::new(), VecDeque::new());
        self.owed_update = None;
        match &self.error {
            Some(Error::Tls(error)) => self.session.fail(error.clone()),
            Some(_) => self.session.fail(LocalError::NotComplete.into()),
            None => self.session.forget_exporter(),
        }
    }

    #[cfg(test)]
    pub(crate) fn parts(&mut self) -> (&mut RecordReader, &mut RecordWriter) {
        (&mut self.reader, &mut self.writer)
    }
}

/// The next keys, unless they are for a later level.
fn next_up_to(level: Level, keys: &mut VecDeque<(Level, TrafficKeys)>) -> Option<(Level, TrafficKeys)> {
    if keys.front().is_some_and(|(next, _)| *next <= level) { keys.pop_front() } else { None }
}
