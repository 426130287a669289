extern crate std;

use super::*;
use crate::discard::Discard;
use crate::protection::{initial, key_update, retry_integrity};
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::header::{Header, PacketLayout, encode_handshake, encode_initial, encode_retry, encode_short};
use crate::wire::packet_number::PacketNumber;
use crate::wire::version::Version;
use alloc::vec;
use alloc::vec::Vec;
use base::{Side, Writer};
use crypto::aead::TAG_LEN;
use crypto::{Aead, AeadKey, CipherSuite, HeaderProtectionKey, OpenError, SealError, Secret, Tag};

// RFC 9001 appendix A, in hexadecimal.

/// The client's first destination connection ID.
const CLIENT_DESTINATION: &str = "8394c8f03e515708";
/// A.1.
const CLIENT_SECRET: &str = "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea";
/// A.1.
const SERVER_SECRET: &str = "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b";
/// A.2: the CRYPTO frame; PADDING makes it 1162 bytes.
const CLIENT_CRYPTO: &str = "\
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201\
    0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70\
    6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74\
    d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff\
    ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";
/// A.2.
const CLIENT_INITIAL: &str = "\
    c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab\
    7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c8eb7539e\
    c4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711b39343fa028cea7f7fb5ff89eac2308249a0\
    2252155e2347b63d58c5457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde5\
    35d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760\
    b7bad1db4ba3485e8a94dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e30c5c4287e53805db059ae0648db2f64264ed5e39\
    be2e20d82df566da8dd5998ccabdae053060ae6c7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363a\
    a5f89937f5a67258bf63ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d874\
    3eeb524be22b3dcbc2c7468d54119c7468449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663ac698\
    90f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00f064c99e3dd97911d39fe9c5d0b23a229a234cb3\
    6186c4819e8b9c5927726632291d6a418211cc2962e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe5896425c5bac4aee8\
    2e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2c25e50fd14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c\
    1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff28f5b766953334113211996d20011a198e3fc433f9f2541010ae1\
    7c1bf202580f6047472fb36857fe843b19f5984009ddc324044e847a4f4a0ab34f719595de37252d6235365e9b84392b0610\
    85349d73203a4a13e96f5432ec0fd4a1ee65accdd5e3904df54c1da510b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3\
    d8b4dae6e705769d1de354270123cb11450efc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03ade\
    a2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e72404790a2181014f3b94a4e97d117b438130368cc\
    39dbb2d198065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e566d44575c29d39a03f0cda721984b6f440591f35\
    5e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca06948109f23f350db82123535eb8a7433bdabcb909271\
    a6ecbcb58b936a88cd4e8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f76f0be79e2fb8f5d5fbb\
    e2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5aff4af300cd804a6b6279ab3ff3afb64\
    491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc85244259ff2b19c41b9f96f3ca9ec1dde434da7d2d3\
    92b905ddf3d1f9af93d1af5950bd493f5aa731b4056df31bd267b6b90a079831aaf579be0a39013137aac6d404f518cfd468\
    40647e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934";
/// A.3.
const SERVER_PAYLOAD: &str = "\
    02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a12001301\
    00002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";
/// A.3.
const SERVER_INITIAL: &str = "\
    cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5\
    a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4\
    cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";
/// A.4.
const RETRY: &str = "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba";
/// A.5.
const CHACHA_SECRET: &str = "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b";
/// A.5: the secret after a key update.
const CHACHA_NEXT_SECRET: &str = "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9";
/// A.5: a PING in packet 654360564.
const CHACHA_PACKET: &str = "4cfe4189655e5cd55c41f69080575d7999c25a5bfb";

pub(super) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(super) fn id(text: &str) -> ConnectionId {
    ConnectionId::new(&hex(text)).unwrap()
}

pub(super) fn number(value: u64) -> PacketNumber {
    PacketNumber::new(value).unwrap()
}

pub(super) fn initial_suite() -> &'static CipherSuite {
    crypto_ring::provider().initial
}

pub(super) fn suite(id: u16) -> &'static CipherSuite {
    crypto_ring::provider().cipher_suite(id).unwrap()
}

fn keys(side: Side) -> (SealKeys, OpenKeys) {
    initial::keys(initial_suite(), Version::V1, id(CLIENT_DESTINATION), side)
}

/// Header, `payload` and the tag, sealed.
pub(super) fn sealed(
    keys: &mut SealKeys,
    header: impl FnOnce(&mut Writer<'_>) -> PacketLayout,
    payload: &[u8],
    packet_number: PacketNumber,
) -> Vec<u8> {
    let mut packet = vec![0; 2000];
    let mut writer = Writer::new(&mut packet);
    let layout = header(&mut writer);
    writer.bytes(payload).unwrap();
    writer.reserve(TAG_LEN).unwrap();
    let len = writer.position();
    packet.truncate(len);
    layout.finish(&mut packet);
    keys.seal(&mut packet, &layout, packet_number).unwrap();
    packet
}

pub(super) fn offset_of(packet: &[u8]) -> usize {
    match Header::decode(packet, 8).unwrap() {
        Header::Initial(long) | Header::Handshake(long) | Header::ZeroRtt(long) => {
            assert_eq!(long.end, packet.len());
            long.packet_number_offset
        }
        Header::OneRtt(short) => short.packet_number_offset,
        other => panic!("{other:?}"),
    }
}

/// RFC 9001 section 5.2-2.
#[test]
fn a_1_initial_secrets() {
    let (client, server) = initial::secrets(initial_suite(), Version::V1, id(CLIENT_DESTINATION));
    assert_eq!(client.as_bytes(), hex(CLIENT_SECRET));
    assert_eq!(server.as_bytes(), hex(SERVER_SECRET));
}

/// RFC 9000 section 17.2-8.
#[test]
fn a_2_client_initial_both_ways() {
    let mut payload = hex(CLIENT_CRYPTO);
    payload.resize(1162, 0);
    let header = |writer: &mut Writer<'_>| {
        let destination = id(CLIENT_DESTINATION);
        encode_initial(writer, Version::V1, destination, ConnectionId::EMPTY, &[], number(2), 4).unwrap()
    };
    let mut packet = sealed(&mut keys(Side::Client).0, header, &payload, number(2));
    assert_eq!(packet, hex(CLIENT_INITIAL));
    let offset = offset_of(&packet);
    let opened = keys(Side::Server).1.open(&mut packet, offset, None).unwrap();
    assert_eq!((opened.packet_number, opened.check_reserved_bits()), (number(2), Ok(())));
    assert_eq!(packet[opened.payload], payload);
}

#[test]
fn a_3_server_initial_both_ways() {
    let payload = hex(SERVER_PAYLOAD);
    let header = |writer: &mut Writer<'_>| {
        let source = id("f067a5502a4262b5");
        encode_initial(writer, Version::V1, ConnectionId::EMPTY, source, &[], number(1), 2).unwrap()
    };
    let mut packet = sealed(&mut keys(Side::Server).0, header, &payload, number(1));
    assert_eq!(packet, hex(SERVER_INITIAL));
    let offset = offset_of(&packet);
    let opened = keys(Side::Client).1.open(&mut packet, offset, Some(number(0))).unwrap();
    assert_eq!(opened.packet_number, number(1));
    assert_eq!(packet[opened.payload], payload);
}

#[test]
fn a_4_retry() {
    let expected = hex(RETRY);
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    let source = id("f067a5502a4262b5");
    encode_retry(&mut writer, Version::V1, 0xff, ConnectionId::EMPTY, source, b"token").unwrap();
    let retry = writer.written();
    assert_eq!(retry, &expected[..retry.len()]);
    let original = id(CLIENT_DESTINATION);
    let tag = retry_integrity::tag(initial_suite(), Version::V1, original, retry);
    assert_eq!(tag, expected[retry.len()..]);
    assert!(retry_integrity::is_valid(initial_suite(), Version::V1, original, retry, &tag));
    assert!(!retry_integrity::is_valid(initial_suite(), Version::V1, source, retry, &tag));
    assert!(!retry_integrity::is_valid(initial_suite(), Version::V1, original, retry, &tag[..15]));
}

/// RFC 9000 section 17.3.1-2.
#[test]
fn a_5_chacha20_short_header_both_ways() {
    let suite = suite(CipherSuite::CHACHA20_POLY1305_SHA256);
    let secret = Secret::new(&hex(CHACHA_SECRET));
    let sent = number(654_360_564);
    let header = |writer: &mut Writer<'_>| encode_short(writer, ConnectionId::EMPTY, false, false, sent, 3).unwrap();
    let mut packet = sealed(&mut SealKeys::new(suite, Version::V1, secret.clone()), header, &[1], sent);
    assert_eq!(packet, hex(CHACHA_PACKET));
    let opened =
        OpenKeys::new(suite, Version::V1, secret.clone()).open(&mut packet, 1, Some(number(654_360_563))).unwrap();
    assert_eq!((opened.packet_number, &packet[opened.payload]), (sent, &[1][..]));
    let next = key_update::next_secret(suite, Version::V1, &secret);
    assert_eq!(next.as_bytes(), hex(CHACHA_NEXT_SECRET));
}

#[test]
fn every_suite_opens_what_it_seals() {
    for suite in crypto_ring::provider().cipher_suites {
        let secret = Secret::new(&vec![7; suite.hash.output_len()]);
        let (mut seal, mut open) =
            (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
        let mut largest = None;
        for value in [0, 1, 200, 70_000, 20_000_000, 1 << 40] {
            let sent = number(value);
            // A number too far ahead cannot be found from four bytes; the peer would have acknowledged before.
            if value == 1 << 40 {
                largest = Some(number(value - 1));
            }
            let destination = ConnectionId::new(&[9; 8]).unwrap();
            let header = |writer: &mut Writer<'_>| {
                encode_short(writer, destination, false, true, sent, sent.encoded_len(largest)).unwrap()
            };
            let mut packet = sealed(&mut seal, header, b"four", sent);
            let opened = open.open(&mut packet, 9, largest).unwrap();
            assert_eq!((opened.packet_number, &packet[opened.payload]), (sent, &b"four"[..]));
            largest = Some(sent);
        }
        assert_eq!(seal.sealed_packets(), 6);
    }
}

/// RFC 9001 section 5.4.2-1, 5.5-1.
#[test]
fn every_changed_byte_and_every_truncation_is_dropped() {
    let packet = hex(SERVER_INITIAL);
    let (_, mut open) = keys(Side::Client);
    for at in 0..packet.len() {
        let mut changed = packet.clone();
        changed[at] ^= 0x10;
        assert!(open.open(&mut changed, 18, None).is_err(), "byte {at}");
        let mut cut = packet[..at].to_vec();
        assert!(open.open(&mut cut, 18, None).is_err(), "cut at {at}");
    }
    assert!(open.open(&mut packet.clone(), 18, None).is_ok());
    assert_eq!(open.open(&mut packet.clone(), usize::MAX, None), Err(Discard::TooShort));
}

/// Failures of the handshake count with those after it.
/// RFC 9001 section 6.6-6, 6.6-7.
#[test]
fn a14_the_integrity_limit_is_reached_with_the_last_failure_under_any_key() {
    let good = hex(SERVER_INITIAL);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let (suite, secret) = (initial_suite(), Secret::new(&[7; 32]));
    let mut levels = Levels::default();
    levels.install(PacketKind::Initial, None, Some(keys(Side::Client).1));
    levels.lower_integrity_limit(4);
    let initial = |levels: &mut Levels, packet: &[u8]| {
        levels.open_packet(PacketKind::Initial, &mut packet.to_vec(), 18, None).map(|_| ())
    };
    for _ in 0..2 {
        assert_eq!(initial(&mut levels, &forged), Err(Discard::Undecryptable));
        assert!(initial(&mut levels, &good).is_ok());
        // Too short to be tried is no forgery, and nor is what has no key.
        assert_eq!(initial(&mut levels, &good[..30]), Err(Discard::TooShort));
        assert_eq!(levels.open_packet(PacketKind::Handshake, &mut forged.clone(), 18, None), Err(Discard::NoKey));
    }
    levels.discard(PacketKind::Initial);
    levels.install(PacketKind::OneRtt, None, Some(OpenKeys::new(suite, Version::V1, secret.clone())));
    let mut seal = SealKeys::new(suite, Version::V1, secret.clone());
    let mut open =
        |phase, value| levels.open_packet(PacketKind::OneRtt, &mut one_rtt(&mut seal, phase, value), 1, None);
    assert!(open(false, 5).is_ok());
    assert_eq!(open(true, 6), Err(Discard::Undecryptable), "sealed under the wrong key for its phase");
    assert_eq!(open(true, 1), Err(Discard::IntegrityLimit));
    assert_eq!(open(false, 7), Err(Discard::IntegrityLimit), "nothing is opened any more");
}

/// RFC 9001 section 6.6-1, 6.6-2.
#[test]
fn a14_no_packet_is_sealed_beyond_the_confidentiality_limit() {
    let (mut seal, _) = keys(Side::Client);
    seal.lower_confidentiality_limit(2);
    let mut packet = [0; 40];
    let layout = encode_handshake(
        &mut Writer::new(&mut packet),
        Version::V1,
        ConnectionId::EMPTY,
        ConnectionId::EMPTY,
        number(0),
        1,
    )
    .unwrap();
    let clear = packet;
    assert_eq!(seal.seal(&mut packet, &layout, number(0)), Ok(()));
    packet = clear;
    assert_eq!(seal.seal(&mut packet, &layout, number(1)), Ok(()));
    packet = clear;
    assert_eq!(seal.seal(&mut packet, &layout, number(2)), Err(Violation::AeadLimit));
    assert_eq!(packet, clear, "nothing is written");
}

/// RFC 9000 section 17.2-9, 17.3.1-3.
#[test]
fn reserved_bits_are_a_violation_only_once_authenticated() {
    for (reserved, expected) in
        [(0x00, Ok(())), (0x08, Err(Violation::ReservedBits)), (0x10, Err(Violation::ReservedBits))]
    {
        let suite = initial_suite();
        let secret = Secret::new(&[7; 32]);
        let header = |writer: &mut Writer<'_>| {
            let layout = encode_short(writer, ConnectionId::EMPTY, false, false, number(0), 1).unwrap();
            writer.written_mut()[0] |= reserved;
            layout
        };
        let mut packet = sealed(&mut SealKeys::new(suite, Version::V1, secret.clone()), header, &[1, 0, 0], number(0));
        let opened = OpenKeys::new(suite, Version::V1, secret.clone()).open(&mut packet, 1, None).unwrap();
        assert_eq!(opened.check_reserved_bits(), expected);
    }
}

fn one_rtt(keys: &mut SealKeys, phase: bool, value: u64) -> Vec<u8> {
    let header =
        |writer: &mut Writer<'_>| encode_short(writer, ConnectionId::EMPTY, phase, false, number(value), 1).unwrap();
    sealed(keys, header, &[1, 0, 0], number(value))
}

/// RFC 9001 section 5.5-2.
#[test]
fn a_changed_key_phase_under_the_old_key_is_a_forgery() {
    let (suite, secret) = (initial_suite(), Secret::new(&[7; 32]));
    let (mut seal, mut open) =
        (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
    let mut forged = one_rtt(&mut seal, true, 0);
    assert_eq!(open.open(&mut forged, 1, None), Err(Discard::Undecryptable));
    assert!(!open.key_phase());
    assert!(open.open(&mut one_rtt(&mut seal, false, 1), 1, None).is_ok(), "the old keys are still in use");
}

/// RFC 9001 section 6.1-3, 6.3-5, 6.4-1.
#[test]
fn keys_follow_each_other_and_late_packets_are_opened_for_a_while() {
    let (suite, secret) = (initial_suite(), Secret::new(&[7; 32]));
    let (mut seal, mut open) =
        (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
    let mut late: Vec<Vec<u8>> = (0..3).map(|value| one_rtt(&mut seal, false, value)).collect();
    assert!(!open.open(&mut late[0], 1, None).unwrap().is_key_update);
    for generation in 1..5 {
        seal.update();
        let phase = generation % 2 == 1;
        assert_eq!((seal.key_phase(), seal.sealed_packets()), (phase, 0));
        let largest = Some(number(generation * 10 - 1));
        let mut first = one_rtt(&mut seal, phase, generation * 10);
        let mut second = one_rtt(&mut seal, phase, generation * 10 + 1);
        assert!(open.open(&mut second, 1, largest).unwrap().is_key_update);
        assert!(!open.open(&mut first, 1, largest).unwrap().is_key_update, "one update, whatever the order");
        assert_eq!(open.key_phase(), phase);
        if generation == 1 {
            assert!(!open.open(&mut late[1], 1, Some(number(11))).unwrap().is_key_update);
            open.discard_previous();
            assert_eq!(open.open(&mut late[2], 1, Some(number(11))), Err(Discard::KeyPhase));
        }
    }
}

/// A suite whose AEAD counts how often it makes a key and opens a packet.
fn counted() -> &'static CipherSuite {
    static SUITE: std::sync::OnceLock<CipherSuite> = std::sync::OnceLock::new();
    SUITE.get_or_init(|| CipherSuite { aead: &Counted, ..*initial_suite() })
}

struct Counted;

std::thread_local! {
    /// Keys made, packets opened.
    static WORK: core::cell::Cell<(u32, u32)> = const { core::cell::Cell::new((0, 0)) };
}

struct CountedKey(alloc::boxed::Box<dyn AeadKey>);

impl Aead for Counted {
    fn key_len(&self) -> usize {
        initial_suite().aead.key_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        initial_suite().aead.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        initial_suite().aead.integrity_limit()
    }

    fn key(&self, key: &[u8]) -> alloc::boxed::Box<dyn AeadKey> {
        WORK.with(|work| work.set((work.get().0 + 1, work.get().1)));
        alloc::boxed::Box::new(CountedKey(initial_suite().aead.key(key)))
    }

    fn header_protection_key(&self, key: &[u8]) -> alloc::boxed::Box<dyn HeaderProtectionKey> {
        initial_suite().aead.header_protection_key(key)
    }
}

impl AeadKey for CountedKey {
    fn seal(&self, nonce: [u8; 12], associated_data: &[u8], payload: &mut [u8]) -> Result<Tag, SealError> {
        self.0.seal(nonce, associated_data, payload)
    }

    fn open(&self, nonce: [u8; 12], associated_data: &[u8], payload: &mut [u8]) -> Result<usize, OpenError> {
        WORK.with(|work| work.set((work.get().0, work.get().1 + 1)));
        self.0.open(nonce, associated_data, payload)
    }
}

/// Whatever generation a packet says that it is of, forged or old, it costs one use of one key, and no key is made for it.
/// RFC 9001 section 6.3-1, 6.3-5, 9.5-1.
#[test]
fn what_a_packet_costs_does_not_tell_its_key_phase() {
    let secret = Secret::new(&[7; 32]);
    let mut seal = SealKeys::new(counted(), Version::V1, secret.clone());
    let old: Vec<Vec<u8>> = (0..4).map(|value| one_rtt(&mut seal, false, value)).collect();
    let mut open = OpenKeys::new(counted(), Version::V1, secret.clone());
    let cost = |open: &mut OpenKeys, packet: &[u8], largest: u64| {
        WORK.set((0, 0));
        let result = open.open(&mut packet.to_vec(), 1, Some(number(largest))).map(|_| ());
        (result, WORK.get())
    };
    let forged = |packet: &[u8], phase: u8| {
        let mut packet = packet.to_vec();
        packet[0] ^= phase;
        *packet.last_mut().unwrap() ^= 1;
        packet
    };
    assert!(open.open(&mut old[0].clone(), 1, None).is_ok());
    for round in 0..2 {
        let (now, largest) = if round == 0 { (&old[1], 0) } else { (&one_rtt(&mut seal, true, 11), 10) };
        for phase in [0, 4] {
            assert_eq!(cost(&mut open, &forged(now, phase), largest), (Err(Discard::Undecryptable), (0, 1)), "{phase}");
        }
        if round == 0 {
            seal.update();
            let first = one_rtt(&mut seal, true, 10);
            // The next generation is made by the packet that proves the update, not by one that may be forged.
            assert_eq!(cost(&mut open, &first, 9), (Ok(()), (1, 1)));
            assert_eq!(cost(&mut open, &old[2], 10), (Ok(()), (0, 1)));
            open.discard_previous();
            assert_eq!(cost(&mut open, &old[3], 10), (Err(Discard::KeyPhase), (0, 1)));
        }
    }
    // After a rest every packet costs the same, too.
    let mut seal = SealKeys::new(counted(), Version::V1, secret.clone());
    let packet = one_rtt(&mut seal, false, 20);
    for phase in [0, 4] {
        let mut open = OpenKeys::new(counted(), Version::V1, secret.clone());
        open.rest();
        assert_eq!(cost(&mut open, &forged(&packet, phase), 19), (Err(Discard::Undecryptable), (2, 1)), "{phase}");
    }
}

/// Keys that rested are made again as they were; after an update they stay, because nothing is left to make them of.
#[test]
fn keys_that_rested_seal_and_open_as_before() {
    for suite in crypto_ring::provider().cipher_suites {
        let secret = Secret::new(&[7; 32]);
        let (mut seal, mut open) =
            (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
        let (mut resting_seal, mut resting_open) =
            (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
        for (value, phase) in [(0, false), (1, false), (2, true), (3, true)] {
            if value == 2 {
                resting_seal.rest();
                seal.update();
                resting_seal.update();
            }
            resting_seal.rest();
            resting_open.rest();
            let packet = one_rtt(&mut seal, phase, value);
            assert_eq!(one_rtt(&mut resting_seal, phase, value), packet);
            let open_with = |keys: &mut OpenKeys| keys.open(&mut packet.clone(), 1, Some(number(value)));
            assert_eq!(open_with(&mut resting_open), open_with(&mut open));
            assert!(open_with(&mut open).is_ok());
        }
        assert_eq!(resting_seal.sealed_packets(), 2, "the count of a generation goes on");
    }
}

#[test]
fn t16_a_forged_packet_without_payload_is_dropped() {
    let (suite, secret) = (initial_suite(), Secret::new(&[7; 32]));
    let mut open = OpenKeys::new(suite, Version::V1, secret.clone());
    for len in 0..40 {
        let mut packet = vec![0x40; len];
        assert!(open.open(&mut packet, 1, None).is_err());
    }
}
