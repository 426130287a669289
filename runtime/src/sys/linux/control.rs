//! Ancillary data (`cmsg`): what travels beside a datagram's payload. Built and read as bytes, without pointers.
//!
//! One item is a header of 16 bytes (length with the header, level, type), its data, and filler up to eight bytes.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::sys::linux::types::{
    IP_PKTINFO, IP_RECVERR, IP_TOS, IPV6_PKTINFO, IPV6_RECVERR, IPV6_TCLASS, SOL_IP, SOL_IPV6, SOL_UDP, UDP_GRO,
    UDP_SEGMENT,
};

/// Room for one of each item that we ask for or send: 32 + 40 + 24 + 24 + 24 bytes, and some to spare. A report takes 64
/// beside the first two.
pub(crate) const CONTROL_LEN: usize = 192;
const HEADER_LEN: usize = 16;
const ALIGNMENT: usize = 8;

/// A buffer of items.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Control {
    pub(crate) bytes: [u8; CONTROL_LEN],
    /// Bytes in use.
    pub(crate) len: usize,
}

/// What the items of a received datagram say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ancillary {
    /// The destination in the IPv4 header, and the address of ours that answers would be sent from.
    pub(crate) v4: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The destination in the IPv6 header.
    pub(crate) v6: Option<Ipv6Addr>,
    /// The type-of-service or traffic-class byte.
    pub(crate) traffic_class: Option<u8>,
    /// Bytes of each segment where several datagrams came in one.
    pub(crate) segment_size: Option<usize>,
    /// What a report about an earlier datagram says: an error number.
    pub(crate) error: Option<i32>,
}

impl Control {
    pub(crate) const EMPTY: Control = Control { bytes: [0; CONTROL_LEN], len: 0 };

    /// The datagram is to leave from this address.
    pub(crate) fn push_source_v4(&mut self, source: Ipv4Addr) {
        // struct in_pktinfo { int ifindex; in_addr spec_dst; in_addr addr; }
        let mut data = [0; 12];
        data[4..8].copy_from_slice(&source.octets());
        self.push(SOL_IP, IP_PKTINFO, &data);
    }

    /// The datagram is to leave from this address.
    pub(crate) fn push_source_v6(&mut self, source: Ipv6Addr) {
        // struct in6_pktinfo { in6_addr addr; unsigned ifindex; }
        let mut data = [0; 20];
        data[..16].copy_from_slice(&source.octets());
        self.push(SOL_IPV6, IPV6_PKTINFO, &data);
    }

    /// The type-of-service byte of an IPv4 datagram.
    pub(crate) fn push_type_of_service(&mut self, value: u8) {
        self.push(SOL_IP, IP_TOS, &i32::from(value).to_ne_bytes());
    }

    /// The traffic-class byte of an IPv6 datagram.
    pub(crate) fn push_traffic_class(&mut self, value: u8) {
        self.push(SOL_IPV6, IPV6_TCLASS, &i32::from(value).to_ne_bytes());
    }

    /// The payload is to be cut into datagrams of this size.
    pub(crate) fn push_segment_size(&mut self, size: u16) {
        self.push(SOL_UDP, UDP_SEGMENT, &size.to_ne_bytes());
    }

    fn push(&mut self, level: i32, kind: i32, data: &[u8]) {
        let len = HEADER_LEN + data.len();
        let padded = len.next_multiple_of(ALIGNMENT);
        let place = &mut self.bytes[self.len..self.len + padded];
        place[0..8].copy_from_slice(&(len as u64).to_ne_bytes());
        place[8..12].copy_from_slice(&level.to_ne_bytes());
        place[12..16].copy_from_slice(&kind.to_ne_bytes());
        place[HEADER_LEN..len].copy_from_slice(data);
        place[len..].fill(0);
        self.len += padded;
    }

    /// Reads the items, skipping those that nobody asked for and stopping at one that does not fit.
    pub(crate) fn decode(&self) -> Ancillary {
        let mut ancillary = Ancillary::default();
        let mut rest = self.bytes.get(..self.len).unwrap_or(&[]);
        while let Some((level, kind, data, next)) = next_item(rest) {
            ancillary.note(level, kind, data);
            rest = next;
        }
        ancillary
    }
}

fn next_item(bytes: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let (level, rest) = rest.split_first_chunk::<4>()?;
    let (kind, _) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u64::from_ne_bytes(*len)).ok()?;
    let data = bytes.get(HEADER_LEN..len)?;
    let next = bytes.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
    Some((i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind), data, next))
}

impl Ancillary {
    fn note(&mut self, level: i32, kind: i32, data: &[u8]) {
        match (level, kind) {
            (SOL_IP, IP_PKTINFO) => {
                if let (Some(ours), Some(destination)) = (array::<4>(data, 4), array::<4>(data, 8)) {
                    self.v4 = Some((destination.into(), ours.into()));
                }
            }
            (SOL_IPV6, IPV6_PKTINFO) => self.v6 = array::<16>(data, 0).map(Ipv6Addr::from),
            // The kernel reports one byte here although an `int` is what it takes.
            (SOL_IP, IP_TOS) => self.traffic_class = data.first().copied(),
            // struct sock_extended_err begins with the error number, an unsigned one.
            (SOL_IP, IP_RECVERR) | (SOL_IPV6, IPV6_RECVERR) => self.error = array(data, 0).map(i32::from_ne_bytes),
            (SOL_IPV6, IPV6_TCLASS) => self.traffic_class = array(data, 0).map(|value| i32::from_ne_bytes(value) as u8),
            (SOL_UDP, UDP_GRO) => {
                self.segment_size = array(data, 0).and_then(|value| usize::try_from(i32::from_ne_bytes(value)).ok());
            }
            _ => {}
        }
    }
}

fn array<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{offset_of, size_of};

    #[test]
    fn headers_and_data_are_laid_out_as_libc_says() {
        assert_eq!(size_of::<libc::cmsghdr>(), HEADER_LEN);
        assert_eq!((offset_of!(libc::cmsghdr, cmsg_level), offset_of!(libc::cmsghdr, cmsg_type)), (8, 12));
        assert_eq!(size_of::<libc::in_pktinfo>(), 12);
        assert_eq!((offset_of!(libc::in_pktinfo, ipi_spec_dst), offset_of!(libc::in_pktinfo, ipi_addr)), (4, 8));
        assert_eq!((size_of::<libc::in6_pktinfo>(), offset_of!(libc::in6_pktinfo, ipi6_addr)), (20, 0));
    }

    fn full() -> Control {
        let mut control = Control::EMPTY;
        control.push_source_v4(Ipv4Addr::new(1, 2, 3, 4));
        control.push_source_v6(Ipv6Addr::LOCALHOST);
        control.push_type_of_service(2);
        control.push_traffic_class(3);
        control.push(SOL_UDP, UDP_GRO, &1200i32.to_ne_bytes());
        control.push_segment_size(1200);
        control.push(SOL_IP, 99, &[1]);
        control
    }

    #[test]
    fn one_of_each_is_read_back() {
        let expected = Ancillary {
            v4: Some((Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(1, 2, 3, 4))),
            v6: Some(Ipv6Addr::LOCALHOST),
            traffic_class: Some(3),
            segment_size: Some(1200),
            error: None,
        };
        assert_eq!(full().decode(), expected);
    }

    #[test]
    fn a_report_is_read_and_one_cut_short_says_nothing() {
        for (level, kind) in [(SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR)] {
            for (len, expected) in [(44, Some(111)), (4, Some(111)), (3, None), (0, None)] {
                let mut control = Control::EMPTY;
                control.push(level, kind, &[&[111, 0, 0, 0][..], &[7; 40]].concat()[..len]);
                assert_eq!(control.decode(), Ancillary { error: expected, ..Ancillary::default() });
            }
        }
    }

    #[test]
    fn no_truncation_and_no_change_of_a_byte_does_harm() {
        let control = full();
        for len in 0..=CONTROL_LEN + 1 {
            Control { len, ..control }.decode();
        }
        for place in 0..control.len {
            for bit in 0..8 {
                let mut changed = control;
                changed.bytes[place] ^= 1 << bit;
                changed.decode();
            }
        }
    }

    #[test]
    fn an_item_of_length_zero_ends_the_list() {
        assert_eq!(Control { bytes: [0; CONTROL_LEN], len: CONTROL_LEN }.decode(), Ancillary::default());
    }
}
