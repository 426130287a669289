//! Authorities that certified each other: the way to an anchor is found if there is one, and the search ends if there is none.

use super::*;
use core::sync::atomic::{AtomicUsize, Ordering};
use crypto::{BadSignature, PublicKeyAlgorithm, SignatureAlgorithm, Verifier};

/// Checks Ed25519 signatures and counts them.
struct Counting(AtomicUsize);

impl Verifier for Counting {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        PublicKeyAlgorithm::Ed25519
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ed25519
    }

    fn scheme(&self) -> Option<SignatureScheme> {
        None
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let verifier = crypto_ring::PROVIDER.verifier(PublicKeyAlgorithm::Ed25519, SignatureAlgorithm::Ed25519);
        verifier.expect("a verifier").verify(key, message, signature)
    }
}

/// The verdict, and how many signatures it took.
fn counted(root: &CertificateDer<'static>, chain: &[CertificateDer<'static>]) -> (Result<(), Error>, usize) {
    let counting: &'static Counting = Box::leak(Box::new(Counting(AtomicUsize::new(0))));
    let verifiers: &'static [&'static dyn Verifier] = Box::leak(Box::new([counting as &dyn Verifier]));
    let provider = Provider { verifiers, ..crypto_ring::provider() };
    let mut roots = RootStore::new();
    roots.add_der(root).expect("an anchor");
    let name = ServerName::parse("www.example.com").expect("a name");
    let verdict = verify_server(&provider, &roots, chain, &name, NOW);
    (verdict, counting.0.load(Ordering::Relaxed))
}

/// A root and so many authorities, of which none has a certificate yet.
struct Authorities {
    root_key: Box<dyn SigningKey>,
    keys: Vec<Box<dyn SigningKey>>,
}

impl Authorities {
    fn new(count: usize) -> Authorities {
        Authorities { root_key: key(), keys: (0..count).map(|_| key()).collect() }
    }

    fn root(&self, draft: Draft) -> CertificateDer<'static> {
        draft.sign("root", &*self.root_key, &*self.root_key)
    }

    fn leaf(&self, issuer: usize) -> CertificateDer<'static> {
        good_leaf().sign(&format!("A{issuer}"), &*self.keys[issuer], &*key())
    }

    /// The authority `of` is certified by `by`.
    fn cross(&self, of: usize, by: usize) -> CertificateDer<'static> {
        Draft::authority(&format!("A{of}")).sign(&format!("A{by}"), &*self.keys[by], &*self.keys[of])
    }

    fn certified_by_root(&self, of: usize, draft: Draft) -> CertificateDer<'static> {
        draft.sign("root", &*self.root_key, &*self.keys[of])
    }

    /// Each certified each other.
    fn all_crossed(&self) -> Vec<CertificateDer<'static>> {
        let count = self.keys.len();
        let others = |of: usize| (0..count).filter(move |by| *by != of).map(move |by| (of, by));
        (0..count).flat_map(others).map(|(of, by)| self.cross(of, by)).collect()
    }
}

/// Most ways through such a web are far too long, and there are millions. The short one costs three signatures.
#[test]
fn a_web_is_crossed_by_the_shortest_way() {
    for count in [2, 10, 15] {
        let authorities = Authorities::new(count);
        let root = authorities.root(Draft::authority("root"));
        let last = count - 1;
        let fitting = authorities.certified_by_root(last, Draft::authority(&format!("A{last}")));
        let web = authorities.all_crossed();
        for chain in [
            [vec![authorities.leaf(0)], web.clone(), vec![fitting.clone()]].concat(),
            [vec![authorities.leaf(0), fitting.clone()], web.clone()].concat(),
            [vec![authorities.leaf(0)], web.iter().rev().cloned().collect(), vec![fitting.clone()]].concat(),
        ] {
            assert_eq!(counted(&root, &chain), (Ok(()), 3), "{count} authorities");
        }
    }
}

/// The certificates by the root of all authorities but one are of no use, each in its own way: the one that is left is found.
#[test]
fn ways_that_are_closed_cost_little() {
    let authorities = Authorities::new(10);
    let root = authorities.root(Draft::authority("root"));
    let mut chain = vec![authorities.leaf(0)];
    chain.extend(authorities.all_crossed());
    let now = NOW as i64;
    for of in 0..9 {
        let draft = Draft::authority(&format!("A{of}"));
        let (draft, key) = match of % 4 {
            0 => (Draft { not_after: now - 1, ..draft }, &authorities.root_key),
            1 => (Draft { not_before: now + 1, ..draft }, &authorities.root_key),
            2 => (draft.with(oid::BASIC_CONSTRAINTS, true, sequence(&[])), &authorities.root_key),
            // A stranger signed it.
            _ => (draft, &authorities.keys[9]),
        };
        chain.push(draft.sign("root", &**key, &*authorities.keys[of]));
    }
    let without = counted(&root, &chain);
    assert!(without.0.is_err() && without.1 <= 100, "{without:?}");
    chain.push(authorities.certified_by_root(9, Draft::authority("A9")));
    let (verdict, signatures) = counted(&root, &chain);
    assert!(verdict == Ok(()) && signatures <= 20, "{verdict:?} after {signatures} signatures");
}

/// The shortest way is not always open: by its name constraints, its path length, or a stranger's signature.
#[test]
fn a_longer_way_is_taken_if_the_short_one_is_closed() {
    let authorities = Authorities::new(3);
    let root = authorities.root(Draft::authority("root"));
    let zero = || sequence(&[&[1, 1, 0xff, 2, 1, 0]]);
    let subtree = sequence(&[&element(tag::context_constructed(1), &[&sequence(&[&dns("example.com")])])]);
    let forbidding = Draft::authority("A0").with(oid::NAME_CONSTRAINTS, true, subtree);
    let short = [
        authorities.certified_by_root(0, forbidding),
        Draft { not_after: NOW as i64 - 1, ..Draft::authority("A0") }.sign(
            "root",
            &*authorities.root_key,
            &*authorities.keys[0],
        ),
        Draft::authority("A0").sign("root", &*authorities.keys[1], &*authorities.keys[0]),
    ];
    let long = [
        authorities.cross(0, 1),
        authorities.cross(1, 2),
        // May have none below, though there are two.
        authorities.certified_by_root(1, Draft::authority("A1").with(oid::BASIC_CONSTRAINTS, true, zero())),
        authorities.certified_by_root(2, Draft::authority("A2")),
    ];
    for closed in short {
        let refused = counted(&root, &[authorities.leaf(0), closed.clone()]).0;
        assert!(refused.is_err());
        let chain = [&[authorities.leaf(0), closed][..], &long].concat();
        assert_eq!(counted(&root, &chain).0, Ok(()), "{refused:?}");
    }
}

/// If no way is open, all are tried; but what one has shown of a signature, the others know.
#[test]
fn ways_share_their_signatures_and_their_number_has_a_limit() {
    let forbidding = || constrained(&[], &[dns("example.com")]);
    for (count, ends) in [(5, true), (10, false)] {
        let authorities = Authorities::new(count);
        let root = authorities.root(forbidding());
        let mut chain = vec![authorities.leaf(0)];
        chain.extend(authorities.all_crossed());
        chain.extend((0..count).map(|of| authorities.certified_by_root(of, Draft::authority(&format!("A{of}")))));
        let (verdict, signatures) = counted(&root, &chain);
        assert!(signatures <= chain.len() && signatures <= 100, "{signatures}");
        if ends {
            assert!(matches!(rule(verdict), Some(Rule::NameConstraints { name, .. }) if name == "www.example.com"));
        } else {
            assert_eq!(verdict, Err(Error::TooMuchWork));
        }
    }
}

/// Every signature in the web is good but the one that would lead out of it: the ways to it are tried up to a number.
#[test]
fn ways_without_number_have_a_limit() {
    let authorities = Authorities::new(9);
    let root = authorities.root(Draft::authority("root"));
    let mut chain = vec![authorities.leaf(0)];
    chain.extend(authorities.all_crossed());
    chain.push(Draft::authority("A8").sign("root", &*key(), &*authorities.keys[8]));
    let (verdict, signatures) = counted(&root, &chain);
    assert!(verdict == Err(Error::TooMuchWork) && signatures <= chain.len(), "{verdict:?} after {signatures}");
    // A few of them are all tried.
    let few: Vec<_> = (0..3).flat_map(|of| (0..3).filter(move |by| *by != of).map(move |by| (of, by))).collect();
    let mut small = vec![authorities.leaf(0), Draft::authority("A2").sign("root", &*key(), &*authorities.keys[2])];
    small.extend(few.into_iter().map(|(of, by)| authorities.cross(of, by)));
    assert!(matches!(counted(&root, &small).0, Err(Error::BadSignature { .. })));
}

/// Random webs, in which each certificate is good, old, or signed by somebody else: a way is found exactly if there is one.
#[test]
fn a_way_is_found_exactly_if_there_is_one() {
    let mut state = 7u32;
    let mut random = move |below: u32| {
        // The generator of Numerical Recipes; its upper bits are the better ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let mut verdicts = [0, 0];
    for round in 0..150 {
        let count = 2 + random(5) as usize;
        let authorities = Authorities::new(count);
        let root = authorities.root(Draft::authority("root"));
        // Who certified whom, the root being beyond the last.
        let (mut good, mut chain) = (Vec::new(), vec![authorities.leaf(0)]);
        for _ in 0..random(14) {
            let (of, by) = (random(count as u32) as usize, random(count as u32 + 1) as usize);
            let draft = Draft::authority(&format!("A{of}"));
            let (draft, is_old) = match random(4) {
                0 => (Draft { not_after: NOW as i64 - 1, ..draft }, true),
                _ => (draft, false),
            };
            let issuer = if by == count { String::from("root") } else { format!("A{by}") };
            let claimed = authorities.keys.get(by).unwrap_or(&authorities.root_key);
            let (key, is_forged) =
                if random(5) == 0 { (&authorities.keys[(by + 1) % count], true) } else { (claimed, false) };
            chain.push(draft.sign(&issuer, &**key, &*authorities.keys[of]));
            if !is_old && !is_forged {
                good.push((of, by));
            }
        }
        let mut reached = vec![0];
        while let Some((_, by)) = good.iter().find(|(of, by)| reached.contains(of) && !reached.contains(by)) {
            reached.push(*by);
        }
        let verdict = counted(&root, &chain).0;
        assert_eq!(verdict.is_ok(), reached.contains(&count), "round {round}: {verdict:?}");
        verdicts[usize::from(verdict.is_ok())] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 30), "{verdicts:?}");
}
