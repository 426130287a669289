//! Chains as common tools make them with their defaults (`made/`), and public roots with odd shapes
//! (`public-roots.pem`): what every other client accepts is accepted here, and what is refused says why.

extern crate posthaste_x509 as x509;

use rustls_pki_types::CertificateDer;
use std::path::{Path, PathBuf};
use x509::{Error, RootStore, ServerName};

const NOW: u64 = 1_800_000_000;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn read(path: &Path) -> Vec<CertificateDer<'static>> {
    let pem = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    x509::load_certificates_pem(&pem).expect("certificates")
}

/// A client that trusts the last certificate of the file meets a server that sends the others, or all if there is one.
fn verify(chain: &[CertificateDer<'static>], name: &str) -> Result<(), Error> {
    let (root, sent) = chain.split_last().expect("a chain");
    let mut roots = RootStore::new();
    roots.add_der(root)?;
    let sent = if sent.is_empty() { chain } else { sent };
    x509::verify_server(&crypto_ring::PROVIDER, &roots, sent, &ServerName::parse(name)?, NOW)
}

/// RFC 5280 section 4.1.2.1-5.
#[test]
fn chains_of_common_tools_are_accepted() {
    let mut files: Vec<_> = std::fs::read_dir(tests().join("made"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    assert!(files.len() >= 11, "{files:?}");
    let mut refused = Vec::new();
    for file in &files {
        let chain = read(file);
        match verify(&chain, "www.example.com") {
            Ok(()) => {}
            Err(error) => refused.push(format!("{}: {error}", file.display())),
        }
        // The same chain proves no other name, and nothing without its root.
        assert!(matches!(verify(&chain, "example.com"), Err(Error::NameMismatch { .. })), "{}", file.display());
        let name = ServerName::parse("www.example.com").expect("a name");
        let nobody = x509::verify_server(&crypto_ring::PROVIDER, &RootStore::new(), &chain[..1], &name, NOW);
        assert!(matches!(nobody, Err(Error::UnknownIssuer { .. })), "{}: {nobody:?}", file.display());
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// The sixteen of the roots in Debian's and Mozilla's bundles (ca-certificates 20230311, certifi 2026) that differ from
/// RFC 5280 or the Baseline Requirements, each with what is odd in a line before it; all others have no oddity.
#[test]
fn public_roots_load_or_are_named_with_the_reason() {
    let pem = std::fs::read(tests().join("public-roots.pem")).expect("the file");
    let mut roots = RootStore::new();
    let bundle = roots.add_bundle(&pem);
    assert_eq!((bundle.added, roots.len()), (15, 15));
    let [refused] = &bundle.refused[..] else { panic!("{:?}", bundle.refused) };
    let text = refused.error.to_string();
    assert!(refused.number == 16 && text.contains("P-521") && text.contains("e-Szigno TLS Root CA 2023"), "{text}");
    // Alone it is an error.
    assert!(matches!(RootStore::new().add_pem(&pem), Err(Error::UnsupportedKey { .. })));
}

/// Bundles of whoever runs this, named in `POSTHASTE_ROOTS` with colons between them: everything in them loads, or has a
/// key of a kind that is not supported.
#[test]
fn bundles_that_were_named_load() {
    let Some(files) = std::env::var_os("POSTHASTE_ROOTS") else { return };
    for file in std::env::split_paths(&files) {
        let pem = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let bundle = RootStore::new().add_bundle(&pem);
        println!("{}: {} loaded", file.display(), bundle.added);
        bundle.refused.iter().for_each(|refused| println!("  not number {}: {}", refused.number, refused.error));
        let is_named = |error: &Error| matches!(error, Error::UnsupportedKey { .. });
        assert!(bundle.added > 0 && bundle.refused.iter().all(|refused| is_named(&refused.error)), "{bundle:?}");
    }
}
