//! WebSocket through the proxy: bytes both ways, from each version.

use super::backend::{Heard, answering, field, scripted};
use super::{limits, proxy_to, with_front};
use crate::{Error, HttpVersion};
use std::time::Duration;

/// A backend that changes to WebSocket and sends back what comes, to the end.
fn echoing() -> super::Scripted {
    scripted(|connection| {
        let head = connection.head().unwrap();
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        assert_eq!((field(&head, "connection"), field(&head, "upgrade")), (Some("upgrade"), Some("websocket")));
        let key = field(&head, "sec-websocket-key").unwrap();
        assert_eq!(key.len(), 24, "{head}");
        connection.say(switching(&websocket::handshake::accept(key, crypto_ring::sha1_for_websocket)));
        connection.echo(10);
        connection.until_end();
    })
}

fn switching(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
}

/// The client of HTTP/1.1 has sent the key, and judges the answer; others rely on the proxy.
/// RFC 6455 section 4.1-40.
#[test]
fn a_backend_that_answers_another_key_opens_no_tunnel_for_those_who_sent_none() {
    let of_sample = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let twice = format!("{of_sample}\r\nsec-websocket-accept: {of_sample}");
    let none = switching("").replace("sec-websocket-accept: \r\n", "");
    for answer in [switching("x"), switching(of_sample), switching(&twice), none] {
        let backend = scripted(move |connection| {
            while connection.request().is_some() {
                connection.say(&answer);
            }
        });
        with_front(&proxy_to(&[&backend]), async |front| {
            for version in [HttpVersion::Http2, HttpVersion::Http3] {
                let asked = front.client(version).extended_connect("websocket", &front.url("/chat")).tunnel();
                let error = asked.await.unwrap_err();
                assert!(matches!(error, Error::TunnelRefused { status } if status.code() == 502), "{version}: {error}");
            }
            front.told("Sec-WebSocket-Key").await;
        });
    }
}

#[test]
fn a_tunnel_over_http3() {
    let backend = echoing();
    with_front(&proxy_to(&[&backend]), async |front| {
        let client = front.client(HttpVersion::Http3);
        let mut tunnel = client.extended_connect("websocket", &front.url("/chat")).tunnel().await.unwrap();
        tunnel.write("0123456789").await.unwrap();
        let mut got = Vec::new();
        while got.len() < 10 {
            got.extend_from_slice(&tunnel.read().await.unwrap().unwrap());
        }
        assert_eq!(got, b"0123456789");
        drop(tunnel);
        assert_eq!(backend.next(&front.handle).await, Heard::End);
    });
}

#[test]
fn a_tunnel_over_http1() {
    let backend = echoing();
    with_front(&proxy_to(&[&backend]), async |front| {
        let raw = front.raw(b"http/1.1").await;
        raw.say(format!(
            "GET /chat HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            front.remote
        ));
        let head = raw.until_text("\r\n\r\n").await;
        assert!(
            head.starts_with("HTTP/1.1 101 ")
                && head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{head}"
        );
        raw.say("0123456789");
        raw.until_text("0123456789").await;
        raw.cut();
        assert_eq!(backend.next(&front.handle).await, Heard::End);
    });
}

#[test]
fn a_tunnel_that_is_refused() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", 403),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", 502),
        ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n", 502),
    ] {
        let backend = answering(answer);
        with_front(&proxy_to(&[&backend]), async |front| {
            let client = front.client(HttpVersion::Http3);
            let error = client.extended_connect("websocket", &front.url("/chat")).tunnel().await.unwrap_err();
            assert!(matches!(error, Error::TunnelRefused { status: got } if got.code() == status), "{error}");
            let error = client.extended_connect("other", &front.url("/chat")).tunnel().await.unwrap_err();
            assert!(matches!(error, Error::TunnelRefused { status } if status.code() == 501), "{error}");
        });
    }
}

#[test]
fn a_tunnel_without_use_ends() {
    let backend = echoing();
    let proxy = proxy_to(&[&backend]).limits(limits(|limits| limits.idle_tunnel = Duration::from_millis(100)));
    with_front(&proxy, async |front| {
        let client = front.client(HttpVersion::Http3);
        let mut tunnel = client.extended_connect("websocket", &front.url("/chat")).tunnel().await.unwrap();
        assert!(tunnel.read().await.is_err());
        assert_eq!(backend.next(&front.handle).await, Heard::End);
    });
}
