//! A name with several addresses: the first that answers is used, and no other is left behind.

use crate::support::{quick_once, with_server};
use posthaste::{Client, Error, Identity, Reply, Request, Roots, Server};
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

fn here() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

fn start(handle: &posthaste::Handle) -> Result<(Server, Roots), Error> {
    let identity = Identity::development(&["a.example".to_owned()])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
    Ok((server.start(handle, |_, reply: Reply| reply.send(200, "here"))?, roots))
}

/// Far fewer than the 3 s that an address once had for itself, and than the 10 s that there are for all.
#[test]
fn silent_addresses_cost_a_moment_each() -> Result<(), Error> {
    let attempt = || {
        posthaste::run(|handle| async move {
            let (server, roots) = start(&handle)?;
            let port = server.addresses()[0].port();
            let silent = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
            let _sockets: Vec<UdpSocket> = silent.iter().map(|ip| UdpSocket::bind((*ip, port)).unwrap()).collect();
            let mut addresses: Vec<IpAddr> = silent.iter().map(|ip| ip.parse().unwrap()).collect();
            addresses.push(here());
            let client = Client::builder(roots).resolve_to("a.example", port, addresses).build(&handle);
            let begun = Instant::now();
            let url = format!("https://a.example:{port}/");
            let connected = client.connect(&url).await?;
            let took = begun.elapsed();
            assert_eq!(connected.remote.map(|remote| remote.ip()), Some(here()));
            assert_eq!(client.get(&url).send().await?.body().read_to_end(9).await?, b"here");
            assert_eq!(client.open_connections(), 1);
            Ok(took)
        })?
    };
    quick_once(Duration::from_millis(2500), attempt)
}

#[test]
fn a_refusal_has_the_next_tried_at_once() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, roots) = start(&handle)?;
        let port = server.addresses()[0].port();
        let addresses = vec!["127.0.0.2".parse().unwrap(), "::1".parse().unwrap(), here()];
        let client = Client::builder(roots).resolve_to("A.example", port, addresses).build(&handle);
        let response = client.get(&format!("https://a.example:{port}/")).send().await?;
        assert_eq!(response.status().code(), 200);
        Ok(())
    })?
}

/// All of a server's addresses answer, and slowly: it sees one client in the end.
#[test]
fn an_address_that_lost_the_race_is_told_so() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&["a.example".to_owned()])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let server = server.start(&handle, |_: Request, reply: Reply| reply.send(200, "here"))?;
        // The second attempt begins before the first has its answer.
        let path = relay::Path::parse("delay=300".split(' ')).unwrap();
        let relay = relay::Relay::start(server.addresses()[0], path).unwrap();
        let port = relay.address().port();
        let url = format!("https://a.example:{port}/");
        let both_are_tried = async {
            loop {
                let before = server.stats().strangers.accepted;
                let builder = Client::builder(roots.clone()).resolve_to("a.example", port, vec![here(), here()]);
                let client = builder.build(&handle);
                client.connect(&url).await?;
                while server.connections().len() != 1 {
                    handle.sleep(Duration::from_millis(10)).await;
                }
                // A machine that is busy for as long as the answer takes begins no second attempt: again.
                if server.stats().strangers.accepted - before == 2 {
                    return Ok::<(), Error>(());
                }
                client.close().await;
                while !server.connections().is_empty() {
                    handle.sleep(Duration::from_millis(10)).await;
                }
            }
        };
        handle.timeout(Duration::from_secs(20), both_are_tried).await.expect("one client stays of two")?;
        Ok(())
    })?
}

#[test]
fn all_that_failed_are_told() -> Result<(), Error> {
    with_server(
        |_, reply: Reply| reply.send(200, ""),
        async |_, _, handle| {
            let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let addresses = vec![here(), "127.0.0.2".parse().unwrap()];
            let builder = Client::builder(Roots::dangerous_accept_any()).resolve_to("*", closed, addresses);
            let error = builder.build(&handle).connect(&format!("https://b.example:{closed}/")).await.unwrap_err();
            let Error::Unreachable { host, attempts } = &error else { panic!("{error}") };
            assert_eq!((host.as_str(), attempts.len()), ("b.example", 2), "{error}");
            Ok(())
        },
    )
}
