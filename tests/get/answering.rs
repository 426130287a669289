//! A server on a thread of its own, with a handler of the test.

use posthaste::{Identity, Outcome, Reply, Request, Server, Workers};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

pub(crate) struct Answering {
    workers: Option<Workers>,
    base: String,
}

impl Answering {
    pub(crate) fn start<H: Future<Output: Outcome> + 'static>(
        handler: impl Fn(Request, Reply) -> H + Send + Sync + 'static,
    ) -> Answering {
        let server = Server::builder(Identity::development(&[]).unwrap()).listen("127.0.0.1:0".parse().unwrap());
        let workers = server.start_workers(1, handler).unwrap();
        let base = format!("https://{}", workers.addresses()[0]);
        Answering { workers: Some(workers), base }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.close();
            let _ = workers.join();
        }
    }
}

/// Waits without keeping the server's thread.
pub(crate) async fn pause(duration: Duration) {
    let over = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    poll_fn(|context| {
        if over.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let (waker, is_over) = (context.waker().clone(), over.clone());
        thread.get_or_insert_with(|| {
            std::thread::spawn(move || {
                std::thread::sleep(duration);
                is_over.store(true, Ordering::Release);
                waker.wake();
            })
        });
        Poll::Pending
    })
    .await;
}
