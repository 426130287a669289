//! HTTP/3 servers and clients on one thread, over Posthaste's own stack: no async framework, nothing global.
//!
//! A server is an identity, an address and a function:
//!
//! ```no_run
//! use posthaste::{Identity, Server};
//!
//! fn main() -> Result<(), posthaste::Error> {
//!     Server::builder(Identity::from_pem_files("cert.pem", "key.pem")?)
//!         .listen("0.0.0.0:443".parse().expect("an address"))
//!         .run(|request, reply| async move {
//!             let text = format!("you asked for {}\n", request.path());
//!             reply.send((200, "text/plain"), text).await
//!         })
//! }
//! ```
//!
//! A client is shared by any number of tasks, and keeps one connection to each server: see [`Client`].
//!
//! Everything runs on the [`Executor`] of one thread. [`run`] makes one for a program that needs no more; a program with
//! several threads starts one server on each, on sockets that share their port (`ServerBuilder::sockets`).
#![forbid(unsafe_code)]

mod base64;
mod body;
mod client;
mod codes;
mod connect;
pub mod content_type;
pub mod date;
mod error;
mod exchange;
pub mod files;
mod handler;
mod identity;
mod key_log;
mod line;
mod link;
mod mailbox;
mod pool;
mod reply;
mod request;
mod resolve;
mod response;
mod roots;
mod run;
mod server;
pub mod url;
mod wall_clock;
mod writer;

pub use ::base::Bytes;
pub use ::http::{Fields, Method, RequestHead, ResponseHead, Status};
pub use ::runtime::{Executor, ExecutorOptions, Handle};
pub use body::Body;
pub use client::{Client, ClientBuilder, RequestBuilder};
pub use error::Error;
pub use files::Files;
pub use identity::Identity;
pub use key_log::KeyLogFile;
pub use reply::{IntoResponseHead, Reply};
pub use request::Request;
pub use response::{PendingResponse, Response};
pub use roots::Roots;
pub use run::run;
pub use server::{Server, ServerBuilder};
pub use writer::BodyWriter;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
