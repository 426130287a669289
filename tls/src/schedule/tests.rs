//! RFC 8448 section 3 (a plain handshake) and section 5 (after a HelloRetryRequest): the schedule against published values.
//! Section 4, a resumed handshake, has a file of its own.

mod resumption;

use super::*;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::client_hello::ClientHello;
use crate::message::extension::ExtensionType;
use crate::message::framing::HEADER_LEN;
use crate::message::new_session_ticket::NewSessionTicket;
use crate::message::server_hello::ServerHelloOrRetry;
use crate::proof::FinishedVerified;
use crate::testing::hex;
use crate::transcript::Transcript;
use alloc::boxed::Box;

/// ClientHello.
const PLAIN_CLIENT_HELLO: &str = "\
    010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece700000613011303130201000091000000\
    0b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d00\
    2099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203\
    08040805080604010501060102010402050206020202002d00020101001c00024001";

/// ServerHello.
const PLAIN_SERVER_HELLO: &str = "\
    020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c982\
    8876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";

/// EncryptedExtensions.
const PLAIN_ENCRYPTED_EXTENSIONS: &str =
    "080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000";

/// Certificate, the same in both.
const CERTIFICATE: &str = "\
    0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c300a060355040313\
    03727361301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c300a060355040313037273613081\
    9f300d06092a864886f70d010101050003818d0030818902818100b4bb498f8279303d980836399b36c6988c0c68de55e1bdb826d390\
    1a2461eafd2de49a91d015abbc9a95137ace6c1af19eaa6af98c7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e2\
    2a5fda430846748030530ef0461c8ca9d9efbfae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a\
    301830090603551d1304023000300b0603551d0f0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b90\
    8c65f73a7267170618a54c5f8a7b337d2df7a594365417f2eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd335e\
    5e67f2dbf102702e608ccae6bec1fc63a42a99be5c3eb7107c3c54e9b9eb2bd5203b1c3b84e0a8b2f759409ba3eac9d91d402dcc0cc8\
    f8961229ac9187b42b4de10000";

/// CertificateVerify.
const PLAIN_CERTIFICATE_VERIFY: &str = "\
    0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3ff52f1fda8477b0b7abc90db78e2d33a5c141a0786\
    53fa6bef780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac027671459e46445c9ea58c181e818e95b8c3fb0b\
    f3278409d3be152a3da5043e063dda65cdf5aea20d53dfacd42f74f3";

/// NewSessionTicket.
const PLAIN_TICKET: &str = "\
    040000c90000001efad6aac502000000b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c49\
    8883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3664d\
    4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac\
    5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d3570008002a000400000400";

/// The secret of the key exchange.
const PLAIN_SHARED: &str = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";

/// The transcript up to ServerHello.
const PLAIN_HELLO_HASH: &str = "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8";

/// client_handshake_traffic_secret.
const PLAIN_CLIENT_HANDSHAKE: &str = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21";

/// server_handshake_traffic_secret.
const PLAIN_SERVER_HANDSHAKE: &str = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38";

/// The server's verify_data.
const PLAIN_SERVER_FINISHED: &str = "9b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718";

/// The transcript up to the server's Finished.
const PLAIN_FLIGHT_HASH: &str = "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13";

/// client_application_traffic_secret_0.
const PLAIN_CLIENT_APPLICATION: &str = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";

/// server_application_traffic_secret_0.
const PLAIN_SERVER_APPLICATION: &str = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

/// exporter_secret.
const PLAIN_EXPORTER: &str = "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50";

/// The client's verify_data.
const PLAIN_CLIENT_FINISHED: &str = "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61";

/// ClientHello.
const RETRY_CLIENT_HELLO: &str = "\
    010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f00000613011303130201000081000000\
    0b0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3f3b93a25ed97a14a7dcacb8a\
    272c6288e585c6484d05262fcad062ad1f002b0003020304000d0020001e040305030603020308040805080604010501060102010402\
    050206020202002d00020101001c00024001";

/// HelloRetryRequest.
const RETRY_REQUEST: &str = "\
    020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c001301000084003300020017002c0074\
    007271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b\
    40318d10d137abcbb87574e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf57\
    1fb2b7cff0f934b0002b00020304";

/// The second ClientHello.
const RETRY_SECOND_CLIENT_HELLO: &str = "\
    010001fc0303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010001cd000000\
    0b0009000006736572766572ff01000100000a00080006001d001700180033004700450017004104a6da7392ec591e17abfd535964b9\
    9894d13befb221b3def2ebe3830eac8f0151812677c4d6d2237e85cf01d6910cfb83954e76ba7352830534159897e8065780002b0003\
    020304000d0020001e040305030603020308040805080604010501060102010402050206020202002c0074007271dcd04bb88bc31891\
    19398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574\
    e36e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002d00\
    020101001c00024001001500af0000000000000000000000000000000000000000000000000000000000000000000000000000000000\
    000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
    000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000";

/// ServerHello.
const RETRY_SERVER_HELLO: &str = "\
    020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f00330045001700410458\
    3e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3d9c547bc6528c431\
    7d294686093a6cad7d002b00020304";

/// EncryptedExtensions.
const RETRY_ENCRYPTED_EXTENSIONS: &str = "080000180016000a0008000600170018001d001c0002400100000000";

/// CertificateVerify.
const RETRY_CERTIFICATE_VERIFY: &str = "\
    0f0000840804008033ab13d4462707231b5dcae6c8190b63d1dabc74f28c395370da0b07e5b83066d0246a31acd95df475bfd799a4a7\
    0d33ad93d3a317a9b2c0d237a5685b219e774112e391a247607d1aeff1bbd0a39f382ee1a5fe88ae99ec59228e6497e45d48ce275a6d\
    5ef40d169fb6f9d33b052ed3dcdd6b5a48baafffbcb290128415bd38";

/// The secret of the key exchange.
const RETRY_SHARED: &str = "c142ce13ca11b5c2233652e63ad3d97844f1621fbfb9de69d547dc8fedeabeb4";

/// The transcript up to ServerHello.
const RETRY_HELLO_HASH: &str = "8aa8e828ec2f8a884fec95a3139de01c15a3daa7ff5bfc3f4bfcc21b438d7bf8";

/// client_handshake_traffic_secret.
const RETRY_CLIENT_HANDSHAKE: &str = "158aa7ab8855073582b41d674b4055cabcc534728f659314861b4e08e2011566";

/// server_handshake_traffic_secret.
const RETRY_SERVER_HANDSHAKE: &str = "3403e781e2af7b6508da28574f6e95a1abf162de83a97927c37672a4a0cef8a1";

/// The server's verify_data.
const RETRY_SERVER_FINISHED: &str = "8863e6bfb0420a927fa27f34336a70ae426e968e3eb884945b96856dba3976d1";

/// The transcript up to the server's Finished.
const RETRY_FLIGHT_HASH: &str = "50f63cbf36b0dd049e7a0ba27d6455745ea2aaac54bb167f9950b2b7ce9509da";

/// client_application_traffic_secret_0.
const RETRY_CLIENT_APPLICATION: &str = "75ecf4b972525aa0dcd057c9944d4cd5d82671d8843141d7dc2a4ff15a21dc51";

/// server_application_traffic_secret_0.
const RETRY_SERVER_APPLICATION: &str = "5c74f87df04225db0f8209c9de6429e49435fdefa7cad61864874d12f31cfc8d";

/// exporter_secret.
const RETRY_EXPORTER: &str = "7c06d3ae106a3a374ace4837b3985cac67780a6e2c5c04b58319d584df09d223";

/// The client's verify_data.
const RETRY_CLIENT_FINISHED: &str = "23f52fdb0709a55bd7f79b991f25484087bcfd4d4380b12326a52a28b2e368e1";

/// One trace.
struct Trace {
    transcript: Transcript,
    server_hello: &'static str,
    flight: [&'static str; 3],
    /// Shared, hello hash, client and server handshake, server Finished, flight hash, client and server application,
    /// exporter, client Finished.
    values: [&'static str; 10],
}

fn suite() -> &'static CipherSuite {
    crypto_ring::PROVIDER.initial
}

fn check(mut trace: Trace) {
    let [shared, hello_hash, client, server, server_finished, flight_hash, client_app, server_app, exporter, finished] =
        trace.values.map(hex);
    trace.transcript.add(&hex(trace.server_hello));
    let schedule = Handshake::begin(suite(), None, Secret::new(&shared));
    let digest = trace.transcript.current();
    assert_eq!(*digest, *hello_hash);
    let [client_traffic, server_traffic] = schedule.traffic(&digest);
    assert_eq!(client_traffic.as_bytes(), client);
    assert_eq!(server_traffic.as_bytes(), server);

    trace.flight.iter().for_each(|message| trace.transcript.add(&hex(message)));
    let before_finished = trace.transcript.current();
    assert_eq!(*verify_data(suite(), &server_traffic, &before_finished), *server_finished);
    trace.transcript.add(&[20, 0, 0, 32]);
    trace.transcript.add(&server_finished);
    let digest = trace.transcript.current();
    assert_eq!(*digest, *flight_hash);
    let secrets = schedule.into_main().traffic_and_exporter(&digest);
    assert_eq!(secrets.each_ref().map(|secret| secret.as_bytes()), [&*client_app, &*server_app, &*exporter]);
    assert_eq!(*verify_data(suite(), &client_traffic, &digest), *finished);
    assert!(FinishedVerified::check(suite(), &client_traffic, &digest, &finished).is_ok());
}

#[test]
fn a_plain_handshake() {
    check(Trace {
        transcript: Transcript::new(suite(), &hex(PLAIN_CLIENT_HELLO)),
        server_hello: PLAIN_SERVER_HELLO,
        flight: [PLAIN_ENCRYPTED_EXTENSIONS, CERTIFICATE, PLAIN_CERTIFICATE_VERIFY],
        values: [
            PLAIN_SHARED,
            PLAIN_HELLO_HASH,
            PLAIN_CLIENT_HANDSHAKE,
            PLAIN_SERVER_HANDSHAKE,
            PLAIN_SERVER_FINISHED,
            PLAIN_FLIGHT_HASH,
            PLAIN_CLIENT_APPLICATION,
            PLAIN_SERVER_APPLICATION,
            PLAIN_EXPORTER,
            PLAIN_CLIENT_FINISHED,
        ],
    });
}

/// The exporter of that handshake: values computed by hand, with HKDF in another language, for a label and no context, and for a session
/// of WebTransport (draft-ietf-webtrans-http3 section 4.8).
/// RFC 9846 section 7.5-1.
#[test]
fn what_a_plain_handshake_exports() {
    let secret = Secret::new(&hex(PLAIN_EXPORTER));
    let mut sample = [0; 32];
    export(suite(), &secret, b"EXPORTER-sample", &[], &mut sample);
    assert_eq!(sample, *hex("dc48f4afb732b623c0bee716e3d122a8d47b688e608e160cd28e6c434efa14b8"));
    // Longer than one digest; the session's number, then label and context with their lengths.
    let mut of_session = [0; 48];
    let context = hex("00000000000000040673616d706c6503010203");
    export(suite(), &secret, b"EXPORTER-WebTransport", &context, &mut of_session);
    let expected = "70bbefc0f9e3e117bbe92474f58e351f343b7b4074cfb6eb3095b29f32ed3f5f9f21253ec089d1404d7c88117bae4118";
    assert_eq!(of_session, *hex(expected));
}

#[test]
fn after_a_retry() {
    let mut transcript = Transcript::after_retry(suite(), &hex(RETRY_CLIENT_HELLO));
    transcript.add(&hex(RETRY_REQUEST));
    transcript.add(&hex(RETRY_SECOND_CLIENT_HELLO));
    check(Trace {
        transcript,
        server_hello: RETRY_SERVER_HELLO,
        flight: [RETRY_ENCRYPTED_EXTENSIONS, CERTIFICATE, RETRY_CERTIFICATE_VERIFY],
        values: [
            RETRY_SHARED,
            RETRY_HELLO_HASH,
            RETRY_CLIENT_HANDSHAKE,
            RETRY_SERVER_HANDSHAKE,
            RETRY_SERVER_FINISHED,
            RETRY_FLIGHT_HASH,
            RETRY_CLIENT_APPLICATION,
            RETRY_SERVER_APPLICATION,
            RETRY_EXPORTER,
            RETRY_CLIENT_FINISHED,
        ],
    });
}

#[test]
fn published_messages_parse() {
    let client_hello = hex(PLAIN_CLIENT_HELLO);
    let hello = ClientHello::decode(&client_hello[HEADER_LEN..]).unwrap();
    assert_eq!(hello.server_name, Some(&b"server"[..]));
    assert_eq!(hello.cipher_suites.iter().collect::<alloc::vec::Vec<_>>(), [0x1301, 0x1303, 0x1302]);
    assert_eq!(hello.key_shares.unwrap().find(crypto::NamedGroup::X25519).unwrap().len(), 32);
    // The retry came with a cookie, which the second hello returns.
    let request = hex(RETRY_REQUEST);
    let offered = [ExtensionType::SUPPORTED_VERSIONS, ExtensionType::KEY_SHARE].into();
    let Ok(ServerHelloOrRetry::Retry(retry)) = ServerHelloOrRetry::decode(&request[HEADER_LEN..], &[], &offered) else {
        panic!("a HelloRetryRequest is not taken for one");
    };
    assert_eq!(retry.selected_group, Some(crypto::NamedGroup::SECP256R1));
    let second = hex(RETRY_SECOND_CLIENT_HELLO);
    assert_eq!(ClientHello::decode(&second[HEADER_LEN..]).unwrap().cookie, retry.cookie);
    assert!(retry.cookie.is_some());
    let ticket = hex(PLAIN_TICKET);
    let ticket = NewSessionTicket::decode(&ticket[HEADER_LEN..]).unwrap();
    assert_eq!((ticket.lifetime_seconds, ticket.max_early_data_size), (30, Some(1024)));
}

#[test]
fn the_signed_content_is_laid_out_as_published() {
    // RFC 9846 section 4.5.2 shows it for a transcript hash of 32 bytes 0x01.
    let content = signed_by_server(&Digest::new(&[1; 32]));
    assert_eq!(content.len(), 64 + 33 + 1 + 32);
    assert!(content.starts_with(&[0x20; 64]));
    assert_eq!(content[64..97], hex("544c5320312e332c20736572766572204365727469666963617465566572696679"));
    assert_eq!((content[97], &content[98..]), (0, &[1; 32][..]));
    let verify = hex(PLAIN_CERTIFICATE_VERIFY);
    let verify = CertificateVerify::decode(&verify[HEADER_LEN..]).unwrap();
    assert_eq!((verify.scheme.0, verify.signature.len()), (0x0804, 128));
}

/// They are constants, so they are computed here.
#[test]
fn the_salts_without_a_pre_shared_key_are_what_the_schedule_derives() {
    for suite in crypto_ring::PROVIDER.cipher_suites {
        let zeros = alloc::vec![0; suite.hash.output_len()];
        let early = extract(suite.hash, &zeros, &zeros);
        let salt = expand_label_secret(suite.hash, &early, b"derived", &suite.hash.digest(&[]));
        assert_eq!(salt_without_pre_shared_key(suite), Some(salt.as_bytes()), "{suite:?}");
        // A suite of another number takes the long way, to the same secret.
        let unknown: &'static CipherSuite = Box::leak(Box::new(CipherSuite { id: 0xff01, ..**suite }));
        assert_eq!(salt_without_pre_shared_key(unknown), None);
        let [one, other] = [*suite, unknown].map(|suite| Handshake::begin(suite, None, Secret::new(&[7; 32])).secret);
        assert_eq!(one.as_bytes(), other.as_bytes());
    }
}
