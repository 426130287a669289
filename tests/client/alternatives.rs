//! Servers that say where they are also found (RFC 7838).

use posthaste::{AltSvc, Client, Error, Fields, Handle, Identity, Reply, Request, ResponseHead, Roots, Server, Status};
use std::cell::RefCell;
use std::rc::Rc;

/// A server that answers with what it is, what it was told of itself, and a field Alt-Svc that can be changed.
struct Named {
    server: Server,
    says: Rc<RefCell<(u16, String)>>,
}

impl Named {
    fn start(handle: &Handle, identity: &Identity, name: &'static str) -> Result<Named, Error> {
        let says = Rc::new(RefCell::new((200, String::new())));
        let saying = says.clone();
        let server = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).name("*");
        let server = server.start(handle, move |request: Request, reply: Reply| {
            let (status, alternatives) = saying.borrow().clone();
            let mut head = ResponseHead { status: Status::new(status).unwrap(), fields: Fields::new() };
            if !alternatives.is_empty() {
                head.fields.push("alt-svc", alternatives).unwrap();
            }
            let used = request.fields().first_text("alt-used").unwrap_or("-").to_owned();
            async move { reply.send(head, format!("{name} {used}")).await }
        })?;
        Ok(Named { server, says })
    }

    fn port(&self) -> u16 {
        self.server.addresses()[0].port()
    }

    fn say(&self, status: u16, alternatives: &str) {
        *self.says.borrow_mut() = (status, alternatives.to_owned());
    }
}

async fn visit(handle: &Handle, roots: &Roots, known: &AltSvc, url: &str) -> Result<String, Error> {
    let client = Client::builder(roots.clone()).alt_svc(known.clone()).build(handle);
    let body = client.get(url).send().await?.body().read_to_end(100).await?;
    client.close().await;
    Ok(String::from_utf8(body).unwrap())
}

#[test]
fn a_server_is_asked_where_it_says_that_it_is_found() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let (first, second) = (Named::start(&handle, &identity, "first")?, Named::start(&handle, &identity, "second")?);
        let url = format!("https://127.0.0.1:{}/", first.port());
        let known = AltSvc::default();
        let visit = async || visit(&handle, &roots, &known, &url).await;
        first.say(200, &format!("h3=\":{}\"; ma=600", second.port()));
        assert_eq!(visit().await?, "first -");
        // The alternative says nothing of others: what was said stays.
        let there = format!("second 127.0.0.1:{}", second.port());
        assert_eq!([visit().await?, visit().await?], [there.clone(), there.clone()]);
        assert!(known.to_text().starts_with(&format!("h3 127.0.0.1 {} h3 127.0.0.1 {} ", first.port(), second.port())));
        let client = Client::builder(roots.clone()).alt_svc(known.clone()).build(&handle);
        assert_eq!(client.connect(&url).await?.alternative, Some(format!("127.0.0.1:{}", second.port())));
        second.say(200, "clear");
        assert_eq!([visit().await?, visit().await?], [there, "first -".to_owned()]);
        Ok(())
    })?
}

#[test]
fn u3_an_alternative_that_is_none_costs_nothing_but_time() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let first = Named::start(&handle, &identity, "first")?;
        let url = format!("https://127.0.0.1:{}/", first.port());
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Another server, which has the right address and not the right certificate.
        let other = Named::start(&handle, &Identity::development(&[])?, "other")?;
        for port in [closed, other.port()] {
            let known = AltSvc::default();
            first.say(200, &format!("h3=\":{port}\""));
            assert_eq!(visit(&handle, &roots, &known, &url).await?, "first -");
            assert_eq!(visit(&handle, &roots, &known, &url).await?, "first -", "it is left alone");
            assert_eq!(known.len(), 1);
        }
        Ok(())
    })?
}

/// RFC 9110 section 15.5.20-1.
#[test]
fn an_alternative_that_is_not_the_server_is_forgotten_and_the_server_asked() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let (first, second) = (Named::start(&handle, &identity, "first")?, Named::start(&handle, &identity, "second")?);
        let url = format!("https://127.0.0.1:{}/", first.port());
        let known = AltSvc::default();
        first.say(200, &format!("h3=\":{}\"", second.port()));
        assert_eq!(visit(&handle, &roots, &known, &url).await?, "first -");
        // What it says with 421 is not for this client.
        second.say(421, "h3=\":1\"");
        first.say(200, "");
        let client = Client::builder(roots.clone()).alt_svc(known.clone()).build(&handle);
        let mut response = client.post(&url).body("not idempotent").send().await?;
        assert_eq!(response.body().read_to_end(100).await?, b"first -");
        assert!(known.is_empty());
        // The server itself has the last word.
        first.say(421, "h3=\":1\"");
        assert_eq!(client.get(&url).send().await?.status().code(), 421);
        assert!(known.is_empty());
        Ok(())
    })?
}

#[test]
fn nothing_is_kept_unless_that_is_asked_for_and_a_move_keeps_what_persists() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let (first, second) = (Named::start(&handle, &identity, "first")?, Named::start(&handle, &identity, "second")?);
        let url = format!("https://127.0.0.1:{}/", first.port());
        first.say(200, &format!("h3=\":{}\"", second.port()));
        let client = Client::builder(roots.clone()).build(&handle);
        for _ in 0..2 {
            assert_eq!(client.get(&url).send().await?.body().read_to_end(100).await?, b"first -");
            client.close().await;
        }
        let known = AltSvc::default();
        let client = Client::builder(roots).alt_svc(known.clone()).build(&handle);
        client.get(&url).send().await?;
        assert_eq!(known.len(), 1);
        client.migrate().await?;
        assert_eq!(known.len(), 0);
        Ok(())
    })?
}
