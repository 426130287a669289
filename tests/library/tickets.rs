//! Connections that are resumed, over real sockets, and who decides about that.

use posthaste::{
    CertifiedKey, Client, ClientBuilder, Error, Handle, Identity, MemoryTickets, PublicKeyAlgorithm, Reply, Roots,
    Server, ServerBuilder, SignatureScheme, SigningFailed, SigningKey, Tickets,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// An identity that counts its signatures: a full handshake needs one, a resumed one none.
#[derive(Clone)]
struct Counted {
    identity: Identity,
    signatures: Arc<AtomicUsize>,
}

struct CountedKey(Arc<CertifiedKey>, Arc<AtomicUsize>);

impl SigningKey for CountedKey {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.0.key.public_key_algorithm()
    }

    fn public_key(&self) -> &[u8] {
        self.0.key.public_key()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.0.key.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.key.sign(scheme, message)
    }
}

impl Counted {
    fn new() -> Result<Counted, Error> {
        let (identity, signatures) = (Identity::development(&[])?, Arc::new(AtomicUsize::new(0)));
        let key = Box::new(CountedKey(identity.certified(), signatures.clone()));
        let certified = CertifiedKey { chain: identity.chain().to_vec(), key };
        Ok(Counted { identity: Identity::from_certified(Arc::new(certified)), signatures })
    }

    /// Whether there was no signature since this was last asked.
    fn resumed(&self) -> bool {
        self.signatures.swap(0, Ordering::Relaxed) == 0
    }

    fn server(&self, address: &str) -> ServerBuilder {
        Server::builder(self.identity.clone()).listen(address.parse().expect("an address"))
    }

    /// A server that answers `hello`.
    fn start(
        &self,
        handle: &Handle,
        address: &str,
        tickets: impl Into<Option<Tickets>>,
    ) -> Result<(Server, String), Error> {
        let server = self.server(address).tickets(tickets).start(handle, |_, reply: Reply| reply.send(200, "hello"))?;
        let address = server.addresses()[0].to_string();
        Ok((server, address))
    }

    fn client(&self) -> ClientBuilder {
        Client::builder(Roots::from_pem(self.identity.certificate_pem().as_bytes()).expect("roots"))
    }

    /// One request on a connection of its own. Whether that was resumed.
    async fn visit(&self, builder: ClientBuilder, handle: &Handle, address: &str) -> Result<bool, Error> {
        let client = builder.build(handle);
        self.ask(&client, address).await?;
        client.close().await;
        Ok(self.resumed())
    }

    async fn ask(&self, client: &Client, address: &str) -> Result<(), Error> {
        // Twice: the answer to the second comes behind the tickets.
        for _ in 0..2 {
            let mut response = client.get(&format!("https://{address}/")).send().await?;
            assert_eq!(response.body().read_to_end(100).await?, b"hello");
        }
        Ok(())
    }
}

#[test]
fn a_second_connection_resumes_and_needs_no_signature() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let counted = Counted::new()?;
        let (server, address) = counted.start(&handle, "127.0.0.1:0", Tickets::new())?;
        let store = Arc::new(MemoryTickets::default());
        let mut resumed = Vec::new();
        for _ in 0..4 {
            resumed.push(counted.visit(counted.client().ticket_store(store.clone()), &handle, &address).await?);
        }
        assert_eq!(resumed, [false, true, true, true]);
        assert!(!store.is_empty() && store.len() <= 4);
        store.clear();
        assert!(!counted.visit(counted.client().ticket_store(store.clone()), &handle, &address).await?);
        // Who does not want to be known again is not.
        assert!(!counted.visit(counted.client().without_tickets(), &handle, &address).await?);
        server.shutdown(Duration::from_secs(5)).await
    })?
}

/// Both sides resume unless they are told otherwise.
#[test]
fn a_client_resumes_where_it_was_before() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let counted = Counted::new()?;
        let client = counted.client().build(&handle);
        let server = counted.server("127.0.0.1:0").start(&handle, |_, reply: Reply| reply.send(200, "hello"))?;
        let address = server.addresses()[0].to_string();
        counted.ask(&client, &address).await?;
        assert!(!counted.resumed());
        client.close().await;
        counted.ask(&client, &address).await?;
        assert!(counted.resumed(), "the same server, after the connection was closed");
        server.shutdown(Duration::from_secs(5)).await?;
        // Servers with one secret, as a fleet is, or one server and its next life.
        let (first, _) = counted.start(&handle, &address, Tickets::shared(&[[5; 32]])?)?;
        counted.ask(&client, &address).await?;
        assert!(!counted.resumed(), "the server before had keys of its own");
        first.shutdown(Duration::from_secs(5)).await?;
        let (second, _) = counted.start(&handle, &address, Tickets::shared(&[[5; 32]])?)?;
        counted.ask(&client, &address).await?;
        assert!(counted.resumed());
        second.shutdown(Duration::from_secs(5)).await?;
        let (third, _) = counted.start(&handle, &address, Tickets::shared(&[[5; 32]])?.generation(1))?;
        counted.ask(&client, &address).await?;
        assert!(!counted.resumed(), "another generation");
        third.shutdown(Duration::from_secs(5)).await?;
        let (fourth, _) = counted.start(&handle, &address, None)?;
        counted.ask(&client, &address).await?;
        assert!(!counted.resumed());
        fourth.shutdown(Duration::from_secs(5)).await
    })?
}

/// Keys are changed while the server runs, and workers share them.
#[test]
fn keys_are_changed_while_workers_serve() -> Result<(), Error> {
    let counted = Counted::new()?;
    let tickets = Tickets::new().count(3).lifetime(Duration::from_secs(3600)).rotation(Duration::from_secs(600));
    let workers = counted
        .server("127.0.0.1:0")
        .tickets(tickets.clone())
        .start_workers(2, |_, reply: Reply| reply.send(200, "hello"))?;
    let address = workers.addresses()[0].to_string();
    posthaste::run(|handle| async move {
        let store = Arc::new(MemoryTickets::new(1, 1));
        let visit = async || counted.visit(counted.client().ticket_store(store.clone()), &handle, &address).await;
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
