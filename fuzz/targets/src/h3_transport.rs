//! A transport made of queues, which holds the connection above it to the rules: nothing is written to a stream that was
//! not opened or has ended, and the connection is closed once.

use base::{Bytes, Direction, Side, StreamId, VarInt};
use h3::{Read, Transport, WriteError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a connection asked for, in order; writes to one stream that follow each other are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Open(u64),
    Write(u64, Vec<u8>),
    Finish(u64),
    Reset(u64, u64),
    StopSending(u64, u64),
    Close(u64),
}

#[derive(Default)]
struct Incoming {
    bytes: VecDeque<Bytes>,
    is_finished: bool,
    reset: Option<VarInt>,
}

pub struct Recorder {
    pub side: Side,
    pub commands: Vec<Command>,
    /// Streams that may still be opened, by direction.
    pub may_open: [u64; 2],
    opened: [u64; 2],
    incoming: BTreeMap<StreamId, Incoming>,
    /// Streams the peer opened.
    pub known: BTreeSet<StreamId>,
    /// Bytes that fit, where a limit was set.
    pub room: BTreeMap<StreamId, usize>,
    pub stopped: BTreeMap<StreamId, VarInt>,
    ended: BTreeSet<StreamId>,
    is_closed: bool,
}

impl Recorder {
    pub fn new(side: Side) -> Recorder {
        Recorder {
            side,
            commands: Vec::new(),
            may_open: [1000; 2],
            opened: [0; 2],
            incoming: BTreeMap::new(),
            known: BTreeSet::new(),
            room: BTreeMap::new(),
            stopped: BTreeMap::new(),
            ended: BTreeSet::new(),
            is_closed: false,
        }
    }

    /// Whether the peer can send on this stream, so that it makes sense to feed it.
    pub fn takes(&self, id: StreamId) -> bool {
        let exists = id.initiator() != self.side || id.index() < self.opened[id.direction() as usize];
        exists && id.is_received_by(self.side)
    }

    pub fn feed(&mut self, id: StreamId, bytes: &[u8]) {
        let incoming = self.incoming.entry(id).or_default();
        if !bytes.is_empty() && !incoming.is_finished {
            incoming.bytes.push_back(Bytes::copy_from_slice(bytes));
        }
    }

    pub fn end(&mut self, id: StreamId) {
        self.incoming.entry(id).or_default().is_finished = true;
    }

    pub fn reset_by_peer(&mut self, id: StreamId, code: VarInt) {
        let incoming = self.incoming.entry(id).or_default();
        incoming.bytes.clear();
        incoming.reset = Some(code);
    }

    /// Whether the peer may still say something on the stream.
    pub fn is_open(&self, id: StreamId) -> bool {
        self.incoming.get(&id).is_none_or(|incoming| !incoming.is_finished && incoming.reset.is_none())
    }

    fn check_own(&self, id: StreamId) {
        assert!(!self.is_closed, "nothing is said after the close");
        let exists = match id.initiator() == self.side {
            true => id.index() < self.opened[id.direction() as usize],
            false => self.known.contains(&id),
        };
        assert!(exists && id.is_sent_by(self.side), "{id:?} cannot be sent on");
    }
}

impl Transport for Recorder {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let index = self.opened[direction as usize];
        if index >= self.may_open[direction as usize] {
            return None;
        }
        self.opened[direction as usize] += 1;
        let id = StreamId::new(self.side, direction, index)?;
        self.commands.push(Command::Open(id.value()));
        Some(id)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        assert!(max > 0);
        let Some(incoming) = self.incoming.get_mut(&id) else { return Read::Blocked };
        if let Some(code) = incoming.reset {
            return Read::Reset(code);
        }
        match incoming.bytes.front_mut() {
            Some(front) => {
                let piece = front.split_to(max);
                if front.is_empty() {
                    incoming.bytes.pop_front();
                }
                Read::Data(piece)
            }
            None if incoming.is_finished => Read::Finished,
            None => Read::Blocked,
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        self.check_own(id);
        assert!(!self.ended.contains(&id), "{id:?} has ended");
        if let Some(code) = self.stopped.get(&id) {
            return Err(WriteError::Stopped(*code));
        }
        let piece = match self.room.get_mut(&id) {
            Some(room) => {
                let piece = data.split_to(*room);
                *room -= piece.len();
                piece
            }
            None => core::mem::take(data),
        };
        match self.commands.last_mut() {
            _ if piece.is_empty() => {}
            Some(Command::Write(last, bytes)) if *last == id.value() => bytes.extend_from_slice(&piece),
            _ => self.commands.push(Command::Write(id.value(), piece.to_vec())),
        }
        Ok(())
    }

    fn finish(&mut self, id: StreamId) {
        self.check_own(id);
        self.ended.insert(id);
        self.commands.push(Command::Finish(id.value()));
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        self.check_own(id);
        self.ended.insert(id);
        self.commands.push(Command::Reset(id.value(), code.value()));
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        assert!(!self.is_closed, "nothing is said after the close");
        self.commands.push(Command::StopSending(id.value(), code.value()));
    }

    fn close(&mut self, code: VarInt, _reason: &'static str) {
        assert!(!core::mem::replace(&mut self.is_closed, true), "closed twice");
        self.commands.push(Command::Close(code.value()));
    }
}
