//! `posthaste serve --proxy`: what it may reach, by a client of the library.

use crate::serving::{Folder, Serving, posthaste};
use posthaste::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

/// A target that gives back what it has read to the end, and one that gives back each datagram.
fn targets() -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addresses = [listener.local_addr().unwrap().to_string(), socket.local_addr().unwrap().to_string()];
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).and_then(|_| stream.write_all(&all));
        }
    });
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((count, from)) = socket.recv_from(&mut room) {
            let _ = socket.send_to(&room[..count], from);
        }
    });
    addresses
}

#[test]
fn a_proxy_reaches_what_is_named_and_nothing_else() -> Result<(), Error> {
    let [tcp, udp] = targets();
    let [_, other] = targets();
    for workers in ["1", "2"] {
        let folder = Folder::new();
        folder.write("index.html", b"files are served beside");
        let serving = Serving::start(&folder, &["--proxy", &tcp, "--proxy", &udp, "--workers", workers]);
        serving.with_client(async |client, url| {
            let mut tunnel = client.connect_through(url, &tcp).tunnel().await?;
            tunnel.write("there and back").await?;
            assert_eq!(tunnel.finish()?.read_to_end(100).await?, b"there and back");
            let port = udp.rsplit_once(':').unwrap().1.parse().unwrap();
            let mut tunnel = client.connect_udp(url, "127.0.0.1", port).await?;
            assert!(tunnel.send(b"a datagram").await?);
            assert_eq!(tunnel.receive().await?.as_deref(), Some(&b"a datagram"[..]));
            let error = client.connect_through(url, &other).tunnel().await.unwrap_err();
            assert!(error.to_string().contains("403"), "{error}");
            assert_eq!(client.get(url).send().await?.body().read_to_end(100).await?, b"files are served beside");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_target_that_is_none_is_named() {
    let output = posthaste().args(["serve", "--proxy", "a.example"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("a.example") && said.contains("host:port"), "{said}");
}
