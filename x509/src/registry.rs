//! Object identifiers as people know them, for errors: algorithms, curves and extensions that are not ours.

use crate::oid;
use alloc::format;
use alloc::string::String;

/// An identifier of more bytes is cut: it names nothing that anybody looks up.
const MAX_LEN: usize = 32;

/// What is asked about most. The dotted form is shown for all others.
const NAMES: [(&[u8], &str); 25] = [
    (oid::P256, "P-256"),
    (oid::P384, "P-384"),
    (oid::ED25519, "Ed25519"),
    (&[0x2b, 0x81, 4, 0, 35], "P-521"),
    (&[0x2b, 0x81, 4, 0, 33], "P-224"),
    (&[0x2b, 0x81, 4, 0, 10], "secp256k1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1], "P-192"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], "brainpoolP256r1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11], "brainpoolP384r1"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (oid::DSA_SHA1, "DSA with SHA-1"),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2], "DSA with SHA-256"),
    (oid::EC_PUBLIC_KEY, "an elliptic curve that is not named"),
    (oid::ECDSA_SHA1, "ECDSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], "ECDSA with SHA-224"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], "ECDSA with SHA-512"),
    (oid::RSA_MD2, "RSA with MD2"),
    (oid::RSA_MD5, "RSA with MD5"),
    (oid::RSA_SHA1, "RSA with SHA-1"),
    (oid::RSA_SHA1_OIW, "RSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], "RSA with SHA-224"),
    (oid::RSA_PSS, "RSA-PSS"),
    (oid::RSA_ENCRYPTION, "RSA"),
];

/// The name of an identifier, or its numbers with dots between them. Bounded, and printable whatever the bytes are.
pub(crate) fn name(identifier: &[u8]) -> String {
    let known = NAMES.iter().find(|(id, _)| *id == identifier);
    known.map_or_else(|| dotted(identifier), |(_, name)| String::from(*name))
}

/// X.690 s8.19: groups of seven bits, and the first number holds two.
fn dotted(identifier: &[u8]) -> String {
    let (mut out, mut number) = (String::new(), 0u64);
    for byte in identifier.iter().take(MAX_LEN) {
        number = number.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 != 0 {
            continue;
        }
        if out.is_empty() {
            let first = (number / 40).min(2);
            out = format!("{first}.{}", number - 40 * first);
        } else {
            out.push_str(&format!(".{number}"));
        }
        number = 0;
    }
    if identifier.len() > MAX_LEN {
        out.push_str("...");
    }
    if out.is_empty() { String::from("without a name") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_a_name_or_numbers() {
        for (identifier, want) in [
            (&[0x2b, 0x81, 4, 0, 35][..], "P-521"),
            (&[0x55, 0x1d, 19], "2.5.29.19"),
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P-256"),
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 6], "1.2.840.10045.3.1.6"),
            (&[0x09, 0x92, 0x26], "0.9.2342"),
            (&[0x88, 0x37], "2.999"),
            (&[], "without a name"),
            (&[0x80; 9], "without a name"),
        ] {
            assert_eq!(name(identifier), want, "{identifier:x?}");
        }
        let long = name(&[1; 1000]);
        assert!(long.len() < 100 && long.ends_with("..."), "{long}");
        assert!(name(&[0xff; 1000]).chars().all(|character| character.is_ascii_graphic()));
    }
}
