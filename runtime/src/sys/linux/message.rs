//! Datagrams with what travels beside them: source and destination address, mark, segment size.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use base::Ecn;

use crate::sys::datagram::{Arrival, Outgoing};
use crate::sys::linux::address::RawAddress;
use crate::sys::linux::calls::{
    RECEIVE_MAX, RawArrival, receive_message, receive_messages, receive_report, send_message, send_messages,
};
use crate::sys::linux::control::{Ancillary, Control};
use crate::sys::linux::types::MSG_TRUNC;

impl Outgoing {
    fn address(&self) -> RawAddress {
        RawAddress::new(self.remote, self.ipv6_socket)
    }

    /// What is sent to an IPv4 host takes IPv4 items, even on a socket of the IPv6 family.
    fn control(&self, segment_size: Option<u16>) -> Control {
        let mut control = Control::EMPTY;
        // A mark beside the message has the kernel look up the route of each: only what is not as usual takes one.
        let mark = (self.ecn != self.usual).then_some(self.ecn as u8);
        match self.remote.ip().to_canonical() {
            IpAddr::V4(_) => {
                if let Some(IpAddr::V4(source)) = self.source {
                    control.push_source_v4(source);
                }
                if let Some(mark) = mark {
                    control.push_type_of_service(mark);
                }
            }
            IpAddr::V6(_) => {
                if let Some(IpAddr::V6(source)) = self.source {
                    control.push_source_v6(source);
                }
                if let Some(mark) = mark {
                    control.push_traffic_class(mark);
                }
            }
        }
        if let Some(size) = segment_size {
            control.push_segment_size(size);
        }
        control
    }
}

/// Sends one message; with a segment size the kernel cuts it into datagrams.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    outgoing: &Outgoing,
    payload: &[u8],
    segment_size: Option<u16>,
) -> io::Result<usize> {
    send_message(fd, &outgoing.address(), &outgoing.control(segment_size), payload)
}

/// Sends one message for each segment, as many as one call takes; says how many were sent.
pub(crate) fn send_each(
    fd: BorrowedFd<'_>,
    outgoing: &Outgoing,
    payload: &[u8],
    segment_size: usize,
) -> io::Result<usize> {
    send_messages(fd, &outgoing.address(), &outgoing.control(None), payload, segment_size)
}

/// Receives up to eight messages into `buffers` of `buffer_len` bytes each; `None` stands for one that is to be ignored.
pub(crate) fn receive_each(
    fd: BorrowedFd<'_>,
    buffers: &mut [u8],
    buffer_len: usize,
    arrivals: &mut Vec<Option<Arrival>>,
) -> io::Result<()> {
    let mut raw = [RawArrival::EMPTY; RECEIVE_MAX];
    let received = receive_messages(fd, buffers, buffer_len, &mut raw)?;
    arrivals.extend(raw.iter().take(received).map(read_arrival));
    Ok(())
}

/// The same for one message.
pub(crate) fn receive_one(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    arrivals: &mut Vec<Option<Arrival>>,
) -> io::Result<()> {
    let mut raw = RawArrival::EMPTY;
    receive_message(fd, buffer, &mut raw)?;
    arrivals.push(read_arrival(&raw));
    Ok(())
}

/// One report about an earlier datagram: what went wrong, and where it was sent to.
///
/// # Errors
/// `WouldBlock` if there is none.
pub(crate) fn take_report(fd: BorrowedFd<'_>) -> io::Result<(io::ErrorKind, Option<SocketAddr>)> {
    let mut raw = RawArrival::EMPTY;
    receive_report(fd, &mut raw)?;
    let kind =
        raw.control.decode().error.map_or(io::ErrorKind::Other, |error| io::Error::from_raw_os_error(error).kind());
    Ok((kind, raw.address.decode()))
}

fn read_arrival(raw: &RawArrival) -> Option<Arrival> {
    // Cut off: the buffers hold all that UDP allows, so this is no datagram that anybody meant to send.
    if raw.flags & MSG_TRUNC != 0 {
        return None;
    }
    let ancillary = raw.control.decode();
    if sent_to_many(&ancillary) {
        return None;
    }
    // A size of zero would make the caller cut forever.
    let segment_size = ancillary.segment_size.filter(|size| *size > 0).unwrap_or(raw.len).max(1);
    Some(Arrival {
        len: raw.len,
        segment_size,
        remote: raw.address.decode()?,
        destination: destination(&ancillary),
        ecn: Ecn::from_bits(ancillary.traffic_class.unwrap_or(0)),
    })
}

/// Whether the datagram went to a group or to everybody: one packet would then be answered by many hosts.
fn sent_to_many(ancillary: &Ancillary) -> bool {
    match (ancillary.v4, ancillary.v6) {
        // For a datagram to one of our own addresses the two are the same. The broadcast address of a network cannot
        // be told by its looks, but there the kernel proposes another address to answer from.
        (Some((destination, ours)), _) => {
            destination.is_multicast() || destination.is_broadcast() || (!ours.is_unspecified() && ours != destination)
        }
        (None, Some(destination)) => destination.is_multicast(),
        (None, None) => false,
    }
}

fn destination(ancillary: &Ancillary) -> Option<IpAddr> {
    match (ancillary.v4, ancillary.v6) {
        (Some((destination, _)), _) => Some(destination.into()),
        (None, Some(destination)) => Some(destination.to_canonical()),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::linux::types::{SOL_UDP, UDP_GRO};
    use core::net::Ipv4Addr;

    fn arrival(len: usize, segment_size: Option<i32>) -> RawArrival {
        let mut raw = RawArrival::EMPTY;
        raw.len = len;
        raw.address = RawAddress::new("127.0.0.1:9".parse().unwrap(), false);
        if let Some(size) = segment_size {
            let mut bytes = [0; 24];
            bytes[0] = 20;
            bytes[8..12].copy_from_slice(&SOL_UDP.to_ne_bytes());
            bytes[12..16].copy_from_slice(&UDP_GRO.to_ne_bytes());
            bytes[16..20].copy_from_slice(&size.to_ne_bytes());
            raw.control.bytes[..24].copy_from_slice(&bytes);
            raw.control.len = 24;
        }
        raw
    }

    #[test]
    fn a_segment_size_that_cannot_be_used_means_one_datagram() {
        for (len, reported, expected) in [
            (100, None, 100),
            (100, Some(0), 100),
            (100, Some(-1), 100),
            (100, Some(40), 40),
            (0, None, 1),
            (0, Some(0), 1),
        ] {
            assert_eq!(read_arrival(&arrival(len, reported)).unwrap().segment_size, expected);
        }
    }

    #[test]
    fn a_truncated_datagram_or_one_of_an_unknown_family_is_ignored() {
        let mut raw = arrival(100, None);
        raw.flags = MSG_TRUNC;
        assert!(read_arrival(&raw).is_none());
        let mut raw = arrival(100, None);
        raw.address.len = 0;
        assert!(read_arrival(&raw).is_none());
    }

    #[test]
    fn destinations_of_many_are_recognized() {
        let ours = Ipv4Addr::new(10, 0, 0, 7);
        let cases = [
            (Ipv4Addr::new(10, 0, 0, 7), ours, false),
            (Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::UNSPECIFIED, false),
            (Ipv4Addr::new(10, 0, 0, 255), ours, true),
            (Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED, true),
            (Ipv4Addr::new(224, 0, 0, 1), ours, true),
        ];
        for (destination, ours, expected) in cases {
            let ancillary = Ancillary { v4: Some((destination, ours)), ..Ancillary::default() };
            assert_eq!(sent_to_many(&ancillary), expected, "{destination}");
        }
        for (destination, expected) in [("ff02::1", true), ("::1", false)] {
            let ancillary = Ancillary { v6: Some(destination.parse().unwrap()), ..Ancillary::default() };
            assert_eq!(sent_to_many(&ancillary), expected);
        }
    }
}
