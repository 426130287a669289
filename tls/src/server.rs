//! The server's side: one file per state of RFC 9846 appendix A.2, each knowing only the states that follow it.
//!
//! WAIT_EOED is missing because QUIC has no EndOfEarlyData (RFC 9001 section 8.3). WAIT_CERT and WAIT_CV would stand
//! between NEGOTIATED and WAIT_FINISHED once clients can be asked for certificates.

pub mod connected;
pub mod negotiated;
pub mod received_client_hello;
pub mod start;
pub mod state;
pub mod wait_finished;
