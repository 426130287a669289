//! Keys for other uses that only the two ends of a session know (draft-ietf-webtrans-http3 section 4.8): exporters of TLS, in whose
//! context the session stands, since others may share its connection.

use alloc::vec::Vec;
use base::StreamId;

/// The label of TLS's exporter, whatever the application's is.
pub const LABEL: &[u8] = b"EXPORTER-WebTransport";

/// The context of TLS's exporter; `None` if the label is empty, or it or the context has more than 255 bytes: their lengths have one.
///
/// draft-ietf-webtrans-http3 section 4.8-1.
pub fn context(session: StreamId, label: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let label_len = u8::try_from(label.len()).ok().filter(|len| *len > 0)?;
    let context_len = u8::try_from(context.len()).ok()?;
    let session = session.value().to_be_bytes();
    Some([&session[..], &[label_len], label, &[context_len], context].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::VarInt;

    /// draft-ietf-webtrans-http3 section 4.8-1: put together by hand. What TLS makes of it is in the tests of its schedule.
    #[test]
    fn the_session_stands_in_the_context() {
        let session = |id| StreamId::from_varint(VarInt::new(id).unwrap());
        let whole = [0, 0, 0, 0, 0, 0, 0, 4, 6, b's', b'a', b'm', b'p', b'l', b'e', 3, 1, 2, 3];
        assert_eq!(context(session(4), b"sample", &[1, 2, 3]).unwrap(), whole);
        let last = [0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 1, b'x', 0];
        assert_eq!(context(session((1 << 62) - 4), b"x", &[]).unwrap(), last);
        assert_eq!(context(session(0), &[1; 255], &[2; 255]).unwrap().len(), 8 + 1 + 255 + 1 + 255);
        for (label, of) in [(&[][..], &[][..]), (&[1; 256], &[]), (&[1], &[2; 256])] {
            assert_eq!(context(session(0), label, of), None);
        }
    }
}
