//! A server of the library on a TCP port, and a client that comes by TCP alone, with one version of HTTP.

use crate::client::Client;
use crate::client::connection::{Connect, Connection, Task};
use crate::client::pool::Limits;
use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::server::handler::Outcome;
use crate::tcp::client::TcpDial;
use crate::wall_clock::SystemClock;
use crate::{Handle, Identity, Roots, Server};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use x509::ServerName;

/// Connects to one address whatever the host is.
struct ByTcp {
    dial: Rc<TcpDial>,
    remote: SocketAddr,
}

impl Connect for ByTcp {
    fn connect(&self, host: Rc<str>, _port: u16, _early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move {
            let name = ServerName::parse(&host).map_err(Error::message)?;
            self.dial.attempt(&host, &name, self.remote, Duration::from_secs(5)).await
        })
    }

    fn close_all(&self) -> Task<'_, ()> {
        self.dial.close_all();
        Box::pin(async {})
    }
}

/// A client of this server that comes by TCP and speaks this protocol.
pub(super) fn client(handle: &Handle, identity: &Identity, remote: SocketAddr, protocol: &[u8]) -> Client {
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let (provider, protocols) = (crypto_ring::PROVIDER, vec![protocol.to_vec()]);
    let tls = tls::ClientConfig::new(provider, roots.verification(), protocols, Arc::new(SystemClock));
    let connect = ByTcp { dial: TcpDial::new(handle.clone(), tls), remote };
    Client::over(handle, Box::new(connect), Limits::default())
}

/// Runs `test` with a client that speaks `protocol`, and the URL of a server that answers with `handler`.
pub(super) fn with_server<H, T>(
    protocol: &[u8],
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    let protocol = protocol.to_vec();
    crate::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let server = Server::builder(identity.clone()).listen(listen).tcp().start(&handle, handler).unwrap();
        let remote = server.addresses()[0];
        let client = client(&handle, &identity, remote, &protocol);
        let result = test(client, format!("https://{remote}"), handle.clone()).await;
        drop(server);
        result
    })
    .unwrap()
}
