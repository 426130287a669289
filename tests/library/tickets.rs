//! Connections that are resumed, over real sockets, and who decides about that.

use posthaste::{Client, ClientBuilder, Error, Handle, Identity, MemoryTickets, Reply, Roots, Server, Tickets};
use std::sync::Arc;
use std::time::Duration;

/// A server at `address` that answers `hello`.
fn serve(
    handle: &Handle,
    identity: &Identity,
    address: &str,
    tickets: impl Into<Option<Tickets>>,
) -> Result<Server, Error> {
    Server::builder(identity.clone())
        .listen(address.parse().expect("an address"))
        .tickets(tickets)
        .start(handle, |_, reply: Reply| reply.send(200, "hello"))
}

fn client(identity: &Identity) -> ClientBuilder {
    Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes()).expect("roots"))
}

/// Whether a connection of a client of its own, which has this store, resumes.
async fn visit(builder: ClientBuilder, handle: &Handle, url: &str) -> Result<bool, Error> {
    let client = builder.build(handle);
    let mut response = client.get(url).send().await?;
    let is_resumed = response.is_resumed();
    assert_eq!(response.body().read_to_end(100).await?, b"hello");
    // Tickets come when the handshake is confirmed, which the server says in the same flight.
    handle.sleep(Duration::ZERO).await;
    client.close().await;
    Ok(is_resumed)
}

#[test]
fn a_second_connection_resumes_by_default_and_shows_no_certificate() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let server = serve(&handle, &identity, "127.0.0.1:0", Tickets::new())?;
        let url = format!("https://{}/", server.addresses()[0]);
        let store = Arc::new(MemoryTickets::default());
        let mut resumed = Vec::new();
        for _ in 0..4 {
            resumed.push(visit(client(&identity).ticket_store(store.clone()), &handle, &url).await?);
        }
        assert_eq!(resumed, [false, true, true, true]);
        assert!(!store.is_empty() && store.len() <= 4);
        store.clear();
        assert!(!visit(client(&identity).ticket_store(store.clone()), &handle, &url).await?);
        // Who does not want to be known again is not.
        assert!(!visit(client(&identity).without_tickets(), &handle, &url).await?);
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// One client meets one server again after that has closed the connection.
#[test]
fn a_client_resumes_where_it_was_before_without_being_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let tickets = Tickets::shared(&[[5; 32]])?;
        let client = client(&identity).build(&handle);
        let first = serve(&handle, &identity, "127.0.0.1:0", tickets.clone())?;
        let address = first.addresses()[0].to_string();
        let url = format!("https://{address}/");
        assert!(!client.get(&url).send().await?.is_resumed());
        first.shutdown(Duration::from_secs(5)).await?;
        // Another server with the same secret, as after a restart.
        let second = serve(&handle, &identity, &address, Tickets::shared(&[[5; 32]])?)?;
        assert!(client.get(&url).send().await?.is_resumed());
        second.shutdown(Duration::from_secs(5)).await?;
        // One that draws its own, and one that takes none.
        let third = serve(&handle, &identity, &address, Tickets::new())?;
        assert!(!client.get(&url).send().await?.is_resumed());
        third.shutdown(Duration::from_secs(5)).await?;
        let fourth = serve(&handle, &identity, &address, None)?;
        assert!(!client.get(&url).send().await?.is_resumed());
        fourth.shutdown(Duration::from_secs(5)).await
    })?
}

/// Keys are changed while the server runs, and workers share them.
#[test]
fn keys_are_changed_while_workers_serve() -> Result<(), Error> {
    let identity = Identity::development(&[])?;
    let tickets = Tickets::new();
    let workers = Server::builder(identity.clone())
        .listen("127.0.0.1:0".parse().expect("an address"))
        .tickets(tickets.clone())
        .start_workers(2, |_, reply: Reply| reply.send(200, "hello"))?;
    let url = format!("https://{}/", workers.addresses()[0]);
    posthaste::run(|handle| async move {
        let store = Arc::new(MemoryTickets::new(1, 1));
        let visit = async || visit(client(&identity).ticket_store(store.clone()), &handle, &url).await;
        assert!(!visit().await?);
        // Whichever worker it comes to.
        for _ in 0..8 {
            assert!(visit().await?);
        }
        tickets.set_keys(&[[1; 32]])?;
        assert!(!visit().await? && visit().await?);
        tickets.set_keys(&[[2; 32], [1; 32]])?;
        assert!(visit().await?, "an old key opens");
        tickets.set_keys(&[[2; 32]])?;
        assert!(visit().await?, "the new one sealed");
        Ok::<(), Error>(())
    })??;
    workers.shutdown();
    workers.join()
}
