//! What those who speak a protocol ask of a store.

use events::delivery::{Operation, Outcome};

/// What is called with the outcome of an operation, once: on a thread of the store, so that it has to be short and must not wait.
pub type Answer = Box<dyn FnOnce(Outcome) + Send>;

/// Keeps events, and delivers them. Any thread may submit operations.
pub trait Store: Send + Sync {
    /// Does an operation, some time. `answer` is called in any case: with [`Refusal::Ending`](events::delivery::Refusal::Ending) if the
    /// store ends before it was done, and with [`Refusal::Busy`](events::delivery::Refusal::Busy) at once if too many wait already.
    ///
    /// Operations of one thread are done in the order in which they were submitted.
    fn submit(&self, operation: Operation, answer: Answer);
}
