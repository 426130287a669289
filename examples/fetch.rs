//! A client: fetches one URL and writes the body to standard output as it comes.
//!
//! `cargo run --example fetch URL FILE`, with the URL and the certificate's file that `posthaste serve` prints; or
//! `cargo run --example fetch URL` for a server of the Internet.

use posthaste::{Client, Error, Roots};
use std::io::Write;

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "https://localhost:4433/".into());
    // Without a file of certificates, those of the system are trusted.
    let roots = arguments.next().map_or_else(Roots::system, Roots::from_pem_file)?;
    posthaste::run(|handle| async move {
        let client = Client::builder(roots).build(&handle);
        fetch(&client, &url, &mut std::io::stdout()).await
    })?
}

pub(crate) async fn fetch(client: &Client, url: &str, out: &mut impl Write) -> Result<(), Error> {
    let mut response = client.get(url).field("accept", "*/*").send().await?;
    eprintln!("{}", response.status());
    while let Some(part) = response.body().chunk().await? {
        out.write_all(&part).expect("standard output can be written to");
    }
    Ok(())
}
