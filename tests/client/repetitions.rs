//! Requests that are sent again, and those that are not.

use crate::support::with_server;
use posthaste::{Client, Error, Method, Reply, Request, Roots};
use std::cell::Cell;
use std::rc::Rc;

/// Refuses the first `times` requests without doing anything.
fn refusing(
    times: usize,
) -> (Rc<Cell<usize>>, impl Fn(Request, Reply) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>>) {
    let seen = Rc::new(Cell::new(0));
    let counted = seen.clone();
    let handler = move |_: Request, reply: Reply| {
        counted.set(counted.get() + 1);
        let is_refused = counted.get() <= times;
        Box::pin(async move {
            if is_refused {
                reply.reject();
                return Ok(());
            }
            reply.send(200, "done").await
        }) as std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>>
    };
    (seen, handler)
}

#[test]
fn what_was_refused_unprocessed_is_sent_again_so_often_and_not_more() -> Result<(), Error> {
    for (refusals, limit, expected) in [(1, 2, Ok(1)), (3, 5, Ok(3)), (3, 2, Err(3)), (1, 0, Err(1))] {
        let (seen, handler) = refusing(refusals);
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
