//! Datagrams and what travels beside them, in the words of macOS and FreeBSD.

use std::net::{IpAddr, SocketAddr};

use base::Ecn;

use crate::sys::bsd::address::RawAddress;
use crate::sys::bsd::control::{Ancillary, Control, ControlForm};
use crate::sys::bsd::types::MSG_TRUNC;
use crate::sys::datagram::{Arrival, Outgoing};

/// What came with one received message.
#[derive(Clone, Copy)]
pub(crate) struct RawArrival {
    pub(crate) address: RawAddress,
    pub(crate) control: Control,
    /// Bytes of payload.
    pub(crate) len: usize,
    pub(crate) flags: i32,
}

impl RawArrival {
    pub(crate) const EMPTY: RawArrival =
        RawArrival { address: RawAddress::EMPTY, control: Control::EMPTY, len: 0, flags: 0 };
}

/// Where it goes.
pub(crate) fn address_of(outgoing: &Outgoing) -> RawAddress {
    RawAddress::new(outgoing.remote, outgoing.ipv6_socket)
}

/// What goes beside it. An IPv4 host takes IPv4 items, even on a socket of the IPv6 family; there the source is left to the
/// kernel, because neither system says that it can be told.
pub(crate) fn control_of(outgoing: &Outgoing, form: &ControlForm) -> Control {
    let mut control = Control::EMPTY;
    let mark = (outgoing.ecn != outgoing.usual).then_some(outgoing.ecn as u8);
    match outgoing.remote.ip().to_canonical() {
        IpAddr::V4(_) => {
            if let Some(IpAddr::V4(source)) = outgoing.source.filter(|_| !outgoing.ipv6_socket) {
                control.push_source_v4(form, source);
            }
            if let Some(mark) = mark {
                control.push_type_of_service(form, mark);
            }
        }
        IpAddr::V6(_) => {
            if let Some(IpAddr::V6(source)) = outgoing.source {
                control.push_source_v6(form, source);
            }
            if let Some(mark) = mark {
                control.push_traffic_class(form, mark);
            }
        }
    }
    control
}

/// `None` for one that is to be ignored.
pub(crate) fn read_arrival(raw: &RawArrival, form: &ControlForm) -> Option<Arrival> {
    // Cut off: the buffers hold all that UDP allows, so this is no datagram that anybody meant to send.
    if raw.flags & MSG_TRUNC != 0 {
        return None;
    }
    let ancillary = raw.control.decode(form);
    if sent_to_many(&ancillary) {
        return None;
    }
    let remote: SocketAddr = raw.address.decode()?;
    let destination = destination(&ancillary);
    let ecn = Ecn::from_bits(ancillary.traffic_class.unwrap_or(0));
    Some(Arrival { len: raw.len, segment_size: raw.len.max(1), remote, destination, ecn })
}

/// Whether the datagram went to a group or to everybody. The broadcast address of a network is not recognized: neither system
/// says which address of ours such a datagram came to.
fn sent_to_many(ancillary: &Ancillary) -> bool {
    ancillary.v4.is_some_and(|destination| destination.is_multicast() || destination.is_broadcast())
        || ancillary.v6.is_some_and(|destination| match destination.to_canonical() {
            IpAddr::V4(mapped) => mapped.is_multicast() || mapped.is_broadcast(),
            IpAddr::V6(destination) => destination.is_multicast(),
        })
}

fn destination(ancillary: &Ancillary) -> Option<IpAddr> {
    ancillary.v4.map(IpAddr::from).or(ancillary.v6.map(|destination| destination.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::bsd::{freebsd, macos};

    const FORMS: [ControlForm; 2] = [macos::CONTROL, freebsd::CONTROL];

    fn arrival() -> RawArrival {
        RawArrival { address: RawAddress::new("10.0.0.1:9".parse().unwrap(), false), len: 100, ..RawArrival::EMPTY }
    }

    fn outgoing(remote: &str, source: &str, ipv6_socket: bool) -> Outgoing {
        let (remote, source) = (remote.parse().unwrap(), Some(source.parse().unwrap()));
        Outgoing { ipv6_socket, remote, source, ecn: Ecn::Ect0, usual: Ecn::NotEct }
    }

    #[test]
    fn what_is_sent_says_source_and_mark_where_the_system_takes_them() {
        for form in &FORMS {
            let v4 = control_of(&outgoing("10.0.0.1:9", "10.0.0.7", false), form);
            let marked = |len: usize| (form.header + len).next_multiple_of(form.alignment);
            assert_eq!(v4.len, marked(form.v4_len) + marked(form.type_of_service_len));
            let mapped = control_of(&outgoing("10.0.0.1:9", "10.0.0.7", true), form);
            assert_eq!(mapped.len, marked(form.type_of_service_len), "the source is left to the kernel");
            let v6 = control_of(&outgoing("[2001:db8::1]:9", "2001:db8::7", true), form).decode(form);
            assert_eq!((v6.v6, v6.traffic_class), ("2001:db8::7".parse().ok(), Some(2)));
            let usual = Outgoing { ecn: Ecn::NotEct, source: None, ..outgoing("10.0.0.1:9", "10.0.0.7", false) };
            assert_eq!(control_of(&usual, form).len, 0);
        }
    }

    #[test]
    fn what_came_says_where_to_and_how_marked_or_nothing() {
        for form in &FORMS {
            let bare = read_arrival(&arrival(), form).unwrap();
            assert_eq!((bare.len, bare.segment_size, bare.destination, bare.ecn), (100, 100, None, Ecn::NotEct));
            let mut raw = arrival();
            raw.control.push_source_v6(form, "::ffff:10.0.0.7".parse().unwrap());
            raw.control.push_type_of_service(form, 3);
            let mapped = read_arrival(&raw, form).unwrap();
            assert_eq!((mapped.destination, mapped.ecn), ("10.0.0.7".parse().ok(), Ecn::Ce));
            let empty = read_arrival(&RawArrival { len: 0, ..arrival() }, form).unwrap();
            assert_eq!(empty.segment_size, 1, "a size of zero would have the caller cut for ever");
        }
    }

    #[test]
    fn what_is_cut_off_or_of_no_known_family_or_for_many_is_ignored() {
        for form in &FORMS {
            assert!(read_arrival(&RawArrival { flags: MSG_TRUNC, ..arrival() }, form).is_none());
            assert!(read_arrival(&RawArrival { address: RawAddress::EMPTY, ..arrival() }, form).is_none());
            for group in ["ff02::1", "::ffff:224.0.0.1", "::ffff:255.255.255.255"] {
                let mut raw = arrival();
                raw.control.push_source_v6(form, group.parse().unwrap());
                assert!(read_arrival(&raw, form).is_none(), "{group}");
            }
        }
        for group in [[224, 0, 0, 1], [255, 255, 255, 255]] {
            let mut raw = arrival();
            raw.control.push_source_v4(&freebsd::CONTROL, group.into());
            assert!(read_arrival(&raw, &freebsd::CONTROL).is_none());
        }
    }
}
