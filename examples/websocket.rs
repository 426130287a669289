//! A chat: what one says, all others hear. With a URL it is a client of such a server, which says what is typed and prints what it hears.
//!
//! `cargo run --example websocket`, then open the address in two windows of a browser; or
//! `cargo run --example websocket -- wss://localhost:4433/ hello`. At `/echo` one hears oneself.

mod common;

use posthaste::{
    Client, CloseCode, Error, Identity, Reply, Request, Roots, Server, WebSocket, WebSocketOptions, WebSocketWriter,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const PAGE: &str = r#"<!doctype html><input id=say placeholder="say something"><pre id=log></pre><script>
const socket = new WebSocket("wss://" + location.host + location.pathname)
socket.onopen = () => socket.send("hello")
socket.onmessage = event => log.append(event.data + "\n")
socket.onclose = event => log.append("closed: " + event.code + "\n")
say.onchange = () => { socket.send(say.value); say.value = "" }
</script>"#;

/// Who is there: each by a number.
#[derive(Clone, Default)]
pub(crate) struct Room {
    writers: Rc<RefCell<BTreeMap<u64, Rc<WebSocketWriter>>>>,
    next: Rc<RefCell<u64>>,
}

pub(crate) fn main() -> Result<(), Error> {
    if let Some(url) = std::env::args().nth(1) {
        return say(&url, &std::env::args().nth(2).unwrap_or_else(|| "hello".into()));
    }
    let room = Room::default();
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/"))
        .tcp()
        .websockets()
        .run(move |request, reply| chat(room.clone(), request, reply))
}

pub(crate) async fn chat(room: Room, request: Request, reply: Reply) -> Result<(), Error> {
    if !request.is_websocket() {
        return reply.send((200, "text/html; charset=utf-8"), PAGE).await;
    }
    if request.path() == "/echo" {
        return echo(request, reply).await;
    }
    let (mut reader, writer) = WebSocket::accept(request, reply, &WebSocketOptions::new()).await?.split();
    let number = room.next.replace_with(|next| *next + 1);
    room.writers.borrow_mut().insert(number, Rc::new(writer));
    let mut end = Ok(());
    loop {
        match reader.receive().await {
            Ok(Some(message)) => room.tell_others(number, message.as_text().unwrap_or("(bytes)")).await,
            Ok(None) => break,
            Err(error) => {
                end = Err(error);
                break;
            }
        }
    }
    room.writers.borrow_mut().remove(&number);
    end
}

/// For one that is alone: what it says it hears.
async fn echo(request: Request, reply: Reply) -> Result<(), Error> {
    let mut socket = WebSocket::accept(request, reply, &WebSocketOptions::new().protocol("echo")).await?;
    while let Some(message) = socket.receive().await? {
        socket.send(message).await?;
    }
    Ok(())
}

impl Room {
    async fn tell_others(&self, from: u64, text: &str) {
        let all: Vec<(u64, Rc<WebSocketWriter>)> = self.writers.borrow().clone().into_iter().collect();
        for (_, writer) in all.into_iter().filter(|(other, _)| *other != from) {
            // Whoever is slow is waited for, and whoever takes nothing for 30 s is given up. Its own handler hears of that.
            let _ = writer.send(format!("{from}: {text}")).await;
        }
    }
}

/// A client that says one thing, and listens for a second.
fn say(url: &str, text: &str) -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let client = Client::builder(Roots::dangerous_accept_any()).tcp().build(&handle);
        let mut socket = client.websocket(url).connect().await?;
        socket.send(text).await?;
        while let Ok(heard) = handle.timeout(Duration::from_secs(1), socket.receive()).await {
            match heard? {
                Some(message) => println!("{}", message.as_text().unwrap_or("(bytes)")),
                None => return Ok(()),
            }
        }
        socket.close(CloseCode::NORMAL, "bye").await.map(drop)
    })?
}
