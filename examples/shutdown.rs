//! A server inside a larger program: it runs beside other tasks, is asked through a client on the same thread, and is ended
//! by code instead of a signal, without cutting off what is under way.
//!
//! `cargo run --example shutdown`

use posthaste::{Client, Error, Handle, Identity, Roots, Server};
use std::time::Duration;

fn main() -> Result<(), Error> {
    println!("{}", posthaste::run(serve_once)??);
    Ok(())
}

pub(crate) async fn serve_once(handle: Handle) -> Result<String, Error> {
    let identity = Identity::development(&[])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let server = Server::builder(identity)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .start(&handle, |_request, reply| reply.send(200, "just in time"))?;
    let url = format!("https://{}/", server.addresses()[0]);
    let client = Client::builder(roots).build(&handle);
    let mut response = client.get(&url).send().await?;
    let text = response.body().read_to_end(1000).await?;
    drop(response);
    server.shutdown(Duration::from_secs(5)).await?;
    assert!(client.get(&url).send().await.is_err(), "nobody listens any more");
    Ok(String::from_utf8_lossy(&text).into_owned())
}
