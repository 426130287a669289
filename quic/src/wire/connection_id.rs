//! Connection IDs (RFC 9000 section 5.1) and stateless reset tokens (section 10.3) as values.

use core::fmt;

/// A connection ID: 0 to 20 bytes in version 1.
#[derive(Clone, Copy, Eq, PartialOrd, Ord)]
pub struct ConnectionId {
    len: u8,
    // Bytes past `len` are zero, so that equality and hashing of the whole are those of the ID.
    bytes: [u8; ConnectionId::MAX_LEN],
}

impl ConnectionId {
    /// The most bytes in version 1 (RFC 9000 section 17.2).
    pub(crate) const MAX_LEN: usize = 20;
    /// No bytes.
    pub const EMPTY: ConnectionId = ConnectionId { len: 0, bytes: [0; ConnectionId::MAX_LEN] };

    /// `None` for more than 20 bytes.
    /// RFC 9000 section 17.2-2, 17.2-5.
    pub fn new(id: &[u8]) -> Option<ConnectionId> {
        let mut bytes = [0; ConnectionId::MAX_LEN];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(ConnectionId { len: id.len() as u8, bytes })
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Whether these are its bytes. For eight of them, as our own IDs have by default, it is one comparison.
    #[inline]
    pub(crate) fn is(&self, id: &[u8]) -> bool {
        match <&[u8; 8]>::try_from(id) {
            Ok(id) => self.len == 8 && self.bytes.first_chunk() == Some(id),
            Err(_) => self.as_slice() == id,
        }
    }

    /// How many bytes.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no bytes: the peer does not need one to find the connection.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl PartialEq for ConnectionId {
    /// In two steps: our own IDs have eight bytes, and every packet's is compared.
    #[inline]
    fn eq(&self, other: &ConnectionId) -> bool {
        self.len == other.len
            && self.bytes.first_chunk::<8>() == other.bytes.first_chunk::<8>()
            && (self.len <= 8 || self.bytes == other.bytes)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The token of a stateless reset (RFC 9000 section 10.3). Comparison takes the same time wherever two tokens differ.
#[derive(Clone, Copy)]
pub struct ResetToken(pub [u8; ResetToken::LEN]);

impl ResetToken {
    /// Bytes of a token.
    pub(crate) const LEN: usize = 16;
}

impl PartialEq for ResetToken {
    fn eq(&self, other: &ResetToken) -> bool {
        crypto::constant_time::equal(&self.0, &other.0)
    }
}

impl Eq for ResetToken {}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetToken(..)")
    }
}
