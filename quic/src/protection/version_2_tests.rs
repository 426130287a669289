//! The samples of RFC 9369 appendix A, in hexadecimal.

use super::tests::{hex, id, initial_suite, number, offset_of, sealed, suite};
use super::*;
use crate::protection::{initial, key_update, retry_integrity};
use crate::wire::connection_id::ConnectionId;
use crate::wire::header::{encode_initial, encode_retry, encode_short};
use crate::wire::version::Version;
use base::{Side, Writer};
use crypto::{CipherSuite, Secret};

/// The client's first destination connection ID.
const CLIENT_DESTINATION: &str = "8394c8f03e515708";
/// A.1.
const CLIENT_SECRET: &str = "14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b";
/// A.1.
const SERVER_SECRET: &str = "0263db1782731bf4588e7e4d93b7463907cb8cd8200b5da55a8bd488eafc37c1";
/// A.2: the CRYPTO frame; PADDING makes it 1162 bytes.
const CLIENT_CRYPTO: &str = "\
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201\
    0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70\
    6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74\
    d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff\
    ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";
/// A.2.
const CLIENT_INITIAL: &str = "\
    d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c9605\
    8bdbfb127cdfcbf903388e99ad049f9a3dd4425ae4d0992cfff18ecf0fdb5a842d09747052f17ac2053d21f57c5d250f2c4f\
    0e0202b70785b7946e992e58a59ac52dea6774d4f03b55545243cf1a12834e3f249a78d395e0d18f4d766004f1a2674802a7\
    47eaa901c3f10cda5500cb9122faa9f1df66c392079a1b40f0de1c6054196a11cbea40afb6ef5253cd6818f6625efce3b6de\
    f6ba7e4b37a40f7732e093daa7d52190935b8da58976ff3312ae50b187c1433c0f028edcc4c2838b6a9bfc226ca4b4530e7a\
    4ccee1bfa2a3d396ae5a3fb512384b2fdd851f784a65e03f2c4fbe11a53c7777c023462239dd6f7521a3f6c7d5dd3ec9b3f2\
    33773d4b46d23cc375eb198c63301c21801f6520bcfb7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b87\
    7045636e7c0c0fe4eb0f697545460c806910d2c355f1d253bc9d2452aaa549e27a1fac7cf4ed77f322e8fa894b6a83810a34\
    b361901751a6f5eb65a0326e07de7c1216ccce2d0193f958bb3850a833f7ae432b65bc5a53975c155aa4bcb4f7b2c4e54df1\
    6efaf6ddea94e2c50b4cd1dfe06017e0e9d02900cffe1935e0491d77ffb4fdf85290fdd893d577b1131a610ef6a5c32b2ee0\
    293617a37cbb08b847741c3b8017c25ca9052ca1079d8b78aebd47876d330a30f6a8c6d61dd1ab5589329de714d19d61370f\
    8149748c72f132f0fc99f34d766c6938597040d8f9e2bb522ff99c63a344d6a2ae8aa8e51b7b90a4a806105fcbca31506c44\
    6151adfeceb51b91abfe43960977c87471cf9ad4074d30e10d6a7f03c63bd5d4317f68ff325ba3bd80bf4dc8b52a0ba03175\
    8022eb025cdd770b44d6d6cf0670f4e990b22347a7db848265e3e5eb72dfe8299ad7481a408322cac55786e52f633b2fb6b6\
    14eaed18d703dd84045a274ae8bfa73379661388d6991fe39b0d93debb41700b41f90a15c4d526250235ddcd6776fc77bc97\
    e7a417ebcb31600d01e57f32162a8560cacc7e27a096d37a1a86952ec71bd89a3e9a30a2a26162984d7740f81193e8238e61\
    f6b5b984d4d3dfa033c1bb7e4f0037febf406d91c0dccf32acf423cfa1e7071010d3f270121b493ce85054ef58bada423101\
    38fe081adb04e2bd901f2f13458b3d6758158197107c14ebb193230cd1157380aa79cae1374a7c1e5bbcb80ee23e06ebfde2\
    06bfb0fcbc0edc4ebec309661bdd908d532eb0c6adc38b7ca7331dce8dfce39ab71e7c32d318d136b6100671a1ae6a6600e3\
    899f31f0eed19e3417d134b90c9058f8632c798d4490da4987307cba922d61c39805d072b589bd52fdf1e86215c2d54e6670\
    e07383a27bbffb5addf47d66aa85a0c6f9f32e59d85a44dd5d3b22dc2be80919b490437ae4f36a0ae55edf1d0b5cb4e9a3ec\
    abee93dfc6e38d209d0fa6536d27a5d6fbb17641cde27525d61093f1b28072d111b2b4ae5f89d5974ee12e5cf7d5da4d6a31\
    123041f33e61407e76cffcdcfd7e19ba58cf4b536f4c4938ae79324dc402894b44faf8afbab35282ab659d13c93f70412e85\
    cb199a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc";
/// A.3.
const SERVER_PAYLOAD: &str = "\
    02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a12001301\
    00002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";
/// A.3.
const SERVER_INITIAL: &str = "\
    dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf8726301791\
    5358230035f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707\
    f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140";
/// A.4.
const RETRY: &str = "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6";
/// A.5.
const CHACHA_SECRET: &str = "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b";
/// A.5.
const CHACHA_NEXT_SECRET: &str = "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88";
/// A.5.
const CHACHA_PACKET: &str = "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba";

#[test]
fn a_1_initial_secrets() {
    let (client, server) = initial::secrets(initial_suite(), Version::V2, id(CLIENT_DESTINATION));
    assert_eq!(client.as_bytes(), hex(CLIENT_SECRET));
    assert_eq!(server.as_bytes(), hex(SERVER_SECRET));
}

fn keys(side: Side) -> (SealKeys, OpenKeys) {
    initial::keys(initial_suite(), Version::V2, id(CLIENT_DESTINATION), side)
}

#[test]
fn a_2_client_initial_both_ways() {
    let mut payload = hex(CLIENT_CRYPTO);
    payload.resize(1162, 0);
    let header = |writer: &mut Writer<'_>| {
        let destination = id(CLIENT_DESTINATION);
        encode_initial(writer, Version::V2, destination, ConnectionId::EMPTY, &[], number(2), 4).unwrap()
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
        encode_initial(writer, Version::V2, ConnectionId::EMPTY, source, &[], number(1), 2).unwrap()
    };
    let mut packet = sealed(&mut keys(Side::Server).0, header, &payload, number(1));
    assert_eq!(packet, hex(SERVER_INITIAL));
    let offset = offset_of(&packet);
    let opened = keys(Side::Client).1.open(&mut packet, offset, Some(number(0))).unwrap();
    assert_eq!((opened.packet_number, &packet[opened.payload]), (number(1), &payload[..]));
}

#[test]
fn a_4_retry() {
    let expected = hex(RETRY);
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    let source = id("f067a5502a4262b5");
    encode_retry(&mut writer, Version::V2, 0xff, ConnectionId::EMPTY, source, b"token").unwrap();
    let retry = writer.written();
    assert_eq!(retry, &expected[..retry.len()]);
    let original = id(CLIENT_DESTINATION);
    let tag = retry_integrity::tag(initial_suite(), Version::V2, original, retry);
    assert_eq!(tag, expected[retry.len()..]);
    assert!(!retry_integrity::is_valid(initial_suite(), Version::V1, original, retry, &tag));
}

#[test]
fn a_5_chacha20_short_header_both_ways() {
    let suite = suite(CipherSuite::CHACHA20_POLY1305_SHA256);
    let secret = Secret::new(&hex(CHACHA_SECRET));
    let sent = number(654_360_564);
    let header = |writer: &mut Writer<'_>| encode_short(writer, ConnectionId::EMPTY, false, false, sent, 3).unwrap();
    let mut packet = sealed(&mut SealKeys::new(suite, Version::V2, secret.clone()), header, &[1], sent);
    assert_eq!(packet, hex(CHACHA_PACKET));
    let mut keys = OpenKeys::new(suite, Version::V2, secret.clone());
    let opened = keys.open(&mut packet, 1, Some(number(654_360_563))).unwrap();
    assert_eq!((opened.packet_number, &packet[opened.payload]), (sent, &[1][..]));
    assert_eq!(key_update::next_secret(suite, Version::V2, &secret).as_bytes(), hex(CHACHA_NEXT_SECRET));
}
