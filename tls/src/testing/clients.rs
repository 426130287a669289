//! Clients with certificates: an authority, and what it issues.

use crate::certified_key::CertifiedKey;
use crate::client_authentication::{ClientAuthentication, ClientRoots};
use crate::client_resolver::ClientIdentities;
use crate::config::{ClientConfig, ServerConfig};
use crate::testing::{NOW, client_config, server_config};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes};
use crypto_ring::PROVIDER;
use rustls_pki_types::CertificateDer;
use x509::IssueRequest;

pub(crate) struct ClientAuthority {
    pub(crate) certificate: CertificateDer<'static>,
    key: SecretBytes,
}

pub(crate) fn request(name: &str, is_authority: bool) -> IssueRequest {
    let names = alloc::vec![String::from(name)];
    IssueRequest { names, not_before_unix: NOW - 1000, lifetime_seconds: 100_000, serial: [7; 16], is_authority }
}

impl ClientAuthority {
    pub(crate) fn new(name: &str) -> ClientAuthority {
        let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
        let certificate = x509::issue::self_signed(&PROVIDER, &key, &request(name, true)).unwrap().certificate;
        ClientAuthority { certificate, key }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, name: &str) -> ClientAuthority {
        let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
        let load = |key: &[u8]| (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, key).unwrap();
        let request = request(name, true);
        let certificate =
            x509::issue::issued_by(&PROVIDER, &self.certificate, &*load(&self.key), &*load(&key), &request).unwrap();
        ClientAuthority { certificate, key }
    }

    /// A client's identity, with its own certificate alone.
    pub(crate) fn client(&self, kind: KeyKind, request: &IssueRequest) -> CertifiedKey {
        self.issue(kind, request, x509::issue::issued_to_client)
    }

    /// A server's identity.
    pub(crate) fn server(&self, kind: KeyKind, request: &IssueRequest) -> CertifiedKey {
        self.issue(kind, request, x509::issue::issued_by)
    }

    fn issue(
        &self,
        kind: KeyKind,
        request: &IssueRequest,
        issue: impl Fn(
            &crypto::Provider,
            &CertificateDer<'_>,
            &dyn crypto::SigningKey,
            &dyn crypto::SigningKey,
            &IssueRequest,
        ) -> Result<CertificateDer<'static>, x509::Error>,
    ) -> CertifiedKey {
        let load = |key: &[u8]| (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, key).unwrap();
        let key = load(&(PROVIDER.generate_key)(kind).unwrap());
        let certificate = issue(&PROVIDER, &self.certificate, &*load(&self.key), &*key, request).unwrap();
        CertifiedKey::new(alloc::vec![certificate], key).unwrap()
    }

    /// A revocation list that is good until then, in which all that it has issued is, or nothing.
    pub(crate) fn list(&self, is_revoked: bool, until: u64) -> Vec<u8> {
        let key = (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &self.key).unwrap();
        // As issuing makes it of the one of `request`.
        let serial = [&[0x47][..], &[7; 15]].concat();
        let revoked = if is_revoked { alloc::vec![serial] } else { Vec::new() };
        let request = x509::ListRequest { revoked, this_update_unix: NOW - 1000, next_update_unix: until };
        x509::revocation_list(&self.certificate, &*key, &request).unwrap()
    }

    pub(crate) fn verifier(&self) -> Arc<ClientRoots> {
        let mut roots = x509::RootStore::new();
        roots.add_der(&self.certificate).unwrap();
        Arc::new(ClientRoots::new(PROVIDER, roots))
    }

    pub(crate) fn required(&self) -> ClientAuthentication {
        ClientAuthentication::Required(self.verifier())
    }
}

/// A client that shows the first of these that fits.
pub(crate) fn client_with(identities: Vec<CertifiedKey>) -> ClientConfig {
    let identities = identities.into_iter().map(Arc::new).collect();
    ClientConfig { identities: Some(Arc::new(ClientIdentities(identities))), ..client_config() }
}

/// A server that asks its clients for this.
pub(crate) fn server_asking(client_authentication: ClientAuthentication) -> ServerConfig {
    ServerConfig { client_authentication, ..server_config() }
}
