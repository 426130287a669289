//! Requests that are sent again, and those that are not.

use crate::support::with_server;
use posthaste::{Client, Error, Method, Reply, Request, Roots};
use std::cell::Cell;
use std::rc::Rc;

/// Refuses a request without doing anything, if it is one of the first `times`.
async fn refuse_first(times: usize, seen: Rc<Cell<usize>>, reply: Reply) -> Result<(), Error> {
    seen.set(seen.get() + 1);
    if seen.get() <= times {
        reply.reject();
        return Ok(());
    }
    reply.send(200, "done").await
}

#[test]
fn what_was_refused_unprocessed_is_sent_again_so_often_and_not_more() -> Result<(), Error> {
    for (refusals, limit, expected) in [(1, 2, Ok(1)), (3, 5, Ok(3)), (3, 2, Err(3)), (1, 0, Err(1))] {
        let seen = Rc::new(Cell::new(0));
        let counted = seen.clone();
        let handler = move |_: Request, reply: Reply| refuse_first(refusals, counted.clone(), reply);
        with_server(handler, async |_, base, handle| {
            let client = Client::builder(Roots::dangerous_accept_any()).repetitions(limit).build(&handle);
            let result = client.request(Method::Post, &base).body("once").send().await;
            let result = result.map(|response| response.repetitions()).map_err(|error| {
                assert!(error.is_unprocessed(), "{error}");
                seen.get()
            });
            assert_eq!(result, expected, "{refusals} {limit}");
        });
    }
    Ok(())
}
