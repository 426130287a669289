//! Reading certificates and private keys from PEM text (RFC 7468).

use crate::error::Error;
use alloc::vec::Vec;
use crypto::{PrivateKeyFormat, SecretBytes};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// All certificates in `pem`, in their order. There is at least one.
pub fn load_certificates_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| Error::Pem("a section is damaged"))?;
    if certificates.is_empty() { Err(Error::Pem("there is no certificate")) } else { Ok(certificates) }
}

/// The first private key in `pem`, and how its bytes are wrapped. It is read here and not by `rustls-pki-types`, whose buffers
/// are not wiped.
pub fn load_private_key_pem(pem: &[u8]) -> Result<(PrivateKeyFormat, SecretBytes), Error> {
    let mut lines = pem.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let format = lines.find_map(|line| format(label(line, b"-----BEGIN ")?));
    let format = format.ok_or(Error::Pem("there is no private key"))?.ok_or(ENCRYPTED)?;
    let mut is_ended = false;
    let body = lines.take_while(|line| {
        is_ended = line.starts_with(b"-----END ");
        !is_ended
    });
    let mut outcome = Ok(());
    // Four characters are three bytes.
    let key = SecretBytes::with_capacity(pem.len() / 4 * 3 + 3, |out| outcome = decode(body, out));
    outcome?;
    if is_ended && !key.is_empty() { Ok((format, key)) } else { Err(DAMAGED) }
}

const DAMAGED: Error = Error::Pem("the private key is damaged");
const ENCRYPTED: Error = Error::Pem("the private key is encrypted: decrypt it first, as `openssl pkey` does");

/// The label of a section that begins or ends here.
fn label<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(prefix)?.strip_suffix(b"-----")
}

/// How the key of a section is wrapped; in the inner place nothing if it is encrypted, in the outer if it is no private key.
fn format(label: &[u8]) -> Option<Option<PrivateKeyFormat>> {
    match label {
        b"PRIVATE KEY" => Some(Some(PrivateKeyFormat::Pkcs8)),
        b"EC PRIVATE KEY" => Some(Some(PrivateKeyFormat::Sec1)),
        b"RSA PRIVATE KEY" => Some(Some(PrivateKeyFormat::Pkcs1)),
        b"ENCRYPTED PRIVATE KEY" => Some(None),
        _ => None,
    }
}

/// Base64 (RFC 4648 section 4), of any number of lines.
fn decode<'a>(lines: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Result<(), Error> {
    let (mut bits, mut count, mut padding) = (0u32, 0, 0);
    for line in lines {
        // "Proc-Type: 4,ENCRYPTED", of OpenSSL's older form.
        if line.contains(&b':') {
            return Err(ENCRYPTED);
        }
        for character in line {
            let value = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => 0,
                _ => return Err(DAMAGED),
            };
            padding += usize::from(*character == b'=');
            if padding > 2 || (padding > 0 && *character != b'=') {
                return Err(DAMAGED);
            }
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                let [_, bytes @ ..] = bits.to_be_bytes();
                out.extend(bytes.iter().take(3 - padding));
                (bits, count) = (0, 0);
            }
        }
    }
    if count == 0 { Ok(()) } else { Err(DAMAGED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn certificates_and_keys_are_found_among_other_sections() {
        let pem = b"text\n-----BEGIN PRIVATE KEY-----\nAQI=\n-----END PRIVATE KEY-----\n\
            -----BEGIN CERTIFICATE-----\nAwQF\n-----END CERTIFICATE-----\n\
            -----BEGIN CERTIFICATE-----\nBg==\n-----END CERTIFICATE-----\n";
        let certificates = load_certificates_pem(pem).expect("two certificates");
        assert_eq!(certificates.iter().map(|der| der.as_ref()).collect::<Vec<_>>(), [&[3, 4, 5][..], &[6]]);
        let key = |pem: &[u8]| load_private_key_pem(pem).map(|(format, key)| (format, key.to_vec()));
        assert_eq!(key(pem), Ok((PrivateKeyFormat::Pkcs8, [1, 2].to_vec())));
        let pem = b"-----BEGIN EC PARAMETERS-----\r\nAQI=\r\n-----END EC PARAMETERS-----\r\n\
            -----BEGIN EC PRIVATE KEY-----\r\nAQIDBAUG\r\nBwg=\r\n-----END EC PRIVATE KEY-----\r\n";
        assert_eq!(key(pem), Ok((PrivateKeyFormat::Sec1, [1, 2, 3, 4, 5, 6, 7, 8].to_vec())));
        let pem = b"-----BEGIN RSA PRIVATE KEY-----\nA\nQI=\n-----END RSA PRIVATE KEY-----";
        assert_eq!(key(pem), Ok((PrivateKeyFormat::Pkcs1, [1, 2].to_vec())));
    }

    #[test]
    fn nothing_and_damage_are_errors() {
        assert_eq!(load_certificates_pem(b""), Err(Error::Pem("there is no certificate")));
        let error = |text: &str| load_private_key_pem(text.as_bytes()).map(|(format, _)| format);
        assert_eq!(error("hello"), Err(Error::Pem("there is no private key")));
        assert_eq!(error("-----BEGIN PUBLIC KEY-----\nAQI=\n"), Err(Error::Pem("there is no private key")));
        let damaged = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert_eq!(load_certificates_pem(damaged), Err(Error::Pem("a section is damaged")));
        let cut = b"-----BEGIN CERTIFICATE-----\nAwQF\n";
        assert_eq!(load_certificates_pem(cut), Err(Error::Pem("a section is damaged")));
        let section = |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n");
        for body in
            ["", "\n", "!\n", "A\n", "AQ\n", "AQI\n", "AQI=A\n", "AQI==\n", "A===\n", "====\n", "AQ=I\n", "AQ==AQI=\n"]
        {
            assert_eq!(error(&section(body)), Err(DAMAGED), "{body}");
        }
        assert_eq!(error("-----BEGIN PRIVATE KEY-----\nAQID\n"), Err(DAMAGED), "cut");
        assert_eq!(error("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQID\n"), Err(ENCRYPTED));
        assert_eq!(error(&section("Proc-Type: 4,ENCRYPTED\n\nAQID\n")), Err(ENCRYPTED));
    }

    /// RFC 4648 section 10, and each length of what is left over.
    #[test]
    fn base64_as_the_rfc_prints_it() {
        for (text, want) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            let mut out = Vec::new();
            assert_eq!(decode(core::iter::once(text.as_bytes()), &mut out), Ok(()));
            assert_eq!(String::from_utf8(out).as_deref(), Ok(want));
        }
        let mut out = Vec::new();
        assert_eq!(decode([&b"+/+/"[..], b"AAA/"].into_iter(), &mut out), Ok(()));
        assert_eq!(out, [0xfb, 0xff, 0xbf, 0, 0, 0x3f]);
    }
}
