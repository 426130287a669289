//! One client and a thousand servers: how many descriptors that takes. Alone in its process, because descriptors are the
//! whole process's.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{Client, Error, Identity, Reply, Request, Roots, Server};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const ORIGINS: usize = 1000;
const AT_A_TIME: usize = 20;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// All connections stay open until the end; then they are idle for too long, and all are gone.
#[test]
fn a_thousand_origins_are_visited_within_sixty_four_descriptors() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = Server::builder(Identity::development(&[])?)
            .listen("0.0.0.0:0".parse().expect("an address"))
            .name("*")
            .start(&handle, |request: Request, reply: Reply| {
                let authority = request.authority().to_owned();
                reply.send(200, authority)
            })?;
        let port = server.addresses()[0].port();
        let idle = Duration::from_secs(3);
        let builder = Client::builder(Roots::dangerous_accept_any()).max_connections(ORIGINS).max_idle(idle);
        let client = builder.build(&handle);
        let (next, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let visitors: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                let (client, next, most) = (client.clone(), next.clone(), most.clone());
                handle.spawn(async move {
                    while next.get() < ORIGINS {
                        let number = next.replace(next.get() + 1);
                        let authority = format!("127.0.{}.{}:{port}", number / 250, number % 250 + 1);
                        let mut response = client.get(&format!("https://{authority}/")).send().await?;
                        assert_eq!(response.body().read_to_end(100).await?, authority.as_bytes());
                        most.set(most.get().max(descriptors()));
                    }
                    Ok::<(), Error>(())
                })
            })
            .collect();
        for visitor in visitors {
            visitor.await.expect("not aborted")?;
        }
        assert!(most.get() <= 64, "{} descriptors", most.get());
        // A connection that was not used for so long is closed, and forgotten by both sides.
        while client.open_connections() > 0 {
            handle.sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })?
}
