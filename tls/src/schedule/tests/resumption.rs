//! RFC 8448 section 4: a handshake that is resumed with the ticket of section 3, with early data over records.

use super::super::*;
use super::{PLAIN_SHARED, suite};
use crate::message::client_hello::ClientHello;
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::extension::ExtensionType;
use crate::message::framing::HEADER_LEN;
use crate::message::pre_shared_key::OfferedTicket;
use crate::message::server_hello::ServerHelloOrRetry;
use crate::proof::{BinderVerified, FinishedVerified};
use crate::testing::hex;
use crate::transcript::Transcript;
use alloc::vec::Vec;

/// The transcript of section 3 up to the client's Finished.
const RESUMPTION_HASH: &str = "209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d";

/// resumption_secret of section 3.
const RESUMPTION_SECRET: &str = "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c";

/// The key of the ticket that section 3 ends with.
const TICKET_SECRET: &str = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3";

/// ClientHello, with its binder.
const CLIENT_HELLO: &str = "\
    010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95000006130113031302010001cd000000\
    0b0009000006736572766572ff01000100000a00140012001d00170018001901000101010201030104003300260024001d0020e4ffb6\
    8ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b002a0000002b0003020304000d0020001e0403050306030203\
    08040805080604010501060102010402050206020202002d00020101001c000240010015005700000000000000000000000000000000\
    000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000002900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa\
    90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce\
    145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf2\
    97b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d357fad6aacb0021203add4fb2d8fd\
    f822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d";

/// The transcript that the binder covers.
const BINDER_HASH: &str = "63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14";

/// The binder.
const BINDER: &str = "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d";

/// The transcript of the whole ClientHello.
const HELLO_HASH: &str = "08ad0fa05d7c7233b1775ba2ff9f4c5b8b59276b7f227f13a976245f5d960913";

/// client_early_traffic_secret.
const EARLY_TRAFFIC: &str = "3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62";

/// The secret of the key exchange.
const SHARED: &str = "f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e";

/// ServerHello.
const SERVER_HELLO: &str = "\
    0200005c03033ccfd2dec890222763472ae8136777c9d7358777bb66e91ea5122495f559ea2d00130100003400290002000000330024\
    001d0020121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31002b00020304";

/// EncryptedExtensions, which accept the early data.
const EXTENSIONS: &str = "080000280026000a00140012001d00170018001901000101010201030104001c0002400100000000002a0000";

/// client_handshake_traffic_secret.
const CLIENT_HANDSHAKE: &str = "2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f";

/// server_handshake_traffic_secret.
const SERVER_HANDSHAKE: &str = "fe927ae271312e8bf0275b581c54eef020450dc4ecffaa05a1a35d27518e7803";

/// The server's Finished.
const SERVER_FINISHED: &str = "1400002048d3e0e1b3d907c6acff145e16090388c77b05c050b634ab1a88bbd0dd1a34b2";

/// The transcript up to the server's Finished.
const FLIGHT_HASH: &str = "b0aeffc46a2cfe33114e6fd7d51f9f04b1ca3c497dab08934a774a9d9ad7dbf3";

/// client_application_traffic_secret_0.
const CLIENT_APPLICATION: &str = "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1";

/// server_application_traffic_secret_0.
const SERVER_APPLICATION: &str = "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691";

/// exporter_secret.
const EXPORTER: &str = "3fd93d4ffddc98e64b14dd107aedf8ee4add23f4510f58a4592d0b201bee56b4";

/// EndOfEarlyData.
const END_OF_EARLY_DATA: &str = "05000000";

/// The client's Finished.
const CLIENT_FINISHED: &str = "140000207230a9c952c25cd6138fc5e6628308c41c5335dd81b9f96bcea50fd32bda416d";

/// The transcript up to the client's Finished.
const SECOND_RESUMPTION_HASH: &str = "c3c122e0bd907a4a3ff6112d8fd53dbf89c773d9552e8b6b9d56d361b3a97bf6";

/// resumption_secret.
const SECOND_RESUMPTION_SECRET: &str = "5e95bdf1f89005ea2e9aa0ba85e728e3c19c5fe0c699e3f5bee59faebd0b5406";

/// The published ticket leads from section 3 to section 4.
#[test]
fn the_key_of_a_ticket() {
    let main = main_of_the_plain_handshake();
    assert_eq!(main.resumption(&Digest::new(&hex(RESUMPTION_HASH))).as_bytes(), hex(RESUMPTION_SECRET));
    let resumption = Secret::new(&hex(RESUMPTION_SECRET));
    assert_eq!(ticket_secret(suite(), &resumption, &[0, 0]).as_bytes(), hex(TICKET_SECRET));
}

/// The binder of the published ClientHello, made and checked, and each of its bytes changed.
#[test]
fn the_binder_of_a_client_hello() {
    let bytes = hex(CLIENT_HELLO);
    let hello = ClientHello::decode(&bytes[HEADER_LEN..]).unwrap();
    let keys = hello.pre_shared_keys.unwrap();
    let offered = keys.iter().next().unwrap();
    assert!(hello.offers_early_data && keys.iter().count() == 1);
    assert_eq!(offered.binder, hex(BINDER));
    let (covered, _) = bytes.split_at(bytes.len() - keys.binders_len());
    let digest = suite().hash.digest(&[covered]);
    assert_eq!(*digest, *hex(BINDER_HASH));
    let early = Early::with_pre_shared_key(suite(), &Secret::new(&hex(TICKET_SECRET)));
    assert_eq!(*early.binder(&digest), *hex(BINDER));
    assert!(BinderVerified::check(&early, &digest, offered.binder).is_ok());
    for at in 0..offered.binder.len() {
        let mut changed = offered.binder.to_vec();
        changed[at] ^= 1;
        assert!(BinderVerified::check(&early, &digest, &changed).is_err(), "{at}");
    }
    // What is written of the same ticket is what was published.
    let mut written = Vec::new();
    let ticket = OfferedTicket { identity: offered.identity, obfuscated_age: offered.obfuscated_age, binder_len: 32 };
    ticket.encode(&mut written).unwrap();
    let published = hello.extensions.find(ExtensionType::PRE_SHARED_KEY).unwrap();
    assert_eq!(written[..written.len() - 32], published[..published.len() - 32]);
}

#[test]
fn a_resumed_handshake_with_early_data() {
    let (hello, server_hello) = (hex(CLIENT_HELLO), hex(SERVER_HELLO));
    let mut transcript = Transcript::new(suite(), &hello);
    assert_eq!(*transcript.current(), *hex(HELLO_HASH));
    let early = Early::with_pre_shared_key(suite(), &Secret::new(&hex(TICKET_SECRET)));
    assert_eq!(early.client_traffic(&transcript.current()).as_bytes(), hex(EARLY_TRAFFIC));
    transcript.add(&server_hello);
    let offered = [ExtensionType::SUPPORTED_VERSIONS, ExtensionType::KEY_SHARE, ExtensionType::PRE_SHARED_KEY].into();
    let Ok(ServerHelloOrRetry::Hello(answer)) = ServerHelloOrRetry::decode(&server_hello[HEADER_LEN..], &[], &offered)
    else {
        panic!("a ServerHello is not taken for one");
    };
    assert_eq!(answer.selected_identity, Some(0));
    let schedule = Handshake::begin(suite(), Some(early), Secret::new(&hex(SHARED)));
    let digest = transcript.current();
    let [client, server] = schedule.traffic(&digest);
    assert_eq!((client.as_bytes(), server.as_bytes()), (&hex(CLIENT_HANDSHAKE)[..], &hex(SERVER_HANDSHAKE)[..]));

    let extensions = hex(EXTENSIONS);
    // The last is record_size_limit, which we do not offer.
    let (name, groups) = (ExtensionType::SERVER_NAME, ExtensionType::SUPPORTED_GROUPS);
    let known = [name, groups, ExtensionType::EARLY_DATA, ExtensionType(28)];
    let read = EncryptedExtensions::decode(&extensions[HEADER_LEN..], &known.into()).unwrap();
    assert!(read.accepts_early_data);
    transcript.add(&extensions);
    let finished = hex(SERVER_FINISHED);
    assert!(FinishedVerified::check(suite(), &server, &transcript.current(), &finished[HEADER_LEN..]).is_ok());
    transcript.add(&finished);
    let digest = transcript.current();
    assert_eq!(*digest, *hex(FLIGHT_HASH));
    let main = schedule.into_main();
    let secrets = main.traffic_and_exporter(&digest);
    let published = [CLIENT_APPLICATION, SERVER_APPLICATION, EXPORTER].map(hex);
    assert_eq!(secrets.each_ref().map(|secret| secret.as_bytes()), published.each_ref().map(Vec::as_slice));
    transcript.add(&hex(END_OF_EARLY_DATA));
    let finished = hex(CLIENT_FINISHED);
    assert_eq!(*verify_data(suite(), &client, &transcript.current()), finished[HEADER_LEN..]);
    transcript.add(&finished);
    assert_eq!(*transcript.current(), *hex(SECOND_RESUMPTION_HASH));
    assert_eq!(main.resumption(&transcript.current()).as_bytes(), hex(SECOND_RESUMPTION_SECRET));
}

/// The last stage of the key schedule in section 3.
fn main_of_the_plain_handshake() -> Main {
    Handshake::begin(suite(), None, Secret::new(&hex(PLAIN_SHARED))).into_main()
}
