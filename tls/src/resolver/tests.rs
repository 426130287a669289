use super::*;
use crate::client_authentication::ClientRoots;
use crate::message::list::Numbers;
use crate::testing::{Kind, NoKey, certified, hex, identities};
use alloc::boxed::Box;
use alloc::vec;

fn key() -> Arc<CertifiedKey> {
    Arc::new(CertifiedKey { chain: Vec::new(), key: Box::new(NoKey) })
}

fn found(names: &ByName, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
    names.resolve(&ClientWishes::of_name(name)).map(|selected| selected.certified)
}

#[test]
fn names_match_exactly_or_by_one_label() {
    let (exact, wildcard, nameless) = (key(), key(), key());
    let mut names = ByName::new();
    assert!(found(&names, None).is_none());
    names.insert("WWW.example.org.", exact.clone());
    names.insert("*.example.org", wildcard.clone());
    names.insert_nameless(nameless.clone());
    let same = |names: &ByName, name: Option<&str>, key: &Arc<CertifiedKey>| {
        found(names, name).is_some_and(|found| Arc::ptr_eq(&found, key))
    };
    assert!(same(&names, Some("www.example.org"), &exact));
    assert!(same(&names, Some("mail.example.org"), &wildcard));
    assert!(same(&names, None, &nameless));
    let unknown = ["example.org", "a.b.example.org", "org", "", "example.com"];
    for name in unknown {
        assert!(found(&names, Some(name)).is_none(), "{name}");
    }
    let default = key();
    names.insert_default(default.clone());
    for name in unknown {
        assert!(same(&names, Some(name), &default), "{name}");
    }
    assert!(same(&names, Some("www.example.org"), &exact) && same(&names, None, &nameless));
    let mut names = ByName::new();
    names.insert_default(default.clone());
    assert!(same(&names, None, &default), "no name is one more that has nothing of its own");
}

/// RFC 9846 section 4.5.1.2-2, 4.5.2-4.
#[test]
fn of_several_identities_the_client_gets_the_first_that_it_can_verify() {
    let (rsa, ec, ed) = (certified(Kind::Rsa), certified(Kind::EcP256), certified(Kind::Ed25519));
    let mut names = ByName::new();
    for identity in [&rsa, &ec, &ed] {
        names.insert("a.example", identity.clone());
    }
    let shown = |handshake: &[u16], certificates: Option<&[u16]>| {
        let bytes = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let (handshake, certificates) = (bytes(handshake), certificates.map(bytes));
        let numbers = |bytes| Numbers::decode(bytes).unwrap();
        let signatures = SignatureWishes::new(numbers(&handshake), certificates.as_deref().map(numbers));
        let wishes = ClientWishes { signatures: Some(signatures), ..ClientWishes::of_name(Some("a.example")) };
        names.resolve(&wishes).unwrap().certified
    };
    // All of them are signed by an authority with ECDSA on P-256.
    for (handshake, certificates, expected) in [
        (&[0x0804, 0x0403, 0x0807][..], None, &rsa),
        (&[0x0403, 0x0804], None, &rsa),
        (&[0x0403, 0x0807], None, &ec),
        (&[0x0807, 0x0403], None, &ec),
        (&[0x0807], None, &ed),
        (&[0x0804], Some(&[0x0401][..]), &rsa),
        (&[0x0804], Some(&[0x0403]), &rsa),
        (&[0x0603], None, &rsa),
    ] {
        assert!(Arc::ptr_eq(&shown(handshake, certificates), expected), "{handshake:x?} {certificates:x?}");
    }
}

/// A chain that the client can verify is better than one that it cannot, whatever the order.
/// RFC 9846 section 4.5.1.2-7, 4.5.1.2-9.
/// RFC 9846 section 9.2-5.
#[test]
fn a_chain_that_can_be_verified_is_preferred() {
    let ec = certified(Kind::EcP256);
    let odd = {
        // Its own certificate by ECDSA, and one above it that does not even parse.
        let CertifiedKey { mut chain, key } = Arc::into_inner(certified(Kind::EcP256)).unwrap();
        chain.push(vec![0x30].into());
        Arc::new(CertifiedKey { chain, key })
    };
    let bytes = 0x0403u16.to_be_bytes();
    let signatures = SignatureWishes::new(Numbers::decode(&bytes).unwrap(), None);
    let list = [odd.clone(), ec.clone()];
    assert!(Arc::ptr_eq(signatures.choose(&list).unwrap(), &ec));
    let list = [odd.clone()];
    assert!(Arc::ptr_eq(signatures.choose(&list).unwrap(), &odd), "better than none");
    assert!(signatures.choose(&[]).is_none());
}

/// An identity that issued itself.
fn self_issued() -> Arc<CertifiedKey> {
    let provider = crypto_ring::PROVIDER;
    let key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
    let names = vec!["itself.example".into()];
    let request = x509::IssueRequest {
        names,
        not_before_unix: 1_700_000_000,
        lifetime_seconds: 1000,
        serial: [1; 16],
        is_authority: false,
    };
    let chain = vec![x509::issue::self_signed(&provider, &key, &request).unwrap().certificate];
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap();
    Arc::new(CertifiedKey { chain, key })
}

/// The list of a client that trusts whoever is the subject of these.
fn authorities(certificates: &[&[u8]]) -> Vec<u8> {
    let subject = |der: &&[u8]| {
        let mut roots = x509::RootStore::new();
        roots.add_der(der).unwrap();
        roots.subjects_der().remove(0)
    };
    let names: Vec<u8> = certificates.iter().map(subject).flat_map(|name| prefixed(&name)).collect();
    prefixed(&names)
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// RFC 9846 section 4.3.4-1, 4.5.1.2-4, 4.5.1.2-7.
#[test]
fn authorities_that_a_client_names_decide_between_what_it_can_verify() {
    let (of_itself, ec, ed) = (self_issued(), certified(Kind::EcP256), certified(Kind::Ed25519));
    let list = [of_itself.clone(), ec.clone(), ed.clone()];
    let (ours, other) = (hex(identities::AUTHORITY), hex(identities::OTHER_AUTHORITY));
    let chosen = |list: &[Arc<CertifiedKey>], schemes: &[u16], named: &[u8]| {
        let schemes: Vec<u8> = schemes.iter().flat_map(|scheme| scheme.to_be_bytes()).collect();
        let signatures = Some(SignatureWishes::new(Numbers::decode(&schemes).unwrap(), None));
        let authorities = Some(Authorities::decode(named).unwrap());
        ClientWishes { signatures, authorities, ..ClientWishes::of_name(None) }.choose(list).unwrap()
    };
    let (both, ed_only) = (&[0x0403, 0x0807][..], &[0x0807][..]);
    for (schemes, named, expected) in [
        (both, authorities(&[&ours]), &ec),
        (both, authorities(&[&other, &ours]), &ec),
        (both, authorities(&[&of_itself.chain[0]]), &of_itself),
        // Nobody else's, and what is no name: as without a list.
        (both, authorities(&[&other]), &of_itself),
        (both, prefixed(&prefixed(b"no name")), &of_itself),
        // The authority signs in a way that this client cannot verify, and so do all of them.
        (ed_only, authorities(&[&ours]), &ed),
    ] {
        assert!(Arc::ptr_eq(&chosen(&list, schemes, &named), expected), "{schemes:x?} {named:x?}");
    }
    assert!(Arc::ptr_eq(&chosen(&list[..1], both, &authorities(&[&ours])), &of_itself), "better than none");
    let named = authorities(&[&ours]);
    let authorities = Some(Authorities::decode(&named).unwrap());
    let wishes = ClientWishes { authorities, ..ClientWishes::of_name(None) };
    assert!(Arc::ptr_eq(&wishes.choose(&list).unwrap(), &ec), "whatever it can verify");
}

/// However a name is written, and whichever of its identities is shown, clients are asked for the same.
#[test]
fn client_authentication_goes_by_the_closest_name() {
    let verifier = || Arc::new(ClientRoots::new(crypto_ring::PROVIDER, x509::RootStore::new()));
    let exact = ClientAuthentication::Required(verifier());
    let wildcard = ClientAuthentication::Optional(verifier());
    let mut names = ByName::new();
    names.insert("*.example.org", key());
    names.insert_default(key());
    names.set_client_authentication("Secret.Example.org.", exact.clone());
    names.set_client_authentication("*.example.org", wildcard.clone());
    names.set_nameless_client_authentication(ClientAuthentication::None);
    let asked = |name| names.resolve(&ClientWishes::of_name(name)).unwrap().client_authentication;
    assert!(
        asked(Some("secret.example.org")).unwrap().is_same(&exact),
        "the wildcard's identity, and its own question"
    );
    assert!(asked(Some("open.example.org")).unwrap().is_same(&wildcard));
    assert!(asked(None).unwrap().is_same(&ClientAuthentication::None));
    assert!(asked(Some("other.example")).is_none(), "as the server says");
    assert!(!exact.is_same(&wildcard) && !exact.is_same(&ClientAuthentication::Required(verifier())));
}
