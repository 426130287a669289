//! The server's side: one file per state of RFC 9846 appendix A.2, in the order of the handshake. Each state is made of the
//! state before it and of the message that leads on, and in no other way.
//!
//! RECVD_CH and NEGOTIATED last as long as one call. WAIT_EOED comes with early data, over records only, because QUIC has no
//! EndOfEarlyData (RFC 9001 section 8.3). WAIT_CERT and WAIT_CV would stand between NEGOTIATED and WAIT_FINISHED once
//! clients can be asked for certificates.

pub mod choice;
pub mod connected;
pub mod negotiated;
pub mod received_client_hello;
pub mod start;
pub mod state;
pub mod wait_finished;
