//! Chains of `x509_chain`, judged by rustls-webpki too: what we believe, it believes.
#![no_main]

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use std::time::Duration;
use targets::x509_chain::{NOW, Scenario, draw_plain};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Believes every Ed25519 signature.
#[derive(Debug)]
struct Credulous;

impl SignatureVerificationAlgorithm for Credulous {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let scenario = draw_plain(data);
    // Who trusts the leaf itself asks no authority: webpki has no such rule.
    if scenario.anchors.contains(&scenario.chain[0]) || scenario.verdict().is_err() {
        return;
    }
    match webpki_verdict(&scenario) {
        Ok(()) => {}
        // It gave up before it was done; its budgets are others than ours.
        Err(
            webpki::Error::MaximumSignatureChecksExceeded
            | webpki::Error::MaximumPathBuildCallsExceeded
            | webpki::Error::MaximumPathDepthExceeded
            | webpki::Error::MaximumNameConstraintComparisonsExceeded,
        ) => {}
        Err(error) => panic!("we believe what webpki does not: {error:?}"),
    }
});

fn webpki_verdict(scenario: &Scenario) -> Result<(), webpki::Error> {
    let chain: Vec<_> = scenario.chain.iter().map(|der| CertificateDer::from(&der[..])).collect();
    let anchors: Vec<_> = scenario.anchors.iter().map(|der| CertificateDer::from(&der[..])).collect();
    let anchors: Vec<_> = anchors.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let (leaf, others) = chain.split_first().expect("a leaf");
    let leaf = EndEntityCert::try_from(leaf)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    leaf.verify_for_usage(&[&Credulous], &anchors, others, now, KeyUsage::server_auth(), None, None)?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(scenario.name).expect("a name"))
}
