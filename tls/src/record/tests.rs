//! Connections over records: two ends in memory, and single records that no honest peer sends.

mod closing;
mod early_data;
mod ends;
mod handshake;
mod limits;
mod states;
mod stream;
mod traces;
mod updates;
