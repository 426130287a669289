//! Programs that the kernel runs on each packet (classic BPF): which of the sockets that share an address it is for, and whether it is
//! for any.

use std::io;
use std::os::fd::BorrowedFd;

use base::Steering;

use crate::sys::linux::calls::attach_filter;
use crate::sys::linux::types::{FilterStep, SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF};

// The codes of instructions: class, size or operation, and mode or operand, as in `linux/bpf_common.h`. A is the
// accumulator, X the index, k the constant of the instruction, and M the memory of the program.
const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const LOAD_LEN: u16 = 0x80;
const LOAD_MEMORY_INTO_X: u16 = 0x61;
const STORE: u16 = 0x02;
const ADD_X: u16 = 0x0c;
const MULTIPLY: u16 = 0x24;
const SHIFT_RIGHT: u16 = 0x74;
const XOR: u16 = 0xa4;
const XOR_X: u16 = 0xac;
const COPY_TO_X: u16 = 0x07;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const JUMP_IF_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;
const RETURN_A: u16 = 0x16;

/// No socket has this number: the kernel chooses by the addresses, as without a program.
const BY_ADDRESSES: u32 = u32::MAX;
/// A long header (RFC 9000 section 17.2), whose ID may be one that the client has chosen.
const LONG_HEADER: u32 = 0x80;

/// Has the kernel give each packet with a short header to the socket of the worker that its connection ID names. The sockets
/// that share the address of `socket` are numbered in the order in which they were bound.
pub(crate) fn steer(socket: BorrowedFd<'_>, steering: &Steering) -> io::Result<()> {
    #[cfg(test)]
    crate::sys::refusal::check(crate::sys::refusal::Call::Option)?;
    attach_filter(socket, SO_ATTACH_REUSEPORT_CBPF, &program(steering))
}

/// Has the kernel give connections from now on to the socket of this place, of those that share the address of `socket`, in the
/// order in which they began to listen. Where there is none, or for `None`, it chooses by the addresses.
pub(crate) fn prefer(socket: BorrowedFd<'_>, place: Option<u32>) -> io::Result<()> {
    let choice = FilterStep { code: RETURN, on_true: 0, on_false: 0, k: place.unwrap_or(BY_ADDRESSES) };
    attach_filter(socket, SO_ATTACH_REUSEPORT_CBPF, &[choice])
}

/// Where the flags of TCP are in its header (RFC 9293 section 3.1), and two of them.
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// Has the kernel drop what would begin a connection with a socket that listens. What belongs to one that has begun gets through.
pub(crate) fn pass_over_newcomers(socket: BorrowedFd<'_>) -> io::Result<()> {
    let step = |code, k| FilterStep { code, on_true: 0, on_false: 0, k };
    let steps = [
        step(LOAD_BYTE, FLAGS),
        FilterStep { on_true: 1, ..step(JUMP_IF_BITS, ACK) },
        FilterStep { on_true: 1, ..step(JUMP_IF_BITS, SYN) },
        step(RETURN, u32::MAX),
        step(RETURN, 0),
    ];
    attach_filter(socket, SO_ATTACH_FILTER, &steps)
}

/// [`Steering::worker`], in the kernel's words. Byte 0 is the first of the UDP payload.
fn program(steering: &Steering) -> Vec<FilterStep> {
    let step = |code, k| FilterStep { code, on_true: 0, on_false: 0, k };
    let [first, second, third, fourth] = steering.keys;
    let id_len = u32::try_from(steering.id_len).unwrap_or(u32::MAX);
    let shifted = |by| [step(COPY_TO_X, 0), step(SHIFT_RIGHT, by), step(XOR_X, 0)];
    let mut steps = vec![
        step(LOAD_BYTE, 0),
        // The last instruction of these two jumps over the other's return.
        FilterStep { on_true: 2, on_false: 0, ..step(JUMP_IF_BITS, LONG_HEADER) },
        step(LOAD_LEN, 0),
        FilterStep { on_true: 1, on_false: 0, ..step(JUMP_IF_AT_LEAST, id_len.saturating_add(1)) },
        step(RETURN, BY_ADDRESSES),
        step(LOAD_WORD, 1),
        step(XOR, first),
        step(MULTIPLY, second | 1),
    ];
    steps.extend(shifted(15));
    steps.extend([
        step(STORE, 0),
        step(LOAD_WORD, id_len.saturating_sub(4)),
        step(XOR, third),
        step(LOAD_MEMORY_INTO_X, 0),
        step(ADD_X, 0),
        step(MULTIPLY, fourth | 1),
    ]);
    steps.extend(shifted(16));
    steps.extend([
        step(MULTIPLY, second | 1),
        step(SHIFT_RIGHT, 24),
        step(COPY_TO_X, 0),
        step(LOAD_BYTE, id_len),
        step(XOR_X, 0),
        FilterStep { on_true: 1, on_false: 0, ..step(JUMP_IF_AT_LEAST, steering.workers) },
        step(RETURN_A, 0),
        step(RETURN, BY_ADDRESSES),
    ]);
    steps
}

#[cfg(test)]
mod tests;
