//! Servers that are killed and started again, and peers that vanish.

use crate::plain::{PATIENCE, Plain};
use crate::serving::{Folder, Serving};
use crate::support::quick_once;
use h3::{EndpointEvent, Event};
use http::{Method, RequestHead};
use posthaste::{Client, Error, Identity, Reply, Request, Roots, Server};
use quic::CloseReason;
use std::cell::Cell;
use std::future::pending;
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;
use std::time::{Duration, Instant};

fn reset(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Closed(_, CloseReason::StatelessReset))
}

fn response(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Http(_, Event::Exchange(_, http::exchange::Event::Response(_))))
}

/// A client of a server with such arguments, which is killed and started again with others: how long the client's next request waits
/// for the reset.
fn until_reset(before: &[&'static str], after: &[&'static str]) -> Result<Duration, Error> {
    let folder = Folder::new();
    let all = |more: &[&'static str]| [&[".", "--bodies", "--state", "kept"], more].concat();
    let mut first = Serving::start(&folder, &all(before));
    assert_eq!(std::fs::metadata(folder.path().join("kept/secret")).unwrap().mode() & 0o777, 0o600);
    let address = first.url("").replace("https://", "");
    let (first, folder) = (&mut first, &folder);
    posthaste::run(|handle| async move {
        let client = Plain::client(&handle);
        let connection = client.connected(address.parse().unwrap()).await;
        // No content that would have to be read before the end is told.
        let head = RequestHead::new(Method::Head, &first.url("/")).unwrap();
        let ask = || client.with(connection, |http, transport| http.send_request(transport, &head, true));
        ask().unwrap().unwrap();
        client.until("a response", response).await;
        first.signal("-KILL");
        assert_eq!(first.wait(), None);
        let _second = Serving::start_at(folder, &address, &all(after));
        let begun = Instant::now();
        ask().unwrap().unwrap();
        client.until("the reset", reset).await;
        Ok(begun.elapsed())
    })?
}

/// RFC 9000 section 10.3.2-1: the next process knows the secret of the one that was killed, however many workers each has.
#[test]
fn r11_a_server_that_was_killed_and_started_again_resets_its_clients_at_once() -> Result<(), Error> {
    for (before, after) in [(&[][..], &[][..]), (&["--workers", "2"], &["--workers", "3"]), (&["--workers", "3"], &[])]
    {
        quick_once(Duration::from_secs(2), || until_reset(before, after))?;
    }
    Ok(())
}

/// The same as an application sees it: a request is sent again on a new connection, without any wait that it would notice.
#[test]
fn r11_a_client_of_a_killed_server_goes_on_with_the_next() -> Result<(), Error> {
    quick_once(Duration::from_secs(3), || {
        let folder = Folder::new();
        folder.write("index.html", b"the page");
        let mut first = Serving::start(&folder, &[".", "--state", "kept"]);
        let address = first.url("").replace("https://", "");
        let (first, folder) = (&mut first, &folder);
        posthaste::run(|handle| async move {
            let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
            let ask = async || client.get(&format!("https://{address}/")).send().await?.body().read_to_end(100).await;
            assert_eq!(ask().await?, b"the page");
            first.signal("-KILL");
            // Its client goes on meanwhile: a process that waits for another would not hear anything.
            while first.is_running() {
                handle.sleep(Duration::from_millis(1)).await;
            }
            let _second = Serving::start_at(folder, &address, &[".", "--state", "kept"]);
            let begun = Instant::now();
            assert_eq!(ask().await?, b"the page");
            let took = begun.elapsed();
            client.close().await;
            Ok(took)
        })?
    })
}

#[test]
fn a_state_that_cannot_be_kept_is_refused_at_the_start() {
    let folder = Folder::new();
    folder.write("kept/secret", b"not one");
    let started = crate::serving::posthaste()
        .args(["serve", "--listen", "127.0.0.1:0", ".", "--state", "kept"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(started.stderr).unwrap();
    assert_eq!(started.status.code(), Some(1), "{said}");
    assert!(said.contains("kept/secret may be read or written by others") && said.contains("chmod 600"), "{said}");
}

/// Nobody is there any more, and nobody says so: the client that waits for an answer is told when the idle timeout is over, and
/// can tell it from other failures.
#[test]
fn a_client_of_a_server_that_is_gone_is_told_in_time() -> Result<(), Error> {
    let folder = Folder::new();
    let mut serving = Serving::start(&folder, &[".", "--bodies"]);
    let serving = &mut serving;
    posthaste::run(|handle| async move {
        let mut builder = Client::builder(Roots::dangerous_accept_any());
        builder.transport.max_idle_timeout = Duration::from_secs(1);
        let client = builder.build(&handle);
        let (mut writer, pending) = client.post(&serving.url("/echo")).start().await?;
        writer.write("first").await?;
        let mut response = pending.response().await?;
        assert_eq!(response.body().chunk().await?.as_deref(), Some(&b"first"[..]));
        serving.signal("-KILL");
        serving.wait();
        let begun = Instant::now();
        let error = response.body().chunk().await.unwrap_err();
        assert!(error.is_connection_lost(), "{error}");
        assert!(error.to_string().contains("nothing was heard") || error.to_string().contains("timeout"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        Ok(())
    })?
}

/// The handler of a client that is gone is stopped, and the connection forgotten.
#[test]
fn a_server_whose_client_is_gone_stops_the_handler_in_time() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        struct Stopped(Rc<Cell<bool>>);
        impl Drop for Stopped {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let is_stopped = Rc::new(Cell::new(false));
        let stopped = is_stopped.clone();
        let mut builder = Server::builder(Identity::development(&[])?).listen("127.0.0.1:0".parse().unwrap());
        builder.transport.max_idle_timeout = Duration::from_secs(1);
        let server = builder.start(&handle, move |_: Request, _: Reply| {
            let stopped = Stopped(stopped.clone());
            async move {
                let _stopped = stopped;
                pending::<()>().await;
            }
        })?;
        let address = server.addresses()[0];
        let gone = std::thread::spawn(move || {
            posthaste::run(|handle| async move {
                let client = Plain::client(&handle);
                let connection = client.connected(address).await;
                let get = RequestHead::get(&format!("https://{address}/")).unwrap();
                client.with(connection, |http, transport| http.send_request(transport, &get, true)).unwrap().unwrap();
                handle.sleep(Duration::from_millis(200)).await;
            })
            .unwrap();
        });
        let waiting = async {
            while !(gone.is_finished() && is_stopped.get() && server.requests_under_way() == 0) {
                handle.sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(handle.timeout(PATIENCE, waiting).await.is_ok(), "the handler goes on for nobody");
        Ok(())
    })?
}
