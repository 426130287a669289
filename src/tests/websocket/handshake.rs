//! What is agreed on, and what is refused.

use super::*;
use crate::client::opener::Opener;
use runtime::executor::yield_now;
use std::cell::Cell;

/// RFC 6455 section 4.1-37, 4.2.1-1, 4.2.2-5, 4.2.2-6, 4.4-1, 10.2-1, 10.2-2, 10.7-4.
#[test]
fn what_a_server_refuses_it_says() {
    let handler = |request: Request, reply: Reply| async move {
        assert!(request.is_websocket());
        let options = WebSocketOptions::new().origin("https://Other.example");
        let result = WebSocket::accept(request, reply, &options).await;
        assert!(
            result.as_ref().is_ok_and(|_| true) || result.is_err_and(|error| error.to_string().contains("refused"))
        );
        Ok::<(), Error>(())
    };
    over_each(handler, async |client, url, _| {
        let own = url.replace("wss://", "https://");
        for (origin, is_good) in [
            (&*own, true),
            (&own.to_ascii_uppercase().replace("HTTPS", "https"), true),
            ("https://other.example", true),
            ("https://other.example:444", false),
            ("http://other.example", false),
            ("https://127.0.0.1", false),
            ("https://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let result = client.websocket(&url).field("origin", origin).connect().await;
            match result {
                Ok(_) => assert!(is_good, "{origin}"),
                Err(Error::TunnelRefused { status }) => assert_eq!((status.code(), is_good), (403, false), "{origin}"),
                Err(error) => panic!("{origin}: {error}"),
            }
        }
        let twice = client.websocket(&url).field("origin", &own).field("origin", &own).connect().await.map(drop);
        assert!(matches!(twice, Err(Error::TunnelRefused { .. })), "{twice:?}");
        let version = client.extended_connect("websocket", &own).field("sec-websocket-version", "8");
        let refused = version.field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").tunnel().await.unwrap_err();
        assert!(matches!(refused, Error::TunnelRefused { status } if status.code() == 400), "{refused}");
    });
}

#[test]
fn pages_of_every_site_where_that_is_wanted() {
    let handler = |request: Request, reply: Reply| async move {
        WebSocket::accept(request, reply, &WebSocketOptions::new().any_origin()).await.map(drop)
    };
    over_each(handler, async |client, url, _| {
        client.websocket(&url).field("origin", "https://evil.example").connect().await.unwrap();
    });
}

/// RFC 9220 s3: what is no request for a WebSocket is answered all the same, and other protocols by their name.
#[test]
fn other_requests_have_an_answer() {
    let handler = |request: Request, reply: Reply| async move {
        let refused = WebSocket::accept(request, reply, &WebSocketOptions::new()).await;
        assert!(refused.is_err());
        Ok::<(), Error>(())
    };
    over_each(handler, async |client, url, _| {
        let url = url.replace("wss://", "https://");
        let mut response = client.get(&url).send().await.unwrap();
        assert_eq!(response.status().code(), 400);
        assert_eq!(response.fields().first_text("sec-websocket-version"), Some("13"));
        let words = response.body().read_to_end(200).await.unwrap();
        assert!(words.starts_with(b"this resource speaks WebSocket"));
        let other = client.extended_connect("connect-udp", &url).tunnel().await.unwrap_err();
        // A server of HTTP/1.1 takes an Upgrade that it does not know for none.
        assert!(matches!(other, Error::TunnelRefused { status } if matches!(status.code(), 400 | 501)), "{other}");
    });
}

/// RFC 8441 section 5-1: a key that is missing: HTTP/1.1 alone has one.
#[test]
fn the_key_is_of_http1_alone() {
    let handler = |request: Request, reply: Reply| async move {
        assert_eq!(request.fields().contains("sec-websocket-key"), request.version() == HttpVersion::Http1);
        WebSocket::accept(request, reply, &WebSocketOptions::new()).await.map(drop)
    };
    over_each(handler, async |client, url, _| {
        client.websocket(&url).connect().await.unwrap();
    });
    over(
        HttpVersion::Http1,
        async |request, reply| {
            assert!(WebSocket::accept(request, reply, &WebSocketOptions::new()).await.is_err());
            Ok::<(), Error>(())
        },
        &async |client: Client, url: String, _| {
            let url = url.replace("wss://", "https://");
            let request = client.extended_connect("websocket", &url).field("sec-websocket-version", "13");
            let error = request.tunnel().await.map(drop).unwrap_err();
            assert!(matches!(error, Error::TunnelRefused { status } if status.code() == 400), "{error}");
        },
    );
}

/// RFC 6455 section 4.1-5, 4.1-6: over HTTP/1.1 one is being opened at a time; over the others, which share a connection, all are.
#[test]
fn connections_of_http1_are_opened_one_by_one() {
    const SOCKETS: usize = 5;
    for version in VERSIONS {
        let (asked, together) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let most = together.clone();
        let handler = move |request: Request, reply: Reply| {
            let (asked, most) = (asked.clone(), most.clone());
            async move {
                asked.set(asked.get() + 1);
                most.set(most.get().max(asked.get()));
                // Others have the time to ask meanwhile, and where they may, this one waits until they have.
                for _ in 0..100 {
                    yield_now().await;
                }
                while request.version() != HttpVersion::Http1 && most.get() < SOCKETS {
                    yield_now().await;
                }
                asked.set(asked.get() - 1);
                WebSocket::accept(request, reply, &WebSocketOptions::new()).await.map(drop)
            }
        };
        over(version, handler, &async |client: Client, url: String, handle: Handle| {
            let opening = (0..SOCKETS).map(|_| {
                let socket = client.websocket(&url).connect();
                handle.spawn(socket)
            });
            let opening: Vec<_> = opening.collect();
            for socket in opening {
                socket.await.unwrap().unwrap();
            }
        });
        assert_eq!(together.get(), if version == HttpVersion::Http1 { 1 } else { SOCKETS }, "{version}");
    }
}

/// RFC 6455 section 4.1-7: several names lead to one address, where nobody answers. A connection begins when the one before it is over.
#[test]
fn connections_to_one_address_by_several_names_are_opened_one_by_one() {
    const NAMES: usize = 3;
    crate::run(|handle| async move {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let identity = Identity::development(&[]).unwrap();
        let client = client_of(&handle, &identity, listener.local_addr().unwrap(), HttpVersion::Http1);
        let sockets =
            (0..NAMES).map(|name| handle.spawn(client.websocket(&format!("wss://{name}.example/")).connect()));
        let sockets: Vec<_> = sockets.collect();
        for _ in 0..NAMES {
            let stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(_) => yield_now().await,
                }
            };
            // The others have the time to come meanwhile.
            for _ in 0..100 {
                yield_now().await;
            }
            assert_eq!(listener.accept().map(drop).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            drop(stream);
        }
        for socket in sockets {
            assert!(socket.await.unwrap().is_err());
        }
    })
    .unwrap();
}

/// RFC 6455 section 4.1-36, 4.1-38, 4.1-39, 4.1-40, 4.1-41, 4.1-42, 4.1-43.
#[test]
fn answers_that_are_none() {
    let handler = |request: Request, reply: Reply| async move {
        let mut head = crate::ResponseHead::new(crate::Status::OK);
        match request.path() {
            "/extension" | "/protocol" => {
                if let Some(key) = request.fields().first_text("sec-websocket-key") {
                    let accept = websocket::handshake::accept(key, crypto_ring::sha1_for_websocket);
                    head = head.with_field("sec-websocket-accept", accept)?;
                }
                let (name, value) = match request.path() {
                    "/extension" => ("sec-websocket-extensions", "permessage-deflate"),
                    _ => ("sec-websocket-protocol", "unasked"),
                };
                reply.accept(request, head.with_field(name, value)?)?.read().await.map(drop)
            }
            "/accept" => {
                reply.accept(request, head.with_field("sec-websocket-accept", "AAAA")?)?.read().await.map(drop)
            }
            _ => reply.send(404, "nothing here").await,
        }
    };
    over_each(handler, async |client, url, _| {
        let error = async |path: &str| {
            let opening = client.websocket(&format!("{url}{path}")).protocol("a").connect().await;
            opening.map(drop).unwrap_err().to_string()
        };
        assert!(error("/extension").await.contains("an extension of WebSocket that it was not offered"));
        assert!(error("/protocol").await.contains("a subprotocol of WebSocket that it was not offered"));
        assert!(error("/missing").await.contains("404"));
        if client.connect(&url.replace("wss", "https")).await.unwrap().version == HttpVersion::Http1 {
            assert!(error("/accept").await.contains("does not belong to the key"));
        }
        for (bad, words) in [("ws://a.example/", "wss://"), ("wss://a.example/#a", "fragment"), ("/x", "")] {
            let refused = client.websocket(bad).connect().await.map(drop).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        let refused = client.websocket(&url).protocol("a b").connect().await.map(drop).unwrap_err().to_string();
        assert!(refused.contains("\"a b\" are no subprotocols"), "{refused}");
    });
}

/// A server whose HTTP/3 and HTTP/2 carry no WebSockets is asked over HTTP/1.1 by a client that goes by TCP, and not by another.
#[test]
fn a_server_without_extended_connect_is_asked_over_http1() {
    let without = |_: Request, reply: Reply| reply.send(200, "");
    crate::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let listen = || Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp();
        let main = listen().start(&handle, without).unwrap();
        let speaking = listen().websockets().start(&handle, echo).unwrap();
        for protocol in [&b"h2"[..], b"h3"] {
            let mut client = match protocol {
                b"h2" => tcp::client(&handle, &identity, main.addresses()[0], b"h2"),
                _ => Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap()).build(&handle),
            };
            let url = format!("wss://{}", main.addresses()[0]);
            let error = client.websocket(&url).connect().await.map(drop).unwrap_err();
            assert!(matches!(error, Error::NoExtendedConnect), "{error}");
            assert!(error.to_string().contains("extended CONNECT"), "{error}");
            // What stands behind the same name over HTTP/1.1.
            let plain = tcp::client(&handle, &identity, speaking.addresses()[0], b"http/1.1");
            client.plain = Some(Opener::clone(&plain.opener));
            let mut socket = client.websocket(&url).connect().await.unwrap();
            assert_eq!(socket.version(), HttpVersion::Http1);
            socket.send("by the old way").await.unwrap();
            assert_eq!(socket.receive().await.unwrap(), Some("by the old way".into()));
        }
    })
    .unwrap();
}

/// The client that a builder makes has that way: to a port where UDP is silent, and the server has HTTP/2 alone that carries them.
#[test]
fn a_client_that_goes_by_tcp_opens_websockets_there() {
    crate::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp().websockets();
        let server = builder.start(&handle, echo).unwrap();
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let client = Client::builder(roots).tcp().build(&handle);
        let mut socket = client.websocket(&format!("wss://{}", server.addresses()[0])).connect().await.unwrap();
        socket.send("x").await.unwrap();
        assert_eq!(socket.receive().await.unwrap(), Some("x".into()));
        client.close().await;
    })
    .unwrap();
}
