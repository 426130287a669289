//! What a server that ends tells of a request that it cut short.

use http::{Method, Status};
use std::fmt;
use std::net::SocketAddr;

/// A request that was cut short because its server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutRequest {
    /// Who had asked.
    pub remote: SocketAddr,
    /// What was to be done.
    pub method: Method,
    /// With what: the path with its query, or the target of CONNECT.
    pub target: String,
    /// With what status the answer had begun, if it had.
    pub status: Option<Status>,
    /// Bytes of content that had been handed over.
    pub bytes: u64,
}

impl fmt::Display for CutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CutRequest { remote, method, target, bytes, .. } = self;
        match self.status {
            Some(status) => write!(f, "{method} {target} of {remote}: {status} and {bytes} bytes were handed over"),
            None => write!(f, "{method} {target} of {remote}: not answered"),
        }
    }
}
