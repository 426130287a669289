//! The codes by which streams and sessions are given up (draft-ietf-webtrans-http3 sections 4.4 and 9.5). Applications have codes of
//! 32 bits; on the wire they stand in a range of HTTP/3's, between numbers that are reserved there.

use base::VarInt;

/// A stream came for a session that is not there yet, and too many of the kind wait.
pub const BUFFERED_STREAM_REJECTED: VarInt = VarInt::from_u32(0x3994_bd84);
/// The session of a stream is over; or nothing more is read on the stream of a session.
pub const SESSION_GONE: VarInt = VarInt::from_u32(0x170d_7b68);
/// The other end broke the flow control of a session.
pub const FLOW_CONTROL_ERROR: VarInt = VarInt::from_u32(0x045d_4487);
/// No protocol was agreed upon.
pub const ALPN_ERROR: VarInt = VarInt::from_u32(0x0817_b3dd);
/// One end lacks a setting or a transport parameter that WebTransport needs.
pub const REQUIREMENTS_NOT_MET: VarInt = VarInt::from_u32(0x212c_0d48);

/// The first code of applications, and the last.
const FIRST: u64 = 0x52e4_a40f_a8db;
const LAST: u64 = 0x52e5_ac98_3162;
/// So many codes lie between two that are reserved, and so far apart are these.
const BETWEEN: u64 = 0x1e;
const APART: u64 = 0x1f;

/// An application's code on the wire.
///
/// draft-ietf-webtrans-http3 section 4.4-2.
pub fn to_wire(code: u32) -> VarInt {
    let code = u64::from(code);
    VarInt::new(FIRST + code + code / BETWEEN).expect("the range is below 2^62")
}

/// The application's code that is meant; `None` if it is none.
///
/// draft-ietf-webtrans-http3 section 4.4-6.
pub fn from_wire(code: VarInt) -> Option<u32> {
    let code = code.value();
    if !(FIRST..=LAST).contains(&code) || (code - 0x21).is_multiple_of(APART) {
        return None;
    }
    let shifted = code - FIRST;
    u32::try_from(shifted - shifted / APART).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-ietf-webtrans-http3 section 4.4-2, 4.4-6.
    #[test]
    fn codes_go_there_and_back_and_meet_no_reserved_one() {
        assert_eq!(to_wire(0).value(), FIRST);
        assert_eq!(to_wire(u32::MAX).value(), LAST);
        let some = (0..100_000).chain((0..1000).map(|step| u32::MAX - step)).chain([1 << 16, 1 << 31]);
        for code in some {
            let wire = to_wire(code);
            assert_ne!((wire.value() - 0x21) % 0x1f, 0, "{code}");
            assert_eq!(from_wire(wire), Some(code));
        }
    }

    #[test]
    fn every_number_of_the_range_is_a_code_or_reserved() {
        let mut expected = 0;
        for number in FIRST..FIRST + 10_000 {
            let code = from_wire(VarInt::new(number).unwrap());
            if (number - 0x21) % 0x1f == 0 {
                assert_eq!(code, None);
            } else {
                assert_eq!(code, Some(expected));
                expected += 1;
            }
        }
        for other in [0, FIRST - 1, LAST + 1, VarInt::MAX.value(), SESSION_GONE.value()] {
            assert_eq!(from_wire(VarInt::new(other).unwrap()), None);
        }
    }
}
