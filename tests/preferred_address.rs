//! A server's preferred address over real sockets: of the library, of the command, and where the way there is bad or dead.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{Client, Error, Handle, Identity, Reply, Request, Roots, Server, ServerBuilder};
use relay::{Path, Relay};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LENGTH: usize = 300_000;
const PATIENCE: Duration = Duration::from_secs(25);

async fn answer(request: Request, reply: Reply) -> Result<(), Error> {
    let body = [request.remote().to_string().into_bytes(), vec![b' '; LENGTH]].concat();
    reply.send(200, body).await
}

/// A server with these settings on this machine, what it tells, and a client that trusts it.
fn start(
    handle: &Handle,
    set: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> (Server, Client, Arc<Mutex<Vec<String>>>) {
    let identity = Identity::development(&[]).unwrap();
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    let builder =
        Server::builder(identity).name("*").on_event(move |event| events.lock().unwrap().push(event.to_string()));
    let server = set(builder).start(handle, answer).unwrap();
    (server, Client::builder(roots).build(handle), told)
}

/// Where the server sees the client of a request.
async fn ask(client: &Client, url: &str) -> String {
    let mut response = client.get(url).send().await.unwrap();
    let body = response.body().read_to_end(2 * LENGTH).await.unwrap();
    assert!(body.len() > LENGTH);
    String::from_utf8(body).unwrap().trim_end().to_owned()
}

/// Asks until the client's only connection leads to `remote`.
async fn ask_until_at(handle: &Handle, client: &Client, url: &str, remote: SocketAddr) {
    let arrives = async {
        loop {
            ask(client, url).await;
            let connections = client.connections();
            assert_eq!(connections.len(), 1);
            if connections[0].0 == remote {
                break;
            }
            handle.sleep(Duration::from_millis(2)).await;
        }
    };
    let arrived = handle.timeout(PATIENCE, arrives).await;
    assert!(arrived.is_ok(), "not at {remote}: {:?}", client.connections());
}

/// A free address of this machine that no other test asks for.
fn free(host: &str) -> SocketAddr {
    UdpSocket::bind((host, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_client_goes_on_at_the_preferred_address() {
    posthaste::run(|handle| async move {
        let preferred = free("127.21.0.1");
        let set = |builder: ServerBuilder| builder.listen("127.0.0.1:0".parse().unwrap()).preferred_address(preferred);
        let (server, client, told) = start(&handle, set);
        assert_eq!(server.addresses().len(), 1, "where clients begin");
        let url = format!("https://{}/", server.addresses()[0]);
        let first = ask(&client, &url).await;
        ask_until_at(&handle, &client, &url, preferred).await;
        // The application sees the client where it was, because it has not moved.
        assert_eq!(ask(&client, &url).await, first);
        assert_eq!(client.connections()[0].1.migrations, 1);
        // From there it moves on as from anywhere.
        client.migrate().await.unwrap();
        let moved = async { while ask(&client, &url).await == first {} };
        handle.timeout(PATIENCE, moved).await.unwrap();
        assert_eq!((client.connections().len(), client.connections()[0].0), (1, preferred));
        assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");
        assert!(told.lock().unwrap()[0].starts_with(&format!("the client at {first} has moved to 127.0.0.1:")));
        client.close().await;
        server.shutdown(Duration::from_secs(5)).await.unwrap();
    })
    .unwrap();
}

/// The system chooses both ports, on one address of this host: they are two.
#[test]
fn a_client_goes_on_at_a_port_that_the_system_has_chosen() {
    posthaste::run(|handle| async move {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let (server, client, _) = start(&handle, |builder| builder.listen(any).preferred_address(any));
        let url = format!("https://{}/", server.addresses()[0]);
        let goes_on = async {
            loop {
                ask(&client, &url).await;
                let remote = client.connections()[0].0;
                if remote != server.addresses()[0] {
                    break remote;
                }
            }
        };
        let remote = handle.timeout(PATIENCE, goes_on).await.unwrap();
        assert!(remote.port() != 0 && client.connections()[0].1.migrations == 1, "{remote}");
        client.close().await;
    })
    .unwrap();
}

#[test]
fn a_client_that_does_not_want_it_stays() {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let mut client = Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap());
        client.transport.use_preferred_address = false;
        let client = client.build(&handle);
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let server = builder.preferred_address("127.0.0.1:0".parse().unwrap()).start(&handle, answer).unwrap();
        let url = format!("https://{}/", server.addresses()[0]);
        for _ in 0..20 {
            ask(&client, &url).await;
        }
        assert_eq!(client.connections()[0].0, server.addresses()[0]);
        client.close().await;
    })
    .unwrap();
}

/// The client comes to the preferred address from another address than the server knows, because its way to the first one leads
/// through a translator.
/// RFC 9000 section 9.6.3-4.
#[test]
fn the_way_to_the_first_address_is_bad() {
    posthaste::run(|handle| async move {
        let preferred = free("127.21.0.2");
        let set = |builder: ServerBuilder| builder.listen("127.0.0.1:0".parse().unwrap()).preferred_address(preferred);
        let (server, client, told) = start(&handle, set);
        let path = Path::parse("delay=5 loss=20 reordering=50".split(' ')).unwrap();
        let relay = Relay::start(server.addresses()[0], path).unwrap();
        let url = format!("https://{}/", relay.address());
        let first = ask(&client, &url).await;
        ask_until_at(&handle, &client, &url, preferred).await;
        let moved = async { while ask(&client, &url).await == first {} };
        handle.timeout(PATIENCE, moved).await.unwrap();
        assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");
        client.close().await;
    })
    .unwrap();
}

/// The way to the preferred address leads through a translator that the server knows nothing of.
#[test]
fn the_way_to_the_preferred_address_is_bad_or_dead() {
    for (host, path, arrives) in
        [("127.0.0.1", "delay=5 loss=20 reordering=50", true), ("127.0.0.1", "loss=1000", false)]
    {
        posthaste::run(|handle| async move {
            let listen = free(host);
            let relay = Relay::start(listen, Path::parse(path.split(' ')).unwrap()).unwrap();
            let SocketAddr::V4(preferred) = relay.address() else { unreachable!() };
            let set = |mut builder: ServerBuilder| {
                builder.transport.preferred_address.ipv4 = Some(preferred);
                builder.listen(listen)
            };
            let (server, client, _) = start(&handle, set);
            let url = format!("https://{listen}/");
            if arrives {
                ask_until_at(&handle, &client, &url, preferred.into()).await;
            } else {
                // Longer than the way is asked for.
                for _ in 0..10 {
                    ask(&client, &url).await;
                    handle.sleep(Duration::from_millis(350)).await;
                }
                assert_eq!((client.connections().len(), client.connections()[0].0), (1, listen));
                client.migrate().await.unwrap();
                ask(&client, &url).await;
            }
            client.close().await;
            drop(server);
        })
        .unwrap();
    }
}

#[test]
fn what_is_no_preferred_address_is_refused() {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let builder = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let builder = builder.preferred_address("0.0.0.0:443".parse().unwrap());
        let error = builder.start(&handle, answer).err().unwrap().to_string();
        assert!(error.contains("clients cannot be sent to 0.0.0.0:443"), "{error}");
    })
    .unwrap();
}
