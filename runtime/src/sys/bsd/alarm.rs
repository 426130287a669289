//! What a signal handler wakes a thread with: two connected sockets, of which one becomes readable when it writes to the other.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Something to watch for reading, and to make readable from elsewhere.
#[derive(Debug)]
pub(crate) struct Alarm {
    outlet: UnixStream,
    inlet: UnixStream,
}

impl Alarm {
    /// Not yet raised.
    pub(crate) fn new() -> io::Result<Alarm> {
        let (outlet, inlet) = UnixStream::pair()?;
        outlet.set_nonblocking(true)?;
        inlet.set_nonblocking(true)?;
        Ok(Alarm { outlet, inlet })
    }

    /// Makes it unreadable. Whoever watches its edges must do so now and then: one that is full makes no edges.
    pub(crate) fn quiet(&self) {
        let mut room = [0; 512];
        while (&self.outlet).read(&mut room).is_ok_and(|len| len == room.len()) {}
    }

    /// The descriptor to which a signal handler writes eight bytes.
    pub(crate) fn raw_inlet(&self) -> i32 {
        self.inlet.as_raw_fd()
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.outlet.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::{Interest, Poller};
    use base::Duration;
    use std::io::Write;

    fn is_told(poller: &mut Poller) -> bool {
        poller.wait(Some(Duration::ZERO)).unwrap();
        poller.next_event().is_some()
    }

    #[test]
    fn each_raise_is_an_edge_and_one_that_was_full_is_again_once_it_is_quieted() {
        let alarm = Alarm::new().unwrap();
        let mut poller = Poller::new().unwrap();
        poller.register(alarm.as_fd(), Interest::READABLE_EDGES).unwrap();
        assert!(!is_told(&mut poller));
        let raise = || (&alarm.inlet).write(&1u64.to_ne_bytes());
        for _ in 0..3 {
            raise().unwrap();
            assert!(is_told(&mut poller));
            assert!(!is_told(&mut poller));
        }
        while raise().is_ok() {}
        assert!(is_told(&mut poller));
        alarm.quiet();
        assert!((&alarm.outlet).read(&mut [0; 8]).is_err(), "nothing is left");
        alarm.quiet();
        assert!(!is_told(&mut poller));
        raise().unwrap();
        assert!(is_told(&mut poller));
    }
}
