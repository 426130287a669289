//! How much a packet of full size carries, and so how large a datagram of the application may be.

use super::state::Connection;
use base::varint::encoded_len;
use crypto::aead::TAG_LEN;

/// Bytes that the ciphers of TLS 1.3 work on at a time: 16 in AES, and Poly1305.
const CIPHER_BLOCK: usize = 16;
/// On paths that carry no more than this each byte may be needed: with the 1280 bytes that IPv6 asks of every link, 1232 are left for a
/// tunnel with packets of 1200 in it.
const NARROW_PATH: usize = 1280;

/// Bytes of the longest packet number in a header.
const LONGEST_NUMBER: usize = 4;
/// Bytes of the type of a DATAGRAM frame, which is all of its header where it ends with its packet.
const TYPE_LEN: usize = 1;

impl Connection {
    /// Bytes of the largest datagram that can be sent now; `None` if the peer takes none, or has not said yet that it does. It
    /// changes with the path: [`DatagramEvent::LargestChanged`](crate::DatagramEvent::LargestChanged).
    pub fn max_datagram_size(&self) -> Option<usize> {
        let frame = self.peer.max_datagram_frame();
        // The shortest frame with a length has two bytes.
        (frame >= 2).then(|| largest_data(frame).min(self.datagram_room()))
    }

    /// As much of `size` bytes, behind a header of so many, as is whole blocks of the cipher, but no less than on a narrow path, where
    /// it is all of it: a path that carries more has never less room.
    pub(super) fn whole_blocks(size: usize, header_len: usize) -> usize {
        let sealed = size.saturating_sub(header_len + TAG_LEN);
        (size - sealed % CIPHER_BLOCK).max(NARROW_PATH.min(size))
    }

    /// Whether there is something to tell of datagrams.
    pub(super) fn has_datagram_events(&self) -> bool {
        self.datagrams.as_ref().is_some_and(|datagrams| datagrams.has_events(self.max_datagram_size()))
    }

    /// Bytes of data of the largest DATAGRAM frame that fits every packet of full size on the path in use.
    pub(super) fn datagram_room(&self) -> usize {
        room(self.paths.in_use.mtu.current(), self.longest_header())
    }

    /// The other way round: how large packets are to be for a DATAGRAM frame of so many bytes of data.
    pub(super) fn size_for_datagram(&self, data: usize) -> usize {
        size_for(data, self.longest_header())
    }

    fn longest_header(&self) -> usize {
        1 + self.peer_ids.active().len() + LONGEST_NUMBER
    }
}

/// Bytes of data of a DATAGRAM frame that fills a packet of `size` bytes with such a header.
fn room(size: usize, header_len: usize) -> usize {
    Connection::whole_blocks(size, header_len).saturating_sub(header_len + TAG_LEN + TYPE_LEN)
}

/// Bytes of the smallest packet with such a header that has room for a DATAGRAM frame of so many bytes of data.
fn size_for(data: usize, header_len: usize) -> usize {
    let around = header_len + TAG_LEN;
    match around + TYPE_LEN + data {
        size if size <= NARROW_PATH => size,
        _ => around + (TYPE_LEN + data).next_multiple_of(CIPHER_BLOCK),
    }
}

/// Bytes of data of the largest frame with a length that has at most `frame` bytes.
pub(super) fn largest_data(frame: usize) -> usize {
    let len = |data: usize| TYPE_LEN + encoded_len(data as u64) + data;
    // The length of the data may take fewer bytes than that of the frame would.
    let least = frame.saturating_sub(len(frame) - frame);
    (least..=least + 4).rev().find(|data| len(*data) <= frame).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9221 section 3-2.
    #[test]
    fn what_the_peer_takes_is_used_to_the_byte() {
        for frame in 2..20_000 {
            let len = |data: usize| TYPE_LEN + encoded_len(data as u64) + data;
            let data = largest_data(frame);
            assert!(len(data) <= frame && len(data + 1) > frame, "{data} bytes of {frame}");
        }
        assert_eq!([2, 65, 66, 65_535].map(largest_data), [0, 63, 63, 65_530]);
    }

    /// Whoever waits for a larger path waits for the right size, and a path that is found to carry more never takes room away.
    #[test]
    fn the_size_that_is_asked_for_is_the_least_that_has_the_room() {
        for header_len in [5, 13, 25] {
            for size in 1200..1600 {
                assert!(room(size, header_len) <= room(size + 1, header_len), "{size} bytes, header of {header_len}");
            }
            for data in 1150..1500 {
                let size = size_for(data, header_len);
                assert!(room(size, header_len) >= data, "{data} bytes in {size}, header of {header_len}");
                assert!(room(size - 1, header_len) < data, "{data} bytes in {size} - 1, header of {header_len}");
            }
        }
    }
}
