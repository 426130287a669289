//! Tickets where somebody's identity is a matter of policy: of clients that are asked for certificates, and of servers that are
//! judged by rules of many kinds.

use super::early_data::accept;
use super::resumption::offers_ticket;
use crate::certified_key::CertifiedKey;
use crate::client_authentication::{ClientAuthentication, ClientRoots, ClientVerifier, PresentedByClient};
use crate::client_resolver::{CertificateWanted, ClientResolver};
use crate::config::ServerConfig;
use crate::early_data::EarlyData;
use crate::error::Error;
use crate::message::client_hello::ClientHello;
use crate::message::framing::HEADER_LEN;
use crate::resolver::ByName;
use crate::server_verification::{PinnedServers, PresentedByServer, ServerVerification, ServerVerifier};
use crate::testing::clients::{ClientAuthority, client_with, request};
use crate::testing::tickets::{Resuming, Same, finish};
use crate::testing::{Kind, NOW, certified};
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::KeyKind::EcP256;
use rustls_pki_types::CertificateDer;
use std::sync::Mutex;
use x509::Pins;

/// The ways in which a server asks its clients: all of them, or those of a name.
fn questions() -> [fn(&ClientAuthentication, &mut ServerConfig); 2] {
    [
        |question, server| server.client_authentication = question.clone(),
        |question, server| {
            let mut names = ByName::new();
            names.insert("server.example", certified(Kind::EcP256));
            names.set_client_authentication("server.example", question.clone());
            server.resolver = Arc::new(names);
        },
    ]
}

/// A client that has a certificate, and a ticket that it shows again and again.
fn known_client(authority: &ClientAuthority) -> Resuming {
    let mut resuming = Resuming::new();
    let identity = authority.client(EcP256, &request("client.example", false));
    resuming.client.identities = client_with(vec![identity]).identities;
    resuming.client.dangerous_offer_early_data_that_may_be_replayed = true;
    accept(&mut resuming);
    resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
    resuming
}

/// RFC 9846 section 4.4.2: a server that resumes cannot ask, so that a ticket of a client that was not asked does not do.
#[test]
fn who_was_not_asked_does_not_come_back_where_clients_are_asked() {
    let authority = ClientAuthority::new("ours");
    for ask in questions() {
        for question in [ClientAuthentication::Optional(authority.verifier()), authority.required()] {
            let mut resuming = known_client(&authority);
            let mut first = resuming.early_pair(b"context");
            finish(&mut first);
            let mut again = resuming.early_pair(b"context");
            finish(&mut again);
            assert!(again.server.is_resumed() && again.server.early_data() == EarlyData::Accepted);
            // The same server, which has not seen the ticket before, and now asks.
            accept(&mut resuming);
            ask(&question, &mut resuming.server);
            let mut asked = resuming.early_pair(b"context");
            finish(&mut asked);
            assert!(offers_ticket(&asked) && !asked.server.is_resumed() && !asked.client.is_resumed());
            assert_eq!(asked.server.early_data(), EarlyData::Refused, "{question:?}");
            assert!(asked.server.peer_identity().is_some());
        }
    }
}

/// The server knows a client that comes back by the certificates that it has shown, and asks for nothing.
/// RFC 9846 section 4.4.2-8.
#[test]
fn who_has_shown_a_certificate_comes_back_as_who_it_is() {
    let authority = ClientAuthority::new("ours");
    for ask in questions() {
        for question in [ClientAuthentication::Optional(authority.verifier()), authority.required()] {
            let mut resuming = known_client(&authority);
            resuming.client.tickets = Some(resuming.store.clone());
            ask(&question, &mut resuming.server);
            let mut first = resuming.early_pair(b"context");
            finish(&mut first);
            let known = first.server.peer_identity().cloned();
            assert!(!first.server.is_resumed() && known.is_some());
            // By its own tickets, and by those of connections that they began.
            for _ in 0..3 {
                let mut again = resuming.early_pair(b"context");
                finish(&mut again);
                assert!(again.server.is_resumed() && again.client.is_resumed(), "{question:?}");
                assert_eq!(again.server.peer_identity(), known.as_ref());
                assert!(again.server.client_authentication().is_some_and(|asked| asked.is_same(&question)));
                // Who it is would be known only after early data was acted upon.
                assert_eq!(again.server.early_data(), EarlyData::NotOffered, "the ticket allows none");
            }
            // A server that asks nobody does not take the ticket: who comes back would be somebody there.
            ask(&ClientAuthentication::None, &mut resuming.server);
            let mut unasked = resuming.early_pair(b"context");
            finish(&mut unasked);
            assert!(!unasked.server.is_resumed() && unasked.server.peer_identity().is_none());
        }
    }
}

/// A client that may decline, and has, comes back as nobody; where it may not any more, it is asked again.
#[test]
fn who_has_declined_comes_back_as_nobody() {
    let authority = ClientAuthority::new("ours");
    let mut resuming = Resuming::new();
    resuming.server.client_authentication = ClientAuthentication::Optional(authority.verifier());
    resuming.fill();
    let mut again = resuming.pair();
    finish(&mut again);
    assert!(again.server.is_resumed() && again.server.peer_identity().is_none());
    resuming.server.client_authentication = authority.required();
    let mut asked = resuming.pair();
    let (_, refused) = asked.run(usize::MAX, |_, _, _, _| {}).unwrap_err();
    assert_eq!(refused.violation(), Some(Violation::CertificateRequired));
    assert!(offers_ticket(&asked));
}

/// With a list in which the client is, or in which it is not.
fn with_list(authority: &ClientAuthority, is_revoked: bool, until: u64) -> ClientAuthentication {
    let mut revocation = x509::Revocation::new();
    revocation.add_der(&authority.list(is_revoked, until)).unwrap();
    let mut roots = x509::RootStore::new();
    roots.add_der(&authority.certificate).unwrap();
    roots.check_revocation(revocation);
    ClientAuthentication::Required(Arc::new(ClientRoots::new(crypto_ring::PROVIDER, roots)))
}

/// Whoever would not be believed by its certificate now is not believed by its ticket: it is asked again, and refused for what is
/// wrong.
#[test]
fn who_is_not_believed_any_more_does_not_come_back_with_a_ticket() {
    let (ours, other) = (ClientAuthority::new("ours"), ClientAuthority::new("other"));
    const LIFE: u64 = 100_000;
    let revoked = |error: &Error| matches!(error, Error::Certificate(x509::Error::Revoked { .. }));
    let unknown = |error: &Error| matches!(error, Error::Certificate(x509::Error::RevocationUnknown { .. }));
    let untrusted = |error: &Error| error.violation() == Some(Violation::CertificateRequired);
    let expired = |error: &Error| matches!(error, Error::Certificate(x509::Error::Expired { .. }));
    type Case<'a> = (ClientAuthentication, i64, Option<&'a dyn Fn(&Error) -> bool>);
    let cases: [Case<'_>; 6] = [
        (with_list(&ours, false, NOW + LIFE), 1, None),
        (ours.required(), 1, None),
        (with_list(&ours, true, NOW + LIFE), 1, Some(&revoked)),
        (with_list(&ours, false, NOW + 5), 10, Some(&unknown)),
        // Its certificate is not of an authority that the server names, so that it shows none.
        (other.required(), 1, Some(&untrusted)),
        (with_list(&ours, false, NOW + 2 * LIFE), LIFE as i64, Some(&expired)),
    ];
    for (number, (later, seconds, refused)) in cases.into_iter().enumerate() {
        let mut resuming = known_client(&ours);
        resuming.client.tickets = Some(resuming.store.clone());
        resuming.policy().lifetime_seconds = 604_800;
        resuming.server.client_authentication = ours.required();
        resuming.fill();
        resuming.server.client_authentication = later;
        resuming.clock.advance(seconds * 1000);
        let mut again = resuming.pair();
        let outcome = again.run(usize::MAX, |_, _, _, _| {});
        assert!(offers_ticket(&again), "{number}");
        match refused {
            None => assert!(outcome.is_ok() && again.server.is_resumed(), "{number}: {outcome:?}"),
            Some(refused) => assert!(refused(&outcome.as_ref().unwrap_err().1), "{number}: {outcome:?}"),
        }
    }
}

/// Rules of a program's own have no tickets unless they say that a client may be judged again by what is in one.
#[test]
fn rules_for_clients_have_no_tickets_unless_they_say_so() {
    struct Rules(Option<usize>);
    impl ClientVerifier for Rules {
        fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error> {
            let path = presented.chain.iter().map(|certificate| certificate.clone().into_owned());
            // Filler, so that the path is long.
            let filler = CertificateDer::from(vec![0x30; self.0.unwrap_or(0)]);
            Ok(path.take(1).chain([filler]).collect())
        }

        fn ticket_path<'a>(&self, path: &'a [CertificateDer<'static>]) -> Option<&'a [CertificateDer<'static>]> {
            self.0.map(|_| path)
        }
    }
    let authority = ClientAuthority::new("ours");
    // Long paths do not fit into a ticket.
    for (rules, resumes) in [(Rules(None), false), (Rules(Some(2000)), true), (Rules(Some(3072)), false)] {
        let mut resuming = known_client(&authority);
        resuming.client.tickets = Some(resuming.store.clone());
        resuming.server.client_authentication = ClientAuthentication::Optional(Arc::new(rules));
        resuming.fill();
        assert_eq!((resuming.store.len() > 0, resuming.resumes()), (resumes, resumes));
    }
}

/// A client that shows somebody else's certificate, or none, does not come back as who it was.
#[test]
fn tickets_are_kept_by_what_the_client_may_show() {
    let authority = ClientAuthority::new("ours");
    let identity = |name| client_with(vec![authority.client(EcP256, &request(name, false))]).identities;
    let (one, other) = (identity("one.example"), identity("other.example"));
    struct Unknown;
    impl ClientResolver for Unknown {
        fn resolve(&self, _: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }
    let unknown: Option<Arc<dyn ClientResolver>> = Some(Arc::new(Unknown));
    let known_by = |first: &Option<Arc<dyn ClientResolver>>, then: &Option<Arc<dyn ClientResolver>>| {
        let mut resuming = Resuming::new();
        resuming.server.client_authentication = ClientAuthentication::Optional(authority.verifier());
        resuming.client.identities = first.clone();
        resuming.fill();
        resuming.client.identities = then.clone();
        let mut pair = resuming.pair();
        finish(&mut pair);
        let name = pair.server.peer_identity().map(|identity| identity.label());
        (pair.server.is_resumed(), name)
    };
    let label = |name: &str| Some(alloc::format!("Posthaste client {name}"));
    assert_eq!(known_by(&one, &one), (true, label("one.example")));
    assert_eq!(known_by(&one, &other), (false, label("other.example")));
    assert_eq!(known_by(&one, &None), (false, None));
    assert_eq!(known_by(&None, &one), (false, label("one.example")));
    assert_eq!(known_by(&None, &None), (true, None));
    // Nobody can say what that shows.
    assert_eq!(known_by(&unknown, &unknown), (false, None));
}

/// Who gets other identities, or other authorities for clients, begins anew.
#[test]
fn tickets_end_with_the_generation_of_the_identities() {
    let names = |generation| {
        let mut names = ByName::new();
        names.insert("server.example", certified(Kind::EcP256));
        names.set_generation(generation);
        Arc::new(names)
    };
    for (later, resumes) in [(1, true), (2, false), (0, false)] {
        let mut resuming = Resuming::new();
        resuming.server.resolver = names(1);
        resuming.fill();
        resuming.server.resolver = names(later);
        assert_eq!(resuming.resumes(), resumes, "{later}");
    }
}

fn pins(kinds: &[Kind]) -> Pins {
    let mut pins = Pins::new();
    for kind in kinds {
        let digest = crypto_ring::PROVIDER.initial.hash.digest(&[&certified(*kind).chain[0]]);
        pins.add_certificate(*digest.first_chunk().unwrap());
    }
    pins
}

fn pinned(kinds: &[Kind]) -> ServerVerification {
    ServerVerification::Custom(Arc::new(PinnedServers(pins(kinds))))
}

/// RFC 9846 section 4.7.1: a ticket stands for a server that was believed by these rules and no others.
#[test]
fn tickets_are_kept_by_the_pins_that_the_server_was_known_by() {
    let resumes = |later: ServerVerification| {
        let mut resuming = Resuming::new();
        resuming.client.roots = pinned(&[Kind::EcP256, Kind::Ed25519]);
        resuming.fill();
        resuming.client.roots = later;
        resuming.resumes()
    };
    assert!(resumes(pinned(&[Kind::EcP256, Kind::Ed25519])));
    assert!(resumes(pinned(&[Kind::Ed25519, Kind::EcP256, Kind::EcP256])));
    assert!(!resumes(pinned(&[Kind::EcP256])));
    assert!(!resumes(ServerVerification::DangerousAcceptAny));
    assert!(!resumes(Resuming::new().client.roots));
}

/// Rules of a program's own, which say nothing of what they are.
struct Own;

impl ServerVerifier for Own {
    fn verify(&self, _: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        Ok(())
    }
}

#[test]
fn rules_that_cannot_be_told_apart_have_no_tickets() {
    let mut resuming = Resuming::new();
    resuming.client.roots = ServerVerification::Custom(Arc::new(Own));
    resuming.fill();
    assert_eq!(resuming.store.len(), 0);
    // Not even one that the store would give.
    let same = Arc::new(Same(Mutex::default()));
    let mut believing = Resuming::new();
    believing.client.tickets = Some(same.clone());
    believing.fill();
    resuming.client.tickets = Some(same);
    let mut pair = resuming.pair();
    finish(&mut pair);
    assert!(!offers_ticket(&pair) && !pair.client.is_resumed());
    // And none is asked for.
    let hello = ClientHello::decode(&pair.said[0].2[HEADER_LEN..]).unwrap();
    assert!(hello.psk_key_exchange_modes.is_none());
}
