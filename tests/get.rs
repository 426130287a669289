//! `posthaste get` as a process: signals, files, time limits, uploads, and several URLs, with servers that the tests control.
#![allow(clippy::unwrap_used)] // a test may

#[path = "get/answering.rs"]
mod answering;
#[path = "get/files.rs"]
mod files;
#[path = "get/habits.rs"]
mod habits;
#[path = "get/limits.rs"]
mod limits;
#[path = "ends/plain.rs"]
mod plain;
#[path = "get/process.rs"]
mod process;
#[path = "get/resuming.rs"]
mod resuming;
#[allow(dead_code)] // shared with the tests of the command
#[path = "command/serving.rs"]
mod serving;
#[path = "get/several.rs"]
mod several;
#[path = "get/signals.rs"]
mod signals;
#[path = "get/uploads.rs"]
mod uploads;
