//! Servers that have no HTTP/3, or that UDP does not reach: they are asked by TCP beside QUIC, and which they are is remembered for a
//! while.

use crate::client::connection::Connection;
use crate::client::event::ClientEvent;
use crate::error::Error;
use crate::http3::relocation::OnClientEvent;
use crate::tcp::client::TcpDial;
use crate::url;
use base::Instant;
use runtime::Handle;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// How long a server may be silent by QUIC before it is tried by TCP beside that: longer than nearly all handshakes take, and short of
/// what people take for a server that is down. A quarter of the time that there is, if that is less.
const HEAD_START: Duration = Duration::from_secs(1);
/// How long it is remembered that a server came by TCP: there is no head start meanwhile, and the first that answers is kept.
const REMEMBERED: Duration = Duration::from_secs(300);
/// The servers of which that is remembered, the last ones.
const MOST_REMEMBERED: usize = 64;

/// The way to servers by TCP.
pub(crate) struct Fallback {
    pub(crate) dial: Rc<TcpDial>,
    on_event: Option<OnClientEvent>,
    remembered: RefCell<Remembered>,
}

/// Which servers came by TCP, and until when that counts.
#[derive(Default)]
struct Remembered(VecDeque<(Box<str>, u16, Instant)>);

type Opened = Result<Rc<dyn Connection>, Error>;

impl Fallback {
    pub(crate) fn new(dial: Rc<TcpDial>, on_event: Option<OnClientEvent>) -> Fallback {
        Fallback { dial, on_event, remembered: RefCell::default() }
    }

    /// The connection that `by_quic` gives; or that of `by_tcp`, which is begun when QUIC has failed or was silent for a while, and which
    /// is kept if it is there first. A server that shows the wrong certificate by QUIC is asked no further.
    pub(crate) async fn first(
        &self,
        handle: &Handle,
        server: (&str, u16),
        patience: Duration,
        by_quic: impl Future<Output = Opened>,
        by_tcp: impl Future<Output = Opened>,
    ) -> Opened {
        let (mut by_quic, mut by_tcp) = (pin!(by_quic), pin!(by_tcp));
        let has_come_by_tcp = self.remembered.borrow_mut().has(server, handle.read_clock());
        let mut head_start =
            pin!(handle.sleep(if has_come_by_tcp { Duration::ZERO } else { HEAD_START.min(patience / 4) }));
        let (mut quic_error, mut tcp_error) = (None, None);
        poll_fn(|context| {
            if quic_error.is_none() {
                match by_quic.as_mut().poll(context) {
                    Poll::Pending => {}
                    Poll::Ready(Err(error)) if may_come_by_tcp(&error) => quic_error = Some(error),
                    Poll::Ready(result) => {
                        self.remembered.borrow_mut().forget(server);
                        return Poll::Ready(result);
                    }
                }
            }
            if tcp_error.is_none() && (quic_error.is_some() || head_start.as_mut().poll(context).is_ready()) {
                match by_tcp.as_mut().poll(context) {
                    Poll::Pending => {}
                    Poll::Ready(Err(error)) => tcp_error = Some(error),
                    Poll::Ready(Ok(connection)) => {
                        self.remembered.borrow_mut().remember(server, handle.read_clock() + REMEMBERED);
                        self.tell(server, quic_error.as_ref());
                        return Poll::Ready(Ok(connection));
                    }
                }
            }
            match (&quic_error, &mut tcp_error) {
                (Some(quic), Some(tcp)) => Poll::Ready(Err(if is_telling(tcp) { tcp } else { quic }.clone())),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn tell(&self, (host, port): (&str, u16), because: Option<&Error>) {
        if let Some(on_event) = &self.on_event {
            let server = url::authority(host, port);
            on_event(&ClientEvent::ByTcp { server, because: because.map(Error::to_string) });
        }
    }
}

impl Remembered {
    fn has(&mut self, (host, port): (&str, u16), now: Instant) -> bool {
        self.0.retain(|(_, _, until)| *until > now);
        self.0.iter().any(|(other, at, _)| (&**other, *at) == (host, port))
    }

    fn remember(&mut self, server: (&str, u16), until: Instant) {
        self.forget(server);
        if self.0.len() == MOST_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((server.0.into(), server.1, until));
    }

    fn forget(&mut self, (host, port): (&str, u16)) {
        self.0.retain(|(other, at, _)| (&**other, *at) != (host, port));
    }
}

/// Whether it is QUIC, and not the server, that failed.
fn may_come_by_tcp(error: &Error) -> bool {
    match error {
        Error::Unreachable { attempts, .. } => attempts.iter().all(|(_, error)| may_come_by_tcp(error)),
        Error::NoRoute { .. } | Error::Refused { .. } | Error::NoAnswer { .. } | Error::NotHttp3 { .. } => true,
        // Many proxies have CONNECT alone.
        Error::Proxy { error, .. } => matches!(**error, Error::TunnelRefused { .. }) || may_come_by_tcp(error),
        error => error.is_connection_lost(),
    }
}

/// Whether it says more than that there is nothing by TCP either.
fn is_telling(error: &Error) -> bool {
    match error {
        Error::Proxy { error, .. } => is_telling(error),
        error => matches!(error, Error::Certificate { .. } | Error::Tls { .. } | Error::TunnelRefused { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_last_servers_are_remembered_for_their_time() {
        let mut remembered = Remembered::default();
        remembered.remember(("a", 443), at(10));
        assert!(remembered.has(("a", 443), at(9)));
        assert!(!remembered.has(("a", 444), at(9)) && !remembered.has(("b", 443), at(9)));
        assert!(!remembered.has(("a", 443), at(10)));
        remembered.remember(("a", 443), at(30));
        remembered.remember(("a", 443), at(40));
        assert_eq!(remembered.0.len(), 1);
        remembered.forget(("a", 443));
        assert!(!remembered.has(("a", 443), at(10)));
        for port in 0..100 {
            remembered.remember(("a", port), at(20));
        }
        assert_eq!(remembered.0.len(), MOST_REMEMBERED);
        assert!(!remembered.has(("a", 35), at(10)) && remembered.has(("a", 36), at(10)));
    }

    /// What says that the server is the wrong one, or that there is none of this name, is final.
    #[test]
    fn only_what_quic_is_to_blame_for_has_tcp_tried() {
        let address = ([127, 0, 0, 1], 443).into();
        let refused = || Error::Refused { address };
        let certificate = || Error::Certificate { host: "a".into(), error: x509::Error::Malformed("a test") };
        assert!(may_come_by_tcp(&refused()) && may_come_by_tcp(&Error::NotHttp3 { address }));
        assert!(may_come_by_tcp(&Error::NoAnswer { address, after: REMEMBERED }));
        assert!(!may_come_by_tcp(&certificate()) && !may_come_by_tcp(&Error::Message("no".into())));
        let both =
            |second| Error::Unreachable { host: "a".into(), attempts: vec![(address, refused()), (address, second)] };
        assert!(may_come_by_tcp(&both(refused())) && !may_come_by_tcp(&both(certificate())));
    }
}
