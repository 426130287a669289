//! A drawing board over WebTransport: what one draws, all see, and who comes later sees what was drawn before. The page needs no build step.
//!
//! `cargo run --example board`, then open the address that it prints in two windows of a browser. The certificate is a development one:
//! the browser warns about the page, and takes the sessions by the certificate's hash.
//!
//! Each page has one stream of both directions. What goes on it, either way, are lines of text: a color, and the points of a part of a
//! drawing. The board is a list of those, and each page is told them in their order, at the pace that it takes.

#[path = "../common/mod.rs"]
mod common;

use posthaste::{
    Bytes, Error, Handle, Identity, ReceiveStream, Reply, Request, SendStream, Server, Session, SessionRequest,
    WebTransportLimits,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Bytes of the longest line.
const MAX_LINE: usize = 4096;
/// How many lines are kept: of more the oldest go, also for pages that have not been told them.
const MAX_LINES: usize = 20_000;
/// Of how many lines each write is made.
const AT_A_TIME: usize = 200;

/// What was drawn, and who waits for more.
#[derive(Default)]
struct Board {
    lines: VecDeque<Bytes>,
    /// How many went before those.
    forgotten: usize,
    waiting: Vec<Waker>,
}

type Shared = Rc<RefCell<Board>>;

pub(crate) fn main() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = start(&handle, Identity::development(&[])?)?;
        server.until_signal(Duration::from_secs(5)).await
    })?
}

pub(crate) fn start(handle: &Handle, identity: Identity) -> Result<Server, Error> {
    let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
    let page = Bytes::from(include_str!("page.html").replace("HASH", &hash.join(",")).into_bytes());
    let board = Shared::default();
    Server::builder(identity)
        .listen(common::address())
        .on_listening(common::greet("/"))
        .tcp()
        .webtransport(&WebTransportLimits::default())
        .start(handle, move |request, reply| answer(board.clone(), page.clone(), request, reply))
}

async fn answer(board: Shared, page: Bytes, request: Request, reply: Reply) -> Result<(), Error> {
    match SessionRequest::new(request, reply) {
        Ok(request) if request.request().path() == "/board" => draw(&board, request.accept().await?).await,
        Ok(request) => request.reject(404).await,
        Err((request, reply)) if request.path() == "/" => reply.send((200, "text/html; charset=utf-8"), page).await,
        Err((_, reply)) => reply.send(404, "").await,
    }
}

async fn draw(board: &Shared, session: Session) -> Result<(), Error> {
    let (send, receive) = session.accept_bidirectional().await?;
    let (telling, shown) = (session.clone(), board.clone());
    session.executor().spawn_detached(async move {
        // It ends with the session.
        let _ = tell(&shown, send).await;
        drop(telling);
    });
    if let Err(Error::TooLarge { .. }) = listen(board, receive).await {
        session.close(1, "a line is too long");
    }
    session.closed().await.map(drop)
}

/// What this page draws goes on the board.
async fn listen(board: &Shared, mut receive: ReceiveStream) -> Result<(), Error> {
    let mut line = Vec::new();
    while let Some(bytes) = receive.read().await? {
        for byte in bytes.iter() {
            line.push(*byte);
            if line.len() > MAX_LINE {
                return Err(Error::TooLarge { limit: MAX_LINE });
            }
            if *byte == b'\n' {
                let whole = std::mem::take(&mut line);
                // The first of a page is empty.
                if whole.len() > 1 {
                    board.borrow_mut().add(Bytes::from(whole));
                }
            }
        }
    }
    Ok(())
}

/// What is on the board, and whatever is drawn from now on.
async fn tell(board: &Shared, mut send: SendStream) -> Result<(), Error> {
    let mut next = 0;
    loop {
        let lines = poll_fn(|context| {
            let mut board = board.borrow_mut();
            next = next.max(board.forgotten);
            let lines: Vec<Bytes> = board.lines.iter().skip(next - board.forgotten).take(AT_A_TIME).cloned().collect();
            if lines.is_empty() {
                board.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(lines)
        })
        .await;
        next += lines.len();
        let parts: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
        send.write_all(parts.concat()).await?;
    }
}

impl Board {
    fn add(&mut self, line: Bytes) {
        self.lines.push_back(line);
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }
}
