//! Priorities (RFC 9218) over real sockets: what is urgent comes first, also where the network is slow and loses.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{Client, Error, Handle, Identity, Priority, Reply, Request, Response, Roots, Server};
use relay::{Path, Relay};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const LEN: usize = 400_000;
const PATIENCE: Duration = Duration::from_secs(30);

async fn answer(_: Request, reply: Reply) -> Result<(), Error> {
    reply.send(200, vec![7; LEN]).await
}

/// Reads a response, and says when it is complete.
async fn read(name: u8, mut response: Response, order: Rc<RefCell<Vec<u8>>>) -> Result<(), Error> {
    assert_eq!(response.body().read_to_end(LEN).await?.len(), LEN);
    order.borrow_mut().push(name);
    Ok(())
}

/// Runs `ask` with a client whose server is behind such a path, and gives the order in which the responses were complete.
fn over(
    settings: &str,
    ask: impl AsyncFn(Client, String) -> Result<Vec<(u8, Response)>, Error>,
) -> Result<Vec<u8>, Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
        let server = server.start(&handle, answer)?;
        let relay = Relay::start(server.addresses()[0], Path::parse(settings.split(' ')).unwrap()).unwrap();
        let client = Client::builder(roots).build(&handle);
        let responses = ask(client, format!("https://{}/", relay.address())).await?;
        let order = Rc::new(RefCell::new(Vec::new()));
        let readers: Vec<_> =
            responses.into_iter().map(|(name, response)| handle.spawn(read(name, response, order.clone()))).collect();
        for reader in readers {
            handle.timeout(PATIENCE, reader).await.unwrap().unwrap()?;
        }
        Ok(order.take())
    })?
}

const SLOW: &str = "delay=10 rate=4000 queue=30 loss=5";

#[test]
fn what_is_urgent_comes_first_over_a_slow_path() -> Result<(), Error> {
    let order = over(SLOW, async |client, url| {
        let mut responses = Vec::new();
        for urgency in [7, 4, 1] {
            let request = client.get(&url).priority(Priority::new(urgency, false));
            responses.push((urgency, request.send().await?));
        }
        Ok(responses)
    })?;
    assert_eq!(order, [1, 4, 7], "in the order of urgency, not in that of the requests");
    Ok(())
}

#[test]
fn a_change_of_mind_counts_while_the_responses_come() -> Result<(), Error> {
    let order = over(SLOW, async |client, url| {
        let mut responses = Vec::new();
        for name in [1, 2, 3] {
            responses.push((name, client.get(&url).priority(Priority::new(3, false)).send().await?));
        }
        responses[2].1.prioritize(Priority::new(0, false))?;
        responses[0].1.prioritize(Priority::new(6, true))?;
        Ok(responses)
    })?;
    assert_eq!(order, [3, 2, 1]);
    Ok(())
}
