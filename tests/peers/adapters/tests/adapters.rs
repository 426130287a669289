//! Each adapter against our own client or server.

use adapters::service::{Incoming, answer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use posthaste::{Client, Error, Handle, Identity, Roots, Server};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Gives back what it gets, and says how it was asked.
#[derive(Clone)]
struct Echo;

impl tower_service::Service<Request<Incoming>> for Echo {
    type Response = Response<http_body_util::Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let said = format!("{} {} {:?}", parts.method, parts.uri.path_and_query().unwrap(), parts.version);
            // A body that breaks off has no answer worth giving.
            let Ok(body) = body.collect().await else {
                return Ok(Response::builder().status(400).body(Bytes::new().into()).unwrap());
            };
            let response = Response::builder().status(201).header("x-said", said).header("connection", "close");
            Ok(response.body(body.to_bytes().into()).unwrap())
        })
    }
}

async fn serve(handle: &Handle) -> Result<(Server, Client, String), Error> {
    let identity = Identity::development(&[])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
    let server = server.start(handle, |request, reply| answer(Echo, request, reply))?;
    let base = format!("https://{}", server.addresses()[0]);
    Ok((server, Client::builder(roots).build(handle), base))
}

#[test]
fn a_service_of_tower_answers() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (_server, client, base) = serve(&handle).await?;
        let sent = vec![7; 1_000_000];
        let mut response = client.post(&format!("{base}/a?b")).body(sent.clone()).send().await?;
        assert_eq!(response.status().code(), 201);
        assert_eq!(response.fields().first_text("x-said"), Some("POST /a?b HTTP/3.0"));
        assert!(!response.fields().contains("connection"));
        assert_eq!(response.body().read_to_end(sent.len()).await?, sent);
        Ok(())
    })?
}

struct Clock;

impl tls::WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
    }
}

#[test]
fn a_loop_of_tokio_fetches_all_of_it() {
    let identity = Identity::development(&[]).unwrap();
    let mut roots = x509::RootStore::new();
    roots.add_pem(identity.certificate_pem().as_bytes()).unwrap();
    let verification = tls::ServerVerification::Roots(Arc::new(roots));
    let protocols = vec![b"h3".to_vec()];
    let config = Arc::new(tls::ClientConfig::new(crypto_ring::PROVIDER, verification, protocols, Arc::new(Clock)));
    let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
    let workers =
        server.start_workers(1, |_, reply: posthaste::Reply| reply.send(200, "0123456789".repeat(100_000))).unwrap();
    let remote = workers.addresses()[0];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("https://localhost:{}/", remote.port());
    let content = runtime.block_on(adapters::loops::fetch(remote, config, "localhost", &url)).unwrap();
    assert!(content == "0123456789".repeat(100_000).as_bytes(), "{} bytes", content.len());
    // The last acknowledgments may still be on their way.
    workers.shutdown();
    workers.join().unwrap();
}
