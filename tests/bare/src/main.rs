//! QUIC, TLS and HTTP/3 in a program without the standard library: a heap that is one array, no thread, no clock, no
//! socket. A client and a server in one process complete a handshake and exchange a request and its response in memory.
//!
//! `bare exchange` does so and prints what it took; `bare wrong-root` has the client trust somebody else; `bare small-heap`
//! gives the heap too little room. The status is 0 when all went as that word says, 1 when it did not, 64 for another word,
//! and 101 after a panic, which is how a full heap ends.
#![no_std]
#![no_main]

extern crate alloc;

mod arena;
mod host;
mod identity;
mod pair;
mod platform;

use alloc::vec::Vec;
use arena::Arena;
use base::{Bytes, Duration};
use core::ffi::{CStr, c_char, c_int};
use http::Status;
use pair::Pair;

#[global_allocator]
static HEAP: Arena = Arena::new();

/// Bytes of the request's content, and of the response's.
const CONTENT: usize = 64 * 1024;
/// Less than a handshake takes.
const SMALL: usize = 16 * 1024;

/// After this an idle connection has given back what it can make again.
const QUIET: Duration = Duration::from_secs(5);

/// Where the C runtime begins.
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    let word = if count == 2 {
        // SAFETY: the C runtime passes as many strings as it says, each with its terminator, for as long as the program runs.
        unsafe { CStr::from_ptr(*words.add(1)) }.to_bytes()
    } else {
        b""
    };
    let is_right = match word {
        b"exchange" => exchange(),
        b"wrong-root" => wrong_root(),
        b"small-heap" => {
            HEAP.limit(SMALL);
            exchange()
        }
        _ => {
            say!("usage: bare exchange | wrong-root | small-heap");
            return 64;
        }
    };
    c_int::from(!is_right)
}

/// A handshake, a request that is sent back, and a close; and what each took of the heap.
fn exchange() -> bool {
    let before = HEAP.figures();
    {
        let (client_tls, server_tls) = identity::configurations(true);
        say!("configured: {} bytes live", HEAP.figures().live - before.live);
        HEAP.restart_peak();
        let mut pair = Pair::new(client_tls, server_tls);
        if !pair.run_until(|pair| pair.client.is_established && pair.server.is_established) {
            say!("no handshake: {}; {}", pair.client.end(), pair.server.end());
            return false;
        }
        report("handshake", &pair);
        pair.rest(QUIET);
        report("idle", &pair);
        let content: Vec<u8> = (0..CONTENT).map(|at| (at % 251) as u8).collect();
        let sent = Bytes::from(content);
        pair.client.post(pair.now, "https://localhost/echo", sent.clone());
        if !pair.run_until(|pair| pair.client.is_complete) {
            say!("no response: {}; {}", pair.client.end(), pair.server.end());
            return false;
        }
        report("exchange", &pair);
        if pair.client.status != Some(Status::OK) || pair.client.received != sent.as_slice() {
            say!("{:?} with {} bytes", pair.client.status, pair.client.received.len());
            return false;
        }
        say!("response: 200 with the {CONTENT} bytes of the request");
        pair.client.received = Vec::new();
        drop(sent);
        pair.rest(QUIET);
        report("idle again", &pair);
        pair.client.close(pair.now);
        if !pair.run_until(|pair| pair.server.closed.is_some()) {
            say!("the server was not told that the connection is over");
            return false;
        }
        say!("closed: {}", pair.server.end());
    }
    let after = HEAP.figures();
    say!("left: {} bytes live", after.live - before.live);
    say!("heap: {} of {} bytes reached, {} allocations", after.reach, arena::CAPACITY, after.allocations);
    after.live == before.live
}

/// What the heap held since the last report.
fn report(what: &str, pair: &Pair) {
    let figures = HEAP.figures();
    say!("{what}: {} bytes live, {} at the peak, {} datagrams", figures.live, figures.peak, pair.carried);
    HEAP.restart_peak();
}

/// The client must find that nobody it trusts vouches for the server, and the server must be told.
fn wrong_root() -> bool {
    let (client_tls, server_tls) = identity::configurations(false);
    let mut pair = Pair::new(client_tls, server_tls);
    let is_over = pair.run_until(|pair| pair.client.closed.is_some() && pair.server.closed.is_some());
    say!("client: {}", pair.client.end());
    say!("server: {}", pair.server.end());
    is_over && !pair.client.is_established && !pair.server.is_established
}
