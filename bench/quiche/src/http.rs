//! HTTP/3 of quiche's own: bodies that are sent piece by piece, and the fields of requests and responses.

use crate::endpoint::Quic;
use bytes::Bytes;
use harness::work;
use quiche::h3::{self, Header, NameValue};

/// A message that is being sent.
pub struct Outgoing {
    pub stream: u64,
    /// Not sent yet; a request has no stream before.
    pub head: Option<Vec<Header>>,
    pub left: u64,
}

impl Outgoing {
    /// As much as can be sent now; whether that was all.
    pub fn progress(&mut self, quic: &mut Quic, http: &mut h3::Connection) -> bool {
        if let Some(head) = &self.head {
            match http.send_response(quic, self.stream, head, self.left == 0) {
                Ok(()) => self.head = None,
                Err(h3::Error::Done | h3::Error::StreamBlocked) => return false,
                // The other side does not want it any more.
                Err(_) => return true,
            }
        }
        self.body(quic, http)
    }

    /// The body alone.
    pub fn body(&mut self, quic: &mut Quic, http: &mut h3::Connection) -> bool {
        while self.left > 0 {
            let len = self.left.min(work::PATTERN_LEN as u64);
            let mut piece = Bytes::from_static(&work::pattern()[..len as usize]);
            match http.send_body_zc(quic, self.stream, &mut piece, len == self.left) {
                Ok(sent) => self.left -= sent as u64,
                Err(h3::Error::Done | h3::Error::StreamBlocked) => return false,
                Err(_) => return true,
            }
        }
        true
    }
}

/// Of a request for so many bytes.
pub fn request(down: u64, has_body: bool) -> Vec<Header> {
    let path = format!("/bytes/{down}");
    vec![
        Header::new(b":method", if has_body { b"POST" } else { b"GET" }),
        Header::new(b":scheme", b"https"),
        Header::new(b":authority", harness::identity::NAME.as_bytes()),
        Header::new(b":path", path.as_bytes()),
    ]
}

/// Of a response of so many bytes.
pub fn response(len: u64) -> Vec<Header> {
    let text = len.to_string();
    vec![Header::new(b":status", b"200"), Header::new(b"content-length", text.as_bytes())]
}

/// The number of bytes a request asks for.
pub fn wanted(fields: &[Header]) -> u64 {
    let path = fields.iter().find(|field| field.name() == b":path").map(|field| field.value());
    let digits = path.and_then(|path| path.strip_prefix(b"/bytes/")).unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
