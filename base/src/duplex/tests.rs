use super::*;
use alloc::string::String;

const NOW: Instant = Instant::ZERO;

/// Takes lines whole, and each byte that it takes as a sign that it may send one.
#[derive(Default)]
struct Lines {
    heard: String,
    left: Option<String>,
    pauses: bool,
    resets: bool,
    ends: bool,
    was_reset: u32,
    to_send: Vec<u8>,
    transmits: u32,
    /// It says that it has nothing to send.
    is_silent: bool,
}

impl StreamMachine for Lines {
    fn demand(&self) -> Demand {
        match (self.resets, self.pauses) {
            (true, _) => Demand::Reset,
            (_, true) => Demand::Pause,
            _ => Demand::More,
        }
    }

    fn receive(&mut self, _now: Instant, bytes: &mut [u8]) -> usize {
        let taken = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.heard.push_str(core::str::from_utf8(&bytes[..taken]).unwrap());
        // What it leaves is offered as it is left.
        bytes[taken..].make_ascii_uppercase();
        taken
    }

    fn on_end(&mut self, _now: Instant, left: &[u8]) {
        assert!(self.left.is_none(), "it comes once");
        self.left = Some(String::from_utf8(left.to_vec()).unwrap());
    }

    fn has_output(&self) -> bool {
        !self.is_silent
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.transmits += 1;
        assert!(buffer.len() >= STREAM_UNIT);
        if self.to_send.is_empty() {
            return if self.ends { Outgoing::End } else { Outgoing::Nothing };
        }
        let len = self.to_send.len().min(STREAM_UNIT);
        buffer[..len].copy_from_slice(&self.to_send[..len]);
        self.to_send.drain(..len);
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.was_reset += 1;
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}

struct Rig {
    duplex: Duplex,
    machine: Lines,
    memory: StreamMemory,
}

fn rig() -> Rig {
    Rig { duplex: Duplex::default(), machine: Lines::default(), memory: StreamMemory::default() }
}

impl Rig {
    fn bring(&mut self, bytes: &[u8]) {
        assert!(self.duplex.wants_bytes(&self.machine));
        self.duplex.room(&mut self.memory)[..bytes.len()].copy_from_slice(bytes);
        self.duplex.on_received(NOW, bytes.len(), &mut self.machine);
    }

    fn end(&mut self) {
        self.duplex.on_carrier_end(NOW, &mut self.machine);
    }

    fn transmit(&mut self) -> bool {
        self.duplex.transmit(NOW, &mut self.machine, &mut self.memory)
    }
}

#[test]
fn what_is_not_taken_is_offered_again_as_it_was_left() {
    let mut rig = rig();
    rig.bring(b"one\ntw");
    assert_eq!(rig.machine.heard, "one\n");
    rig.bring(b"o\n");
    assert_eq!(rig.machine.heard, "one\nTWo\n");
    rig.bring(b"thr");
    assert!(!rig.duplex.offer(NOW, &mut rig.machine), "nothing has come since");
    rig.end();
    assert_eq!(rig.machine.left.as_deref(), Some("THR"), "the beginning of something that was cut off");
    rig.end();
    assert!(!rig.duplex.wants_bytes(&rig.machine));
    assert_eq!(rig.duplex.end(&rig.machine), None, "the other direction goes on");
}

#[test]
fn a_machine_that_pauses_is_told_nothing_and_then_all_in_order() {
    let mut rig = rig();
    rig.bring(b"one\n");
    rig.machine.pauses = true;
    assert!(!rig.duplex.wants_bytes(&rig.machine));
    // What was on its way already.
    rig.duplex.room(&mut rig.memory)[..4].copy_from_slice(b"two\n");
    rig.duplex.on_received(NOW, 4, &mut rig.machine);
    rig.end();
    assert!(!rig.duplex.offer(NOW, &mut rig.machine));
    assert_eq!((rig.machine.heard.as_str(), rig.machine.left.as_deref()), ("one\n", None));
    rig.machine.pauses = false;
    assert!(rig.duplex.offer(NOW, &mut rig.machine));
    assert_eq!((rig.machine.heard.as_str(), rig.machine.left.as_deref()), ("one\ntwo\n", Some("")));
}

#[test]
fn output_is_carried_whole_and_its_end_comes_last() {
    let mut rig = rig();
    rig.machine.to_send = (0..100_000u32).map(|at| at as u8).collect();
    rig.machine.ends = true;
    let (mut carried, expected) = (Vec::new(), rig.machine.to_send.clone());
    while rig.transmit() {
        assert!(rig.duplex.to_send().is_empty() || !rig.duplex.take_end(), "not before the bytes");
        let transmits = rig.machine.transmits;
        while !rig.duplex.to_send().is_empty() {
            let part = rig.duplex.to_send().len().min(999);
            carried.extend_from_slice(&rig.duplex.to_send()[..part]);
            rig.duplex.on_sent(part);
            // While the carrier is full, the machine is not asked.
            assert!(rig.duplex.to_send().is_empty() || (rig.transmit() && rig.machine.transmits == transmits));
        }
        if rig.duplex.take_end() {
            break;
        }
    }
    assert!(carried == expected);
    let transmits = rig.machine.transmits;
    assert!(!rig.transmit() && !rig.duplex.take_end() && rig.machine.transmits == transmits, "the end comes once");
    rig.end();
    assert_eq!(rig.duplex.end(&rig.machine), Some(DuplexEnd::Both));
    rig.duplex.on_reset(NOW, &mut rig.machine);
    assert_eq!(rig.machine.was_reset, 0, "there was nothing left to break");
}

#[test]
fn a_reset_is_told_once_and_nothing_after_it() {
    let mut rig = rig();
    rig.machine.to_send = Vec::from(b"late");
    rig.duplex.on_reset(NOW, &mut rig.machine);
    rig.duplex.on_reset(NOW, &mut rig.machine);
    assert_eq!(rig.machine.was_reset, 1);
    rig.end();
    assert!(rig.machine.left.is_none() && !rig.transmit() && rig.machine.transmits == 0);
    assert_eq!(rig.duplex.end(&rig.machine), Some(DuplexEnd::Reset));
}

#[test]
fn a_machine_that_gives_up_ends_the_connection_while_its_output_stands_still() {
    let mut rig = rig();
    rig.machine.to_send = Vec::from(b"stuck");
    assert!(rig.transmit());
    rig.machine.resets = true;
    assert_eq!(rig.duplex.end(&rig.machine), Some(DuplexEnd::GivenUp));
    rig.duplex.on_reset(NOW, &mut rig.machine);
    assert_eq!(rig.machine.was_reset, 0, "it knows");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut rig = rig();
    rig.bring(b"one\nt");
    assert!(!rig.transmit());
    rig.duplex.give_back(&mut rig.memory);
    assert_eq!(rig.memory.spare.len(), 1, "a part of a line stays");
    rig.bring(b"wo\n");
    rig.duplex.give_back(&mut rig.memory);
    assert_eq!(rig.memory.spare.len(), 2);
    rig.bring(b"three");
    rig.machine.to_send = Vec::from(b"stuck");
    assert!(rig.transmit() && rig.memory.spare.is_empty());
    rig.duplex.discard(&mut rig.memory);
    assert_eq!(rig.memory.spare.len(), 2);
    (0..100).for_each(|_| rig.memory.take_back(vec![0; BUFFER_LEN].into()));
    assert_eq!(rig.memory.spare.len(), SPARE);
}

#[test]
#[should_panic(expected = "the machine wants more, and has left 17408 bytes of 17408")]
fn a_machine_that_waits_for_more_than_a_unit_breaks_the_contract() {
    rig().bring(&[b'x'; STREAM_UNIT]);
}

#[test]
#[should_panic(expected = "bytes came after the end")]
fn bytes_after_the_end_break_the_contract() {
    let mut rig = rig();
    rig.end();
    rig.duplex.on_received(NOW, 0, &mut rig.machine);
}

/// What the carrier took later than the machine was asked says nothing of what the machine has to say by then.
#[test]
fn who_was_not_asked_since_the_carrier_was_full_has_not_said_all() {
    let mut rig = rig();
    rig.machine.to_send = vec![1; 10];
    assert!(rig.transmit());
    assert!(!rig.duplex.has_sent_all(), "it waits");
    rig.duplex.on_sent(4);
    assert!(!rig.duplex.has_sent_all(), "a part of it waits");
    // Meanwhile it hears something, and has more to say.
    rig.machine.to_send = vec![2; 3];
    assert!(rig.transmit());
    rig.duplex.on_sent(6);
    assert!(!rig.duplex.has_sent_all());
    assert!(rig.transmit());
    rig.duplex.on_sent(3);
    assert!(rig.duplex.has_sent_all(), "asked, and all has gone at once");
}

#[test]
fn what_a_machine_is_asked_for_leaves_with_what_it_says_next() {
    let mut rig = rig();
    let Rig { duplex, machine, memory } = &mut rig;
    assert!(!duplex.ask(NOW, machine, memory) && duplex.has_sent_all(), "it has nothing to say");
    machine.to_send = alloc::vec![1; 10];
    assert!(duplex.ask(NOW, machine, memory) && !duplex.has_sent_all());
    machine.to_send = alloc::vec![2; 10];
    assert!(duplex.transmit(NOW, machine, memory));
    assert_eq!(duplex.to_send(), [[1; 10], [2; 10]].concat());
    // The carrier has been offered that: it is not asked for more before that has gone.
    duplex.on_sent(5);
    let before = machine.transmits;
    machine.to_send = alloc::vec![3; 10];
    assert!(!duplex.ask(NOW, machine, memory) && duplex.transmit(NOW, machine, memory));
    assert_eq!((duplex.to_send().len(), machine.transmits), (15, before));
    duplex.on_sent(15);
    machine.ends = true;
    assert!(duplex.ask(NOW, machine, memory) && !duplex.has_sent_all());
    assert!(duplex.transmit(NOW, machine, memory));
    assert_eq!(duplex.to_send(), [3; 10]);
    duplex.on_sent(10);
    assert!(duplex.take_end() && !duplex.ask(NOW, machine, memory));
}

#[test]
fn a_machine_that_has_nothing_to_send_is_not_asked_for_it_and_no_buffer_is_held_for_that() {
    let mut rig = rig();
    rig.machine.is_silent = true;
    assert!(!rig.transmit() && rig.duplex.has_sent_all() && rig.machine.transmits == 0);
    assert!(!rig.duplex.ask(NOW, &mut rig.machine, &mut rig.memory) && rig.duplex.has_sent_all());
    rig.duplex.give_back(&mut rig.memory);
    assert_eq!((rig.machine.transmits, rig.memory.spare_count()), (0, 0));
    (rig.machine.is_silent, rig.machine.to_send) = (false, b"one".to_vec());
    assert!(rig.transmit() && rig.duplex.to_send() == b"one");
    assert_eq!(rig.machine.transmits, 2, "it did not say that this was all");
}
