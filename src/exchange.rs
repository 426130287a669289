//! Requests and their responses, as handlers and clients see them: heads, bodies that are read and written part by part, and
//! who waits for what.

pub(crate) mod body;
pub(crate) mod calls;
pub(crate) mod mailbox;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod writer;
