//! Ancillary data (`cmsg`) of macOS and FreeBSD: what travels beside a datagram's payload. Built and read as bytes, without
//! pointers.
//!
//! One item is a header (length with the header, level, type: four bytes each, and filler on FreeBSD), its data, and filler.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::sys::bsd::types::{IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO};

/// Room for one of each item that we ask for or send, at most 32 + 40 + 24 + 24 bytes, and some to spare.
pub(crate) const CONTROL_LEN: usize = 192;

/// How one system lays items out, and which it has for addresses and marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlForm {
    /// Bytes before the data.
    pub(crate) header: usize,
    /// What items, filler and all, are a multiple of.
    pub(crate) alignment: usize,
    /// The type of the item with an IPv4 address of ours, in both directions, and the bytes of its data.
    pub(crate) v4: i32,
    pub(crate) v4_len: usize,
    /// Where the address to leave from stands in it, and where the destination of what came.
    pub(crate) source_v4_at: usize,
    pub(crate) destination_v4_at: usize,
    /// Bytes of the type of service that is sent.
    pub(crate) type_of_service_len: usize,
    /// The type of the item with the type of service of what came: one byte.
    pub(crate) received_type_of_service: i32,
    /// The type of the item with the traffic class, in both directions: an `int`.
    pub(crate) traffic_class: i32,
}

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
    /// The destination in the IPv4 header.
    pub(crate) v4: Option<Ipv4Addr>,
    /// The destination in the IPv6 header.
    pub(crate) v6: Option<Ipv6Addr>,
    /// The type-of-service or traffic-class byte.
    pub(crate) traffic_class: Option<u8>,
}

impl Control {
    pub(crate) const EMPTY: Control = Control { bytes: [0; CONTROL_LEN], len: 0 };

    /// The datagram is to leave from this address.
    pub(crate) fn push_source_v4(&mut self, form: &ControlForm, source: Ipv4Addr) {
        let mut data = [0; 12];
        data[form.source_v4_at..][..4].copy_from_slice(&source.octets());
        self.push(form, IPPROTO_IP, form.v4, &data[..form.v4_len]);
    }

    /// The datagram is to leave from this address.
    pub(crate) fn push_source_v6(&mut self, form: &ControlForm, source: Ipv6Addr) {
        // struct in6_pktinfo { in6_addr addr; unsigned ifindex; }
        let mut data = [0; 20];
        data[..16].copy_from_slice(&source.octets());
        self.push(form, IPPROTO_IPV6, IPV6_PKTINFO, &data);
    }

    /// The type-of-service byte of an IPv4 datagram.
    pub(crate) fn push_type_of_service(&mut self, form: &ControlForm, value: u8) {
        self.push(form, IPPROTO_IP, IP_TOS, &i32::from(value).to_le_bytes()[..form.type_of_service_len]);
    }

    /// The traffic-class byte of an IPv6 datagram.
    pub(crate) fn push_traffic_class(&mut self, form: &ControlForm, value: u8) {
        self.push(form, IPPROTO_IPV6, form.traffic_class, &i32::from(value).to_le_bytes());
    }

    fn push(&mut self, form: &ControlForm, level: i32, kind: i32, data: &[u8]) {
        let len = form.header + data.len();
        let padded = len.next_multiple_of(form.alignment);
        let place = &mut self.bytes[self.len..self.len + padded];
        place.fill(0);
        place[0..4].copy_from_slice(&(len as u32).to_le_bytes());
        place[4..8].copy_from_slice(&level.to_le_bytes());
        place[8..12].copy_from_slice(&kind.to_le_bytes());
        place[form.header..len].copy_from_slice(data);
        self.len += padded;
    }

    /// Reads the items, skipping those that nobody asked for and stopping at one that does not fit.
    pub(crate) fn decode(&self, form: &ControlForm) -> Ancillary {
        let mut ancillary = Ancillary::default();
        let mut rest = self.bytes.get(..self.len).unwrap_or(&[]);
        while let Some((level, kind, data, next)) = next_item(form, rest) {
            ancillary.note(form, level, kind, data);
            rest = next;
        }
        ancillary
    }
}

fn next_item<'a>(form: &ControlForm, bytes: &'a [u8]) -> Option<(i32, i32, &'a [u8], &'a [u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (level, rest) = rest.split_first_chunk::<4>()?;
    let (kind, _) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let data = bytes.get(form.header..len)?;
    let next = bytes.get(len.next_multiple_of(form.alignment)..).unwrap_or(&[]);
    Some((i32::from_le_bytes(*level), i32::from_le_bytes(*kind), data, next))
}

impl Ancillary {
    fn note(&mut self, form: &ControlForm, level: i32, kind: i32, data: &[u8]) {
        if level == IPPROTO_IP && kind == form.v4 {
            self.v4 = array::<4>(data, form.destination_v4_at).map(Ipv4Addr::from);
        } else if level == IPPROTO_IPV6 && kind == IPV6_PKTINFO {
            self.v6 = array::<16>(data, 0).map(Ipv6Addr::from);
        } else if level == IPPROTO_IP && [form.received_type_of_service, IP_TOS].contains(&kind) {
            self.traffic_class = data.first().copied();
        } else if level == IPPROTO_IPV6 && kind == form.traffic_class {
            self.traffic_class = array(data, 0).map(|value| i32::from_le_bytes(value) as u8);
        }
    }
}

fn array<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::bsd::{freebsd, macos};

    const FORMS: [ControlForm; 2] = [macos::CONTROL, freebsd::CONTROL];

    fn full(form: &ControlForm) -> Control {
        let mut control = Control::EMPTY;
        control.push_source_v4(form, Ipv4Addr::new(1, 2, 3, 4));
        control.push_source_v6(form, Ipv6Addr::LOCALHOST);
        control.push(form, IPPROTO_IP, form.received_type_of_service, &[2]);
        control.push(form, IPPROTO_IP, 99, &[1]);
        control.push_traffic_class(form, 3);
        control
    }

    #[test]
    fn items_are_laid_out_as_each_system_has_them() {
        let mut control = Control::EMPTY;
        control.push_type_of_service(&macos::CONTROL, 2);
        assert_eq!(control.bytes[..control.len], [16, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0]);
        control.len = 0;
        control.push_source_v4(&macos::CONTROL, Ipv4Addr::new(1, 2, 3, 4));
        let expected = [24, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0];
        assert_eq!(control.bytes[..control.len], expected);
        let mut control = Control::EMPTY;
        control.push_type_of_service(&freebsd::CONTROL, 2);
        let expected = [17, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(control.bytes[..control.len], expected);
        control.len = 0;
        control.push_source_v4(&freebsd::CONTROL, Ipv4Addr::new(1, 2, 3, 4));
        let expected = [20, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0];
        assert_eq!(control.bytes[..control.len], expected);
    }

    #[test]
    fn one_of_each_is_read_back() {
        for form in &FORMS {
            let ancillary = full(form).decode(form);
            assert_eq!((ancillary.v6, ancillary.traffic_class), (Some(Ipv6Addr::LOCALHOST), Some(3)));
            let mut received = Control::EMPTY;
            received.push(form, IPPROTO_IP, form.received_type_of_service, &[1]);
            let mut data = [9; 12];
            data[form.destination_v4_at..][..4].copy_from_slice(&[10, 0, 0, 7]);
            received.push(form, IPPROTO_IP, form.v4, &data[..form.v4_len]);
            let expected = Ancillary { v4: Some([10, 0, 0, 7].into()), v6: None, traffic_class: Some(1) };
            assert_eq!(received.decode(form), expected);
        }
    }

    #[test]
    fn no_truncation_and_no_change_of_a_byte_does_harm() {
        for form in &FORMS {
            let control = full(form);
            for len in 0..=CONTROL_LEN + 1 {
                Control { len, ..control }.decode(form);
            }
            for place in 0..control.len {
                for bit in 0..8 {
                    let mut changed = control;
                    changed.bytes[place] ^= 1 << bit;
                    changed.decode(form);
                }
            }
        }
    }

    #[test]
    fn an_item_of_length_zero_ends_the_list() {
        for form in &FORMS {
            let zeros = Control { bytes: [0; CONTROL_LEN], len: CONTROL_LEN };
            assert_eq!(zeros.decode(form), Ancillary::default());
        }
    }
}
