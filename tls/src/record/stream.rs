//! TLS under a machine for byte streams: what is above sees a byte stream, and what is below carries records.

use crate::record::connection::{Connection, Received};
use crate::record::error::Error;
use crate::record::header::HEADER_LEN;
use crate::record::settings::Settings;
use alloc::vec;
use alloc::vec::Vec;
use base::{Demand, Duration, Instant, Outgoing, Random, STREAM_UNIT, StreamMachine};
use core::ops::Range;

/// Bytes of plaintext that wait to be sealed, at most: two calls of the machine above.
const OUTGOING_LEN: usize = 2 * STREAM_UNIT;
/// Bytes that are read and thrown away after the peer has closed or the connection has failed, so that what was sent last is
/// not lost with the connection.
const MAX_IGNORED: usize = 1 << 20;

/// A machine on a byte stream that runs over TLS.
///
/// Data goes to the machine where it was decrypted, and is copied only where the machine waits for the rest of something that
/// lies in the next record. What the machine sends it writes where the records are made; only where the carrier has no room for
/// that is it copied there.
#[derive(Debug)]
pub struct TlsStream<M, R> {
    connection: Connection,
    machine: M,
    random: R,
    /// The front of what the carrier offers, if it is a record that was opened and not wholly taken: where the rest of its
    /// content is, and how long the rest of it is.
    opened: Option<(Range<usize>, usize)>,
    /// What the machine was offered and left because it waits for the rest: less than [`STREAM_UNIT`] before a record is added.
    kept: Vec<u8>,
    /// What the machine wants to send and could not write where its records are made, in the middle of a buffer that is there only while
    /// it sends.
    outgoing: Vec<u8>,
    held: Range<usize>,
    /// What the machine has said and was told.
    machine_end: MachineEnd,
    close_timeout: Duration,
    /// When a connection of which nothing is to come any more is cut.
    close_deadline: Option<Instant>,
    ignored: usize,
    gives_up: bool,
}

/// How far a machine is with either direction.
#[derive(Clone, Copy, Debug, Default)]
struct MachineEnd {
    /// It was told that the handshake is complete.
    is_told_ready: bool,
    /// It has ended its output.
    sends_nothing: bool,
    /// It was told that nothing more comes.
    is_told_end: bool,
    /// It was told that the connection is gone.
    is_told_reset: bool,
}

impl<M: StreamMachine, R: Random> TlsStream<M, R> {
    /// `machine` over `connection`. A connection that takes early data gives it to the machine like any other, and none is sent: see
    /// [`Connection::server_with_early_data`] for what that means.
    pub fn new(connection: Connection, machine: M, settings: &Settings, random: R) -> TlsStream<M, R> {
        TlsStream {
            connection,
            machine,
            random,
            opened: None,
            kept: Vec::new(),
            outgoing: Vec::new(),
            held: 0..0,
            machine_end: MachineEnd::default(),
            close_timeout: settings.close_timeout,
            close_deadline: None,
            ignored: 0,
            gives_up: false,
        }
    }

    /// The connection: what was agreed on, and why it ended.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, to update its keys.
    pub const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, for its application.
    pub const fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The machine alone.
    pub fn into_machine(self) -> M {
        self.machine
    }

    /// Whether the machine is to be asked and told anything.
    const fn is_alive(&self) -> bool {
        !self.machine_end.is_told_reset && self.connection.error().is_none()
    }

    /// Whether the machine takes data now.
    fn takes_data(&self) -> bool {
        self.is_alive() && !self.machine_end.is_told_end && self.machine.demand() == Demand::More
    }

    // In.

    /// Throws away what comes when nothing is to come.
    fn ignore(&mut self, len: usize) -> usize {
        self.ignored = self.ignored.saturating_add(len);
        self.gives_up |= self.ignored > MAX_IGNORED;
        len
    }

    /// Takes one record, or gives the machine more of one that was opened. Gives the bytes that are done with; none if it has
    /// to wait.
    fn receive_once(&mut self, now: Instant, bytes: &mut [u8]) -> Option<usize> {
        if let Some((content, len)) = self.opened.take() {
            return self.offer(now, bytes, content, len);
        }
        let received = self.connection.receive(bytes, &mut self.random);
        self.tell_ready(now);
        match received {
            Ok(Received::Incomplete) => None,
            Ok(Received::Taken(len)) => Some(len),
            Ok(Received::Data { content, taken } | Received::EarlyData { content, taken }) => {
                self.offer(now, bytes, content, taken)
            }
            Ok(Received::End(len)) => {
                self.machine_end.is_told_end = true;
                let kept = core::mem::take(&mut self.kept);
                self.machine.on_end(now, &kept);
                Some(len)
            }
            Err(_) => {
                self.on_failure(now);
                Some(bytes.len())
            }
        }
    }

    /// Tells the machine once what was agreed on.
    fn tell_ready(&mut self, now: Instant) {
        if !self.machine_end.is_told_ready && self.connection.is_complete() {
            self.machine_end.is_told_ready = true;
            self.machine.on_ready(now, self.connection.session().alpn());
        }
    }

    /// Gives the machine the content of a record, which is `len` bytes long from the front of `bytes`.
    fn offer(&mut self, now: Instant, bytes: &mut [u8], content: Range<usize>, len: usize) -> Option<usize> {
        let start = content.start;
        let data = bytes.get_mut(content).unwrap_or_default();
        if !self.kept.is_empty() {
            self.kept.extend_from_slice(data);
            self.offer_kept(now);
            return Some(len);
        }
        let taken = self.machine.receive(now, data);
        let left = data.get(taken..).unwrap_or_default();
        if left.is_empty() {
            return Some(len);
        }
        if self.machine.demand() == Demand::More {
            // It waits for what the next record brings.
            assert!(left.len() < STREAM_UNIT, "the machine wants more, and has left {} bytes", left.len());
            self.kept.extend_from_slice(left);
            return Some(len);
        }
        let done = start + taken;
        self.opened = Some((0..left.len(), len - done));
        (done > 0).then_some(done)
    }

    /// Offers what was kept, with what has come since.
    fn offer_kept(&mut self, now: Instant) {
        if self.kept.is_empty() || !self.takes_data() {
            return;
        }
        let taken = self.machine.receive(now, &mut self.kept);
        self.kept.drain(..taken);
        let waits = self.machine.demand() == Demand::More;
        assert!(
            !waits || self.kept.len() < STREAM_UNIT,
            "the machine wants more, and has left {} bytes",
            self.kept.len()
        );
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }

    // Out.

    /// Has the machine write where its records are made, at the front of `out`. Says whether it had anything to say, and how long the
    /// records are; nothing if that cannot be now.
    fn say_in_place(&mut self, now: Instant, out: &mut [u8]) -> Option<(bool, usize)> {
        let sends = self.held.is_empty() && self.is_alive() && !self.machine_end.sends_nothing;
        let room = if sends { self.connection.room_in_place(out.len()) } else { 0 };
        let place = out.get_mut(HEADER_LEN..HEADER_LEN + room).filter(|place| place.len() >= STREAM_UNIT)?;
        match self.machine.transmit(now, place) {
            Outgoing::Bytes(len) => {
                assert!(len <= room, "the machine says that it wrote {len} bytes to room for {room}");
                let sealed = self.connection.seal_in_place(len, out);
                if sealed.is_err() {
                    self.on_failure(now);
                }
                Some((true, sealed.unwrap_or(0)))
            }
            Outgoing::Nothing => Some((false, 0)),
            Outgoing::End => {
                self.machine_end.sends_nothing = true;
                self.connection.close();
                Some((true, 0))
            }
        }
    }

    /// Asks the machine for what it has to send. True if it had anything to say.
    fn ask_machine(&mut self, now: Instant) -> bool {
        let (buffer, held) = (&mut self.outgoing, &mut self.held);
        let mut has_said = false;
        while self.connection.may_write() && !self.machine_end.sends_nothing {
            if buffer.is_empty() {
                *buffer = vec![0; OUTGOING_LEN];
            }
            if held.start > 0 {
                buffer.copy_within(held.clone(), 0);
                *held = 0..held.len();
            }
            let room = buffer.get_mut(held.end..).unwrap_or_default();
            if room.len() < STREAM_UNIT {
                break;
            }
            match self.machine.transmit(now, room) {
                Outgoing::Bytes(len) => held.end += len,
                Outgoing::Nothing => break,
                Outgoing::End => self.machine_end.sends_nothing = true,
            }
            has_said = true;
        }
        has_said
    }

    /// Seals what the machine has said. Gives the bytes that were written; none if there is nothing, or no room.
    fn seal(&mut self, now: Instant, out: &mut [u8]) -> usize {
        let (buffer, held) = (&mut self.outgoing, &mut self.held);
        let data = buffer.get(held.clone()).unwrap_or_default();
        let Ok(written) = self.connection.write(data, out) else {
            self.on_failure(now);
            return 0;
        };
        held.start += written.taken;
        if held.start == held.end && self.machine_end.sends_nothing {
            self.connection.close();
        }
        written.written
    }

    // The end.

    /// The connection has failed: the machine is told, and the carrier is ended as soon as the peer knows.
    fn on_failure(&mut self, now: Instant) {
        if !self.machine_end.is_told_reset {
            self.machine_end.is_told_reset = true;
            self.machine.on_reset(now);
        }
        (self.opened, self.kept) = (None, Vec::new());
        (self.outgoing, self.held) = (Vec::new(), 0..0);
    }

    /// Notes when nothing more is to come and to go, so that the carrier's end is not waited for without end.
    fn check_close(&mut self, now: Instant) {
        let is_over = self.connection.error().is_some()
            || self.connection.peer_has_closed() && self.connection.has_finished_sending();
        if is_over && self.close_deadline.is_none() {
            self.close_deadline = Some(now + self.close_timeout);
        }
    }
}

impl<M: StreamMachine, R: Random> StreamMachine for TlsStream<M, R> {
    fn demand(&self) -> Demand {
        if self.gives_up {
            return Demand::Reset;
        }
        if !self.is_alive() {
            return Demand::More;
        }
        match self.machine.demand() {
            Demand::Reset => Demand::Reset,
            // Handshake and end do not wait for the machine.
            Demand::Pause if self.connection.is_complete() && !self.machine_end.is_told_end => Demand::Pause,
            _ => Demand::More,
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        let mut taken = 0;
        self.offer_kept(now);
        while let Some(rest) = bytes.get_mut(taken..).filter(|rest| !rest.is_empty()) {
            if !self.is_alive() || self.machine_end.is_told_end {
                taken += self.ignore(rest.len());
                break;
            }
            if self.connection.is_complete() && !self.takes_data() {
                break;
            }
            let Some(len) = self.receive_once(now, rest) else { break };
            taken += len;
        }
        self.check_close(now);
        taken
    }

    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        if self.connection.on_end().is_err() && self.connection.error() == Some(&Error::Truncated) {
            self.on_failure(now);
        }
        self.check_close(now);
    }

    fn has_output(&self) -> bool {
        let of_machine = self.is_alive() && !self.machine_end.sends_nothing && self.machine.has_output();
        of_machine || self.connection.has_output() || !self.held.is_empty() || !self.kept.is_empty()
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        let written = loop {
            self.offer_kept(now);
            let (has_said, sealed) = match self.say_in_place(now, buffer) {
                Some(said) => said,
                None => (self.is_alive() && self.ask_machine(now), self.seal(now, buffer)),
            };
            // Who wants more asks again.
            if sealed > 0 || !has_said {
                break sealed;
            }
        };
        if written == 0 && self.held.start == self.held.end {
            (self.outgoing, self.held) = (Vec::new(), 0..0);
        }
        self.check_close(now);
        match written {
            0 if self.connection.has_finished_sending() => Outgoing::End,
            0 => Outgoing::Nothing,
            len => Outgoing::Bytes(len),
        }
    }

    fn on_reset(&mut self, now: Instant) {
        self.connection.on_reset();
        self.on_failure(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let of_machine = if self.is_alive() { self.machine.deadline() } else { None };
        Instant::earlier(Instant::earlier(of_machine, self.connection.deadline()), self.close_deadline)
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.close_deadline.is_some_and(|deadline| deadline <= now) {
            self.gives_up = true;
            self.close_deadline = None;
            return;
        }
        if self.connection.on_timeout(now).is_err() {
            self.on_failure(now);
        } else if self.is_alive() && self.machine.deadline().is_some_and(|deadline| deadline <= now) {
            self.machine.on_timeout(now);
        }
        self.check_close(now);
    }
}
