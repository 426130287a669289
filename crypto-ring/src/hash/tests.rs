use super::{SHA256, SHA384};
use crate::hex::hex;
use alloc::vec::Vec;
use crypto::{Secret, hkdf};

/// FIPS 180-4's own example message.
#[test]
fn digests_of_abc() {
    let sha256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let sha384 = hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed
        8086072ba1e7cc2358baeca134c825a7");
    for (hash, expected) in [(SHA256, sha256), (SHA384, sha384)] {
        assert_eq!(hash.output_len(), expected.len());
        assert_eq!(*hash.digest(&[b"abc"]), *expected);
        assert_eq!(*hash.digest(&[b"", b"a", b"bc", b""]), *expected);
    }
}

#[test]
fn a_context_can_be_read_and_goes_on() {
    for hash in [SHA256, SHA384] {
        let mut context = hash.start();
        assert_eq!(context.current(), hash.digest(&[]));
        context.update(b"post");
        assert_eq!(context.current(), hash.digest(&[b"post"]));
        assert_eq!(context.current(), hash.digest(&[b"post"]));
        context.update(b"haste");
        assert_eq!(context.current(), hash.digest(&[b"posthaste"]));
    }
}

/// RFC 4231 section 4.3 (test case 2).
#[test]
fn hmac_vectors() {
    let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
    let sha256 = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let sha384 = hex("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e
        8e2240ca5e69e2c78b3239ecfab21649");
    assert_eq!(*SHA256.hmac(b"Jefe", &parts), *sha256);
    assert_eq!(*SHA384.hmac(b"Jefe", &parts), *sha384);
}

/// RFC 5869 appendices A.1, A.2 and A.3.
#[test]
fn hkdf_vectors() {
    let count_up = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    let cases = [
        (
            alloc::vec![0x0b; 22],
            count_up(0, 12),
            count_up(0xf0, 0xf9),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            count_up(0, 0x4f),
            count_up(0x60, 0xaf),
            count_up(0xb0, 0xff),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
             da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            alloc::vec![0x0b; 22],
            Vec::new(),
            Vec::new(),
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (input, salt, info, pseudorandom_key, output) in cases {
        let key = hkdf::extract(SHA256, &salt, &input);
        assert_eq!(key.as_bytes(), hex(pseudorandom_key));
        let expected = hex(output);
        let mut out = alloc::vec![0; expected.len()];
        hkdf::expand(SHA256, &key, &[&info], &mut out);
        assert_eq!(out, expected);
    }
}

/// RFC 9001 appendices A.1 and A.5: what QUIC derives from a connection ID and from a traffic secret.
#[test]
fn labels_of_quic() {
    let salt = hex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");
    let initial = hkdf::extract(SHA256, &salt, &hex("8394c8f03e515708"));
    assert_eq!(initial.as_bytes(), hex("7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44"));
    let chacha = Secret::new(&hex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"));
    let cases = [
        (
            hkdf::expand_label_secret(SHA256, &initial, b"client in", b""),
            "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea",
            "1f369613dd76d5467730efcbe3b1a22d",
            "fa044b2f42a3fd3b46fb255c",
            "9f50449e04a0e810283a1e9933adedd2",
        ),
        (
            hkdf::expand_label_secret(SHA256, &initial, b"server in", b""),
            "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b",
            "cf3a5331653c364c88f0f379b6067e37",
            "0ac1493ca1905853b0bba03e",
            "c206b8d9b9f0f37644430b490eeaa314",
        ),
        (
            chacha.clone(),
            "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b",
            "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
            "e0459b3474bdd0e44a41c144",
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
        ),
    ];
    for (secret, bytes, key, iv, header_protection) in cases {
        assert_eq!(secret.as_bytes(), hex(bytes));
        let labels: [(&[u8], _); 3] =
            [(b"quic key", hex(key)), (b"quic iv", hex(iv)), (b"quic hp", hex(header_protection))];
        for (label, expected) in labels {
            let mut out = alloc::vec![0; expected.len()];
            hkdf::expand_label(SHA256, &secret, label, b"", &mut out);
            assert_eq!(out, expected);
        }
    }
    let updated = hkdf::expand_label_secret(SHA256, &chacha, b"quic ku", b"");
    assert_eq!(updated.as_bytes(), hex("1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"));
}

/// Every length of output around the ends of blocks, up to the longest; labels and contexts from none to the longest; salts
/// around the length of a block of the hash. All outputs were computed with another implementation (Python's `hmac`) and are
/// compared by their hash.
#[test]
fn hkdf_of_every_length() {
    let hashed = |outputs: &[Vec<u8>]| {
        let parts: Vec<&[u8]> = outputs.iter().map(Vec::as_slice).collect();
        SHA256.digest(&parts).to_vec()
    };
    for (hash, block, of_expand, of_label, of_extract) in [
        (
            SHA256,
            64,
            "aa1d1f551d219bc0552d11625b0483908956ebea9ab25ad4412bc15ef6b5b2a4",
            "74945c419847bdc91b3d3b6816c884e55bfdd235f292f25611fca8db586ef496",
            "4bb5a7dbbf600d6328eff2c67a3e29bc68b753dac4ddef7f4708eac13b5832d3",
        ),
        (
            SHA384,
            128,
            "f470708be6a655c9fe15feffd89dc9227ce26bc1e086220f9659fa8c324e4fd7",
            "1b735a66455d3829a786422739d703964f4fec6997421f3a55f0a4c91d5674af",
            "f67c6ab941447047b57476a3576dd84589eb01cec2080ac9c9255aa3cc61e667",
        ),
    ] {
        let len = hash.output_len();
        let key = Secret::new(&(0..len as u8).collect::<Vec<u8>>());
        let mut outputs = Vec::new();
        for wanted in (0..=4 * len).chain([255 * len - 1, 255 * len]) {
            for info in [&b""[..], &b"info".repeat(10)] {
                let mut out = alloc::vec![0; wanted];
                hkdf::expand(hash, &key, &[info], &mut out);
                outputs.push(out);
            }
        }
        assert_eq!(hashed(&outputs), hex(of_expand));
        outputs.clear();
        for label in [0, 1, 9, 249].map(|len| alloc::vec![b'l'; len]) {
            for context in [0, 1, len, 255].map(|len| alloc::vec![b'c'; len]) {
                for wanted in [1, 12, 16, len - 1, len, len + 1, 2 * len, 1000] {
                    let mut out = alloc::vec![0; wanted];
                    hkdf::expand_label(hash, &key, &label, &context, &mut out);
                    outputs.push(out);
                }
            }
        }
        assert_eq!(hashed(&outputs), hex(of_label));
        outputs.clear();
        for salt in [0, 1, len, block - 1, block, block + 1, 200].map(|len| alloc::vec![b's'; len]) {
            for input in [0, 1, 32, 65, 300].map(|len| alloc::vec![b'i'; len]) {
                outputs.push(hkdf::extract(hash, &salt, &input).as_bytes().to_vec());
            }
        }
        assert_eq!(hashed(&outputs), hex(of_extract));
    }
}

/// RFC 5869 section 2.3: at most 255 blocks.
#[test]
#[should_panic(expected = "HKDF cannot give")]
fn hkdf_gives_255_blocks_at_most() {
    hkdf::expand(SHA256, &Secret::zeros(32), &[], &mut alloc::vec![0; 255 * 32 + 1]);
}

/// Several labels of one secret are what each of them is alone, whatever their number and length.
#[test]
fn labels_together_are_what_they_are_alone() {
    for hash in [SHA256, SHA384] {
        let secret = Secret::new(&alloc::vec![7; hash.output_len()]);
        let context = [9; 48];
        let labels: [&[u8]; 3] = [b"a", b"quic key", &[b'l'; 249]];
        let together = hkdf::expand_label_secrets(hash, secret.as_bytes(), labels, &context);
        for (label, made) in labels.into_iter().zip(&together) {
            assert_eq!(made.as_bytes(), hkdf::expand_label_secret(hash, &secret, label, &context).as_bytes());
        }
        let (mut key, mut vector, mut whole) = ([0; 16], [0; 12], alloc::vec![0; hash.output_len()]);
        let outputs: &mut [(&[u8], &mut [u8])] =
            &mut [(b"quic key", &mut key), (b"quic iv", &mut vector), (b"", &mut whole)];
        hkdf::expand_labels(hash, &secret, &context, outputs);
        for (label, out) in outputs {
            let mut alone = alloc::vec![0; out.len()];
            hkdf::expand_label(hash, &secret, label, &context, &mut alone);
            assert_eq!(*out, alone);
        }
    }
}
