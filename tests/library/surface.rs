//! What a program writes down that depends on `posthaste` alone: every type of its signatures has a path there.

use posthaste::trace::{Trace, TraceConsumer};
use posthaste::url::{BadUrl, Url};
use posthaste::{
    Body, BodyWriter, ByName, Bytes, CertificateDer, CertificateError, CertifiedKey, CertifiedKeyError, Client,
    ClientBuilder, ClientWishes, CloseReason, Error, Executor, ExecutorOptions, Fields, Files, Handle, Http3Config,
    Identity, IntoResponseHead, KeyLog, KeyLogFile, Malformed, Method, NamedGroup, Outcome, PendingResponse, Provider,
    PublicKeyAlgorithm, Reason, Reply, Request, RequestBuilder, RequestHead, Resolver, Response, ResponseHead, Roots,
    Selected, Server, ServerBuilder, ServerEvent, SignatureScheme, SigningFailed, SigningKey, Status, TransportConfig,
    UdpOptions,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One place for each setting that a builder takes.
struct Settings {
    transport: TransportConfig,
    http: Http3Config,
    sockets: UdpOptions,
    provider: Provider,
}

impl Settings {
    fn server(&self, identity: Identity) -> ServerBuilder {
        let mut builder = Server::builder(identity);
        builder.transport = self.transport.clone();
        builder.http = self.http.clone();
        builder.sockets = self.sockets;
        builder
    }

    fn client(&self, roots: Roots) -> ClientBuilder {
        let mut builder = Client::builder(roots);
        builder.transport = self.transport.clone();
        builder.http = self.http.clone();
        builder.provider(self.provider)
    }
}

/// A resolver that has no certificate for anybody, and counts who asked.
#[derive(Default)]
struct Nobody(AtomicU64);

impl Resolver for Nobody {
    fn resolve(&self, _wishes: &ClientWishes<'_>) -> Option<Selected> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Counts the records that it is given.
struct Count(Arc<AtomicU64>);

impl TraceConsumer for Count {
    fn record(&mut self, _trace: &Trace<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A resolver, a provider, a consumer of records and all settings of the program's own.
#[test]
fn a_program_brings_its_own_parts() -> Result<(), Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let transport = TransportConfig { max_idle_timeout: Duration::from_secs(5), ..TransportConfig::default() };
        let settings = Settings {
            transport,
            http: Http3Config::default(),
            sockets: UdpOptions::default(),
            provider: sim::seeded_provider(),
        };
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let resolver = Arc::new(Nobody::default());
        let records = Arc::new(AtomicU64::new(0));
        let server = settings
            .server(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .resolver(Shared(resolver.clone()))
            .start(&handle, |_: Request, reply: Reply| reply.send(Status::OK, ""))?;
        let client = settings.client(roots).trace(Count(records.clone())).build(&handle);
        let answer = client.get(&format!("https://{}/", server.addresses()[0])).send().await;
        assert!(matches!(answer.map(drop), Err(Error::Closed { reason: CloseReason::PeerTransport { .. }, .. })));
        assert_eq!(resolver.0.load(Ordering::Relaxed), 1);
        assert!(records.load(Ordering::Relaxed) > 0);
        Ok(())
    })?
}

/// A resolver that is asked about afterwards.
struct Shared(Arc<Nobody>);

impl Resolver for Shared {
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        self.0.resolve(wishes)
    }
}

/// A key that is somewhere else, and counts what it signs.
struct Elsewhere {
    key: Arc<CertifiedKey>,
    signed: Arc<AtomicU64>,
}

impl SigningKey for Elsewhere {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.key.key.public_key_algorithm()
    }

    fn public_key(&self) -> &[u8] {
        self.key.key.public_key()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.key.key.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        self.key.key.sign(scheme, message)
    }
}

/// Two identities behind one port, one by name and one for who asks for none, one of them with a key of the program's own.
#[test]
fn identities_by_name_and_a_key_that_is_elsewhere() -> Result<(), Error> {
    posthaste::run(|handle: Handle| async move {
        let (local, other) = (Identity::development(&[])?, Identity::development(&[])?);
        let signed = Arc::new(AtomicU64::new(0));
        let key = Box::new(Elsewhere { key: local.certified(), signed: signed.clone() });
        let elsewhere = CertifiedKey::new(local.chain().to_vec(), key)
            .map_err(|error: CertifiedKeyError| Error::Identity(error.to_string()))?;
        let elsewhere = Identity::from_certified(Arc::new(elsewhere));
        let mut names = ByName::new();
        names.insert("localhost", elsewhere.certified());
        names.insert_nameless(other.certified());
        let server = Server::builder(other.clone())
            .listen("127.0.0.1:0".parse().expect("an address"))
            .resolver(names)
            .start(&handle, |_: Request, reply: Reply| reply.send(Status::OK, ""))?;
        // Who trusts the first reaches the first only, and who trusts no one of them nobody.
        let port = server.addresses()[0].port();
        for (trusted, reached, refused) in [(&local, "localhost", "127.0.0.1"), (&other, "127.0.0.1", "localhost")] {
            let roots = Roots::from_pem(trusted.certificate_pem().as_bytes())?;
            let client = Client::builder(roots).build(&handle);
            assert_eq!(client.get(&format!("https://{reached}:{port}/")).send().await?.status(), Status::OK);
            let refused = client.get(&format!("https://{refused}:{port}/")).send().await;
            assert!(matches!(refused.map(drop), Err(Error::Certificate { .. })));
            client.close().await;
        }
        assert_eq!(signed.load(Ordering::Relaxed), 2);
        Ok(())
    })?
}

/// Types that others hand over, in signatures of a program's own.
#[expect(dead_code, reason = "that these compile is the test")]
mod signatures {
    use super::*;

    fn of_a_handler(_: &RequestHead, _: &mut Body, _: BodyWriter, _: &Fields, _: Bytes, _: Method) -> ResponseHead {
        ResponseHead::new(Status::OK)
    }

    fn of_a_client(_: RequestBuilder, _: PendingResponse, _: &mut Response, _: &Url) -> Result<(), BadUrl> {
        Ok(())
    }

    fn of_errors(_: &CertificateError, _: &CloseReason, _: Malformed, _: Reason, _: &ServerEvent<'_>) {}

    fn of_parts(_: &Executor, _: ExecutorOptions, _: &Files, _: &KeyLogFile, _: &[CertificateDer<'static>]) {}

    fn of_traits(_: &dyn KeyLog, _: impl IntoResponseHead, _: &dyn Outcome) {}
}

/// Each side chooses which key exchanges it does, in its order.
#[test]
fn both_sides_have_their_lists_of_key_exchanges() -> Result<(), Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .key_exchange_groups([NamedGroup::X25519])
            .start(&handle, |_: Request, reply: Reply| reply.send(Status::OK, ""))?;
        let url = format!("https://{}/", server.addresses()[0]);
        let default = Client::builder(roots.clone()).build(&handle);
        assert_eq!(default.get(&url).send().await?.status(), Status::OK);
        for (groups, is_answered) in [
            (&[NamedGroup::X25519MLKEM768, NamedGroup::X25519][..], true),
            (&[NamedGroup::SECP256R1, NamedGroup::X25519], true),
            (&[NamedGroup::X25519MLKEM768], false),
            (&[], false),
        ] {
            let client = Client::builder(roots.clone()).key_exchange_groups(groups.iter().copied()).build(&handle);
            assert_eq!(client.get(&url).send().await.is_ok(), is_answered, "{groups:?}");
        }
        Ok(())
    })?
}
