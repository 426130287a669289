//! Requests as early data, over real sockets: who sends them, who takes them, and what a handler knows of it.

use posthaste::{
    Client, ClientBuilder, Error, Handle, Identity, MemoryTickets, Method, Reply, Request, RequestBuilder, Roots,
    Server, ServerBuilder, Tickets,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What a handler saw of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    is_early: bool,
    is_validated: bool,
}

/// A server that tells what its handler saw, and a client's tickets.
struct Place {
    identity: Identity,
    store: Arc<MemoryTickets>,
    seen: Rc<RefCell<Vec<Seen>>>,
}

fn see(request: &Request) -> Seen {
    assert!(!request.fields().contains("early-data"), "the field is for who stands between");
    let (is_early, is_validated) = (request.is_early(), request.is_address_validated());
    Seen { method: request.method().to_string(), is_early, is_validated }
}

fn seen(method: &str, is_early: bool) -> Seen {
    Seen { method: method.into(), is_early, is_validated: !is_early }
}

impl Place {
    fn new() -> Result<Place, Error> {
        let identity = Identity::development(&[])?;
        Ok(Place { identity, store: Arc::new(MemoryTickets::default()), seen: Rc::default() })
    }

    fn server(&self, address: &str, tickets: &Tickets) -> ServerBuilder {
        let builder = Server::builder(self.identity.clone()).listen(address.parse().expect("an address"));
        builder.tickets(tickets.clone())
    }

    /// A server that answers `hello`.
    fn start(&self, handle: &Handle, address: &str, tickets: &Tickets) -> Result<(Server, String), Error> {
        let all = self.seen.clone();
        let server = self.server(address, tickets).start(handle, move |request: Request, reply: Reply| {
            all.borrow_mut().push(see(&request));
            reply.send(200, "hello")
        })?;
        let url = format!("https://{}/", server.addresses()[0]);
        Ok((server, url))
    }

    fn client(&self) -> ClientBuilder {
        let roots = Roots::from_pem(self.identity.certificate_pem().as_bytes()).expect("roots");
        Client::builder(roots).ticket_store(self.store.clone())
    }

    /// A client that offers early data, and has none of the connections of before.
    fn early(&self, handle: &Handle) -> Client {
        self.client().dangerous_offer_early_data_that_may_be_replayed().build(handle)
    }

    /// A connection that brings tickets.
    async fn visit(&self, handle: &Handle, url: &str) -> Result<(), Error> {
        let client = self.early(handle);
        // Twice: the answer to the second comes behind the tickets.
        for _ in 0..2 {
            assert_eq!(ask(client.get(url)).await?, (200, b"hello".to_vec()));
        }
        client.close().await;
        self.seen.borrow_mut().clear();
        Ok(())
    }

    fn take_seen(&self) -> Vec<Seen> {
        self.seen.take()
    }
}

fn accepting() -> Tickets {
    Tickets::new().dangerous_accept_early_data_that_may_be_replayed()
}

async fn ask(request: RequestBuilder) -> Result<(u16, Vec<u8>), Error> {
    let mut response = request.send().await?;
    let body = response.body().read_to_end(100).await?;
    Ok((response.status().code(), body.to_vec()))
}

/// RFC 8470 section 4-1. T8: unsafe methods never go early, whatever is asked for.
#[test]
fn t8_only_safe_requests_that_ask_for_it_go_early() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let (server, url) = place.start(&handle, "127.0.0.1:0", &accepting())?;
        let request = |client: &Client, method: &str| {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            client.request(method, &url).dangerous_send_as_early_data_that_may_be_replayed()
        };
        for (method, is_early) in
            [("GET", true), ("HEAD", true), ("OPTIONS", true), ("POST", false), ("PUT", false), ("MADE-UP", false)]
        {
            place.visit(&handle, &url).await?;
            let client = place.early(&handle);
            assert_eq!(ask(request(&client, method)).await?.0, 200, "{method}");
            assert_eq!(place.take_seen(), [seen(method, is_early)]);
            // On a connection that is there nothing is early.
            assert_eq!(ask(request(&client, method)).await?.0, 200, "{method}");
            assert_eq!(place.take_seen(), [seen(method, false)]);
            client.close().await;
        }
        // With a body it waits, whatever the method.
        place.visit(&handle, &url).await?;
        let client = place.early(&handle);
        assert_eq!(ask(request(&client, "GET").body("x")).await?.0, 200);
        assert_eq!(place.take_seen(), [seen("GET", false)]);
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// T7: off by default on either side, and for each request.
/// RFC 8470 section 3-1.
#[test]
fn t7_each_side_and_each_request_has_a_switch() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let (server, url) = place.start(&handle, "127.0.0.1:0", &accepting())?;
        place.visit(&handle, &url).await?;
        let client = place.early(&handle);
        ask(client.get(&url)).await?;
        client.close().await;
        let client = place.client().build(&handle);
        ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await?;
        client.close().await;
        assert_eq!(place.take_seen(), [seen("GET", false), seen("GET", false)]);
        server.shutdown(Duration::from_secs(5)).await?;

        let (server, url) = place.start(&handle, "127.0.0.1:0", &Tickets::new())?;
        place.visit(&handle, &url).await?;
        let client = place.early(&handle);
        ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await?;
        assert_eq!(place.take_seen(), [seen("GET", false)]);
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// A request that waits on the connection that another one opened early.
#[test]
fn others_wait_beside_an_early_request() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let (server, url) = place.start(&handle, "127.0.0.1:0", &accepting())?;
        place.visit(&handle, &url).await?;
        let client = place.early(&handle);
        let early = handle.spawn(ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()));
        let late = handle.spawn(ask(client.post(&url).body("x")));
        assert_eq!(early.await.expect("a task")?.0, 200);
        assert_eq!(late.await.expect("a task")?.0, 200);
        assert_eq!(place.take_seen(), [seen("GET", true), seen("POST", false)]);
        assert_eq!(client.open_connections(), 1);
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// T6: who goes by addresses waits for the proof, or says that it is too early, and the client asks again by itself.
/// RFC 8470 section 4-3, 5.2-1.
#[test]
fn t6_a_handler_waits_for_the_proof_or_answers_too_early() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        for waits in [true, false] {
            let place = Place::new()?;
            let all = place.seen.clone();
            let server =
                place.server("127.0.0.1:0", &accepting()).start(&handle, move |request: Request, reply: Reply| {
                    let all = all.clone();
                    async move {
                        all.borrow_mut().push(see(&request));
                        if request.is_early() && !waits {
                            return reply.send(425, "").await;
                        }
                        request.proven().await;
                        assert!(!request.is_early() && request.is_address_validated());
                        reply.send(200, "hello").await
                    }
                })?;
            let url = format!("https://{}/", server.addresses()[0]);
            place.visit(&handle, &url).await?;
            let client = place.early(&handle);
            let answer = ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await?;
            assert_eq!(answer, (200, b"hello".to_vec()));
            let expected = if waits { vec![seen("GET", true)] } else { vec![seen("GET", true), seen("GET", false)] };
            assert_eq!(place.take_seen(), expected);
            assert_eq!(client.open_connections(), 1);
            client.close().await;
            server.shutdown(Duration::from_secs(5)).await?;
        }
        Ok(())
    })?
}

/// RFC 8470 section 5.1-5, 5.1-7: what somebody on the way says counts, in any form. An answer 425 to what was not early is an answer.
#[test]
fn the_field_of_those_between_counts() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let server =
            place.server("127.0.0.1:0", &Tickets::new()).start(&handle, |request: Request, reply: Reply| {
                let is_early = request.is_early();
                async move {
                    request.proven().await;
                    reply.send(if is_early { 425 } else { 200 }, "").await
                }
            })?;
        let url = format!("https://{}/", server.addresses()[0]);
        let client = place.client().build(&handle);
        assert_eq!(ask(client.get(&url)).await?.0, 200);
        for value in ["1", "0", "yes"] {
            assert_eq!(ask(client.get(&url).field("early-data", value)).await?.0, 425);
        }
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// A server that was started anew does not know what it has taken, or has changed what it promises: nobody notices.
#[test]
fn what_is_not_taken_is_answered_all_the_same() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let secrets = Tickets::shared(&[[7; 32]])?;
        let tickets = secrets.clone().dangerous_accept_early_data_that_may_be_replayed();
        let (server, url) = place.start(&handle, "127.0.0.1:0", &tickets)?;
        place.visit(&handle, &url).await?;
        let address = server.addresses()[0].to_string();
        server.shutdown(Duration::from_secs(5)).await?;
        // Another filter.
        let other = secrets.dangerous_accept_early_data_that_may_be_replayed();
        let (server, url) = place.start(&handle, &address, &other)?;
        let client = place.early(&handle);
        ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await?;
        assert!(client.connections()[0].1.is_resumed);
        assert_eq!(place.take_seen(), [seen("GET", false)]);
        client.close().await;
        place.visit(&handle, &url).await?;
        server.shutdown(Duration::from_secs(5)).await?;
        // Other settings.
        let all = place.seen.clone();
        let mut builder = place.server(&address, &other);
        builder.http.limits.max_field_section_size += 1;
        let server = builder.start(&handle, move |request: Request, reply: Reply| {
            all.borrow_mut().push(see(&request));
            reply.send(200, "hello")
        })?;
        let client = place.early(&handle);
        ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await?;
        assert_eq!(place.take_seen(), [seen("GET", false)]);
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// Early data to an address where nobody is: the request fails like any other, or reaches the server at its next address.
#[test]
fn a_server_that_is_gone_is_told_as_ever() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let place = Place::new()?;
        let (server, url) = place.start(&handle, "127.0.0.1:0", &accepting())?;
        place.visit(&handle, &url).await?;
        server.shutdown(Duration::from_secs(5)).await?;
        let client = place.early(&handle);
        let error =
            ask(client.get(&url).dangerous_send_as_early_data_that_may_be_replayed()).await.expect_err("nobody");
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        client.close().await;
        Ok(())
    })?
}
