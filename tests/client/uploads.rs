//! Bodies that are read while they are sent.

use crate::support::with_server;
use posthaste::{Error, Reply, Request};
use std::io::{self, Read};

async fn echo(mut request: Request, reply: Reply) -> Result<(), Error> {
    let mut writer = reply.start(200)?;
    while let Some(part) = request.body().chunk().await? {
        writer.write(part).await?;
    }
    writer.finish()
}

/// Some bytes, and then an error.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::Error::other("the disk is gone")) } else { Ok(count) }
    }
}

#[test]
fn a_reader_is_sent_as_it_is_read() -> Result<(), Error> {
    with_server(echo, async |client, base, _| {
        let body: Vec<u8> = (0..3_000_000u32).map(|place| (place % 251) as u8).collect();
        let request = client.post(&base).field("content-length", body.len().to_string());
        let mut response = request.send_from(io::Cursor::new(body.clone())).await?;
        assert!(response.body().read_to_end(body.len()).await? == body);
        response.uploaded().await?;
        let mut response = client.post(&base).send_from(io::empty()).await?;
        assert_eq!(response.body().read_to_end(1).await?, b"");
        Ok(())
    })
}

#[test]
fn what_cannot_be_read_is_named_and_breaks_the_request_off() -> Result<(), Error> {
    let whole = |mut request: Request, reply: Reply| async move {
        let body = request.body().read_to_end(1 << 20).await?;
        reply.send(200, body).await
    };
    with_server(whole, async |client, base, _| {
        let error = client.post(&base).send_from(Breaks(100_000)).await.unwrap_err();
        assert!(matches!(error, Error::Upload(_)), "{error}");
        assert!(
            error.to_string().contains("the body could not be read, so the request was broken off: the disk is gone")
        );
        // More than was read is not promised.
        let error = client.post(&base).field("content-length", "9").send_from(&b"short"[..]).await.unwrap_err();
        assert!(!matches!(error, Error::TimedOut { .. }), "{error}");
        assert_eq!(client.post(&base).body("x").send().await?.body().read_to_end(9).await?, b"x");
        Ok(())
    })
}

/// A server that has seen enough: the rest is not read.
#[test]
fn a_server_that_wants_no_more_ends_the_reading() -> Result<(), Error> {
    let early = |_: Request, reply: Reply| async move { reply.send(200, "enough").await };
    with_server(early, async |client, base, _| {
        let mut response = client.post(&base).send_from(io::repeat(7)).await?;
        assert_eq!(response.body().read_to_end(100).await?, b"enough");
        assert!(matches!(response.uploaded().await, Err(Error::Stopped { .. })));
        Ok(())
    })
}
