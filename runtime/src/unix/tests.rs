use super::*;
use crate::executor::Executor;
use std::io::ErrorKind;
use std::os::unix::net::UnixListener;

/// A path in the folder for temporary files that no other test has.
fn path(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("posthaste-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn bytes_and_ends_pass_between_both_ends() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let path = path("stream");
        let listener = UnixListener::bind(&path).unwrap();
        let ours = UnixStream::connect(handle, &path).await.unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        assert_eq!(ours.inner().receive(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        theirs.write_all(b"hello").unwrap();
        let mut room = [0; 8];
        assert_eq!(ours.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 5);
        assert_eq!(&room[..5], b"hello");
        assert_eq!(ours.inner().send(b"you").unwrap(), 3);
        ours.inner().end().unwrap();
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"you");
        drop(theirs);
        assert_eq!(ours.read_with(|stream| stream.receive(&mut room)).await.unwrap(), 0);
        assert!(ours.inner().take_error().is_none());
        std::fs::remove_file(path).unwrap();
    });
}

/// A listener that accepts nothing has room for few. Who comes after them waits, and is let in when one was accepted.
#[test]
fn a_full_queue_is_waited_for() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let path = path("queue");
        let listener = UnixListener::bind(&path).unwrap();
        let mut open = Vec::new();
        while let Ok(stream) = sys::connect_unix(&path) {
            open.push(stream);
            assert!(open.len() < 100_000, "a queue ends somewhere");
        }
        let waiting = handle.timeout(Duration::from_millis(20), UnixStream::connect(handle, &path)).await;
        assert!(waiting.is_err(), "there is no room");
        let connect = UnixStream::connect(handle, &path);
        listener.accept().unwrap();
        connect.await.unwrap();
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn what_cannot_be_connected_to_says_why() {
    let executor = Executor::new().unwrap();
    let handle = executor.handle();
    executor.block_on(async {
        let path = path("refused");
        let error = UnixStream::connect(handle, &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        let error = UnixStream::connect(handle, &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        std::fs::remove_file(path).unwrap();
        for bad in ["x".repeat(200), String::new(), "a\0b".into()] {
            let error = UnixStream::connect(handle, Path::new(&bad)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
    });
}
