//! Servers and clients of HTTP/3, HTTP/2 and HTTP/1.1 on one thread, over Posthaste's own stack, without an async framework or global
//! state.
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
//! It speaks HTTP/3. `ServerBuilder::tcp` has it listen by TCP as well, and the same function answers requests of HTTP/2 and
//! HTTP/1.1; [`Request::version`] tells which. There is no router: the function gets every request that is for one of the server's
//! names.
//! [`Files`] answers with files; [`Request`] and [`Reply`] stream bodies. `ServerBuilder::on_event` tells what goes wrong,
//! `ServerBuilder::on_answer` is for a log, and [`Server::connections`] shows the transport's counters.
//!
//! Any number of tasks share a client, which keeps one connection to each server: see [`Client`].
//!
//! Everything runs on the [`Executor`] of one thread. [`run`] makes one for a program that needs no more; a program with
//! several threads calls `ServerBuilder::run_workers`.
//!
//! The folder `examples` has short programs, one idea each. The layers below are crates of their own: `posthaste-h3`,
//! `posthaste-quic`, `posthaste-tls`.
#![forbid(unsafe_code)]

mod acme;
mod client;
mod codes;
mod error;
mod event_stream;
pub mod events;
mod exchange;
mod files;
mod http3;
mod key_log;
mod memory_store;
mod proxy;
mod reverse_proxy;
mod run;
mod server;
mod tcp;
mod ticket_file;
mod tickets;
mod tokens;
pub mod trace;
pub mod url;
mod wall_clock;
mod websocket;
mod webtransport;

pub use ::base::{Bytes, DatagramBatch};
pub use ::crypto::{NamedGroup, Provider, PublicKeyAlgorithm, SignatureScheme, SigningFailed, SigningKey};
pub use ::h3::{Config as Http3Config, TimeLimits};
pub use ::http::exchange::{DatagramError, Reason, SentDatagrams};
pub use ::http::{Fields, Malformed, Method, Priority, RequestHead, ResponseHead, Status};
pub use ::json::{self, Error as JsonError, Value as JsonValue};
pub use ::quic::{
    AddressValidation, Admission, CloseReason, Config as TransportConfig, CongestionControl, DatagramStats,
    EndpointStats, Held, IdLayout, IdLayoutError, Incoming, LoadBalancing, LoadBalancingError, PathStats,
    PreferredAddresses, Stats, Strangers, TokenCounts, TokenOrigin, TokenStore, Version, Versions,
};
pub use ::runtime::{Executor, ExecutorOptions, Handle, UdpOptions};
pub use ::rustls_pki_types::CertificateDer;
pub use ::tls::{
    ByName, CertificateWanted, CertifiedKey, CertifiedKeyError, ClientAuthentication, ClientResolver, ClientVerifier,
    ClientWishes, EarlyData, KeyLog, PeerIdentity, PresentedByClient, PresentedByServer, Resolver, Selected,
    ServerVerifier, SignatureWishes, Ticket, TicketOrigin, TicketStore,
};
pub use ::websocket::{
    Close as WebSocketClose, CloseCode, Closing as WebSocketClosing, Config as WebSocketConfig,
    Limits as WebSocketLimits, Message as WebSocketMessage, Times as WebSocketTimes, Violation as WebSocketViolation,
};
pub use ::webtransport::{Config as WebTransportLimits, SessionStats};
pub use ::x509::{Error as CertificateError, OcspProblem, PeerName, Pins, Revocation, ServerName, Staple};
pub use acme::challenges::AcmeChallenges;
pub use acme::event::AcmeEvent;
pub use acme::{Acme, LETS_ENCRYPT};
pub use client::alt_svc::AltSvc;
pub use client::event::ClientEvent;
pub use client::request::RequestBuilder;
pub use client::roots::{Roots, RootsHandle};
pub use client::{Client, ClientBuilder, Connected};
pub use error::{Error, NotFollowed, Waited};
pub use event_stream::{EventStream, ServerSentEvent};
pub use exchange::body::Body;
pub use exchange::patience::Timeouts;
pub use exchange::reply::{IntoResponseHead, Reply};
pub use exchange::request::Request;
pub use exchange::response::{PendingResponse, Response};
pub use exchange::tunnel::Tunnel;
pub use exchange::tunnel_datagrams::{DatagramReader, DatagramWriter};
pub use exchange::tunnel_udp::{UdpReader, UdpTunnel, UdpWriter};
pub use exchange::version::HttpVersion;
pub use exchange::writer::BodyWriter;
pub use files::{Files, content_type, date};
pub use key_log::KeyLogFile;
pub use proxy::{Proxy, ProxyLimits, ProxyTarget};
pub use reverse_proxy::{Backend, BackendFailure, BackendHost, Forwarded, ReverseProxy, ReverseProxyLimits};
pub use run::run;
pub use server::Server;
pub use server::answer::Answer;
pub use server::builder::ServerBuilder;
pub use server::client_trust::ClientTrust;
pub use server::cut_request::CutRequest;
pub use server::event::ServerEvent;
pub use server::handler::Outcome;
pub use server::identity::Identity;
pub use server::identity_handle::IdentityHandle;
pub use server::meter::Meter;
pub use server::workers::Workers;
pub use ticket_file::TicketFile;
pub use tickets::{MemoryTickets, Tickets};
pub use tokens::MemoryTokens;
pub use websocket::accept::WebSocketOptions;
pub use websocket::connect::WebSocketBuilder;
pub use websocket::socket::{WebSocket, WebSocketReader, WebSocketWriter};
pub use webtransport::client::SessionBuilder;
pub use webtransport::receive_stream::ReceiveStream;
pub use webtransport::request::SessionRequest;
pub use webtransport::send_stream::SendStream;
pub use webtransport::session::{Session, SessionEnd};

#[cfg(test)]
extern crate self as posthaste;
#[cfg(test)]
mod tests;

/// Programs of the guides compile.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/guide/events.md")]
    struct Events;
    #[doc = include_str!("../docs/guide/json.md")]
    struct Json;
    #[doc = include_str!("../docs/guide/library.md")]
    struct Library;
    #[doc = include_str!("../docs/guide/reverse-proxy.md")]
    struct ReverseProxy;
    #[doc = include_str!("../docs/guide/websocket.md")]
    struct WebSocket;
    #[doc = include_str!("../docs/guide/webtransport.md")]
    struct WebTransport;
}
