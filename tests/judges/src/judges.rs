//! The two judges, and by what words their disagreements are sorted.

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// All that a judge gets to see.
pub struct Evidence {
    pub anchors: Vec<Vec<u8>>,
    /// The server's own certificate first.
    pub chain: Vec<Vec<u8>>,
    pub name: String,
    pub now: u64,
    pub max_chain_depth: Option<usize>,
}

impl Evidence {
    /// What is said here. Without an anchor that could not be taken, its refusal says why.
    pub fn ours(&self) -> Result<(), String> {
        let mut roots = x509::RootStore::new();
        let refused: Vec<_> = self.anchors.iter().filter_map(|anchor| roots.add_der(anchor).err()).collect();
        let chain: Vec<_> = self.chain.iter().map(|der| CertificateDer::from(&der[..])).collect();
        let mut policy = x509::Policy::default();
        policy.max_chain_depth = self.max_chain_depth.unwrap_or(policy.max_chain_depth);
        let verdict = x509::ServerName::parse(&self.name).and_then(|name| {
            x509::verify_server_with(&policy, &crypto_ring::PROVIDER, &roots, &chain, &name, self.now)
        });
        verdict.map_err(|error| match (&error, refused.first()) {
            (x509::Error::UnknownIssuer { .. } | x509::Error::BadSignature { .. }, Some(refused)) => {
                format!("anchor {}", class(refused))
            }
            (x509::Error::UnknownIssuer { unreadable: Some((_, what)), .. }, None) => {
                format!("intermediate Malformed({what})")
            }
            _ => class(&error),
        })
    }

    /// What rustls-webpki says, or why it says no.
    pub fn webpki(&self) -> Result<(), String> {
        self.webpki_verdict().map_err(|error| word(&format!("{error:?}")))
    }

    fn webpki_verdict(&self) -> Result<(), webpki::Error> {
        let own = |list: &[Vec<u8>]| list.iter().map(|der| CertificateDer::from(der.clone())).collect::<Vec<_>>();
        let (chain, anchors) = (own(&self.chain), own(&self.anchors));
        let anchors: Vec<_> = anchors.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
        let (leaf, others) = chain.split_first().ok_or(webpki::Error::UnknownIssuer)?;
        let leaf = EndEntityCert::try_from(leaf)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(self.now));
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            others,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let name = ServerName::try_from(self.name.as_str()).map_err(|_| webpki::Error::MalformedDnsIdentifier)?;
        leaf.verify_is_valid_for_subject_name(&name)
    }

    /// Whether the server's certificate is itself an anchor.
    pub fn trusts_the_leaf(&self) -> bool {
        self.chain.first().is_some_and(|leaf| self.anchors.contains(leaf))
    }
}

fn class(error: &x509::Error) -> String {
    match error {
        x509::Error::Rule { rule, .. } => match rule {
            x509::Rule::KeyUsage(_) | x509::Rule::EmptyName(_) | x509::Rule::Encoding(_) => format!("{rule:?}"),
            x509::Rule::MustNotBeCritical(_) | x509::Rule::MustBeCritical(_) => format!("{rule:?}"),
            _ => word(&format!("{rule:?}")),
        },
        x509::Error::Malformed(what) => format!("Malformed({what})"),
        _ => word(&format!("{error:?}")),
    }
}

/// The name of a variant, without what is in it.
fn word(text: &str) -> String {
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}
