//! What the errors of calls mean to whoever made them. Which number means what is a table of each system (`policy.rs`).

/// What an error of a send means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// No room: the rest has to wait.
    Full,
    /// Nothing happened; again. Or a report about an earlier datagram was fetched by this call.
    Again,
    /// The system does not know this call or option.
    Unsupported,
    /// The system is short of memory; again, perhaps with less.
    Short,
    /// There is no way to this peer from this address; true for every segment.
    Unreachable,
    /// This message was refused.
    Refused,
}

/// What an error of a receive means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// There is nothing, or the call was interrupted, or it has fetched a report about an earlier datagram, which would be
    /// missed by asking again: true for every call that receives.
    Told,
    /// The system does not know this call.
    Unsupported,
    /// This call was refused; another may not be.
    Refused,
}
