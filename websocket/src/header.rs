//! What stands before the content of a frame (RFC 6455 section 5.2).

use crate::mask::Key;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Side;

/// Bytes of the content of a control frame, at most.
pub(crate) const MAX_CONTROL: usize = 125;
/// Bytes of the longest header: two, eight of the length, and four of the key.
pub(crate) const MAX_HEADER: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether the message ends with this frame.
    pub(crate) is_last: bool,
    pub(crate) opcode: Opcode,
    pub(crate) mask: Option<Key>,
    pub(crate) len: u64,
}

impl Header {
    /// Appends it, with the length in as few bytes as it needs.
    ///
    /// RFC 6455 section 5.2-2, 5.2-6, 5.2-8, 5.2-9, 5.2-10, 5.3-1.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.opcode.bits() | if self.is_last { 0x80 } else { 0 });
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len), _) if usize::from(len) <= MAX_CONTROL => out.push(masked | len),
            (_, Ok(len)) => {
                out.push(masked | 126);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        out.extend_from_slice(self.mask.as_ref().map_or(&[], |key| key));
    }
}

/// A header that is being received. What is wrong with it is known with the byte that is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderReader {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl HeaderReader {
    /// Takes bytes of a frame of `from`, and says how many; with the last of them gives the header.
    pub(crate) fn take(&mut self, bytes: &[u8], from: Side) -> Result<(usize, Option<Header>), Violation> {
        for (place, byte) in bytes.iter().enumerate() {
            self.bytes[usize::from(self.len)] = *byte;
            self.len += 1;
            match self.len {
                1 => check_first(*byte)?,
                2 => self.check_second(*byte, from)?,
                _ => {}
            }
            if self.len >= 2 && usize::from(self.len) == self.whole_len() {
                let header = self.finish()?;
                self.len = 0;
                return Ok((place + 1, Some(header)));
            }
        }
        Ok((bytes.len(), None))
    }

    fn opcode(&self) -> Opcode {
        Opcode::from_bits(self.bytes[0] & 0x0f).expect("the first byte was checked")
    }

    /// RFC 6455 section 5.1-2, 5.1-5, 5.5-1.
    fn check_second(&self, second: u8, from: Side) -> Result<(), Violation> {
        match (second & 0x80 != 0, from) {
            (false, Side::Client) => return Err(Violation::NotMasked),
            (true, Side::Server) => return Err(Violation::Masked),
            _ => {}
        }
        let is_long = usize::from(second & 0x7f) > MAX_CONTROL;
        if self.opcode().is_control() && is_long { Err(Violation::LongControl) } else { Ok(()) }
    }

    fn length_bytes(&self) -> usize {
        match self.bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn whole_len(&self) -> usize {
        2 + self.length_bytes() + if self.bytes[1] & 0x80 != 0 { 4 } else { 0 }
    }

    /// RFC 6455 section 5.2-5, 5.2-6.
    fn finish(&self) -> Result<Header, Violation> {
        let (count, after) = (self.length_bytes(), 2 + self.length_bytes());
        let long = self.bytes[2..after].iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        let len = match count {
            0 => u64::from(self.bytes[1] & 0x7f),
            2 if long <= MAX_CONTROL as u64 => return Err(Violation::LengthNotMinimal),
            8 if long >> 63 != 0 => return Err(Violation::LengthOutOfRange),
            8 if long <= u64::from(u16::MAX) => return Err(Violation::LengthNotMinimal),
            _ => long,
        };
        let mask = (self.bytes[1] & 0x80 != 0).then(|| {
            let mut key = Key::default();
            key.copy_from_slice(&self.bytes[after..after + 4]);
            key
        });
        Ok(Header { is_last: self.bytes[0] & 0x80 != 0, opcode: self.opcode(), mask, len })
    }
}

/// RFC 6455 section 5.2-3, 5.2-4, 5.4-2, 5.5-1.
fn check_first(first: u8) -> Result<(), Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Violation::UnknownOpcode)?;
    if opcode.is_control() && first & 0x80 == 0 { Err(Violation::FragmentedControl) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [u64; 12] =
        [0, 1, 125, 126, 127, 200, 65_535, 65_536, 1 << 20, 1 << 32, (1 << 63) - 1, (1 << 62) + 7];

    fn written(header: &Header) -> Vec<u8> {
        let mut out = Vec::new();
        header.write(&mut out);
        out
    }

    /// RFC 6455 section 5.2-2, 5.2-6, 5.2-8, 5.2-9, 5.2-10, 5.3-1.
    #[test]
    fn what_is_written_is_read_whole_and_byte_by_byte() {
        for len in LENGTHS {
            for (mask, from) in [(None, Side::Server), (Some([1, 2, 3, 4]), Side::Client)] {
                for (is_last, opcode) in [(true, Opcode::Text), (false, Opcode::Binary), (false, Opcode::Continuation)]
                {
                    let header = Header { is_last, opcode, mask, len };
                    let bytes = written(&header);
                    assert_eq!(bytes[0] & 0x70, 0);
                    assert_eq!(bytes[1] & 0x80 != 0, mask.is_some());
                    assert_eq!(HeaderReader::default().take(&bytes, from), Ok((bytes.len(), Some(header))));
                    let mut reader = HeaderReader::default();
                    let (last, before) = bytes.split_last().unwrap();
                    for byte in before {
                        assert_eq!(reader.take(&[*byte], from), Ok((1, None)));
                    }
                    assert_eq!(reader.take(&[*last], from), Ok((1, Some(header))));
                    assert_eq!(reader.len, 0, "the next one may begin");
                }
            }
        }
    }

    /// RFC 6455 section 5.2-3, 5.2-4, 5.4-2, 5.5-1, 5.1-2, 5.1-5.
    #[test]
    fn every_pair_of_first_bytes() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let result = HeaderReader::default().take(&[first, second], Side::Client);
                let is_known = matches!(first & 0x0f, 0..=2 | 8..=10);
                let is_control = first & 0x08 != 0;
                let expected = if first & 0x70 != 0 {
                    Some(Violation::ReservedBits)
                } else if !is_known {
                    Some(Violation::UnknownOpcode)
                } else if is_control && first & 0x80 == 0 {
                    Some(Violation::FragmentedControl)
                } else if second & 0x80 == 0 {
                    Some(Violation::NotMasked)
                } else if is_control && second & 0x7f > 125 {
                    Some(Violation::LongControl)
                } else {
                    None
                };
                assert_eq!(result.err(), expected, "{first:02x} {second:02x}");
            }
        }
        assert_eq!(HeaderReader::default().take(&[0x82, 0x80], Side::Server), Err(Violation::Masked));
    }

    /// RFC 6455 section 5.2-5, 5.2-6.
    #[test]
    fn lengths_in_more_bytes_than_they_need() {
        let short = |len: u16| [&[0x82, 126][..], &len.to_be_bytes()].concat();
        let long = |len: u64| [&[0x82, 127][..], &len.to_be_bytes()].concat();
        let read =
            |bytes: &[u8]| HeaderReader::default().take(bytes, Side::Server).map(|(_, header)| header.unwrap().len);
        assert_eq!(read(&short(125)), Err(Violation::LengthNotMinimal));
        assert_eq!(read(&short(126)), Ok(126));
        assert_eq!(read(&long(65_535)), Err(Violation::LengthNotMinimal));
        assert_eq!(read(&long(65_536)), Ok(65_536));
        assert_eq!(read(&long(1 << 63)), Err(Violation::LengthOutOfRange));
        assert_eq!(read(&long((1 << 63) - 1)), Ok((1 << 63) - 1));
    }
}
