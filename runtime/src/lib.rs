//! Posthaste's own reactor: the only crate that reads the clock, opens sockets and waits.
//!
//! It knows no protocol. A [`Driver`] runs a [`base::Machine`] on UDP sockets, and a [`StreamDriver`] runs a
//! [`base::StreamMachine`] on a TCP connection. Applications get an [`Executor`] for each thread, with tasks, timers
//! and descriptors.
//!
//! A machine that echoes what it receives, and the executor that runs it:
//!
//! ```
//! use posthaste_runtime as runtime;
//! use base::{Datagram, Instant, Machine, Transmit};
//! use runtime::{Driver, Executor, UdpSocket};
//! use std::cell::RefCell;
//! use std::collections::VecDeque;
//! use std::rc::Rc;
//!
//! #[derive(Default)]
//! struct Echo {
//!     waiting: VecDeque<(Transmit, Vec<u8>)>,
//! }
//!
//! impl Machine for Echo {
//!     fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
//!         let len = datagram.payload.len();
//!         let transmit = Transmit { four_tuple: datagram.four_tuple, ecn: datagram.ecn, len, segment_size: len };
//!         self.waiting.push_back((transmit, datagram.payload.to_vec()));
//!     }
//!     fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
//!         let (transmit, bytes) = self.waiting.pop_front()?;
//!         buffer[..bytes.len()].copy_from_slice(&bytes);
//!         Some(transmit)
//!     }
//!     fn deadline(&self) -> Option<Instant> {
//!         None
//!     }
//!     fn on_timeout(&mut self, _now: Instant) {}
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let executor = Executor::new()?;
//! let handle = executor.handle().clone();
//! let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap())?;
//! let address = socket.local_address();
//! let machine = Rc::new(RefCell::new(Echo::default()));
//! let (driver, _) = Driver::new(&handle, vec![socket], machine, |_echo, _now| {})?;
//! handle.spawn(driver);
//!
//! executor.block_on(async {
//!     let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
//!     client.set_nonblocking(true)?;
//!     let client = handle.watch(client)?;
//!     client.inner().send_to(b"hello", address)?;
//!     let mut answer = [0; 16];
//!     let len = client.read_with(|socket| socket.recv(&mut answer)).await?;
//!     assert_eq!(&answer[..len], b"hello");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! It is no general async runtime: one thread for each executor, no file system beyond a folder that is served. It is
//! tested on Linux, and builds for macOS and FreeBSD, where it has never been run. The crate `posthaste` shows all of it at work; `posthaste-base` has the contracts.
#![deny(unsafe_code)]

pub mod clock;
mod deadline;
mod driver;
pub mod executor;
pub mod folder;
pub mod handover;
mod hangup;
pub mod inherited;
mod intake;
pub mod lock;
pub mod memory;
mod notice;
mod offload;
mod poller;
pub mod privileges;
mod reader_pool;
mod signal;
mod stream_driver;
mod succession;
#[allow(unsafe_code)]
mod sys;
pub mod tcp;
mod token;
pub mod udp;
mod unix;
mod waker;
mod worker;

pub use driver::{Driver, DriverHandle, SocketError};
pub use executor::{Executor, ExecutorOptions, Handle, JoinHandle};
pub use folder::Folder;
pub use handover::{Handover, HandoverStats};
pub use hangup::Hangups;
pub use notice::Flushed;
pub use offload::Offload;
pub use poller::{Event, Interest, Poller, Trigger};
pub use reader_pool::{Job, JobError, ReaderPool};
pub use signal::{Signal, SignalMark, Signals};
pub use stream_driver::{StreamDriver, StreamDriverHandle, StreamEnding};
pub use succession::{Offer, Predecessors};
pub use tcp::{ByteStream, TcpListener, TcpOptions, TcpStream};
pub use token::Token;
pub use udp::{ReceiveBatch, UdpOptions, UdpSocket};
pub use unix::UnixStream;
pub use waker::ThreadWaker;
pub use worker::{Shutdown, Workers, spawn_workers};
