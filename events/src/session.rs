//! Sessions: what passes between a client and a server on one connection, as state machines without sockets, clocks or stores.
//!
//! Both ends are driven in one way. Whoever has the connection tells of streams and bytes ([`on_stream`](server::Session::on_stream),
//! [`receive`](End::receive), [`on_finished`](End::on_finished), [`on_gone`](End::on_gone)), takes
//! what is to be sent of each stream, and reads from a stream only while the session wants its bytes: so the peer is held back.

mod answer;
pub mod client;
mod end;
mod request;
pub mod server;
mod stream;

pub use end::End;
pub use stream::ToSend;
