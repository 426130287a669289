//! Connection IDs as a connection manages them (RFC 9000 section 5.1): those this side issued, those the peer issued, and
//! the tokens that reset a connection whose state is lost (section 10.3).

pub(crate) mod local;
pub(crate) mod peer;
pub(crate) mod stateless_reset;
