//! The handshake: CRYPTO streams on one side, the TLS session on the other (RFC 9001 section 4).
//!
//! Bytes go from each packet number space's CRYPTO stream into TLS at the matching level and back. Keys come out as values
//! that the conductor installs. Nothing here knows packets or acknowledgments.

use crate::announcements::Announcements;
use crate::crypto_stream::CryptoStream;
use crate::early_data::EarlyData;
use crate::packet::OutgoingPacket;
use crate::violation::Violation;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::version::Version;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Random;
use tls::{KeyChange, Level, Session};

/// How many bytes of messages after the handshake are taken in a connection's life. Session tickets are the only ones TLS
/// has in QUIC, each of some hundred bytes; this is room for far more than any server sends, and an end to a flood.
const MAX_POST_HANDSHAKE: u32 = 256 * 1024;

/// How often in a connection's life handshake bytes go again before the probe timer asks for it (RFC 9002 section 6.2.3): a
/// round trip for each of a few losses, and an end to what a peer can ask for that repeats itself.
const MAX_REPEATS: u8 = 4;

/// CRYPTO streams and the TLS session.
pub(crate) struct Handshake {
    session: Box<Session>,
    streams: [Option<Box<CryptoStream>>; 3],
    /// Where the stream of 1-RTT packets goes on when it is made again: what was sent and what was read. Both are bounded, by
    /// what a server has to say and by `MAX_POST_HANDSHAKE`.
    rested: (u32, u32),
    post_handshake: u32,
    /// How often bytes were sent again before the probe timer asked for it.
    repeats: u8,
    /// There are keys beyond those of Initial packets and of early data.
    has_left_initial: bool,
    /// While there may be early data, which is during few handshakes.
    pub early: Option<Box<EarlyData>>,
    /// What a server tells when it is done.
    pub(crate) announcements: Announcements,
}

/// What is wrong with handshake bytes.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The CRYPTO frames themselves.
    Violation(Violation),
    /// What they say.
    Tls(tls::Error),
}

impl HandshakeError {
    /// RFC 9001 section 4.1.3-2, 4.1.3-3: what TLS does not take because it is past the level is an error of QUIC. Records
    /// have an alert for it (RFC 9846 s5.1).
    fn of(error: tls::Error) -> HandshakeError {
        match error.violation() {
            Some(tls::Violation::MessageAcrossKeyChange | tls::Violation::WrongLevel) => {
                HandshakeError::Violation(Violation::CryptoAtOldLevel)
            }
            _ => HandshakeError::Tls(error),
        }
    }
}

impl Handshake {
    /// Takes over a fresh session and what it wants to send.
    pub(crate) fn new(session: Session) -> Handshake {
        let mut handshake = Handshake {
            session: Box::new(session),
            streams: [None, None, None],
            rested: (0, 0),
            post_handshake: 0,
            repeats: 0,
            has_left_initial: false,
            early: None,
            announcements: Announcements::default(),
        };
        handshake.take_output();
        handshake
    }

    /// The TLS session, for what it learned.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The peer's transport parameters, as soon as TLS has them, and once.
    pub(crate) fn take_peer_transport_parameters(&mut self) -> Option<Vec<u8>> {
        self.session.take_peer_parameters()
    }

    /// What this side has answered as a server, once.
    pub(crate) fn take_answered_parameters(&mut self) -> Option<Vec<u8>> {
        self.session.take_answered_parameters()
    }

    /// A CRYPTO frame arrived in `space`. Tells whether it was news: not if all of it was read before.
    pub(crate) fn on_crypto(
        &mut self,
        space: PacketNumberSpace,
        offset: u64,
        data: &[u8],
        random: &mut dyn Random,
    ) -> Result<bool, HandshakeError> {
        if space == PacketNumberSpace::ApplicationData {
            let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            self.post_handshake = self.post_handshake.saturating_add(len);
            if self.post_handshake > MAX_POST_HANDSHAKE {
                return Err(HandshakeError::Violation(Violation::CryptoAfterHandshakeFlood));
            }
        }
        let is_left = match space {
            PacketNumberSpace::Initial => self.has_left_initial,
            PacketNumberSpace::Handshake => self.session.is_complete(),
            PacketNumberSpace::ApplicationData => false,
        };
        let stream = stream_mut(&mut self.streams, self.rested, space);
        let is_news = data.is_empty() || offset.saturating_add(data.len() as u64) > stream.read_offset();
        let fresh = stream.on_crypto(offset, data).map_err(HandshakeError::Violation)?;
        // RFC 9001 section 4.1.3-1, 4.1.3-2: a level that TLS has left has repetitions, and nothing new.
        if is_left && (!fresh.is_empty() || stream.has_unread()) {
            // TLS has a name for what may come at no level.
            let refused = self.session.read(level(space), fresh, random).map_err(HandshakeError::of);
            return refused.and(Err(HandshakeError::Violation(Violation::CryptoAtOldLevel)));
        }
        if !fresh.is_empty() {
            self.session.read(level(space), fresh, random).map_err(HandshakeError::of)?;
        }
        while let Some(bytes) = stream.read() {
            self.session.read(level(space), &bytes, random).map_err(HandshakeError::of)?;
        }
        self.take_output();
        Ok(is_news)
    }

    /// Whether any byte of an Initial packet's CRYPTO frame has come.
    pub(crate) fn has_received_initial(&self) -> bool {
        let stream = self.stream(PacketNumberSpace::Initial);
        stream.is_some_and(|stream| stream.read_offset() > 0 || stream.has_unread())
    }

    /// A client has found that the connection goes on with this version: its tickets will be for that.
    pub(crate) fn set_version(&mut self, version: Version) {
        self.session.set_version(version.0);
    }

    /// Whether bytes of any level wait that TLS has not taken: behind a gap, or too many.
    pub(crate) fn has_unread(&self) -> bool {
        self.streams.iter().flatten().any(|stream| stream.has_unread())
    }

    /// Keys that became available, in the order in which TLS made them.
    pub(crate) fn poll_keys(&mut self) -> Option<KeyChange> {
        let change = self.session.poll_keys();
        // Those of early data go with the ClientHello.
        self.has_left_initial |= change.as_ref().is_some_and(|change| change.level() != Level::EarlyData);
        change
    }

    /// Whether there are keys beyond those of Initial packets and of early data.
    pub(crate) const fn has_left_initial(&self) -> bool {
        self.has_left_initial
    }

    /// On a client that offers early data, the transport parameters of the connection that its ticket is from, and what the
    /// application had said there; once.
    pub(crate) fn take_remembered(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let parameters = self.session.take_remembered_parameters()?;
        Some((parameters, self.session.take_remembered_application().unwrap_or_default()))
    }

    /// On a client, what the application relies on in early data is kept with the tickets that come from now on.
    pub(crate) fn remember_application(&mut self, application: &[u8]) {
        self.session.remember_application(application);
    }

    /// Whether `space` has handshake bytes to send, or an announcement.
    #[inline]
    pub(crate) fn wants_to_send(&self, space: PacketNumberSpace) -> bool {
        self.stream(space).is_some_and(CryptoStream::wants_to_send)
            || (space == PacketNumberSpace::ApplicationData && self.announcements.wants_to_send())
    }

    /// Adds CRYPTO frames of the packet's space, and announcements to 1-RTT packets.
    /// RFC 9001 section 4-1, 4.9-1: each space sends its own stream, under its own keys.
    #[inline]
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        if self.wants_to_send(packet.space()) {
            self.fill_wanted(packet);
        }
    }

    fn fill_wanted(&mut self, packet: &mut OutgoingPacket<'_>) {
        let space = packet.space();
        if let Some(Some(stream)) = self.streams.get_mut(space as usize) {
            stream.fill(packet);
        }
        if space == PacketNumberSpace::ApplicationData {
            self.announcements.fill(packet);
        }
    }

    /// A server gives its tickets, if it has any: nothing of the handshake is under way any more (RFC 9001 section 4.5).
    pub(crate) fn send_tickets(&mut self, random: &mut dyn Random) -> Result<(), HandshakeError> {
        self.session.send_tickets(random).map_err(HandshakeError::of)?;
        self.take_output();
        Ok(())
    }

    /// The connection is idle: what is left of the handshake can be done without, or made again.
    pub(crate) fn rest(&mut self) {
        self.session.rest();
        let [.., stream] = &mut self.streams;
        let Some((sent, read)) = stream.as_ref().and_then(|stream| stream.rests_at()) else { return };
        if let (Ok(sent), Ok(read)) = (u32::try_from(sent), u32::try_from(read)) {
            self.rested = (sent, read);
            *stream = None;
        }
    }

    /// CRYPTO bytes were acknowledged.
    pub(crate) fn on_acked(&mut self, space: PacketNumberSpace, offset: u64, len: u32) {
        if let Some(Some(stream)) = self.streams.get_mut(space as usize) {
            stream.on_acked(offset, len);
        }
    }

    /// CRYPTO bytes were lost.
    pub(crate) fn on_lost(&mut self, space: PacketNumberSpace, offset: u64, len: u32) {
        if let Some(Some(stream)) = self.streams.get_mut(space as usize) {
            stream.on_lost(offset, len);
        }
    }

    /// Sends what is not acknowledged of the handshake again, in the spaces for which `is_late` says so, a few times in a
    /// connection's life. Not while something waits to be sent: that is worth more. Tells whether anything goes again.
    /// RFC 9002 s6.2.3.
    pub(crate) fn repeat(&mut self, is_late: impl Fn(PacketNumberSpace) -> bool) -> bool {
        if !self.may_repeat() || self.waits_to_send() {
            return false;
        }
        let spaces = [PacketNumberSpace::Initial, PacketNumberSpace::Handshake];
        let mut any = false;
        for (stream, space) in self.streams.iter_mut().zip(spaces) {
            if let Some(stream) = stream.as_deref_mut().filter(|_| is_late(space)) {
                any |= stream.repeat();
            }
        }
        self.repeats += u8::from(any);
        any
    }

    /// Whether [`repeat`](Handshake::repeat) may do so once more.
    pub(crate) const fn may_repeat(&self) -> bool {
        self.repeats < MAX_REPEATS
    }

    /// Whether anything of the handshake proper is to be sent.
    pub(crate) fn waits_to_send(&self) -> bool {
        self.wants_to_send(PacketNumberSpace::Initial) || self.wants_to_send(PacketNumberSpace::Handshake)
    }

    /// The keys of `space` are gone, and with them its stream.
    pub(crate) fn discard(&mut self, space: PacketNumberSpace) {
        if let Some(stream) = self.streams.get_mut(space as usize) {
            *stream = None;
        }
    }

    #[inline]
    fn stream(&self, space: PacketNumberSpace) -> Option<&CryptoStream> {
        self.streams.get(space as usize)?.as_deref()
    }

    fn take_output(&mut self) {
        while let Some((level, bytes)) = self.session.poll_output() {
            stream_mut(&mut self.streams, self.rested, space(level)).write(bytes);
        }
    }
}

/// Streams are made when they are first used: an idle connection holds none.
fn stream_mut(
    streams: &mut [Option<Box<CryptoStream>>; 3],
    rested: (u32, u32),
    space: PacketNumberSpace,
) -> &mut CryptoStream {
    let (sent, read) = if space == PacketNumberSpace::ApplicationData { rested } else { (0, 0) };
    streams[space as usize].get_or_insert_with(|| Box::new(CryptoStream::at(sent.into(), read.into())))
}

const fn level(space: PacketNumberSpace) -> Level {
    match space {
        PacketNumberSpace::Initial => Level::Initial,
        PacketNumberSpace::Handshake => Level::Handshake,
        PacketNumberSpace::ApplicationData => Level::OneRtt,
    }
}

const fn space(level: Level) -> PacketNumberSpace {
    match level {
        Level::Initial => PacketNumberSpace::Initial,
        Level::Handshake => PacketNumberSpace::Handshake,
        Level::EarlyData | Level::OneRtt => PacketNumberSpace::ApplicationData,
    }
}
