//! Datagrams between a tunnel and a UDP socket (RFC 9298): what is lost or too large is dropped, and nothing is queued.

use super::arrivals::Arrivals;
use super::idle::{Idle, first};
use crate::error::Error;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::tunnel_datagrams::{DatagramReader, DatagramWriter};
use base::{Ecn, FourTuple, Transmit};
use http::exchange::Reason;
use runtime::executor::Watched;
use runtime::{Handle, UdpOptions, UdpSocket};
use std::io;
use std::net::SocketAddr;

/// Datagrams that carry what a UDP datagram holds have this context (RFC 9298 section 4).
const UDP_PAYLOAD: u8 = 0;
/// Bytes of the smallest datagram that every path of QUIC carries (RFC 9000 section 14): what has to go through a tunnel in one piece.
pub(crate) const SMALLEST_OF_QUIC: usize = 1200;
/// Bytes of the longest UDP payload (RFC 9298 section 5).
const MAX_PAYLOAD: usize = 65_527;

/// What is behind the context of a datagram that holds a UDP payload; `None` if it holds something that nobody knows here.
///
/// # Errors
/// The payload is longer than any can be.
/// RFC 9298 section 5-1, 5-3.
pub(crate) fn payload(datagram: &[u8]) -> Result<Option<&[u8]>, Error> {
    let mut reader = base::Reader::new(datagram);
    if reader.varint() != Ok(u64::from(UDP_PAYLOAD)) {
        return Ok(None);
    }
    let payload = reader.rest();
    if payload.len() > MAX_PAYLOAD {
        return Err(Error::Message("a datagram holds more than a UDP datagram can".into()));
    }
    Ok(Some(payload))
}

/// A UDP payload as a datagram of a tunnel; `None` if it is longer than any can be.
/// RFC 9298 section 5-2.
pub(crate) fn datagram(payload: &[u8]) -> Option<Vec<u8>> {
    (payload.len() <= MAX_PAYLOAD).then(|| [&[UDP_PAYLOAD], payload].concat())
}

/// A socket for one target, whose datagrams are never fragmented and have no mark of ECN.
/// RFC 9298 section 3.1-10, 3.1-11, 6.2-1.
pub(super) fn open(handle: &Handle, target: SocketAddr) -> io::Result<Watched<UdpSocket>> {
    let any: SocketAddr = if target.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let options = UdpOptions { marks: false, only_ipv6: target.is_ipv6(), ..UdpOptions::default() };
    handle.watch(UdpSocket::bind_with(any, &options)?)
}

/// Until the client ends its direction, or nothing has come for too long.
/// RFC 9298 section 3.1-5: the socket lives as long as the request.
pub(super) async fn relay(
    tunnel: Tunnel,
    socket: &Watched<UdpSocket>,
    target: SocketAddr,
    idle: &Idle,
) -> Result<(), Error> {
    let (reader, mut writer) = tunnel.datagrams()?;
    // Most tunnels are for QUIC. What its server says first finds the path to the client ready for it, or it would take what is too
    // large for congestion, and be slow for long.
    writer.expects(1 + SMALLEST_OF_QUIC);
    let both = first(up(reader, socket, target, idle), down(&mut writer, socket, target, idle));
    match idle.limit(both).await {
        Ok(()) => writer.finish(),
        Err(error) => {
            // RFC 9298 section 3.1-6, 3.1-7: where the socket ends, so does the request.
            writer.reset(Reason::Connect);
            Err(error)
        }
    }
}

async fn up(
    mut reader: DatagramReader,
    socket: &Watched<UdpSocket>,
    target: SocketAddr,
    idle: &Idle,
) -> Result<(), Error> {
    while let Some(datagram) = reader.read().await? {
        let Some(payload) = payload(&datagram)?.filter(|payload| !payload.is_empty()) else { continue };
        idle.on_use();
        let local = SocketAddr::new(if target.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() }, 0);
        let len = payload.len();
        let transmit =
            Transmit { four_tuple: FourTuple { local, remote: target }, ecn: Ecn::NotEct, len, segment_size: len };
        // What finds no room, or is too large for the way, is lost, as it would be without a proxy.
        socket.inner().send(&transmit, payload);
    }
    Ok(())
}

/// RFC 9298 section 3.1-3, 3.1-4: of others than the target nothing is passed on.
async fn down(
    writer: &mut DatagramWriter,
    socket: &Watched<UdpSocket>,
    target: SocketAddr,
    idle: &Idle,
) -> Result<(), Error> {
    let mut arrivals = Arrivals::of(socket);
    loop {
        for payload in arrivals.next(|sender| is_same(sender, target)).await? {
            idle.on_use();
            if let Some(datagram) = datagram(&payload) {
                writer.write(&datagram).await?;
            }
        }
    }
}

fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9298 section 3.1-3, 3.1-4.
    #[test]
    fn nothing_is_passed_on_but_what_the_target_sends() {
        let executor = runtime::Executor::new().unwrap();
        let handle = executor.handle();
        let [target, stranger] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let address = target.local_addr().unwrap();
        let socket = open(handle, address).unwrap();
        let port = socket.inner().local_address().port();
        stranger.send_to(b"of a stranger", ("127.0.0.1", port)).unwrap();
        target.send_to(b"of the target", ("127.0.0.1", port)).unwrap();
        stranger.send_to(b"of a stranger", ("127.0.0.1", port)).unwrap();
        executor.block_on(async {
            let (mut arrivals, mut came) = (Arrivals::of(&socket), Vec::new());
            while came.is_empty() {
                came = arrivals.next(|sender| is_same(sender, address)).await.unwrap();
            }
            assert_eq!(came, [b"of the target"]);
        });
    }

    /// RFC 9298 section 5-1, 5-2, 5-3.
    #[test]
    fn contexts_that_are_known_and_payloads_that_are_too_long() {
        assert_eq!(payload(&datagram(b"abc").unwrap()).unwrap(), Some(&b"abc"[..]));
        assert_eq!(payload(&[0x40, 0, 7]).unwrap(), Some(&[7][..]), "the number may be written longer");
        for unknown in [&[][..], &[2, 1], &[0x40], &[0x40, 2, 1]] {
            assert_eq!(payload(unknown).unwrap(), None);
        }
        let most = vec![7; MAX_PAYLOAD];
        assert_eq!(payload(&datagram(&most).unwrap()).unwrap(), Some(&most[..]));
        assert!(datagram(&[0; MAX_PAYLOAD + 1]).is_none() && payload(&[0; MAX_PAYLOAD + 2]).is_err());
    }
}
