//! WebTransport: a page with an echo and a small chat, and the sessions behind both. The page needs no build step.
//!
//! `cargo run --example webtransport`, then open the address that it prints in two windows of a browser. The certificate is a development one: the browser warns
//! about the page, and takes the sessions by the certificate's hash.

#[path = "../common/mod.rs"]
mod common;

use posthaste::{
    Bytes, Error, Handle, Identity, ReceiveStream, Reply, Request, SendStream, Server, Session, SessionRequest,
    WebTransportLimits,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Bytes of the longest message of the chat.
const MAX_MESSAGE: usize = 4096;
/// How long a member of the chat has to take a message; who takes longer misses it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who is in the chat.
type Room = Rc<RefCell<Vec<Session>>>;

pub(crate) fn main() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = start(&handle, Identity::development(&[])?)?;
        server.until_signal(Duration::from_secs(5)).await
    })?
}

pub(crate) fn start(handle: &Handle, identity: Identity) -> Result<Server, Error> {
    let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
    let page = Bytes::from(include_str!("page.html").replace("HASH", &hash.join(",")).into_bytes());
    let (executor, room) = (handle.clone(), Room::default());
    Server::builder(identity)
        .listen(common::address())
        .on_listening(common::greet("/"))
        .tcp()
        .webtransport(&WebTransportLimits::default())
        .start(handle, move |request, reply| answer(executor.clone(), room.clone(), page.clone(), request, reply))
}

async fn answer(handle: Handle, room: Room, page: Bytes, request: Request, reply: Reply) -> Result<(), Error> {
    let request = match SessionRequest::new(request, reply) {
        Ok(request) => request,
        Err((request, reply)) if request.path() == "/" => {
            return reply.send((200, "text/html; charset=utf-8"), page).await;
        }
        Err((_, reply)) => return reply.send(404, "").await,
    };
    match request.request().path() {
        "/echo" => echo(&handle, request.accept().await?).await,
        "/chat" => chat(&handle, &room, request.accept().await?).await,
        _ => request.reject(404).await,
    }
}

/// Each stream is sent back as it comes, and each datagram.
async fn echo(handle: &Handle, session: Session) -> Result<(), Error> {
    let datagrams = session.clone();
    handle.spawn_detached(async move {
        while let Ok(datagram) = datagrams.read_datagram().await {
            // What does not go is lost, as on any network.
            let _ = datagrams.send_datagram(&datagram);
        }
    });
    // The end of the session is the end of this.
    while let Ok((send, receive)) = session.accept_bidirectional().await {
        handle.spawn_detached(async move {
            // A stream that its client gives up is given up here, by being dropped.
            let _ = send_back(send, receive).await;
        });
    }
    Ok(())
}

async fn send_back(mut send: SendStream, mut receive: ReceiveStream) -> Result<(), Error> {
    while let Some(bytes) = receive.read().await? {
        send.write_all(bytes).await?;
    }
    send.finish()
}

/// Each stream is a message, which goes to all.
async fn chat(handle: &Handle, room: &Room, session: Session) -> Result<(), Error> {
    room.borrow_mut().push(session.clone());
    while let Ok(mut receive) = session.accept_unidirectional().await {
        let (room, executor) = (room.clone(), handle.clone());
        handle.spawn_detached(async move {
            let Ok(Ok(message)) = executor.timeout(PATIENCE, receive.read_to_end(MAX_MESSAGE)).await else { return };
            let (message, members) = (Bytes::from(message), room.borrow().clone());
            for member in members {
                let (message, timer) = (message.clone(), executor.clone());
                executor.spawn_detached(async move {
                    let _ = timer.timeout(PATIENCE, tell(member, message)).await;
                });
            }
        });
    }
    room.borrow_mut().retain(|member| !member.is_same(&session));
    Ok(())
}

async fn tell(member: Session, message: Bytes) -> Result<(), Error> {
    let mut send = member.open_unidirectional().await?;
    send.write_all(message).await?;
    send.finish()
}
