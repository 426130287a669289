//! What has become of early data (0-RTT, RFC 9846 section 2.3).

/// What has become of a client's early data, on either side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// The client offers none.
    #[default]
    NotOffered,
    /// The client offers it, and the server has not answered.
    Offered,
    /// The server takes it. Whoever recorded it may send it again to another server.
    Accepted,
    /// The server does not take it: what was sent in it has not arrived.
    Refused,
}
