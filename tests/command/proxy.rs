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

/// `posthaste get --proxy`: by QUIC, by TCP to a server that has no other, and what a proxy refuses.
#[test]
fn get_goes_through_a_proxy() {
    let (folders, file) = ([Folder::new(), Folder::new(), Folder::new()], vec![b'x'; 300_000]);
    folders[0].write("file", &file);
    let origin = Serving::start(&folders[0], &[]);
    let stranger = Serving::start(&folders[1], &[]);
    let target = origin.url("").trim_start_matches("https://").trim_end_matches('/').to_owned();
    let proxy = Serving::start(&folders[2], &["--proxy", &target]);
    let (through, vouches) = (proxy.url(""), proxy.certificate());
    let asked = |by: &[&str], from: &Serving, url: &str| {
        let vouches = vouches.to_str().unwrap();
        from.get(&[&["-x", &through, "--proxy-cacert", vouches][..], by, &[url]].concat())
    };
    for by in [&["--http3-only"][..], &[]] {
        let output = asked(by, &origin, &origin.url("/file"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == file, "{} bytes", output.stdout.len());
    }
    // Another server is not allowed, the proxy is not believed without a word for it, and a URL is none.
    let output = asked(&["--http3-only"], &stranger, &stranger.url("/"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(97) && said.contains("refuses the way to the server with 403"), "{said}");
    let output = origin.get(&["-x", &through, "--http3-only", &origin.url("/file")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(60) && said.contains("through the proxy"), "{said}");
    let output = origin.get(&["--proxy", "socks5://localhost", &origin.url("/file")]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
