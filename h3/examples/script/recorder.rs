//! A transport that hands over what the script says, and writes down what it is asked for.

use crate::bytes::hexadecimal;
use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use posthaste_h3::{DatagramError, Delivery, Read, Transport, WriteError};
use quic::WhenFull;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bytes of the largest datagram.
const DATAGRAM: usize = 1200;

/// What a stream has received.
#[derive(Default)]
pub(crate) struct Input {
    pub(crate) bytes: VecDeque<Bytes>,
    pub(crate) is_finished: bool,
}

/// The transport of a script.
pub(crate) struct Recorder {
    pub(crate) side: Side,
    pub(crate) now: Instant,
    /// What it was asked for since the last input.
    asked_for: Vec<Asked>,
    pub(crate) input: BTreeMap<StreamId, Input>,
    /// Bytes that a stream still takes, where the script limits them.
    pub(crate) room: BTreeMap<StreamId, usize>,
    pub(crate) stopped: BTreeMap<StreamId, VarInt>,
    pub(crate) datagrams: VecDeque<Bytes>,
    opened: [u64; 2],
    written: BTreeMap<StreamId, u64>,
    /// Streams whose peer was asked to stop.
    quiet: BTreeSet<StreamId>,
}

enum Asked {
    /// Pieces for the same stream that follow each other are one.
    Write(StreamId, Vec<u8>),
    Words(String),
}

impl Recorder {
    pub(crate) fn new(side: Side) -> Recorder {
        Recorder {
            side,
            now: Instant::ZERO,
            asked_for: Vec::new(),
            input: BTreeMap::new(),
            room: BTreeMap::new(),
            stopped: BTreeMap::new(),
            datagrams: VecDeque::new(),
            opened: [0; 2],
            written: BTreeMap::new(),
            quiet: BTreeSet::new(),
        }
    }

    /// What it was asked for, a line each, and forgets it.
    pub(crate) fn take(&mut self) -> Vec<String> {
        let line = |asked| match asked {
            Asked::Write(id, bytes) => format!("write {} {}", id.value(), hexadecimal(&bytes)),
            Asked::Words(words) => words,
        };
        self.asked_for.drain(..).map(line).collect()
    }

    fn ask(&mut self, words: String) {
        self.asked_for.push(Asked::Words(words));
    }
}

impl Transport for Recorder {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let id = StreamId::new(self.side, direction, self.opened[direction as usize])?;
        self.opened[direction as usize] += 1;
        self.ask(format!("open {}", id.value()));
        Some(id)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        let input = self.input.entry(id).or_default();
        let Some(front) = input.bytes.front_mut() else {
            return if input.is_finished { Read::Finished } else { Read::Blocked };
        };
        let piece = front.split_to(max);
        if front.is_empty() {
            input.bytes.pop_front();
        }
        Read::Data(piece)
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        match self.stopped.get(&id) {
            Some(code) => Err(WriteError::Stopped(*code)),
            None => Ok(self.room.get(&id).map_or(wanted, |room| wanted.min(*room))),
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        let taken = self.room(id, data.len())?;
        let piece = data.split_to(taken);
        if let Some(room) = self.room.get_mut(&id) {
            *room -= taken;
        }
        *self.written.entry(id).or_default() += taken as u64;
        match self.asked_for.last_mut() {
            _ if piece.is_empty() => {}
            Some(Asked::Write(last, bytes)) if *last == id => bytes.extend_from_slice(&piece),
            _ => self.asked_for.push(Asked::Write(id, piece.to_vec())),
        }
        Ok(())
    }

    fn finish(&mut self, id: StreamId) {
        self.ask(format!("finish {}", id.value()));
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        self.ask(format!("reset {} {:#x}", id.value(), code.value()));
    }

    fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        self.quiet.insert(id);
        self.ask(format!("stop {} {:#x}", id.value(), code.value()));
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        if self.quiet.insert(id) {
            self.ask(format!("stop {} {:#x}", id.value(), code.value()));
        }
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn delivery(&self, id: StreamId) -> Option<Delivery> {
        let written = self.written.get(&id).copied().unwrap_or(0);
        Some(Delivery { written, acknowledged: written })
    }

    fn unacknowledged(&self) -> u64 {
        0
    }

    fn send_datagram(&mut self, parts: [&[u8]; 2], _when_full: WhenFull) -> Result<(), DatagramError> {
        self.ask(format!("datagram {}", hexadecimal(&parts.concat())));
        Ok(())
    }

    fn take_datagrams(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) {
        while let Some(datagram) = self.datagrams.pop_front() {
            if !take(&datagram) {
                break;
            }
        }
    }

    fn max_datagram_size(&self) -> Option<usize> {
        Some(DATAGRAM)
    }

    fn close(&mut self, code: VarInt, reason: &'static str) {
        self.ask(format!("close {:#x} {reason}", code.value()));
    }
}
