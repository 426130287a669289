//! A few pages over TCP and HTTP/1.1, for programs that watch servers and know nothing newer: GET and HEAD, one request for each
//! connection, and a bound on everything that a client can make it hold.

use posthaste::Handle;
use runtime::executor::Watched;
use runtime::{TcpListener, TcpStream};
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// Connections at a time; others are closed at once. Default 16: those who watch are few.
const MAX_CONNECTIONS: usize = 16;
/// Bytes of a request's head. Default 8 KiB.
const MAX_HEAD: usize = 8 << 10;
/// How long a request and its answer may take together. Default 10 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait where the system has no descriptor left. Default 1 s.
const PAUSE: Duration = Duration::from_secs(1);

/// A page.
pub struct Page {
    /// The status line behind the version.
    pub status: &'static str,
    /// The media type.
    pub media_type: &'static str,
    /// The content.
    pub text: String,
}

impl Page {
    /// A short word in plain text.
    pub fn plain(status: &'static str, text: impl Into<String>) -> Page {
        Page { status, media_type: "text/plain; charset=utf-8", text: text.into() }
    }
}

/// Answers for ever. `page` gives the page of a path, without its query.
pub async fn serve(
    handle: &Handle,
    listener: TcpListener,
    page: impl Fn(&str) -> Option<Page> + 'static,
) -> io::Result<()> {
    let (listener, page, open) = (handle.watch(listener)?, Rc::new(page), Rc::new(Cell::new(0)));
    loop {
        let stream = match listener.read_with(TcpListener::accept).await {
            Ok(stream) => stream,
            // It was about one connection, or passes.
            Err(_) => {
                handle.sleep(PAUSE).await;
                continue;
            }
        };
        if open.get() >= MAX_CONNECTIONS {
            continue;
        }
        let Ok(stream) = handle.watch(stream) else { continue };
        let (place, page, timer) = (Place::take(&open), page.clone(), handle.clone());
        handle.spawn_detached(async move {
            // One that is too slow is closed, and so is one that breaks off.
            let _ = timer.timeout(PATIENCE, answer(&stream, &*page)).await;
            drop(place);
        });
    }
}

/// One of the connections, as long as it is there.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(open: &Rc<Cell<usize>>) -> Place {
        open.set(open.get() + 1);
        Place(open.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn answer(stream: &Watched<TcpStream>, page: &impl Fn(&str) -> Option<Page>) -> io::Result<()> {
    let mut head = Vec::new();
    let mut room = [0; 1024];
    while !is_whole(&head) {
        if head.len() > MAX_HEAD {
            return send(stream, &Page::plain("431 Request Header Fields Too Large", "too much\n"), false).await;
        }
        let count = stream.read_with(|stream| stream.receive(&mut room)).await?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&room[..count]);
    }
    let (answer, is_head) = answer_to(&head, page);
    send(stream, &answer, is_head).await?;
    stream.inner().end()?;
    // What the client still sends would have the system drop the answer.
    while stream.read_with(|stream| stream.receive(&mut room)).await? > 0 {}
    Ok(())
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|bytes| bytes == b"\r\n\r\n") || head.windows(2).any(|bytes| bytes == b"\n\n")
}

/// What a head is answered with, and whether that is without content.
fn answer_to(head: &[u8], page: &impl Fn(&str) -> Option<Page>) -> (Page, bool) {
    let bad = || (Page::plain("400 Bad Request", "this is no request of HTTP/1.1\n"), false);
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line.trim_ascii_end()) else { return bad() };
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else { return bad() };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return bad();
    }
    if !matches!(method, "GET" | "HEAD") {
        return (Page::plain("405 Method Not Allowed", "only GET and HEAD are allowed here\n"), false);
    }
    let path = target.split('?').next().unwrap_or_default();
    let found = page(path).unwrap_or_else(|| Page::plain("404 Not Found", "here are /metrics and /healthz\n"));
    (found, method == "HEAD")
}

async fn send(stream: &Watched<TcpStream>, page: &Page, is_head: bool) -> io::Result<()> {
    let Page { status, media_type, text } = page;
    let allow = if status.starts_with("405") { "allow: GET, HEAD\r\n" } else { "" };
    let mut message = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n{allow}cache-control: no-store\r\nconnection: \
         close\r\n\r\n",
        text.len()
    );
    if !is_head {
        message.push_str(text);
    }
    let mut rest = message.as_bytes();
    while !rest.is_empty() {
        poll_fn(|context| stream.poll_writable(context)).await;
        match stream.inner().send(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.clear_writable(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> (String, bool) {
        let page = |path: &str| (path == "/healthz").then(|| Page::plain("200 OK", "ok\n"));
        let (page, is_head) = answer_to(head.as_bytes(), &page);
        (page.status[..3].to_owned(), is_head)
    }

    #[test]
    fn requests_are_answered_by_their_first_line() {
        for (head, code, is_head) in [
            ("GET /healthz HTTP/1.1\r\n\r\n", "200", false),
            ("GET /healthz?x HTTP/1.0\n\n", "200", false),
            ("HEAD /healthz HTTP/1.1\r\nhost: a\r\n\r\n", "200", true),
            ("GET /other HTTP/1.1\r\n\r\n", "404", false),
            ("POST /healthz HTTP/1.1\r\n\r\n", "405", false),
            ("GET /healthz HTTP/2.0\r\n\r\n", "400", false),
            ("GET  /healthz HTTP/1.1\r\n\r\n", "400", false),
            ("GET http://a/ HTTP/1.1\r\n\r\n", "400", false),
            ("\r\n\r\n", "400", false),
            ("\u{16}\u{3}\u{1}\n\n", "400", false),
        ] {
            assert_eq!(status(head), (code.to_owned(), is_head), "{head:?}");
        }
        assert_eq!(answer_to(b"GET /\xff HTTP/1.1\r\n\r\n", &|_: &str| None).0.status, "400 Bad Request");
    }
}
