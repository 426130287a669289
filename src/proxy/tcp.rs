//! Bytes between a tunnel and a TCP connection (RFC 9114 section 4.4): each direction ends by itself.

use super::idle::{Idle, both};
use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::writer::BodyWriter;
use http::exchange::Reason;
use runtime::TcpStream;
use runtime::executor::Watched;
use std::future::poll_fn;
use std::io;

/// Bytes that are read from the target at a time.
const ROOM: usize = 32 << 10;

/// Until both directions have ended, one has failed, or nothing has come for too long. The connection is closed with it.
/// RFC 9114 section 4.4-8, 4.4-9, RFC 9110 section 9.3.6-4: what has come before an end is passed on.
pub(crate) async fn relay(tunnel: Tunnel, target: Watched<TcpStream>, idle: &Idle) -> Result<(), Error> {
    let (body, writer) = tunnel.split();
    let exchange = writer.exchange().clone();
    let result = idle.limit(both(up(body, &target, idle), down(writer, &target, idle))).await;
    if let Err(error) = &result {
        // RFC 9114 s4.4: both sides learn that the other one has failed.
        exchange.reset(Reason::Connect);
        if matches!(error, Error::System(_)) {
            return Ok(());
        }
    }
    result
}

async fn up(mut body: Body, target: &Watched<TcpStream>, idle: &Idle) -> Result<(), Error> {
    while let Some(bytes) = body.chunk().await? {
        idle.on_use();
        let mut left = &bytes[..];
        while !left.is_empty() {
            match target.inner().send(left) {
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    target.clear_writable();
                    poll_fn(|context| target.poll_writable(context)).await;
                }
                Err(error) => return Err(Error::system(error)),
            }
        }
    }
    target.inner().end().map_err(Error::system)
}

async fn down(mut writer: BodyWriter, target: &Watched<TcpStream>, idle: &Idle) -> Result<(), Error> {
    loop {
        // Nothing is read that the client does not take.
        let room = writer.room(ROOM).await?.min(ROOM);
        let mut bytes = vec![0; room];
        let count = target.read_with(|stream| stream.receive(&mut bytes)).await.map_err(Error::system)?;
        if count == 0 {
            return writer.finish();
        }
        idle.on_use();
        bytes.truncate(count);
        writer.write(bytes).await?;
    }
}
