//! Bare streams: a header says how much is sent and how much is wanted.

use crate::endpoint::Quic;
use bytes::Bytes;
use harness::work;

/// A stream in the works.
#[derive(Default)]
pub struct Stream {
    pub id: u64,
    header: Vec<u8>,
    /// To be sent before `left`.
    first: Bytes,
    left: u64,
    pub received: u64,
    /// Everything has been received, and everything sent.
    pub is_received: bool,
    pub is_sent: bool,
    is_server: bool,
}

impl Stream {
    /// A client's: the header, and how many bytes follow it.
    pub fn client(id: u64, header: [u8; 16], left: u64) -> Stream {
        Stream { id, first: Bytes::copy_from_slice(&header), left, ..Stream::default() }
    }

    /// A server's, that has just been opened.
    pub fn server(id: u64) -> Stream {
        Stream { id, is_server: true, ..Stream::default() }
    }

    /// As much as can be done now.
    pub fn progress(&mut self, quic: &mut Quic, buffer: &mut [u8]) {
        while !self.is_received {
            let Ok((len, finished)) = quic.stream_recv(self.id, buffer) else { break };
            self.received += len as u64;
            if self.is_server {
                let missing = 16_usize.saturating_sub(self.header.len());
                self.header.extend_from_slice(&buffer[..len.min(missing)]);
            }
            if finished {
                self.is_received = true;
                if let Some(Ok(wanted)) = self.header.get(8..16).map(TryInto::try_into) {
                    self.left = u64::from_be_bytes(wanted);
                }
            }
        }
        if self.is_received || !self.is_server {
            self.send(quic);
        }
    }

    fn send(&mut self, quic: &mut Quic) {
        while !self.is_sent {
            let is_first = !self.first.is_empty();
            let (piece, finish) = if is_first {
                (self.first.clone(), self.left == 0)
            } else {
                let len = self.left.min(work::PATTERN_LEN as u64);
                (Bytes::from_static(&work::pattern()[..len as usize]), len == self.left)
            };
            let len = piece.len();
            let sent = match quic.stream_send_zc(self.id, piece, finish) {
                Ok((sent, _)) => sent,
                Err(quiche::Error::Done) => return,
                Err(error) => panic!("stream {}: {error:?}", self.id),
            };
            if is_first {
                self.first = self.first.slice(sent..);
            } else {
                self.left -= sent as u64;
            }
            if sent < len {
                return;
            }
            self.is_sent = finish;
        }
    }
}
