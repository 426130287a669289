//! The server's side: one file per state of RFC 9846 appendix A.2, in the order of the handshake. A state can
//! only be made from the state before it and the message that leads to it.
//!
//! RECVD_CH and NEGOTIATED exist during one call only. WAIT_EOED is passed by early data over records only; QUIC has no
//! EndOfEarlyData (RFC 9001 section 8.3). WAIT_CERT and WAIT_CV come about where the client is asked for a certificate.

pub(crate) mod choice;
pub(crate) mod connected;
pub(crate) mod issuer;
pub(crate) mod negotiated;
pub(crate) mod received_client_hello;
pub(crate) mod resumption;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod wait_certificate;
pub(crate) mod wait_certificate_verify;
pub(crate) mod wait_end_of_early_data;
pub(crate) mod wait_finished;
