//! Packets that are sent without a connection: Version Negotiation, Retry, and the close of a connection that never began.

use crate::config::MIN_DATAGRAM_SIZE;
use crate::protection::{initial, retry_integrity};
use crate::violation::TransportErrorCode;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::Frame;
use crate::wire::header;
use crate::wire::packet_number::PacketNumber;
use crate::wire::version::Version;
use alloc::vec::Vec;
use base::{Full, Side, VarInt, Writer};
use crypto::CipherSuite;
use crypto::aead::TAG_LEN;

/// What an answer repeats of the packet that it answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) version: Version,
    /// What the packet was sent to.
    pub(super) destination: ConnectionId,
    /// What its sender calls itself.
    pub(super) source: ConnectionId,
}

/// A Version Negotiation packet (RFC 9000 section 17.2.1). The IDs are those of the packet that is answered, of any length;
/// `None` if that is more than a datagram holds.
pub(super) fn version_negotiation(
    random: u8,
    destination: &[u8],
    source: &[u8],
    versions: &[Version],
) -> Option<Vec<u8>> {
    written(|writer| {
        // RFC 9000 section 17.2.1-4, 17.2.1-5, 17.2.1-6: the answer goes to the sender of the packet, so its IDs
        // change places.
        header::encode_version_negotiation(writer, random, source, destination, versions)
    })
    .ok()
}

/// A Retry packet (section 17.2.5): the client is to send to `retry_source`, and to bring `token`.
pub(super) fn retry(
    suite: &CipherSuite,
    answered: &Answered,
    random: u8,
    retry_source: ConnectionId,
    token: &[u8],
) -> Vec<u8> {
    let Answered { version, destination, source } = *answered;
    let packet = written(|writer| header::encode_retry(writer, version, random, source, retry_source, token));
    let mut packet = packet.expect("a Retry packet of ours fits a datagram");
    // RFC 9001 s5.8: the tag covers the ID that the client chose.
    let tag = retry_integrity::tag(suite, version, destination, &packet);
    packet.extend_from_slice(&tag);
    packet
}

/// An Initial packet with CONNECTION_CLOSE and nothing else (section 5.2.2). It is shorter than any datagram that it
/// answers, so a server that sends it cannot be used to amplify traffic (section 8.1).
pub(super) fn close(
    suite: &'static CipherSuite,
    answered: &Answered,
    code: TransportErrorCode,
    reason: &'static str,
) -> Vec<u8> {
    let Answered { version, destination, source } = *answered;
    let (mut keys, _) = initial::keys(suite, version, destination, Side::Server);
    // Nothing is kept, so the answer to the same packet is the same packet, under keys that anybody can compute.
    let number = PacketNumber::ZERO;
    let mut layout = None;
    let packet = written(|writer| {
        // The connection has no ID of ours and needs none: the client's own says which one is refused.
        layout = Some(header::encode_initial(writer, version, source, destination, &[], number, 1)?);
        let error_code = VarInt::new(code.0).expect("our codes are small");
        Frame::ConnectionClose { error_code, frame_type: 0, reason: reason.as_bytes() }.encode(writer)?;
        writer.reserve(TAG_LEN).map(|_| ())
    });
    let mut packet = packet.expect("a close with a reason of ours fits a datagram");
    let layout = layout.expect("the header was written");
    layout.finish(&mut packet);
    keys.seal(&mut packet, &layout, number).expect("a fresh key seals");
    packet
}

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Result<Vec<u8>, Full> {
    let mut bytes = alloc::vec![0; MIN_DATAGRAM_SIZE];
    let mut writer = Writer::new(&mut bytes);
    write(&mut writer)?;
    let len = writer.position();
    bytes.truncate(len);
    Ok(bytes)
}
