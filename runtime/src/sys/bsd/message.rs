//! Sending and receiving datagrams. Neither system has a call that sends or receives several, or one that is cut by the kernel.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use crate::sys::bsd::calls::{receive_message, send_message};
use crate::sys::bsd::datagram::{RawArrival, address_of, control_of, read_arrival};
use crate::sys::bsd::errno::EOPNOTSUPP;
use crate::sys::bsd::system::CONTROL;
use crate::sys::datagram::{Arrival, Outgoing};

/// The most datagrams that are received before others have their turn.
const RECEIVE_MAX: usize = 8;

/// Sends one message. There is no segmentation.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    outgoing: &Outgoing,
    payload: &[u8],
    segment_size: Option<u16>,
) -> io::Result<usize> {
    if segment_size.is_some() {
        return Err(io::Error::from_raw_os_error(EOPNOTSUPP));
    }
    send_message(fd, &address_of(outgoing), &control_of(outgoing, &CONTROL), payload)
}

/// Sends one message for each segment until one is refused; says how many were sent. The next call meets the refusal again.
pub(crate) fn send_each(
    fd: BorrowedFd<'_>,
    outgoing: &Outgoing,
    payload: &[u8],
    segment_size: usize,
) -> io::Result<usize> {
    let (address, control) = (address_of(outgoing), control_of(outgoing, &CONTROL));
    let mut sent = 0;
    for segment in payload.chunks(segment_size.max(1)) {
        match send_message(fd, &address, &control, segment) {
            Ok(_) => sent += 1,
            Err(error) if sent == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(sent)
}

/// Receives up to eight messages into `buffers` of `buffer_len` bytes each, as many as there are; `None` stands for one that is
/// to be ignored. An error behind the first message says that there is no more, or what the next call will say again.
pub(crate) fn receive_each(
    fd: BorrowedFd<'_>,
    buffers: &mut [u8],
    buffer_len: usize,
    arrivals: &mut Vec<Option<Arrival>>,
) -> io::Result<()> {
    let mut received = 0;
    for buffer in buffers.chunks_exact_mut(buffer_len.max(1)).take(RECEIVE_MAX) {
        match receive_one(fd, buffer, arrivals) {
            Ok(()) => received += 1,
            Err(error) if received == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(())
}

/// Receives one message.
pub(crate) fn receive_one(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    arrivals: &mut Vec<Option<Arrival>>,
) -> io::Result<()> {
    let mut raw = RawArrival::EMPTY;
    receive_message(fd, buffer, &mut raw)?;
    arrivals.push(read_arrival(&raw, &CONTROL));
    Ok(())
}

/// A socket that is not connected is told of no errors, and there is no queue of them.
pub(crate) fn take_report(_fd: BorrowedFd<'_>) -> io::Result<(io::ErrorKind, Option<SocketAddr>)> {
    Err(io::ErrorKind::WouldBlock.into())
}
