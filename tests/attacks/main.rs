//! Every published vulnerability of this field that could be ours, as a test that shows what happens instead.
//!
//! A row of the catalogue is a letter and a number; its test is `fn <row>_<what holds>` in the file of its letter. What is
//! shown where only the crate's own tests can look, and what waits for a feature, is in `table.rs`, which also checks that
//! no row is forgotten. docs/threat-model.md says who attacks and what guards against it.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

/// Bounds on memory are bounds on bytes, so they are counted.
#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

mod a;
mod c;
mod carriers;
mod defaults;
mod guards;
mod m;
mod p;
mod q;
mod r;
mod s;
mod support;
mod t;
mod table;
mod tokens;
mod u;
mod x;
