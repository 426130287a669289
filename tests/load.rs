//! `posthaste load` as a process: how much is sent and when, what is asked, what is told, and that every run ends.
#![allow(clippy::unwrap_used)] // a test may

#[path = "get/answering.rs"]
mod answering;
#[path = "load/measures.rs"]
mod measures;
#[path = "ends/plain.rs"]
mod plain;
#[allow(dead_code)] // shared with the tests of `get`
#[path = "get/process.rs"]
mod process;
#[allow(dead_code)] // shared with the tests of the command
#[path = "command/serving.rs"]
mod serving;
