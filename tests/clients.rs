//! Clients that a server asks who they are, over real sockets; and identities and authorities that change meanwhile.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use posthaste::{
    ByName, CertificateError, Client, ClientAuthentication, ClientTrust, CloseReason, Error, Handle, Identity,
    IdentityHandle, MemoryTickets, Pins, PresentedByServer, Reply, Request, Revocation, Roots, RootsHandle, Server,
    ServerBuilder, ServerEvent, ServerVerifier,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::Authority;

/// The code that a client sees: 0x100 and the alert.
const BAD_CERTIFICATE: u64 = 0x12a;
const REVOKED: u64 = 0x12c;
const EXPIRED: u64 = 0x12d;
const CERTIFICATE_UNKNOWN: u64 = 0x12e;
const UNKNOWN_CA: u64 = 0x130;
const REQUIRED: u64 = 0x174;

fn trust(authority: &Authority) -> ClientTrust {
    ClientTrust::from_pem(authority.pem().as_bytes()).unwrap()
}

/// Answers with the names of who asks.
async fn who(request: Request, reply: Reply) -> Result<(), Error> {
    let text = match request.peer_identity() {
        None => "nobody".to_owned(),
        Some(identity) => {
            let names: Vec<String> = identity.names().iter().map(ToString::to_string).collect();
            format!("{} ({} certificates)", names.join(" "), identity.certificates().len())
        }
    };
    reply.send(200, text).await
}

fn local(builder: ServerBuilder) -> ServerBuilder {
    builder.listen("127.0.0.1:0".parse().unwrap())
}

/// What a client with this identity is answered, or the code of the close that it sees.
async fn ask(handle: &Handle, roots: &Roots, identity: Option<&Identity>, url: &str) -> Result<String, u64> {
    let mut builder = Client::builder(roots.clone());
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let client = builder.build(handle);
    let answer = async { client.get(url).send().await?.body().read_to_end(1000).await };
    let answer = match answer.await {
        Ok(body) => Ok(String::from_utf8(body.to_vec()).unwrap()),
        Err(Error::Closed { reason: CloseReason::PeerTransport { code, .. }, .. }) => Err(code.0),
        Err(other) => panic!("{other}"),
    };
    client.close().await;
    answer
}

#[test]
fn the_application_learns_who_asks_and_clients_learn_why_they_are_refused() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let (good, expired) = (ours.client("client.example", false), ours.client("client.example", true));
        let foreign = other.client("client.example", false);
        let not_for_clients = ours.server_pem("client.example");
        let not_for_clients = Identity::from_pem(not_for_clients.0.as_bytes(), not_for_clients.1.as_bytes())?;
        let known = "client.example (2 certificates)";
        let table = [
            (ClientAuthentication::None, [Ok("nobody"), Ok("nobody"), Ok("nobody"), Ok("nobody"), Ok("nobody")]),
            (trust(&ours).optional(), [Ok("nobody"), Ok(known), Err(EXPIRED), Ok("nobody"), Err(BAD_CERTIFICATE)]),
            (trust(&ours).required(), [Err(REQUIRED), Ok(known), Err(EXPIRED), Err(REQUIRED), Err(BAD_CERTIFICATE)]),
        ];
        for (wanted, answers) in table {
            let told = Arc::new(Mutex::new(Vec::new()));
            let events = told.clone();
            let server = local(Server::builder(server.clone()))
                .client_authentication(wanted.clone())
                .on_event(move |event| events.lock().unwrap().push(event.to_string()))
                .start(&handle, who)?;
            let url = format!("https://{}/", server.addresses()[0]);
            // The certificate of another authority is not shown where the server has said whom it believes.
            let shown = [None, Some(&good), Some(&expired), Some(&foreign), Some(&not_for_clients)];
            for (identity, answer) in shown.into_iter().zip(answers) {
                let got = ask(&handle, &roots, identity, &url).await;
                assert_eq!(got.as_deref().map_err(|code| *code), answer, "{wanted:?}");
            }
            let refused = answers.iter().filter(|answer| answer.is_err()).count();
            assert_eq!(told.lock().unwrap().len(), refused, "{told:?}");
        }
        Ok(())
    })?
}

/// A client that comes back is who it was, and shows nothing; a client that shows something else, or that a server asks anew,
/// does not.
#[test]
fn a_client_that_comes_back_is_known_by_what_it_has_shown() -> Result<(), Error> {
    async fn who_comes_back(request: Request, reply: Reply) -> Result<(), Error> {
        let names = request.peer_identity().map(|identity| identity.names());
        let names: Vec<String> = names.unwrap_or_default().iter().map(ToString::to_string).collect();
        let certificates = request.peer_identity().map_or(0, |identity| identity.certificates().len());
        let text = format!("{} {certificates} {}", names.join(" "), request.is_resumed());
        reply.send(200, text).await
    }
    posthaste::run(|handle| async move {
        let ours = Authority::new("ours");
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let names = |clients: ClientAuthentication| {
            let mut names = Identity::by_name(std::slice::from_ref(&identity));
            names.set_default_client_authentication(clients);
            names
        };
        let shown = IdentityHandle::new(names(trust(&ours).optional()));
        let server = local(Server::builder(identity.clone())).resolver(shown.clone()).start(&handle, who_comes_back)?;
        let url = format!("https://{}/", server.addresses()[0]);
        let store = Arc::new(MemoryTickets::default());
        let visit = async |identity: Option<&Identity>| {
            let mut builder = Client::builder(roots.clone()).ticket_store(store.clone());
            if let Some(identity) = identity {
                builder = builder.identity(identity);
            }
            let client = builder.build(&handle);
            let mut text = String::new();
            // Twice: the answer to the second comes behind the tickets.
            for _ in 0..2 {
                let body = client.get(&url).send().await?.body().read_to_end(1000).await?;
                text = String::from_utf8(body.to_vec()).unwrap();
            }
            client.close().await;
            Ok::<String, Error>(text)
        };
        let (one, other) = (ours.client("one.example", false), ours.client("other.example", false));
        assert_eq!(visit(Some(&one)).await?, "one.example 2 false");
        assert_eq!(visit(Some(&one)).await?, "one.example 2 true");
        assert_eq!(visit(Some(&one)).await?, "one.example 2 true");
        assert_eq!(visit(Some(&other)).await?, "other.example 2 false");
        assert_eq!(visit(None).await?, " 0 false");
        assert_eq!(visit(None).await?, " 0 true");
        assert_eq!(visit(Some(&other)).await?, "other.example 2 true");
        shown.replace(names(trust(&ours).optional()));
        assert_eq!(
            visit(Some(&one)).await?,
            "one.example 2 false",
            "all that was bound to the identities before is over"
        );
        Ok(())
    })?
}

/// A client that shows a certificate of an authority that the server does not know: its resolver pays no attention to the hints.
#[test]
fn a_client_of_an_unknown_authority_is_told_so() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let foreign = other.client("client.example", false);
        let server =
            local(Server::builder(server)).client_authentication(trust(&ours).required()).start(&handle, who)?;
        struct Always(Identity);
        impl posthaste::ClientResolver for Always {
            fn resolve(&self, _: &posthaste::CertificateWanted<'_>) -> Option<Arc<posthaste::CertifiedKey>> {
                Some(self.0.certified())
            }
        }
        let client = Client::builder(roots).identity_resolver(Always(foreign)).build(&handle);
        let answer = client.get(&format!("https://{}/", server.addresses()[0])).send().await;
        match answer.map(drop) {
            Err(Error::Closed { reason: CloseReason::PeerTransport { code, .. }, .. }) => {
                assert_eq!(code.0, UNKNOWN_CA);
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    })?
}

/// The same port, a name whose clients are asked and one whose are not, and one certificate for both: a connection of the one is
/// no way to the other.
#[test]
fn t4_names_that_ask_are_not_reached_over_connections_that_were_not_asked() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let ours = Authority::new("ours");
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let mut names = ByName::new();
        names.insert_default(identity.certified());
        names.set_client_authentication("LOCALHOST.", trust(&ours).required());
        let server = local(Server::builder(identity)).resolver(names).start(&handle, who)?;
        let port = server.addresses()[0].port();
        let good = ours.client("client.example", false);
        let (open, secret) = (format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/"));
        assert_eq!(ask(&handle, &roots, None, &open).await.as_deref(), Ok("nobody"));
        assert_eq!(ask(&handle, &roots, None, &secret).await, Err(REQUIRED));
        assert_eq!(ask(&handle, &roots, Some(&good), &secret).await.as_deref(), Ok("client.example (2 certificates)"));
        let spelled = format!("https://LocalHost:{port}/");
        assert_eq!(ask(&handle, &roots, None, &spelled).await, Err(REQUIRED));
        Ok(())
    })?
}

/// What is shown and who is believed change at once for new connections, and not at all for those under way.
#[test]
fn identities_and_trust_are_replaced_while_connections_go_on() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (before, after) = (Authority::new("before"), Authority::new("after"));
        let (old, new) = (Identity::development(&[])?, Identity::development(&[])?);
        let roots = |identity: &Identity| Roots::from_pem(identity.certificate_pem().as_bytes());
        let names = |identity: &Identity, authority: &Authority| {
            let mut names = Identity::by_name(std::slice::from_ref(identity));
            names.set_default_client_authentication(trust(authority).required());
            names
        };
        let shown = IdentityHandle::new(names(&old, &before));
        let server = local(Server::builder(old.clone())).resolver(shown.clone()).start(&handle, who)?;
        let url = format!("https://{}/", server.addresses()[0]);
        let (of_before, of_after) = (before.client("a", false), after.client("b", false));
        let under_way = Client::builder(roots(&old)?).identity(&of_before).build(&handle);
        assert_eq!(under_way.get(&url).send().await?.status().code(), 200);
        assert_eq!(shown.replace(names(&new, &after)), 2);
        assert_eq!(under_way.get(&url).send().await?.body().read_to_end(100).await?, b"a (2 certificates)");
        assert_eq!(under_way.open_connections(), 1);
        assert_eq!(ask(&handle, &roots(&new)?, Some(&of_before), &url).await, Err(REQUIRED));
        assert_eq!(ask(&handle, &roots(&new)?, Some(&of_after), &url).await.as_deref(), Ok("b (2 certificates)"));
        let to_old = Client::builder(roots(&old)?).identity(&of_after).build(&handle);
        assert!(matches!(to_old.get(&url).send().await.map(drop), Err(Error::Certificate { .. })));
        Ok(())
    })?
}

/// Workers share what is shown, each on its own thread.
#[test]
fn workers_see_what_is_replaced() -> Result<(), Error> {
    let (old, new) = (Identity::development(&[])?, Identity::development(&[])?);
    let shown = IdentityHandle::new(Identity::by_name(std::slice::from_ref(&old)));
    let workers = local(Server::builder(old)).resolver(shown.clone()).start_workers(2, who)?;
    shown.replace(Identity::by_name(std::slice::from_ref(&new)));
    let url = format!("https://{}/", workers.addresses()[0]);
    posthaste::run(|handle| async move {
        let roots = Roots::from_pem(new.certificate_pem().as_bytes())?;
        for _ in 0..4 {
            assert_eq!(ask(&handle, &roots, None, &url).await.as_deref(), Ok("nobody"));
        }
        Ok::<(), Error>(())
    })??;
    workers.shutdown();
    workers.join()
}

/// A client that has a connection learns only with its first request that the server refuses it. It would be refused again.
#[test]
fn a_request_that_is_refused_for_its_client_is_not_repeated() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let ours = Authority::new("ours");
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let refusals = Arc::new(Mutex::new(0));
        let count = refusals.clone();
        let server = local(Server::builder(server))
            .client_authentication(trust(&ours).required())
            .on_event(move |_| *count.lock().unwrap() += 1)
            .start(&handle, who)?;
        let url = format!("https://{}/", server.addresses()[0]);
        let client = Client::builder(roots).build(&handle);
        client.connect(&url).await?;
        let error = client.get(&url).send().await.map(drop).unwrap_err();
        assert!(!error.is_connection_lost() && error.to_string().contains("certificate"), "{error}");
        // The next one would have come by now.
        client.close().await;
        assert_eq!(*refusals.lock().unwrap(), 1);
        Ok(())
    })?
}

/// A refusal is an event of the server's, with what is wrong.
#[test]
fn the_server_is_told_why_it_refused() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let ours = Authority::new("ours");
        let server = Identity::development(&[])?;
        let roots = Roots::from_pem(server.certificate_pem().as_bytes())?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = told.clone();
        let server = local(Server::builder(server))
            .client_authentication(trust(&ours).required())
            .on_event(move |event| {
                if let ServerEvent::ConnectionFailed { error, .. } = event {
                    events.lock().unwrap().push(error.to_string());
                }
            })
            .start(&handle, who)?;
        let url = format!("https://{}/", server.addresses()[0]);
        let expired = ours.client("client.example", true);
        assert_eq!(ask(&handle, &roots, Some(&expired), &url).await, Err(EXPIRED));
        assert_eq!(ask(&handle, &roots, None, &url).await, Err(REQUIRED));
        let told = told.lock().unwrap().join("\n");
        for part in ["certificate of Posthaste client client.example expired on", "no certificate, and one is required"]
        {
            assert!(told.contains(part), "{told}");
        }
        Ok(())
    })?
}

/// A client's trust in hashes, by the rules of the web and without them, and by rules of its own; each holds against another server.
#[test]
fn servers_are_known_by_hashes_and_by_rules_of_a_program() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (one, other) = (Identity::development(&[])?, Identity::development(&[])?);
        let server = local(Server::builder(one.clone())).start(&handle, who)?;
        // A name that the certificate is not for: the hash says more.
        let url = format!("https://127.0.0.1:{}/", server.addresses()[0].port());
        let pinned = |identity: &Identity| {
            let mut pins = Pins::new();
            pins.add_certificate(identity.certificate_sha256());
            Roots::pinned(pins)
        };
        struct Counting(Arc<AtomicUsize>, usize);
        impl ServerVerifier for Counting {
            fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), CertificateError> {
                assert!(presented.name.to_string() == "127.0.0.1" && presented.ocsp_response.is_none());
                self.0.fetch_add(1, Ordering::Relaxed);
                if presented.chain.len() == self.1 { Ok(()) } else { Err(CertificateError::TooMuchWork) }
            }
        }
        let count = Arc::new(AtomicUsize::new(0));
        for (roots, is_believed) in [
            (pinned(&one), true),
            (pinned(&other), false),
            (Roots::certificate_hashes(vec![other.certificate_sha256(), one.certificate_sha256()]), true),
            (Roots::certificate_hashes(vec![other.certificate_sha256()]), false),
            (Roots::custom(Counting(count.clone(), 1)), true),
            (Roots::custom(Counting(count.clone(), 2)), false),
        ] {
            let client = Client::builder(roots).request_ocsp_response().build(&handle);
            match client.get(&url).send().await {
                Ok(response) => assert!(is_believed && response.status().code() == 200),
                Err(Error::Certificate { .. }) => assert!(!is_believed),
                Err(other) => panic!("{other}"),
            }
            client.close().await;
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
        Ok(())
    })?
}

/// A client whose trust is replaced: new connections are judged by the new one, those under way go on.
#[test]
fn the_trust_of_a_client_is_replaced_while_it_runs() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (one, other) = (Identity::development(&[])?, Identity::development(&[])?);
        let roots = |identity: &Identity| Roots::from_pem(identity.certificate_pem().as_bytes());
        let first = local(Server::builder(one.clone())).start(&handle, who)?;
        let second = local(Server::builder(other.clone())).start(&handle, who)?;
        let url = |server: &Server| format!("https://{}/", server.addresses()[0]);
        let trusted = RootsHandle::new(roots(&one)?);
        let client = Client::builder(trusted.roots()).build(&handle);
        assert!(client.get(&url(&first)).send().await.is_ok() && client.get(&url(&second)).send().await.is_err());
        trusted.replace(roots(&other)?);
        assert!(client.get(&url(&second)).send().await.is_ok());
        assert!(client.get(&url(&first)).send().await.is_ok(), "over the connection that there is");
        client.close().await;
        let client = Client::builder(trusted.roots()).build(&handle);
        assert!(client.get(&url(&first)).send().await.is_err());
        Ok(())
    })?
}

/// T12: both sides look the other up in lists, and whoever finds none refuses.
#[test]
fn t12_what_was_revoked_is_refused_by_either_side() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let ours = Authority::new("ours");
        let (certificate, key) = ours.server_pem("127.0.0.1");
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes())?;
        let client = ours.client("client.example", false);
        let lists = |is_revoked| {
            let mut revocation = Revocation::new();
            revocation.add_pem(ours.list_pem(is_revoked).as_bytes()).unwrap();
            revocation
        };
        let plain = Roots::from_pem(ours.pem().as_bytes())?;
        for (revocation, answer) in [
            (lists(false), Ok("client.example (2 certificates)")),
            (lists(true), Err(REVOKED)),
            (Revocation::new(), Err(CERTIFICATE_UNKNOWN)),
        ] {
            let trust = trust(&ours).check_revocation(revocation.clone())?;
            let server =
                local(Server::builder(identity.clone())).client_authentication(trust.required()).start(&handle, who)?;
            let url = format!("https://{}/", server.addresses()[0]);
            assert_eq!(ask(&handle, &plain, Some(&client), &url).await.as_deref().map_err(|code| *code), answer);
            // The same by the client, of a server that has not been asked for its own opinion.
            let server = local(Server::builder(identity.clone())).start(&handle, who)?;
            let roots = plain.clone().check_revocation(revocation)?;
            let asking = Client::builder(roots).build(&handle);
            let got = asking.get(&format!("https://{}/", server.addresses()[0])).send().await;
            match (got, answer) {
                (Ok(response), Ok(_)) => assert_eq!(response.status().code(), 200),
                (Err(Error::Certificate { .. }), Err(_)) => {}
                (other, _) => panic!("{:?}", other.map(drop)),
            }
        }
        assert!(Roots::dangerous_accept_any().check_revocation(Revocation::new()).is_err());
        Ok(())
    })?
}
