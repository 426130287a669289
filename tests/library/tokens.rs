//! Tokens of addresses and versions of QUIC, over real sockets.

use posthaste::{
    AddressValidation, Client, ClientBuilder, Error, Handle, Identity, MemoryTickets, MemoryTokens, Reply, Roots,
    Server, Tickets, TokenCounts, TokenStore, Version, Versions,
};
use std::sync::Arc;
use std::time::Duration;

/// A server that asks every client where it is.
fn asking(identity: &Identity, handle: &Handle, keys: impl Into<Option<Tickets>>) -> Result<Server, Error> {
    Server::builder(identity.clone())
        .listen("127.0.0.1:0".parse().expect("an address"))
        .address_validation(AddressValidation::Always)
        .address_tokens(keys)
        .start(handle, |_, reply: Reply| reply.send(200, "hello"))
}

fn client(identity: &Identity) -> ClientBuilder {
    Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes()).expect("roots"))
}

/// One connection, and requests on it until a token has come.
async fn visit(builder: ClientBuilder, handle: &Handle, server: &Server) -> Result<Version, Error> {
    let client = builder.build(handle);
    // Twice: the answer to the second comes behind the token.
    for _ in 0..2 {
        let mut response = client.get(&format!("https://{}/", server.addresses()[0])).send().await?;
        assert_eq!(response.body().read_to_end(100).await?, b"hello");
    }
    let version = client.connections()[0].1.version;
    client.close().await;
    Ok(version)
}

/// A server takes its clients to version 2. Who comes back begins with it, so that its ticket and its token are good.
#[test]
fn a_client_resumes_in_the_version_that_it_was_taken_to() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let mut server = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().expect("an address"));
        server.transport.versions = Versions::new(&[Version::V2, Version::V1]).expect("two versions");
        let server = server.start(&handle, |_, reply: Reply| reply.send(200, "hello"))?;
        let (tickets, tokens) = (Arc::new(MemoryTickets::default()), Arc::new(MemoryTokens::default()));
        for round in 0..4 {
            let builder = client(&identity).ticket_store(tickets.clone());
            let client = builder.token_store(Some(tokens.clone() as Arc<dyn TokenStore>)).build(&handle);
            for _ in 0..2 {
                let mut response = client.get(&format!("https://{}/", server.addresses()[0])).send().await?;
                assert_eq!(response.body().read_to_end(100).await?, b"hello");
            }
            let stats = client.connections()[0].1;
            assert_eq!((stats.version, stats.is_resumed), (Version::V2, round > 0), "{round}");
            client.close().await;
        }
        assert_eq!(server.stats().tokens.taken, 3);
        Ok(())
    })?
}

#[test]
fn a_second_connection_shows_its_token_and_is_not_asked() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let keys = Tickets::shared(&[[7; 32]])?;
        let server = asking(&identity, &handle, keys.clone())?;
        // A server takes no token from before it began, because it cannot know whether it was taken.
        let other = asking(&identity, &handle, keys)?;
        let store = Arc::new(MemoryTokens::default());
        let keeping = || client(&identity).token_store(Some(store.clone() as Arc<dyn TokenStore>));
        visit(keeping(), &handle, &server).await?;
        let retried = server.stats().strangers.retried;
        assert!(retried >= 1 && store.len() == 1);
        for round in 1..4 {
            visit(keeping(), &handle, &server).await?;
            let expected = TokenCounts { given: round + 1, taken: round, ..TokenCounts::default() };
            assert_eq!((server.stats().strangers.retried, server.stats().tokens), (retried, expected));
        }
        // Another server of the fleet takes them as well; one with other keys asks.
        visit(keeping(), &handle, &other).await?;
        assert_eq!((other.stats().strangers.retried, other.stats().tokens.taken), (0, 1));
        let stranger = asking(&identity, &handle, Tickets::new())?;
        visit(keeping(), &handle, &stranger).await?;
        assert_eq!((stranger.stats().tokens.taken, stranger.stats().tokens.given), (0, 1));
        // Who does not want to be known again is not, and a server may give nothing.
        visit(client(&identity).without_tickets(), &handle, &server).await?;
        assert!(server.stats().strangers.retried > retried);
        let silent = asking(&identity, &handle, None)?;
        visit(keeping(), &handle, &silent).await?;
        assert_eq!(silent.stats().tokens, TokenCounts::default());
        for server in [server, other, stranger, silent] {
            server.shutdown(Duration::from_secs(5)).await?;
        }
        Ok(())
    })?
}

#[test]
fn client_and_server_speak_what_they_are_told_to() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let (one, two) = (Version::V1, Version::V2);
        for (ours, theirs, expected) in [
            (&[one, two][..], &[one, two][..], one),
            (&[one, two], &[two, one], two),
            (&[two], &[one, two], two),
            (&[two, one], &[two], two),
            (&[one], &[two, one], one),
        ] {
            let versions = |list: &[Version]| Versions::new(list).expect("versions that are spoken");
            let mut server = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().expect("an address"));
            server.transport.versions = versions(theirs);
            let server = server.start(&handle, |_, reply: Reply| reply.send(200, "hello"))?;
            let mut builder = client(&identity);
            builder.transport.versions = versions(ours);
            assert_eq!(visit(builder, &handle, &server).await?, expected, "{ours:?} {theirs:?}");
            server.shutdown(Duration::from_secs(5)).await?;
        }
        Ok(())
    })?
}
