use super::*;
use crate::executor::Executor;
use std::io::ErrorKind;

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

/// Both ends of a connection.
async fn pair(handle: &Handle, listener: &Watched<TcpListener>) -> (Watched<TcpStream>, TcpStream) {
    let ours = TcpStream::connect(handle, listener.inner().local_address()).await.unwrap();
    let theirs = listener.read_with(TcpListener::accept).await.unwrap();
    (ours, theirs)
}

#[test]
fn bytes_ends_and_resets_pass_between_both_ends() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let listener = handle.watch(listener()).unwrap();
        let (ours, theirs) = pair(handle, &listener).await;
        let mut room = [0; 8];
        assert_eq!(theirs.receive(&mut room).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(theirs.send(b"hello").unwrap(), 5);
        assert_eq!(ours.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 5);
        assert_eq!(&room[..5], b"hello");
        theirs.end().unwrap();
        assert_eq!(ours.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 0);
        // The other direction goes on.
        assert_eq!(ours.inner().send(b"and you").unwrap(), 7);
        let theirs = handle.watch(theirs).unwrap();
        assert_eq!(theirs.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 7);
        ours.inner().reset_when_dropped();
        drop(ours);
        let error = theirs.read_with(|stream| stream.receive(&mut room)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_reset_does_not_wait_for_what_was_not_read() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let listener = handle.watch(listener()).unwrap();
        let (ours, theirs) = pair(handle, &listener).await;
        while theirs.send(&[7; 1 << 16]).is_ok() {}
        theirs.reset();
        poll_fn(|context| ours.poll_hung_up(context)).await;
        assert_eq!(ours.inner().take_error().map(|error| error.kind()), Some(ErrorKind::ConnectionReset));
        assert!(ours.inner().take_error().is_none(), "told once");
    });
}

#[test]
fn where_nobody_listens_connecting_fails_with_the_reason() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address.parse().unwrap()).unwrap();
        let nobody = listener.local_address();
        drop(listener);
        let error = executor.block_on(TcpStream::connect(handle, nobody)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn listeners_share_an_address_if_all_ask_for_it_and_serve_both_families() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    let options = TcpOptions { reuse_port: true, ..TcpOptions::default() };
    let listener = TcpListener::bind_with("[::]:0".parse().unwrap(), &options).unwrap();
    let port = listener.local_address().port();
    assert!(TcpListener::bind(listener.local_address()).is_err());
    executor.block_on(async {
        let listener = handle.watch(listener).unwrap();
        assert_eq!(listener.inner().accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let ours = TcpStream::connect(handle, SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
        let theirs = listener.read_with(TcpListener::accept).await.unwrap();
        // A mapped address is seen as the IPv4 address that it stands for.
        assert_eq!(theirs.remote_address(), ours.inner().local_address().unwrap());
    });
    let again = TcpListener::bind_with(SocketAddr::from(([0u16; 8], port)), &options);
    assert!(again.is_ok(), "{again:?}");
    let only = TcpOptions { only_ipv6: true, ..TcpOptions::default() };
    let only = TcpListener::bind_with("[::]:0".parse().unwrap(), &only).unwrap();
    let ipv4 = SocketAddr::from(([127, 0, 0, 1], only.local_address().port()));
    assert!(executor.block_on(TcpStream::connect(handle, ipv4)).is_err());
}

/// Who would connect finds nobody, and then whoever listens at the address next. What has begun goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_listener_that_is_to_close_passes_over_those_who_come() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let shared = TcpOptions { reuse_port: true, ..TcpOptions::default() };
        let old = TcpListener::bind_with("127.0.0.1:0".parse().unwrap(), &shared).unwrap();
        let (address, old) = (old.local_address(), handle.watch(old).unwrap());
        let begun = TcpStream::connect(handle, address).await.unwrap();
        old.inner().pass_over_newcomers().unwrap();
        let accepted = old.read_with(TcpListener::accept).await.unwrap();
        accepted.send(b"hello").unwrap();
        let mut room = [0; 8];
        assert_eq!(begun.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 5);
        let (waiting, own) = (std::rc::Rc::new(std::cell::Cell::new(true)), handle.clone());
        let is_waiting = waiting.clone();
        let late = handle.spawn(async move {
            let connected = TcpStream::connect(&own, address).await;
            is_waiting.set(false);
            connected
        });
        // On this host that would take some microseconds.
        handle.sleep(base::Duration::from_millis(50)).await;
        assert!(waiting.get(), "nobody answers");
        assert_eq!(old.inner().accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let new = handle.watch(TcpListener::bind_with(address, &shared).unwrap()).unwrap();
        drop(old);
        late.await.unwrap().unwrap();
        new.read_with(TcpListener::accept).await.unwrap();
    });
}

#[test]
fn small_parts_are_not_held_back() {
    use crate::sys::testing::int_option;
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let listener = handle.watch(listener()).unwrap();
        let (ours, theirs) = pair(handle, &listener).await;
        for fd in [ours.inner().as_fd(), theirs.as_fd()] {
            assert_eq!(int_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY), 1);
        }
    });
}

/// A peer that goes without a word is asked for after a while, whoever has opened the listener.
#[test]
#[cfg(target_os = "linux")]
fn a_silent_peer_is_asked_whether_it_is_there() {
    use crate::sys::testing::int_option;
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let adopted = TcpListener::adopt(StdTcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        for listener in [listener(), adopted] {
            let listener = handle.watch(listener).unwrap();
            let (ours, theirs) = pair(handle, &listener).await;
            for fd in [ours.inner().as_fd(), theirs.as_fd()] {
                assert_eq!(int_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
                let times = [libc::TCP_KEEPIDLE, libc::TCP_KEEPINTVL, libc::TCP_KEEPCNT];
                assert_eq!(times.map(|name| int_option(fd, libc::IPPROTO_TCP, name)), [60, 15, 4]);
            }
        }
    });
}
