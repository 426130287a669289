//! Socket addresses as the kernels of macOS and FreeBSD write them, field by field.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::sys::bsd::system::AF_INET6;
use crate::sys::bsd::types::AF_INET;

/// Bytes of a `sockaddr_in6`, the longer of the two.
pub(crate) const ADDRESS_LEN: usize = 28;
/// Bytes of a `sockaddr_in`.
const ADDRESS_LEN_V4: usize = 16;

/// A `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct RawAddress {
    pub(crate) bytes: [u8; ADDRESS_LEN],
    pub(crate) len: u32,
}

impl RawAddress {
    pub(crate) const EMPTY: RawAddress = RawAddress { bytes: [0; ADDRESS_LEN], len: 0 };

    /// `address` for a socket of either family: one of the IPv6 family names an IPv4 host by its mapped address
    /// (RFC 4291 section 2.5.5.2).
    pub(crate) fn new(address: SocketAddr, of_ipv6_socket: bool) -> RawAddress {
        match address {
            SocketAddr::V4(v4) if of_ipv6_socket => {
                RawAddress::v6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
            }
            SocketAddr::V4(v4) => RawAddress::v4(v4),
            SocketAddr::V6(v6) => RawAddress::v6(v6),
        }
    }

    fn v4(address: SocketAddrV4) -> RawAddress {
        let mut bytes = [0; ADDRESS_LEN];
        bytes[0..2].copy_from_slice(&[ADDRESS_LEN_V4 as u8, AF_INET]);
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        bytes[4..8].copy_from_slice(&address.ip().octets());
        RawAddress { bytes, len: ADDRESS_LEN_V4 as u32 }
    }

    fn v6(address: SocketAddrV6) -> RawAddress {
        let mut bytes = [0; ADDRESS_LEN];
        bytes[0..2].copy_from_slice(&[ADDRESS_LEN as u8, AF_INET6]);
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        bytes[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
        bytes[8..24].copy_from_slice(&address.ip().octets());
        bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
        RawAddress { bytes, len: ADDRESS_LEN as u32 }
    }

    /// `None` for another family or a length that does not fit it. A mapped address becomes the IPv4 address it stands
    /// for, and flow labels are left out: they would make one peer look like several.
    pub(crate) fn decode(&self) -> Option<SocketAddr> {
        let bytes = self.bytes.get(..self.len as usize)?;
        // The first byte is the length once more.
        let ([_, family], rest) = bytes.split_first_chunk::<2>()?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let (first, rest) = rest.split_first_chunk::<4>()?;
        let port = u16::from_be_bytes(*port);
        match *family {
            AF_INET => Some(SocketAddr::new(Ipv4Addr::from(*first).into(), port)),
            AF_INET6 => {
                let (ip, rest) = rest.split_first_chunk::<16>()?;
                let scope = u32::from_ne_bytes(*rest.first_chunk::<4>()?);
                let ip = Ipv6Addr::from(*ip);
                match ip.to_canonical() {
                    IpAddr::V4(v4) => Some(SocketAddr::new(v4.into(), port)),
                    IpAddr::V6(v6) => Some(SocketAddrV6::new(v6, port, 0, scope).into()),
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_the_length_and_the_second_the_family() {
        let address: SocketAddr = "[::1]:443".parse().unwrap();
        let raw = RawAddress::new(address, true);
        assert_eq!(raw.bytes[..4], [28, AF_INET6, 1, 187]);
        let address: SocketAddr = "1.2.3.4:443".parse().unwrap();
        let raw = RawAddress::new(address, false);
        assert_eq!((&raw.bytes[..8], raw.len), (&[16, 2, 1, 187, 1, 2, 3, 4][..], 16));
    }

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for text in ["1.2.3.4:5", "[::1]:443", "[fe80::1%7]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::new(address, address.is_ipv6()).decode(), Some(address));
        }
    }

    #[test]
    fn a_mapped_address_is_seen_as_ipv4() {
        let address: SocketAddr = "1.2.3.4:5".parse().unwrap();
        let raw = RawAddress::new(address, true);
        assert_eq!((raw.len, raw.decode()), (28, Some(address)));
        assert_eq!(raw.bytes[18..24], [0xff, 0xff, 1, 2, 3, 4]);
    }

    #[test]
    fn every_shorter_length_is_refused() {
        for text in ["1.2.3.4:5", "[::1]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            let raw = RawAddress::new(address, address.is_ipv6());
            let needed = if address.is_ipv4() { 8 } else { 28 };
            for len in 0..needed {
                assert_eq!(RawAddress { len, ..raw }.decode(), None);
            }
            assert_eq!(RawAddress { len: 29, ..raw }.decode(), None);
        }
        assert_eq!(RawAddress { bytes: [1; ADDRESS_LEN], len: 28 }.decode(), None);
    }
}
