//! The machine of a connection to a backend: HTTP/1.1, and what is to be known before it is used again.

use super::waiting::Waiting;
use base::{Demand, Instant, Outgoing, StreamMachine};
use http::Scheme;
use std::cell::Cell;
use std::rc::Rc;

/// A client's end of HTTP/1.1 that is left alone between two exchanges.
///
/// Bytes may have come behind an answer. They belong to no request, and the next one must not take them for its answer. So
/// after an exchange the connection can be used only when its driver has looked: then such bytes have ended it.
pub(super) struct Client {
    http: h1::Connection,
    /// It was left, and its driver has not looked at it since.
    is_unseen: Cell<bool>,
    /// When it is ended if nobody uses it.
    left_until: Option<Instant>,
    waiting: Rc<Waiting>,
}

impl Client {
    /// `waiting` is woken when it can be used.
    pub(super) fn new(config: h1::Config, waiting: Rc<Waiting>) -> Client {
        let http = h1::Connection::client(config, Scheme::Http);
        Client { http, is_unseen: Cell::new(false), left_until: None, waiting }
    }

    pub(super) fn http(&mut self) -> &mut h1::Connection {
        &mut self.http
    }

    /// Nobody uses it from now on, and until then it is kept.
    pub(super) fn leave(&mut self, until: Instant) {
        self.is_unseen.set(true);
        self.left_until = Some(until);
    }

    /// Somebody is about to use it. False if that cannot be.
    pub(super) fn take(&mut self) -> bool {
        if self.is_unseen.get() || !self.http.is_idle() {
            return false;
        }
        self.left_until = None;
        true
    }
}

impl StreamMachine for Client {
    fn demand(&self) -> Demand {
        if self.is_unseen.replace(false) {
            self.waiting.wake_one();
        }
        self.http.demand()
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.http.receive(now, bytes)
    }

    fn on_end(&mut self, now: Instant, left: &[u8]) {
        self.http.on_end(now, left);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.http.transmit(now, buffer)
    }

    fn on_reset(&mut self, now: Instant) {
        self.http.on_reset(now);
    }

    fn deadline(&self) -> Option<Instant> {
        [self.http.deadline(), self.left_until].into_iter().flatten().min()
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.left_until.is_some_and(|end| end <= now) {
            self.left_until = None;
            self.http.close(now);
        }
        self.http.on_timeout(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Bytes;
    use http::RequestHead;
    use std::time::Duration;

    const NOW: Instant = Instant::ZERO;

    fn asked() -> Client {
        let mut client = Client::new(h1::Config::default(), Rc::default());
        let head = RequestHead::get("http://a/").unwrap();
        client.http().send_request(NOW, &head, &mut Bytes::new(), true).unwrap();
        assert!(matches!(client.transmit(NOW, &mut [0; 1000]), Outgoing::Bytes(_)));
        client
    }

    #[test]
    fn it_is_used_again_when_its_driver_has_looked() {
        let mut client = asked();
        assert!(!client.take(), "in use");
        client.receive(NOW, &mut b"HTTP/1.1 204 \r\n\r\n".to_vec());
        client.leave(NOW + Duration::from_secs(1));
        assert!(!client.take(), "unseen");
        assert_eq!(client.demand(), Demand::More);
        assert!(client.take());
        assert_eq!(client.deadline(), None);
    }

    #[test]
    fn bytes_behind_an_answer_end_it() {
        let mut client = asked();
        let mut bytes = b"HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n".to_vec();
        client.receive(NOW, &mut bytes);
        client.leave(NOW + Duration::from_secs(1));
        assert_eq!(client.demand(), Demand::Reset);
        assert!(!client.take());
    }

    #[test]
    fn who_is_not_used_is_ended() {
        let mut client = asked();
        client.receive(NOW, &mut b"HTTP/1.1 204 \r\n\r\n".to_vec());
        let end = NOW + Duration::from_secs(1);
        client.leave(end);
        assert_eq!(client.deadline(), Some(end));
        client.on_timeout(end);
        assert!(!client.take());
        assert_eq!(client.transmit(end, &mut [0; 10]), Outgoing::End);
    }
}
