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

    /// What rustls-webpki says, or why it says no. If it names a certificate that is out of its time and was not needed, why it
    /// says no without that one.
    pub fn webpki(&self) -> Result<(), String> {
        let reason = |error| word(&format!("{error:?}"));
        match self.webpki_verdict() {
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                let timely =
                    Evidence { chain: self.timely(), anchors: self.anchors.clone(), name: self.name.clone(), ..*self };
                timely.webpki_verdict().map_err(reason).and(Err(String::from("OutOfTime")))
            }
            verdict => verdict.map_err(reason),
        }
    }

    /// The server's own certificate, and those others that are in their time or cannot be read.
    fn timely(&self) -> Vec<Vec<u8>> {
        let now = self.now as i64;
        let is_timely = |der: &[u8]| {
            let validity = x509::Certificate::parse(der).map(|certificate| certificate.validity());
            validity.map_or(true, |validity| (validity.not_before..=validity.not_after).contains(&now))
        };
        let others = self.chain.iter().enumerate().filter(|(place, der)| *place == 0 || is_timely(der));
        others.map(|(_, der)| der.clone()).collect()
    }

    /// Whether a certificate constrains directory names: such a name not far behind the identifier of nameConstraints.
    pub fn constrains_directory_names(&self) -> bool {
        let has = |der: &Vec<u8>| {
            let at = der.windows(5).position(|window| window == [6, 3, 0x55, 0x1d, 30]);
            at.is_some_and(|at| der[at..].iter().take(30).any(|byte| *byte == 0xa4))
        };
        self.chain.iter().chain(&self.anchors).any(has)
    }

    /// Whether an issuer and a subject have the same name in other bytes.
    pub fn has_names_in_other_bytes(&self) -> bool {
        let all: Vec<_> = self.chain.iter().chain(&self.anchors).filter_map(|der| names(der)).collect();
        all.iter().any(|(issuer, _, [label, _])| {
            all.iter().any(|(_, subject, [_, other])| label == other && issuer != subject)
        })
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

/// Issuer and subject of a certificate, as bytes and as what they are called in messages, in small letters.
fn names(der: &[u8]) -> Option<(&[u8], &[u8], [String; 2])> {
    let certificate = x509::Certificate::parse(der).ok()?;
    let label = |name: x509::Name<'_>| name.label().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut fields = content(content(der)?.0)?.0;
    // Version, serial number and algorithm.
    for _ in 0..3 {
        fields = content(fields)?.1;
    }
    let (issuer, rest) = content(fields)?;
    let (subject, _) = content(content(rest)?.1)?;
    Some((issuer, subject, [label(certificate.issuer()), label(certificate.subject())]))
}

/// The contents of the first element, and what follows it.
fn content(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [_, 0x81, length, rest @ ..] => (usize::from(*length), rest),
        [_, 0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [_, length @ ..0x80, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
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
