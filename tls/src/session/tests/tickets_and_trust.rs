//! Tickets where somebody's identity is a matter of policy: of clients that are asked for certificates, and of servers that are
//! judged by rules of many kinds.

use super::early_data::accept;
use super::resumption::offers_ticket;
use crate::client_authentication::ClientAuthentication;
use crate::config::ServerConfig;
use crate::early_data::EarlyData;
use crate::message::client_hello::ClientHello;
use crate::message::framing::HEADER_LEN;
use crate::resolver::ByName;
use crate::server_verification::{PinnedServers, PresentedByServer, ServerVerification, ServerVerifier};
use crate::testing::clients::{ClientAuthority, client_with, request};
use crate::testing::tickets::{Resuming, Same, finish};
use crate::testing::{Kind, certified};
use alloc::sync::Arc;
use alloc::vec;
use crypto::KeyKind::EcP256;
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

/// RFC 9846 section 4.4.2: a server that resumes cannot ask.
#[test]
fn who_is_asked_for_a_certificate_resumes_nothing() {
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

#[test]
fn who_is_asked_for_a_certificate_gets_no_tickets() {
    let authority = ClientAuthority::new("ours");
    for ask in questions() {
        for question in [ClientAuthentication::Optional(authority.verifier()), authority.required()] {
            let mut resuming = known_client(&authority);
            resuming.client.tickets = Some(resuming.store.clone());
            ask(&question, &mut resuming.server);
            resuming.fill();
            assert_eq!(resuming.store.len(), 0, "{question:?}");
            assert!(!resuming.resumes());
        }
    }
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
