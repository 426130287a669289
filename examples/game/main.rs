//! Game ticks in datagrams over WebTransport: each page says where its player is, and 20 times a second each is told where all are. What is
//! lost or late is not sent again: the next tick says it better. The page needs no build step.
//!
//! `cargo run --example game`, then open the address that it prints in two windows of a browser. The certificate is a development one:
//! the browser warns about the page, and takes the sessions by the certificate's hash.
//!
//! A page's datagram is a counter of 32 bits and two numbers of 16, across and down. The server's are the tick of 32 bits, the number of
//! whom it is for, of 16 bits, and for each player his number, across and down.

#[path = "../common/mod.rs"]
mod common;

use posthaste::{
    Bytes, DatagramBatch, Error, Handle, Identity, Reply, Request, Server, Session, SessionRequest, WebTransportLimits,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(50);
/// As many as one datagram of the smallest path takes: 6 bytes of each, of 1,200 less what is around them.
const MAX_PLAYERS: usize = 150;

struct Player {
    session: Session,
    /// Of his last datagram: earlier ones that come later say nothing.
    counter: u32,
    /// Unknown until he has said it.
    place: Option<[u8; 4]>,
}

#[derive(Default)]
struct Game {
    tick: u32,
    next: u16,
    players: BTreeMap<u16, Player>,
}

type Shared = Rc<RefCell<Game>>;

pub(crate) fn main() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = start(&handle, Identity::development(&[])?)?;
        server.until_signal(Duration::from_secs(5)).await
    })?
}

pub(crate) fn start(handle: &Handle, identity: Identity) -> Result<Server, Error> {
    let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
    let page = Bytes::from(include_str!("page.html").replace("HASH", &hash.join(",")).into_bytes());
    let (game, timer) = (Shared::default(), handle.clone());
    let ticking = game.clone();
    handle.spawn_detached(async move {
        loop {
            timer.sleep(TICK).await;
            ticking.borrow_mut().tell_all();
        }
    });
    Server::builder(identity)
        .listen(common::address())
        .on_listening(common::greet("/"))
        .tcp()
        .webtransport(&WebTransportLimits::default())
        .start(handle, move |request, reply| answer(game.clone(), page.clone(), request, reply))
}

async fn answer(game: Shared, page: Bytes, request: Request, reply: Reply) -> Result<(), Error> {
    match SessionRequest::new(request, reply) {
        Ok(request) if request.request().path() != "/game" => request.reject(404).await,
        Ok(request) if game.borrow().players.len() >= MAX_PLAYERS => request.reject(503).await,
        Ok(request) => play(&game, request.accept().await?).await,
        Err((request, reply)) if request.path() == "/" => reply.send((200, "text/html; charset=utf-8"), page).await,
        Err((_, reply)) => reply.send(404, "").await,
    }
}

async fn play(game: &Shared, session: Session) -> Result<(), Error> {
    let number = game.borrow_mut().add(session.clone());
    let mut batch = DatagramBatch::new();
    while session.read_datagrams(&mut batch).await.is_ok() {
        let mut game = game.borrow_mut();
        batch.iter().for_each(|datagram| game.hear(number, datagram));
    }
    game.borrow_mut().players.remove(&number);
    Ok(())
}

impl Game {
    fn add(&mut self, session: Session) -> u16 {
        while self.players.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.players.insert(number, Player { session, counter: 0, place: None });
        number
    }

    fn hear(&mut self, number: u16, datagram: &[u8]) {
        // What is no datagram of a page is nothing.
        let (Some(player), Some((counter, place))) = (self.players.get_mut(&number), datagram.split_first_chunk())
        else {
            return;
        };
        let (counter, Ok(place)) = (u32::from_be_bytes(*counter), place.try_into()) else { return };
        if counter > player.counter {
            (player.counter, player.place) = (counter, Some(place));
        }
    }

    fn tell_all(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        let mut places = Vec::new();
        for (number, player) in &self.players {
            if let Some(place) = player.place {
                places.extend(number.to_be_bytes());
                places.extend(place);
            }
        }
        for (number, player) in &self.players {
            let datagram = [&self.tick.to_be_bytes()[..], &number.to_be_bytes(), &places].concat();
            // Of what waits the oldest gives way; what does not go is lost, as on any network.
            let _ = player.session.send_newest_datagram(&datagram);
        }
    }
}
