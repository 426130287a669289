//! Many requests at a time over one connection: each is a task, and all share one client.
//!
//! `cargo run -- serve --bodies`, then `cargo run --example parallel https://localhost:4433/bytes/100000`

use posthaste::{Client, Error, Handle, Roots};

fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "https://localhost:4433/".into());
    posthaste::run(|handle| async move {
        // Anybody could pretend to be the server: fit for an experiment on one machine, and for nothing else.
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let bytes = fetch_many(&handle, &client, &url, 100).await?;
        println!("{bytes} bytes");
        Ok(())
    })?
}

pub(crate) async fn fetch_many(handle: &Handle, client: &Client, url: &str, count: usize) -> Result<usize, Error> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let request = client.get(url);
            handle.spawn(async move { request.send().await?.body().read_to_end(64 << 20).await })
        })
        .collect();
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.expect("the task is not aborted")?.len();
    }
    Ok(bytes)
}
