//! Connecting to sockets of the file system, and to those of names beside it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::sys::linux::calls;
use crate::sys::linux::types::{AF_UNIX, SOCK_STREAM};

/// Bytes of a path in `struct sockaddr_un`, with the zero at its end.
const PATH_LEN: usize = 108;

/// A socket that is connected to the one at `path`; `WouldBlock` where the listener's queue is full.
pub(crate) fn connect_unix(path: &Path) -> io::Result<OwnedFd> {
    let path = path.as_os_str().as_bytes();
    // A path that begins with a zero would be a name beside the file system.
    if path.is_empty() || path.len() >= PATH_LEN || path.contains(&0) {
        let words = format!("a socket's path has from 1 to {} bytes, and no zero", PATH_LEN - 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let socket = calls::socket(AF_UNIX, SOCK_STREAM)?;
    let mut address = AF_UNIX.to_ne_bytes().to_vec();
    address.extend_from_slice(path);
    address.push(0);
    calls::connect_bytes(socket.as_fd(), &address)?;
    Ok(socket)
}

/// The same by a name beside the file system.
pub(crate) fn connect_abstract(name: &str) -> io::Result<OwnedFd> {
    let socket = calls::socket(AF_UNIX, SOCK_STREAM)?;
    let mut address = AF_UNIX.to_ne_bytes().to_vec();
    address.push(0);
    address.extend_from_slice(name.as_bytes());
    calls::connect_bytes(socket.as_fd(), &address)?;
    Ok(socket)
}
