//! Reading certificates and private keys from PEM text (RFC 7468).

use crate::error::Error;
use alloc::vec::Vec;
use crypto::PrivateKeyFormat;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// All certificates in `pem`, in their order. There is at least one.
pub fn load_certificates_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| Error::Pem("a section is damaged"))?;
    if certificates.is_empty() { Err(Error::Pem("there is no certificate")) } else { Ok(certificates) }
}

/// The first private key in `pem`, and how its bytes are wrapped.
pub fn load_private_key_pem(pem: &[u8]) -> Result<(PrivateKeyFormat, Vec<u8>), Error> {
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| Error::Pem("there is no private key"))?;
    let format = match &key {
        PrivateKeyDer::Pkcs8(_) => PrivateKeyFormat::Pkcs8,
        PrivateKeyDer::Sec1(_) => PrivateKeyFormat::Sec1,
        PrivateKeyDer::Pkcs1(_) => PrivateKeyFormat::Pkcs1,
        _ => return Err(Error::KeyRejected),
    };
    Ok((format, key.secret_der().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_keys_are_found_among_other_sections() {
        let pem = b"text\n-----BEGIN PRIVATE KEY-----\nAQI=\n-----END PRIVATE KEY-----\n\
            -----BEGIN CERTIFICATE-----\nAwQF\n-----END CERTIFICATE-----\n\
            -----BEGIN CERTIFICATE-----\nBg==\n-----END CERTIFICATE-----\n";
        let certificates = load_certificates_pem(pem).expect("two certificates");
        assert_eq!(certificates.iter().map(|der| der.as_ref()).collect::<Vec<_>>(), [&[3, 4, 5][..], &[6]]);
        assert_eq!(load_private_key_pem(pem), Ok((PrivateKeyFormat::Pkcs8, [1, 2].to_vec())));
        let pem = b"-----BEGIN EC PRIVATE KEY-----\nAQI=\n-----END EC PRIVATE KEY-----\n";
        assert_eq!(load_private_key_pem(pem), Ok((PrivateKeyFormat::Sec1, [1, 2].to_vec())));
        let pem = b"-----BEGIN RSA PRIVATE KEY-----\nAQI=\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(load_private_key_pem(pem), Ok((PrivateKeyFormat::Pkcs1, [1, 2].to_vec())));
    }

    #[test]
    fn nothing_and_damage_are_errors() {
        assert_eq!(load_certificates_pem(b""), Err(Error::Pem("there is no certificate")));
        assert_eq!(load_private_key_pem(b"hello"), Err(Error::Pem("there is no private key")));
        let damaged = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert_eq!(load_certificates_pem(damaged), Err(Error::Pem("a section is damaged")));
        let cut = b"-----BEGIN CERTIFICATE-----\nAwQF\n";
        assert_eq!(load_certificates_pem(cut), Err(Error::Pem("a section is damaged")));
    }
}
