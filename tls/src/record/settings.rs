//! What a user of records can choose.

use crate::record::header::MAX_INNER_LEN;
use base::Duration;

/// The smallest record_size_limit (RFC 8449 section 4).
pub(crate) const MIN_RECORD_SIZE_LIMIT: u16 = 64;

/// How a [`Connection`](crate::record::Connection) uses records. Values out of range are moved into it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// On a client, whether the handshake looks like an older one to middleboxes (RFC 9846 appendix E.4). A server follows
    /// its client.
    pub compatibility_mode: bool,
    /// The longest inner plaintext that this side takes in a record, in bytes: content, its type and padding (RFC 8449).
    /// From 64 to 16,385; what is advertised is enforced.
    pub record_size_limit: u16,
    /// Records under protection are padded so that their inner plaintext is a multiple of so many bytes, or as long as it
    /// may be: 1, none, to 16,384 (RFC 9846 section 5.4).
    pub padding_multiple: u16,
    /// Records that one key seals before it is replaced, the KeyUpdate among them: 2 or more. The limit of the AEAD holds beside it (RFC 9846 section 5.5).
    pub records_per_key: u64,
    /// From the beginning to the end of the handshake.
    pub handshake_timeout: Duration,
    /// How long a connection that has failed, or that both sides have closed, waits for the end of the stream.
    pub close_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            compatibility_mode: true,
            record_size_limit: MAX_INNER_LEN as u16,
            padding_multiple: 1,
            records_per_key: 1 << 22,
            handshake_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The same with each value in its range.
    pub(crate) fn within_range(mut self) -> Settings {
        self.record_size_limit = self.record_size_limit.clamp(MIN_RECORD_SIZE_LIMIT, MAX_INNER_LEN as u16);
        self.padding_multiple = self.padding_multiple.clamp(1, MAX_INNER_LEN as u16 - 1);
        self.records_per_key = self.records_per_key.max(2);
        self
    }
}
