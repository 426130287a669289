//! Requests and their responses, as handlers and clients see them: heads, bodies that are read and written part by
//! part, and the tasks that wait for them.
//!
//! Nothing here knows a version of HTTP. A version has its [`Door`](door::Door), with the calls that one exchange needs, and
//! tells by [`Events`](calls::Events) what happens to it.

pub(crate) mod account;
pub(crate) mod body;
pub(crate) mod calls;
pub(crate) mod door;
pub(crate) mod mailbox;
pub(crate) mod patience;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tunnel;
pub(crate) mod tunnel_datagrams;
pub(crate) mod tunnel_udp;
pub(crate) mod version;
pub(crate) mod writer;
