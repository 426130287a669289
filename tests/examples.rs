//! The examples do what they say.
#![allow(dead_code, clippy::unwrap_used)] // `main` of each; and a test may

#[path = "../examples/count.rs"]
mod count;
#[path = "../examples/echo.rs"]
mod echo;
#[path = "../examples/fetch.rs"]
mod fetch;
#[path = "../examples/files.rs"]
mod files;
#[path = "../examples/hello.rs"]
mod hello;
#[path = "../examples/parallel.rs"]
mod parallel;
#[path = "../examples/shutdown.rs"]
mod shutdown;
mod support;

use posthaste::{Error, Files};
use support::with_server;

#[test]
fn hello_is_fetched() -> Result<(), Error> {
    with_server(hello::hello, async |client, base, _| {
        let mut out = Vec::new();
        fetch::fetch(&client, &format!("{base}/x"), &mut out).await?;
        assert_eq!(out, b"hello, you asked for /x\n");
        Ok(())
    })
}

#[test]
fn files_and_the_time() -> Result<(), Error> {
    let files = Files::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/site"))?;
    with_server(
        move |request, reply| files::answer(files.clone(), request, reply),
        async |client, base, _| {
            let mut response = client.get(&format!("{base}/time")).send().await?;
            assert!(response.body().read_to_end(100).await?.ends_with(b" GMT\n"));
            let response = client.get(&base).send().await?;
            assert_eq!(response.fields().first_text("content-type"), Some("text/html; charset=utf-8"));
            Ok(())
        },
    )
}

#[test]
fn echo_gives_back_bytes_and_trailers() -> Result<(), Error> {
    with_server(echo::echo, async |client, base, _| {
        let (mut writer, pending) = client.post(&base).start().await?;
        writer.write("one ").await?;
        let mut response = pending.response().await?;
        writer.write("two").await?;
        let mut trailers = posthaste::Fields::new();
        trailers.push("x-end", "yes")?;
        writer.finish_with_trailers(&trailers)?;
        assert_eq!(response.body().read_to_end(100).await?, b"one two");
        assert_eq!(response.body().trailers().await?, Some(trailers));
        Ok(())
    })
}

#[test]
fn count_informs_and_counts() -> Result<(), Error> {
    with_server(count::count, async |client, base, _| {
        let mut response = client.post(&base).body("line\n".repeat(3000)).send().await?;
        assert_eq!(response.informational().len(), 1);
        assert_eq!(response.informational()[0].status.code(), 103);
        assert!(response.body().read_to_end(1 << 20).await?.ends_with(b"done\n"));
        let trailers = response.body().trailers().await?.expect("there are trailers");
        assert_eq!((trailers.first_text("x-bytes"), trailers.first_text("x-lines")), (Some("15000"), Some("3000")));
        assert_eq!(client.get(&base).send().await?.status().code(), 405);
        Ok(())
    })
}

#[test]
fn a_hundred_at_a_time() -> Result<(), Error> {
    with_server(hello::hello, async |client, base, handle| {
        let bytes = parallel::fetch_many(&handle, &client, &format!("{base}/"), 100).await?;
        assert_eq!(bytes, 100 * "hello, you asked for /\n".len());
        Ok(())
    })
}

#[test]
fn a_server_ended_by_code() -> Result<(), Error> {
    assert_eq!(posthaste::run(shutdown::serve_once)??, "just in time");
    Ok(())
}
