//! Connecting to sockets of the file system.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::sys::bsd::calls;
use crate::sys::bsd::system::SO_NOSIGPIPE;
use crate::sys::bsd::types::{AF_UNIX, PATH_LEN, SOCK_STREAM, SOL_SOCKET};

/// A socket that is connected to the one at `path`. Where the listener's queue is full these systems refuse at once.
pub(crate) fn connect_unix(path: &Path) -> io::Result<OwnedFd> {
    let path = path.as_os_str().as_bytes();
    if path.is_empty() || path.len() >= PATH_LEN || path.contains(&0) {
        let words = format!("a socket's path has from 1 to {} bytes, and no zero", PATH_LEN - 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let socket = calls::socket(AF_UNIX, SOCK_STREAM)?;
    // Writing to a connection that is gone is an error and no signal.
    calls::set_option(socket.as_fd(), SOL_SOCKET, SO_NOSIGPIPE, 1)?;
    // The length of the whole, the family, and the path with its zero.
    let mut address = vec![(path.len() + 3) as u8, AF_UNIX];
    address.extend_from_slice(path);
    address.push(0);
    calls::connect_bytes(socket.as_fd(), &address)?;
    Ok(socket)
}

/// There are no names beside the file system.
pub(crate) fn connect_abstract(_name: &str) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
