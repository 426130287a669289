//! What is shown to an authority that looks whose server this is (RFC 8555 section 8, RFC 8737).

use crate::tcp::machine::ACME;
use acme::{Kind, Proof};
use crypto::{KeyKind, PrivateKeyFormat};
use crypto_ring::{PROVIDER, SystemRandom};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use tls::{CertifiedKey, ClientWishes, Resolver, Selected};
use x509::IssueRequest;

/// How long a certificate of `tls-alpn-01` lives, and how far back its life begins, for clocks that are slow.
const LIFE: u64 = 7 * 86_400;
const CLOCK_TOLERANCE: u64 = 86_400;

/// What authorities are shown while they look. Clones are about the same. Servers get it by
/// [`ServerBuilder::acme_challenges`](crate::ServerBuilder::acme_challenges).
#[derive(Clone, Default)]
pub struct AcmeChallenges(Arc<RwLock<Shown>>);

#[derive(Default)]
struct Shown {
    /// By name.
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
    /// By token.
    files: BTreeMap<String, String>,
}

impl AcmeChallenges {
    /// The answer to whoever asks by plain HTTP for `/.well-known/acme-challenge/` and this token (RFC 8555 section 8.3).
    pub fn by_http(&self, token: &str) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).files.get(token).cloned()
    }

    /// Shows these from now on, in place of what was shown before.
    ///
    /// # Errors
    /// There is no randomness for a key, or a name is none.
    pub(crate) fn show(&self, proofs: &[Proof]) -> Result<(), String> {
        let mut shown = Shown::default();
        for proof in proofs {
            match proof.kind {
                Kind::TlsAlpn01 => {
                    shown.certificates.insert(proof.name.clone(), certificate(proof)?);
                }
                Kind::Http01 => {
                    shown.files.insert(proof.token.clone(), proof.key_authorization.clone());
                }
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// Shows nothing any more.
    pub(crate) fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Shown::default();
    }

    /// For a server: these come before what `certificates` would give, where an authority asks.
    pub(crate) fn before(&self, certificates: Arc<dyn Resolver>) -> WithChallenges {
        WithChallenges { challenges: self.clone(), certificates }
    }

    fn certificate(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).certificates.get(name?).cloned()
    }
}

impl fmt::Debug for AcmeChallenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeChallenges").finish_non_exhaustive()
    }
}

/// Certificates, and what an authority is shown in their place.
pub(crate) struct WithChallenges {
    challenges: AcmeChallenges,
    certificates: Arc<dyn Resolver>,
}

impl Resolver for WithChallenges {
    /// RFC 8737 section 3: who asks for this protocol gets a certificate of a challenge or none.
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        if wishes.protocol == Some(ACME) {
            return self.challenges.certificate(wishes.server_name).map(Selected::from);
        }
        self.certificates.resolve(wishes)
    }
}

fn certificate(proof: &Proof) -> Result<Arc<CertifiedKey>, String> {
    let key = (PROVIDER.generate_key)(KeyKind::EcP256).map_err(|error| error.to_string())?;
    let request = IssueRequest {
        names: vec![proof.name.clone()],
        not_before_unix: runtime::clock::unix_seconds().saturating_sub(CLOCK_TOLERANCE),
        lifetime_seconds: LIFE,
        serial: base::random::array(&mut SystemRandom::new()),
        is_authority: false,
    };
    let identity = x509::issue::acme_challenge(&PROVIDER, &key, &request, &proof.digest(&PROVIDER));
    let identity = identity.map_err(|error| error.to_string())?;
    let key = (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &identity.key_pkcs8).map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey { chain: vec![identity.certificate], key }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::identity::Identity;
    use x509::Certificate;

    fn proof(name: &str, kind: Kind) -> Proof {
        let (token, key_authorization) = ("token".to_owned(), "token.thumbprint".to_owned());
        Proof { name: name.to_owned(), kind, token, key_authorization }
    }

    #[test]
    fn authorities_see_what_is_shown_and_nobody_else_does() {
        let challenges = AcmeChallenges::default();
        let own = Identity::development(&[]).unwrap();
        let server = challenges.before(Arc::new(own.clone()));
        let ask = |name, protocol| {
            let wishes = ClientWishes { protocol, ..ClientWishes::of_name(name) };
            server.resolve(&wishes).map(|selected| selected.certified.chain[0].to_vec())
        };
        let (one, own) = (Some("one.example"), own.chain()[0].to_vec());
        assert_eq!(ask(one, Some(ACME)), None, "nothing is shown yet");
        let shown = [proof("one.example", Kind::TlsAlpn01), proof("two.example", Kind::Http01)];
        challenges.show(&shown).unwrap();
        let certificate = ask(one, Some(ACME)).expect("what is shown");
        let digest = shown[0].digest(&PROVIDER);
        assert!(certificate.windows(32).any(|part| part == digest));
        assert!(Certificate::parse(&certificate).unwrap().extensions().unknown_critical.is_some());
        // Whoever asks for something else gets what everybody gets.
        for protocol in [None, Some(&b"h2"[..]), Some(b"http/1.1"), Some(b"acme-tls/2")] {
            assert_eq!(ask(one, protocol).as_ref(), Some(&own));
        }
        assert_eq!([ask(Some("two.example"), Some(ACME)), ask(None, Some(ACME))], [None, None]);
        assert_eq!(challenges.by_http("token").as_deref(), Some("token.thumbprint"));
        assert_eq!(challenges.by_http("other"), None);
        challenges.clear();
        assert_eq!((ask(one, Some(ACME)), challenges.by_http("token")), (None, None));
    }
}
