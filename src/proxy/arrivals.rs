//! Datagrams that come to a socket of a tunnel, a batch at a time.

use crate::error::Error;
use runtime::executor::Watched;
use runtime::{ReceiveBatch, UdpSocket};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

/// How many errors in a row a socket may give before it counts as broken.
const MOST_FAILURES: usize = 8;

thread_local! {
    /// Room to receive in, for all tunnels of a thread.
    static BATCH: RefCell<ReceiveBatch> = RefCell::new(ReceiveBatch::new());
}

/// What comes to a socket from those who are listened to.
pub(crate) struct Arrivals<'a> {
    socket: &'a Watched<UdpSocket>,
    failures: usize,
}

impl<'a> Arrivals<'a> {
    /// What comes to this socket.
    pub(crate) fn of(socket: &'a Watched<UdpSocket>) -> Arrivals<'a> {
        Arrivals { socket, failures: 0 }
    }

    /// The payloads of one batch that came from senders of which `is_taken` is true; perhaps none.
    ///
    /// # Errors
    /// The socket gave nothing but errors, [`MOST_FAILURES`] times. A single one is a report about something that was sent earlier,
    /// such as that nobody listens there, and not the end of the socket.
    pub(crate) async fn next(&mut self, is_taken: impl Fn(SocketAddr) -> bool) -> Result<Vec<Vec<u8>>, Error> {
        loop {
            let receive = |socket: &UdpSocket| BATCH.with_borrow_mut(|batch| receive(socket, batch, &is_taken));
            match self.socket.read_with(receive).await {
                Ok(came) => {
                    self.failures = 0;
                    return Ok(came);
                }
                Err(_) if self.failures < MOST_FAILURES => self.failures += 1,
                Err(error) => return Err(Error::system(error)),
            }
        }
    }
}

fn receive(
    socket: &UdpSocket,
    batch: &mut ReceiveBatch,
    is_taken: impl Fn(SocketAddr) -> bool,
) -> io::Result<Vec<Vec<u8>>> {
    socket.receive(batch)?;
    let mut came = Vec::new();
    while let Some(received) = batch.next_message() {
        if is_taken(received.four_tuple.remote) {
            came.extend(received.datagrams().map(|datagram| datagram.payload.to_vec()));
        }
    }
    Ok(came)
}
