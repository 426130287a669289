//! What happened on a connection, record by record, for logs and diagnosis.
//!
//! A connection that is traced writes its records into a journal; whoever listens pulls them once the work of a call is done.
//! A record is a plain value. What it borrows (frames, parameters, text) stands behind it in the journal and is read on
//! demand, so that recording a packet is one copy of its payload. A connection that is not traced pays one comparison.
//!
//! This module knows no log format. The command's `--trace` and qlog are two readers of it.

use crate::discard::Discard;
use crate::violation::TransportErrorCode;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::{Frame, PacketKind};
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use crate::wire::transport_parameters::TransportParameters;
use crate::wire::version::Version;
use base::{Duration, Ecn, Entry, FourTuple, Instant, Journal, JournalLimits, Reader, Side, StreamId, VarInt};

/// One record, as it is pulled.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// When it happened.
    pub at: Instant,
    /// Which end recorded it.
    pub side: Side,
    /// The original destination connection ID: both ends know it, and it never changes, so it names the connection in the
    /// traces of both.
    pub group: ConnectionId,
    /// What happened.
    pub record: Record,
    /// Records between the one before and this one that were left out because nobody pulled in time.
    pub left_out: u64,
    content: &'a [u8],
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record {
    /// A connection began on this path, with this version.
    Started {
        /// Where.
        four_tuple: FourTuple,
        /// The version of the first Initial.
        version: Version,
    },
    /// The connection goes on with another version than it began with.
    VersionChosen {
        /// Which.
        version: Version,
    },
    /// The connection entered a stage.
    Stage(Stage),
    /// The connection is closing, draining or gone. [`Trace::text`] says why in words.
    Closed(Cause),
    /// One side's transport parameters are in force. [`Trace::parameters`] has them.
    ParametersSet {
        /// Whose.
        of: Side,
    },
    /// TLS has chosen. [`Trace::text`] is the protocol of ALPN (RFC 7301).
    Negotiated {
        /// The cipher suite of RFC 9846 appendix B.4.
        cipher_suite: u16,
    },
    /// A packet was sealed and handed out. [`Trace::frames`] has its frames.
    PacketSent(Packet),
    /// A packet was opened. [`Trace::frames`] has its frames.
    PacketReceived(Packet),
    /// A packet, or the rest of a datagram, was dropped.
    PacketDropped {
        /// Bytes.
        size: usize,
        /// Why.
        reason: Discard,
    },
    /// A packet was declared lost (RFC 9002 section 6).
    PacketLost {
        /// Its space.
        space: PacketNumberSpace,
        /// Its number.
        number: PacketNumber,
    },
    /// Numbers of loss recovery and congestion control after an acknowledgment or a loss.
    Metrics(Metrics),
    /// The congestion controller entered a phase (RFC 9002 section 7.3).
    CongestionPhase(CongestionPhase),
    /// A timer was set, or expired.
    Timer {
        /// Which.
        timer: Timer,
        /// What became of it.
        change: TimerChange,
    },
    /// Keys came into use.
    KeyInstalled(Key),
    /// Keys are gone for good.
    KeyDiscarded(Key),
    /// The path carries datagrams of this many bytes (RFC 8899).
    MtuChanged {
        /// Before.
        from: usize,
        /// From now on.
        to: usize,
    },
    /// Everything is sent on this path from now on (RFC 9000 section 9).
    PathChanged(FourTuple),
    /// The peer answered a challenge on this path, which is in use.
    PathValidated(FourTuple),
    /// A stream came into being.
    StreamOpened {
        /// Which.
        id: StreamId,
    },
    /// Bytes of a stream went from the application to the transport or back.
    StreamDataMoved {
        /// Which stream.
        id: StreamId,
        /// How many.
        len: usize,
        /// To the application.
        received: bool,
    },
    /// One direction of a stream has ended for this side's application.
    StreamEnded {
        /// Which stream.
        id: StreamId,
        /// Which direction: what this side receives, or what it sends.
        received: bool,
        /// The code of a reset or a stop; `None` for a regular end.
        code: Option<VarInt>,
    },
    /// The layer above has done something with a stream. [`Trace::above`] is its record, in its own form.
    Above {
        /// Which stream.
        id: StreamId,
    },
}

/// Stages of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// TLS is complete on this side (RFC 9001 section 4.1.1).
    HandshakeComplete,
    /// The handshake is confirmed (RFC 9001 section 4.1.2).
    HandshakeConfirmed,
    /// This side has closed (RFC 9000 section 10.2.1).
    Closing,
    /// The peer has closed (RFC 9000 section 10.2.2).
    Draining,
    /// All is over.
    Drained,
}

/// Why a connection is over, without words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An application closed.
    Application {
        /// Which one.
        by: Side,
        /// In its codes.
        code: VarInt,
    },
    /// A transport closed with an error.
    Transport {
        /// Which one.
        by: Side,
        /// A code of RFC 9000 section 20.1.
        code: TransportErrorCode,
    },
    /// Nothing was heard for too long, or the handshake was not done in time.
    Timeout,
    /// The peer has lost the connection (RFC 9000 section 10.3).
    StatelessReset,
    /// No version in common (RFC 9000 section 6.2).
    VersionMismatch,
    /// All packet numbers are used (RFC 9000 section 12.3).
    PacketNumbersExhausted,
}

/// A packet in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its type.
    pub packet_type: PacketType,
    /// Its number; `None` for the types that have none.
    pub number: Option<PacketNumber>,
    /// The receiver's connection ID.
    pub destination: ConnectionId,
    /// The sender's connection ID, in long headers.
    pub source: Option<ConnectionId>,
    /// Bytes, header and tag included.
    pub size: usize,
    /// The mark in the IP header, of a received packet.
    pub ecn: Ecn,
    /// It was sent to find out how much the path carries (RFC 8899).
    pub is_mtu_probe: bool,
}

/// Types of packets (RFC 9000 section 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    /// Section 17.2.2.
    Initial,
    /// Section 17.2.3.
    ZeroRtt,
    /// Section 17.2.4.
    Handshake,
    /// Section 17.3.1.
    OneRtt,
    /// Section 17.2.5.
    Retry,
    /// Section 17.2.1.
    VersionNegotiation,
}

impl PacketType {
    /// The type of packets that keys of this kind protect.
    pub const fn of(kind: PacketKind) -> PacketType {
        match kind {
            PacketKind::Initial => PacketType::Initial,
            PacketKind::ZeroRtt => PacketType::ZeroRtt,
            PacketKind::Handshake => PacketType::Handshake,
            PacketKind::OneRtt => PacketType::OneRtt,
        }
    }

    /// Its name in the RFC.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Initial => "Initial",
            PacketType::ZeroRtt => "0-RTT",
            PacketType::Handshake => "Handshake",
            PacketType::OneRtt => "1-RTT",
            PacketType::Retry => "Retry",
            PacketType::VersionNegotiation => "Version Negotiation",
        }
    }
}

/// Numbers of loss recovery (RFC 9002 appendix A.3) and congestion control (appendix B.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Section 5.3.
    pub smoothed_rtt: Duration,
    /// Section 5.2.
    pub min_rtt: Duration,
    /// Section 5.1.
    pub latest_rtt: Duration,
    /// Section 5.3.
    pub rttvar: Duration,
    /// Probe timeouts in a row.
    pub pto_count: u32,
    /// Bytes.
    pub congestion_window: u64,
    /// Bytes.
    pub bytes_in_flight: u64,
    /// Bytes per second at which packets are spread (RFC 9002 section 7.7).
    pub pacing_rate: u64,
}

/// RFC 9002 section 7.3, figure 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CongestionPhase {
    /// Section 7.3.1.
    SlowStart,
    /// Section 7.3.2.
    Recovery,
    /// Section 7.3.3.
    CongestionAvoidance,
}

impl CongestionPhase {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            CongestionPhase::SlowStart => "slow start",
            CongestionPhase::Recovery => "recovery",
            CongestionPhase::CongestionAvoidance => "congestion avoidance",
        }
    }
}

/// Timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Packets may be declared lost then (RFC 9002 section 6.1.2).
    Loss(PacketNumberSpace),
    /// A probe is sent then (RFC 9002 section 6.2).
    Probe(PacketNumberSpace),
    /// RFC 9000 section 10.1.
    Idle,
    /// The handshake is given up then.
    Handshake,
    /// RFC 9000 section 8.2.4.
    PathValidation,
}

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// It will expire after this long.
    Set(Duration),
    /// It expired.
    Expired,
    /// It will not expire.
    Cancelled,
}

/// Which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The packets they protect.
    pub packet_type: PacketType,
    /// Whose packets they protect.
    pub of: Side,
    /// Key updates before these keys (RFC 9001 section 6); 0 for other than 1-RTT keys.
    pub phase: u64,
}

/// The journal of one connection.
#[derive(Debug)]
pub struct Tracer {
    side: Side,
    group: ConnectionId,
    journal: Journal<Record>,
    /// When the newest record was made.
    newest: Instant,
    congestion: Congestion,
}

/// What congestion control was last seen to do.
#[derive(Debug)]
struct Congestion {
    phase: CongestionPhase,
    recovery_start: Option<Instant>,
    window: u64,
}

impl Tracer {
    /// The journal of a connection that this end calls `side`, and both ends `group`.
    pub const fn new(side: Side, group: ConnectionId, limits: JournalLimits) -> Tracer {
        let congestion = Congestion { phase: CongestionPhase::SlowStart, recovery_start: None, window: 0 };
        Tracer { side, group, journal: Journal::new(limits), newest: Instant::ZERO, congestion }
    }

    /// Keeps a record and a copy of the bytes it borrows: the payload of a packet, parameters as on the wire, a text.
    pub fn record(&mut self, now: Instant, record: Record, content: &[u8]) {
        self.newest = now;
        self.journal.push(now, record, content);
    }

    /// The same for calls of the application, which have no time of their own: they come right after what they follow from.
    pub(crate) fn record_call(&mut self, record: Record, content: &[u8]) {
        self.journal.push(self.newest, record, content);
    }

    /// Records the phase of congestion control where it has changed. A recovery period ends when the window grows again
    /// (RFC 9002 section 7.3.2: at the acknowledgment of a packet that was sent during it).
    pub(crate) fn note_congestion(
        &mut self,
        now: Instant,
        window: u64,
        is_slow_start: bool,
        recovery_start: Option<Instant>,
    ) {
        let before = &self.congestion;
        let phase = match before.phase {
            _ if recovery_start != before.recovery_start => CongestionPhase::Recovery,
            CongestionPhase::Recovery if window <= before.window => CongestionPhase::Recovery,
            _ if is_slow_start => CongestionPhase::SlowStart,
            _ => CongestionPhase::CongestionAvoidance,
        };
        let is_new = phase != before.phase || recovery_start != before.recovery_start;
        self.congestion = Congestion { phase, recovery_start, window };
        if is_new {
            self.record(now, Record::CongestionPhase(phase), &[]);
        }
    }

    /// The oldest record that was not pulled yet.
    pub fn poll(&mut self) -> Option<Trace<'_>> {
        let (side, group) = (self.side, self.group);
        let Entry { at, record, content, left_out } = self.journal.poll()?;
        Some(Trace { at, side, group, record, left_out, content })
    }

    /// Whether every record was pulled.
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty()
    }
}

impl<'a> Trace<'a> {
    /// The frames of a packet; none for other records.
    pub const fn frames(&self) -> Frames<'a> {
        let payload = match self.record {
            Record::PacketSent(_) | Record::PacketReceived(_) => self.content,
            _ => &[],
        };
        Frames { reader: Reader::new(payload) }
    }

    /// The parameters of [`Record::ParametersSet`].
    pub fn parameters(&self) -> Option<TransportParameters> {
        match self.record {
            Record::ParametersSet { of } => TransportParameters::decode(self.content, of).ok(),
            _ => None,
        }
    }

    /// The record of the layer above; empty for other records.
    pub const fn above(&self) -> &'a [u8] {
        match self.record {
            Record::Above { .. } => self.content,
            _ => &[],
        }
    }

    /// The words of a record that has some. A peer may have written them: escape what is not printable.
    pub const fn text(&self) -> &'a [u8] {
        match self.record {
            Record::Closed(_) | Record::Negotiated { .. } => self.content,
            _ => &[],
        }
    }
}

/// The frames of a packet, in order. They end early at one that cannot be read: the connection closes for it.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        let frame = Frame::decode(&mut self.reader).ok();
        if frame.is_none() {
            self.reader = Reader::new(&[]);
        }
        frame
    }
}
