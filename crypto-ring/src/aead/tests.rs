use super::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
use crate::hex::{array, hex};
use alloc::vec::Vec;
use crypto::aead::TAG_LEN;
use crypto::{Aead, OpenError};

const ALL: [&dyn Aead; 3] = [AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305];

struct Vector {
    aead: &'static dyn Aead,
    key: Vec<u8>,
    nonce: [u8; 12],
    header: Vec<u8>,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// The nonce of RFC 9001 section 5.3.
fn nonce(iv: &str, packet_number: u64) -> [u8; 12] {
    let mut nonce: [u8; 12] = array(iv);
    nonce.iter_mut().skip(4).zip(packet_number.to_be_bytes()).for_each(|(place, byte)| *place ^= byte);
    nonce
}

/// RFC 9001 appendices A.3, A.4 (the retry integrity tag: nothing is encrypted) and A.5.
fn vectors() -> Vec<Vector> {
    alloc::vec![
        Vector {
            aead: AES_128_GCM,
            key: hex("cf3a5331653c364c88f0f379b6067e37"),
            nonce: nonce("0ac1493ca1905853b0bba03e", 1),
            header: hex("c1000000010008f067a5502a4262b50040750001"),
            plaintext: hex("02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b
                9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9
                da1a002b00020304"),
            ciphertext: hex("5a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a18
                39b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7a
                af2f58891850abbdca3d20398c276456cbc42158407dd074ee"),
        },
        Vector {
            aead: AES_128_GCM,
            key: hex("be0c690b9f66575a1d766b54e368c84e"),
            nonce: array("461599d35d632bf2239825bb"),
            header: hex("088394c8f03e515708ff000000010008f067a5502a4262b5746f6b656e"),
            plaintext: Vec::new(),
            ciphertext: hex("04a265ba2eff4d829058fb3f0f2496ba"),
        },
        Vector {
            aead: CHACHA20_POLY1305,
            key: hex("c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
            nonce: nonce("e0459b3474bdd0e44a41c144", 654_360_564),
            header: hex("4200bff4"),
            plaintext: hex("01"),
            ciphertext: hex("655e5cd55c41f69080575d7999c25a5bfb"),
        },
    ]
}

#[test]
fn vectors_seal_and_open() {
    for Vector { aead, key, nonce, header, plaintext, ciphertext } in vectors() {
        let key = aead.key(&key);
        let mut payload = plaintext.clone();
        let tag = key.seal(nonce, &header, &mut payload).unwrap();
        payload.extend_from_slice(&tag);
        assert_eq!(payload, ciphertext);
        assert_eq!(key.open(nonce, &header, &mut payload), Ok(plaintext.len()));
        assert_eq!(payload[..plaintext.len()], plaintext);
    }
}

/// RFC 9001 appendix A.2: the client's first packet. Its ends (the sample for header protection, and the tag) stand for
/// the 1162 bytes.
#[test]
fn the_clients_initial_packet() {
    let mut payload = hex("060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c000004
        13011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d00170018001000070005
        04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e9
        94ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100390032040
        8ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff");
    payload.resize(1162, 0);
    let key = AES_128_GCM.key(&hex("1f369613dd76d5467730efcbe3b1a22d"));
    let header = hex("c300000001088394c8f03e5157080000449e00000002");
    let tag = key.seal(nonce("fa044b2f42a3fd3b46fb255c", 2), &header, &mut payload).unwrap();
    assert_eq!(payload[..16], hex("d1b1c98dd7689fb8ec11d242b123dc9b"));
    assert_eq!(tag[..], hex("e221af44860018ab0856972e194cd934"));
}

#[test]
fn whatever_is_changed_is_refused_and_wiped() {
    for aead in ALL {
        let key = aead.key(&alloc::vec![7; aead.key_len()]);
        let mut sealed = b"attack at dawn".to_vec();
        let tag = key.seal([1; 12], b"header", &mut sealed).unwrap();
        sealed.extend_from_slice(&tag);
        let refused = |nonce: [u8; 12], header: &[u8], mut payload: Vec<u8>| {
            assert_eq!(key.open(nonce, header, &mut payload), Err(OpenError));
            assert!(payload.iter().all(|byte| *byte == 0), "forged plaintext is left behind");
        };
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut forged = sealed.clone();
                forged[position] ^= 1 << bit;
                refused([1; 12], b"header", forged);
            }
        }
        for len in 0..sealed.len() {
            refused([1; 12], b"header", sealed[..len].to_vec());
        }
        refused([2; 12], b"header", sealed.clone());
        refused([1; 12], b"Header", sealed.clone());
        assert_eq!(key.open([1; 12], b"header", &mut sealed), Ok(14));
    }
}

/// With nothing to decrypt the tag is all there is; it counts all the same.
#[test]
fn forgeries_without_a_payload_are_refused() {
    for aead in ALL {
        let key = aead.key(&alloc::vec![7; aead.key_len()]);
        let tag = key.seal([1; 12], b"header", &mut []).unwrap();
        assert_eq!(key.open([1; 12], b"header", &mut tag.clone()), Ok(0));
        for position in 0..TAG_LEN {
            let mut forged = tag;
            forged[position] ^= 0x80;
            assert_eq!(key.open([1; 12], b"header", &mut forged), Err(OpenError));
            assert_eq!(forged, [0; TAG_LEN]);
        }
        assert_eq!(key.open([1; 12], b"", &mut tag.clone()), Err(OpenError));
        assert_eq!(key.open([1; 12], b"header", &mut [0; TAG_LEN]), Err(OpenError));
    }
}

/// RFC 9001 section 6.6-2.
#[test]
fn limits_of_rfc_9001_section_6_6() {
    let limits = ALL.map(|aead| (aead.key_len(), aead.confidentiality_limit(), aead.integrity_limit()));
    assert_eq!(limits, [(16, 1 << 23, 1 << 52), (32, 1 << 23, 1 << 52), (32, 1 << 62, 1 << 36)]);
}

#[test]
#[should_panic(expected = "right length")]
fn a_key_of_another_length_is_our_mistake() {
    AES_128_GCM.key(&[0; 32]);
}
