//! A server of hyper, on one thread of tokio and with rustls: HTTP/1.1 and HTTP/2, and one body of 1,000 bytes for whatever is asked.
//! `bench-hyper ADDRESS CERTIFICATE KEY`. What `bench-tcp` is of ours; `tests/peers/run --cost` has them asked in turn.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

static BODY: [u8; 1000] = [b'x'; 1000];

async fn answer(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder().header("content-type", "application/octet-stream");
    Ok(response.body(Full::new(Bytes::from_static(&BODY))).expect("a response"))
}

/// All is on one thread.
#[derive(Clone)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain =
        CertificateDer::pem_file_iter(certificate).expect("a certificate").map(|one| one.expect("a certificate"));
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let versions = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let mut config = versions.with_no_client_auth().with_single_cert(chain.collect(), key).expect("an identity");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(address: String, acceptor: TlsAcceptor) {
    let listener = TcpListener::bind(address).await.expect("an address that is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).expect("an option that every system has");
        let acceptor = acceptor.clone();
        tokio::task::spawn_local(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut builder = Builder::new(Local);
            builder.http1().timer(TokioTimer::new());
            builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100);
            let _ended = builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        });
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &words[..] else {
        eprintln!("bench-hyper ADDRESS CERTIFICATE KEY");
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = tokio::task::LocalSet::new();
    all.block_on(&runtime, serve(address.clone(), acceptor(certificate, key)));
}
