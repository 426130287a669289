//! The stacks beside ours, each tuned as well as its settings allow.

pub mod quinn;
