//! The CRYPTO stream of one packet number space (RFC 9000 section 19.6): the buffers of a stream, without flow control,
//! without an end. What waits unread is bounded by [`MAX_UNREAD`] (section 7.5).

use crate::packet::{OutgoingPacket, SentFrame};
use crate::stream::chunks::Chunks;
use crate::stream::reassembly::Reassembly;
use crate::stream::send_buffer::SendBuffer;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Bytes, VarInt, Writer, varint};

/// How far beyond what was read the peer may send: room for the largest handshake message we accept, 64 KiB. The minimum
/// is 4096 (section 7.5).
pub(crate) const MAX_UNREAD: u64 = 64 * 1024;

/// The stream.
#[derive(Debug, Default)]
pub struct CryptoStream {
    outgoing: SendBuffer,
    incoming: Reassembly,
}

impl CryptoStream {
    /// An empty stream. Allocates nothing.
    pub fn new() -> CryptoStream {
        CryptoStream::default()
    }

    /// A stream on which so much was sent and read, and nothing is left of it.
    pub(crate) fn at(sent: u64, read: u64) -> CryptoStream {
        CryptoStream { outgoing: SendBuffer::at(sent), incoming: Reassembly::at(read) }
    }

    /// How much was sent and read, if nothing is left of it: all that was sent has arrived, and nothing waits.
    pub(crate) fn rests_at(&self) -> Option<(u64, u64)> {
        let rests = self.outgoing.is_acked() && !self.wants_to_send() && !self.has_unread();
        rests.then(|| (self.outgoing.end(), self.read_offset()))
    }

    /// A CRYPTO frame: what can be read of it at once, if there is any. The rest waits for what is missing.
    /// RFC 9000 section 7.5-1, 7.5-3.
    pub fn on_crypto<'a>(&mut self, offset: u64, data: &'a [u8]) -> Result<&'a [u8], Violation> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= VarInt::MAX.value());
        let end = end.ok_or(Violation::CryptoOffsetTooLarge)?;
        if end.saturating_sub(self.incoming.read_offset()) > MAX_UNREAD {
            return Err(Violation::CryptoBufferExceeded);
        }
        if let Some(fresh) = self.incoming.pass(offset, data) {
            return Ok(fresh);
        }
        let inserted = self.incoming.insert(offset, data, &mut Chunks::default());
        inserted.map(|()| &[][..]).map_err(|_| Violation::CryptoBufferExceeded)
    }

    /// The next of the bytes that waited, in order.
    pub fn read(&mut self) -> Option<Bytes> {
        self.incoming.read(usize::MAX)
    }

    /// Whether bytes wait behind a gap or unread.
    pub const fn has_unread(&self) -> bool {
        self.incoming.held() > 0
    }

    /// The offset of the next byte that [`read`](CryptoStream::read) gives.
    pub const fn read_offset(&self) -> u64 {
        self.incoming.read_offset()
    }

    /// Bytes to send.
    pub fn write(&mut self, data: Vec<u8>) {
        self.outgoing.push(Bytes::from(data));
    }

    /// Whether anything is to be sent, for the first time or again.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.outgoing.has_lost() || self.outgoing.unsent() > 0
    }

    /// Whether everything written has arrived.
    #[cfg(test)]
    pub(crate) const fn is_acked(&self) -> bool {
        self.outgoing.is_acked()
    }

    /// Adds CRYPTO frames, lost bytes first.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        while let Some(range) = self.outgoing.next_range(u64::MAX) {
            let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let Some(len) = fitting(range.start, wanted, packet.remaining()) else { return };
            let end = range.start + len as u64;
            encode_header(packet.writer(), range.start, len).expect("as much was chosen as fits");
            let place = packet.writer().reserve(len).expect("as much was chosen as fits");
            self.outgoing.copy(range.start, place);
            self.outgoing.on_sent(range.start..end);
            packet.record(SentFrame::Crypto { offset: range.start, len: len as u32 });
        }
    }

    /// A CRYPTO frame arrived.
    pub(crate) fn on_acked(&mut self, offset: u64, len: u32) {
        self.outgoing.on_acked(offset..offset.saturating_add(u64::from(len)));
    }

    /// All that was sent and is not acknowledged is to be sent again; tells whether that is anything.
    pub(crate) fn repeat(&mut self) -> bool {
        self.outgoing.on_lost(self.outgoing.acked_end()..self.outgoing.sent_end());
        self.outgoing.has_lost()
    }

    /// A CRYPTO frame is given up for lost.
    pub(crate) fn on_lost(&mut self, offset: u64, len: u32) {
        self.outgoing.on_lost(offset..offset.saturating_add(u64::from(len)));
    }
}

/// How many of `wanted` bytes fit into `room` with their header; `None` if not even one.
fn fitting(offset: u64, wanted: usize, room: usize) -> Option<usize> {
    let before = 1 + varint::encoded_len(offset);
    let most = room.checked_sub(before)?.min(wanted);
    // The length field of the larger number is long enough for the smaller.
    let body = room.checked_sub(before + varint::encoded_len(most as u64))?.min(wanted);
    (body > 0).then_some(body)
}

fn encode_header(writer: &mut Writer<'_>, offset: u64, len: usize) -> Option<()> {
    writer.varint(0x06).ok()?;
    writer.varint(offset).ok()?;
    writer.varint(len as u64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet_number::PacketNumberSpace;
    use alloc::vec;
    use base::Reader;

    fn packet(stream: &mut CryptoStream, room: usize) -> (Vec<u8>, Vec<SentFrame>) {
        let mut bytes = alloc::vec![0; room];
        let mut sent = Vec::new();
        let mut packet = OutgoingPacket::new(PacketNumberSpace::Initial, &mut bytes, &mut sent);
        stream.fill(&mut packet);
        let len = packet.len();
        bytes.truncate(len);
        (bytes, sent)
    }

    /// Frames from `bytes`, and what can be read then.
    fn deliver(bytes: &[u8], to: &mut CryptoStream) -> Vec<u8> {
        let mut reader = Reader::new(bytes);
        let mut read = Vec::new();
        while !reader.is_empty() {
            assert_eq!(reader.varint().unwrap(), 6);
            let offset = reader.varint().unwrap();
            let len = reader.varint().unwrap() as usize;
            read.extend_from_slice(to.on_crypto(offset, reader.bytes(len).unwrap()).unwrap());
            read.extend(core::iter::from_fn(|| to.read()).flat_map(|bytes| bytes.to_vec()));
        }
        read
    }

    /// Every order of four pieces, each of them twice and with what came before it: all is read once and in order, what comes in
    /// order at once, and nothing is held for it.
    #[test]
    fn what_comes_in_order_is_read_where_it_lies() {
        let flight: Vec<u8> = (0..40).collect();
        for order in 0..4_usize.pow(4) {
            let mut stream = CryptoStream::new();
            let mut read = Vec::new();
            let pieces = (0..4).map(|place| order / 4_usize.pow(place) % 4);
            for piece in pieces.chain(0..4) {
                let start = if piece % 2 == 0 { piece * 10 } else { piece * 10 - 5 };
                let before = stream.read_offset() as usize;
                let had_nothing = !stream.has_unread();
                let fresh = stream.on_crypto(start as u64, &flight[start..piece * 10 + 10]).unwrap().to_vec();
                let is_next = had_nothing && start <= before;
                assert_eq!(!fresh.is_empty(), is_next && piece * 10 + 10 > before, "{order}: {piece}");
                assert!(!is_next || !stream.has_unread());
                read.extend(fresh);
                read.extend(core::iter::from_fn(|| stream.read()).flat_map(|bytes| bytes.to_vec()));
                assert_eq!(read.len() as u64, stream.read_offset());
            }
            assert_eq!((read, stream.has_unread()), (flight.clone(), false), "{order}");
        }
    }

    #[test]
    fn a_stream_that_rested_goes_on_where_it_was() {
        let (mut from, mut to) = (CryptoStream::new(), CryptoStream::new());
        assert_eq!(from.rests_at(), Some((0, 0)));
        for round in 1..4u64 {
            from.write(vec![round as u8; 10]);
            assert_eq!(from.rests_at(), None, "to be sent");
            let (bytes, sent) = packet(&mut from, 100);
            assert_eq!((sent, from.rests_at()), (vec![SentFrame::Crypto { offset: 10 * (round - 1), len: 10 }], None));
            assert_eq!(deliver(&bytes, &mut to), [round as u8; 10]);
            from.on_acked(10 * (round - 1), 10);
            assert_eq!((from.rests_at(), to.rests_at()), (Some((10 * round, 0)), Some((0, 10 * round))));
            (from, to) = (CryptoStream::at(10 * round, 0), CryptoStream::at(0, 10 * round));
            // What comes late, or again, changes nothing.
            from.on_acked(0, 10);
            from.on_lost(0, 10);
            assert!(deliver(&bytes, &mut to).is_empty() && !from.wants_to_send() && !to.has_unread());
            // A gap is one still.
            to.on_crypto(10 * round + 5, &[1]).unwrap();
            assert!(to.read().is_none() && to.rests_at().is_none());
            to = CryptoStream::at(0, 10 * round);
        }
    }

    #[test]
    fn a_flight_arrives_whatever_is_lost_and_however_small_the_packets() {
        for room in 5..90 {
            let mut from = CryptoStream::new();
            let mut to = CryptoStream::new();
            let flight: Vec<u8> = (0..500_u32).map(|index| index as u8).collect();
            from.write(flight[..200].to_vec());
            from.write(flight[200..].to_vec());
            let mut got = Vec::new();
            let mut count = 0;
            while !from.is_acked() {
                let (bytes, sent) = packet(&mut from, room);
                assert!(!sent.is_empty() && bytes.len() <= room);
                count += 1;
                for frame in sent {
                    let SentFrame::Crypto { offset, len } = frame else { panic!() };
                    if count % 3 == 0 { from.on_lost(offset, len) } else { from.on_acked(offset, len) }
                }
                if count % 3 != 0 {
                    got.extend(deliver(&bytes, &mut to));
                }
            }
            assert_eq!(got, flight);
            assert!(!from.wants_to_send() && !to.has_unread());
        }
    }

    /// M3, M4: neither far offsets nor many pieces are held.
    /// RFC 9000 section 7.5-1, 7.5-3.
    #[test]
    fn what_waits_unread_is_bounded() {
        let mut stream = CryptoStream::new();
        for offset in [MAX_UNREAD, 1 << 20, (1 << 62) - 2] {
            assert_eq!(stream.on_crypto(offset, &[0]), Err(Violation::CryptoBufferExceeded));
        }
        assert_eq!(stream.on_crypto((1 << 62) - 1, &[0]), Err(Violation::CryptoOffsetTooLarge));
        assert_eq!(stream.on_crypto(0, &[0; MAX_UNREAD as usize + 1]), Err(Violation::CryptoBufferExceeded));
        let most = [0; MAX_UNREAD as usize];
        assert_eq!(stream.on_crypto(0, &most), Ok(&most[..]));
        assert_eq!(stream.on_crypto(2 * MAX_UNREAD - 1, &[0]), Ok(&[][..]));
        assert_eq!(stream.on_crypto(2 * MAX_UNREAD, &[0]), Err(Violation::CryptoBufferExceeded));
        let mut stream = CryptoStream::new();
        let failed = (0..MAX_UNREAD / 2).map(|index| stream.on_crypto(2 * index + 1, &[0])).find(Result::is_err);
        assert_eq!(failed, Some(Err(Violation::CryptoBufferExceeded)));
    }

    /// RFC 9001 section 4-1, 4.9-1.
    #[test]
    fn all_that_is_in_flight_can_be_sent_again() {
        let mut stream = CryptoStream::new();
        stream.write(alloc::vec![1; 300]);
        packet(&mut stream, 100);
        packet(&mut stream, 1000);
        stream.on_acked(0, 50);
        assert!(!stream.wants_to_send());
        stream.on_lost(0, 300);
        let (_, sent) = packet(&mut stream, 1000);
        assert_eq!(sent, [SentFrame::Crypto { offset: 50, len: 250 }]);
    }
}
