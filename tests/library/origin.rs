//! What an origin server owes its clients over HTTP/3, over real sockets (RFC 9110 sections 6.6.1 and 7.4).

use super::support;
use posthaste::{Client, Error, Files, Method, Reply, Request, ResponseHead, Roots, Server, Status};
use std::path::PathBuf;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("posthaste-origin-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A handler that serves a folder.
fn serving(files: Files) -> impl Fn(Request, Reply) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>> {
    move |request, reply| {
        let files = files.clone();
        Box::pin(async move { files.serve(&request, reply).await })
    }
}

/// RFC 9110 section 6.6.1-2.
#[test]
fn every_final_response_has_a_date_and_keeps_its_own() -> Result<(), Error> {
    let handler = |request: Request, mut reply: Reply| async move {
        match request.path() {
            "/own" => reply.send(ResponseHead::new(Status::OK).with_field("date", DATE)?, "").await,
            "/interim" => {
                reply.inform(103)?;
                reply.send(200, "").await
            }
            "/dropped" => {
                drop(reply);
                Ok(())
            }
            "/204" => reply.send(204, "").await,
            "/404" => reply.send(404, "none").await,
            "/writer" => reply.start(200)?.finish(),
            _ => reply.send(200, "all").await,
        }
    };
    support::with_server(handler, async |client, base, _| {
        let now = || runtime::clock::unix_seconds();
        for path in ["/", "/interim", "/dropped", "/204", "/404", "/writer"] {
            let before = now();
            let response = client.get(&format!("{base}{path}")).send().await?;
            let dates: Vec<&[u8]> = response.fields().all("date").collect();
            let known = (before..=now()).map(posthaste::date::http_date).any(|date| dates == [date.as_bytes()]);
            assert!(known, "{path}: {dates:?}");
            assert!(response.informational().iter().all(|head| !head.fields.contains("date")));
        }
        let response = client.get(&format!("{base}/own")).send().await?;
        assert_eq!(response.fields().all("date").collect::<Vec<_>>(), [DATE.as_bytes()]);
        Ok(())
    })
}

/// RFC 9110 section 7.4-1, 7.4-2.
#[test]
fn what_the_certificate_is_not_for_is_misdirected_unless_it_was_given() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = support::identity(&["a.example", "*.b.example"], runtime::clock::unix_seconds() - 10, 1000);
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        for (given, status) in [(None, 421), (Some("127.0.0.1"), 200), (Some("127.0.0.1:1"), 421), (Some("*"), 200)] {
            let mut builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap());
            if let Some(name) = given {
                builder = builder.name(name);
            }
            let server = builder.start(&handle, |_request, reply| reply.send(200, "ours"))?;
            let base = format!("https://{}", server.addresses()[0]);
            for method in [Method::Get, Method::Post] {
                let mut response = client.request(method, &base).body("x").send().await?;
                assert_eq!(response.status().code(), status, "{given:?}");
                let text = String::from_utf8(response.body().read_to_end(1000).await?).unwrap();
                assert_eq!(text.contains("does not answer for https://127.0.0.1:"), status == 421, "{text}");
            }
            drop(server);
        }
        let error = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("a b");
        let error = error.start(&handle, |_request, reply| reply.send(200, "")).err().expect("no name").to_string();
        assert!(error.contains("\"a b\" is no name of a server"), "{error}");
        Ok(())
    })?
}

/// RFC 9110 section 13.1.1-2, 13.1.2-3, 13.1.3-2, 13.1.4-5, 13.1.5-6, 13.1.5-7, 14.2-3, 15.3.7-2, 15.3.7-4, 15.3.7.1-1.
/// RFC 9110 section 15.4.5-1, 15.4.5-2, 10.2.1-1, 15.5.6-1, 9.1-1, 9.3.2-1, 13.2.1-2.
#[test]
fn files_are_served_by_the_conditions_of_the_request() -> Result<(), Error> {
    let root = folder("conditions");
    std::fs::write(root.join("a.txt"), "0123456789").unwrap();
    let file = std::fs::File::options().write(true).open(root.join("a.txt")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777)).unwrap();
    support::with_server(serving(Files::new(&root)?), async |client, base, _| {
        let plain = client.get(&format!("{base}/a.txt")).send().await?;
        let tag = plain.fields().first_text("etag").expect("files have tags").to_owned();
        assert_eq!(plain.fields().first_text("last-modified"), Some(DATE));
        let (later, old_form) = ("Sun, 06 Nov 1994 08:49:38 GMT", "Sunday, 06-Nov-94 08:49:37 GMT");
        let (before, range) = ("Sun, 06 Nov 1994 08:49:36 GMT", ("range", "Bytes=2-4"));
        type Lines<'a> = &'a [(&'a str, &'a str)];
        let table: [(Lines<'_>, u16, &str); 16] = [
            (&[("if-none-match", &tag)], 304, ""),
            (&[("if-modified-since", later)], 304, ""),
            (&[("if-modified-since", old_form)], 304, ""),
            (&[("if-modified-since", "Sun Nov  6 08:49:37 1994")], 304, ""),
            (&[("if-modified-since", before)], 200, "0123456789"),
            (&[("if-match", "\"other\"")], 412, ""),
            (&[("if-match", &tag)], 200, "0123456789"),
            (&[("if-unmodified-since", before)], 412, ""),
            (&[("if-unmodified-since", later)], 200, "0123456789"),
            (&[range], 206, "234"),
            (&[range, ("if-range", &tag)], 206, "234"),
            (&[range, ("if-range", DATE)], 206, "234"),
            (&[range, ("if-range", "\"other\"")], 200, "0123456789"),
            (&[range, ("if-range", later)], 200, "0123456789"),
            (&[("range", "bytes=10-")], 416, ""),
            (&[("range", "pages=1-2")], 200, "0123456789"),
        ];
        for (fields, status, body) in table {
            for method in [Method::Get, Method::Head] {
                let mut request = client.request(method.clone(), &format!("{base}/a.txt"));
                for (name, value) in fields {
                    request = request.field(name, value);
                }
                let mut response = request.send().await?;
                let is_head = method == Method::Head;
                // A range is asked for with GET only.
                let (status, body) = match status {
                    206 | 416 if is_head => (200, ""),
                    status => (status, if is_head { "" } else { body }),
                };
                assert_eq!(response.status().code(), status, "{method} {fields:?}");
                assert_eq!(response.body().read_to_end(100).await?, body.as_bytes(), "{method} {fields:?}");
                for name in ["date", "etag", "last-modified"] {
                    assert!(response.fields().contains(name), "{method} {fields:?}: no {name}");
                }
                let part = response.fields().first_text("content-range");
                assert_eq!(
                    part,
                    [(206, "bytes 2-4/10"), (416, "bytes */10")]
                        .iter()
                        .find(|(of, _)| *of == status)
                        .map(|(_, text)| *text)
                );
            }
        }
        // What is not there has no conditions.
        let missing = client.get(&format!("{base}/b.txt")).field("if-match", "\"x\"").send().await?;
        assert_eq!(missing.status().code(), 404);
        for (method, status) in [("PUT", 405), ("OPTIONS", 405), ("PROPFIND", 405), ("FETCH", 501)] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response = client.request(method.clone(), &format!("{base}/a.txt")).send().await?;
            assert_eq!(response.status().code(), status, "{method}");
            assert_eq!(response.fields().contains("allow"), status == 405, "{method}");
        }
        Ok::<(), Error>(())
    })?;
    std::fs::remove_dir_all(&root).unwrap();
    Ok(())
}

/// RFC 9110 section 13.1.5-6, 13.1.5-7: the date of the first version is that of the second.
#[test]
fn r14_a_date_of_this_second_gets_the_whole_file() -> Result<(), Error> {
    let root = folder("two-versions");
    support::with_server(serving(Files::new(&root)?), async |client, base, _| {
        // The clock may pass into the next second between two lines; then once more.
        for _ in 0..20 {
            std::fs::write(root.join("a"), "first version").unwrap();
            let first = client.get(&format!("{base}/a")).send().await?;
            let date = first.fields().first_text("last-modified").expect("files have dates").to_owned();
            std::fs::write(root.join("a"), "other version").unwrap();
            let request = client.get(&format!("{base}/a")).field("range", "bytes=6-").field("if-range", &date);
            let mut response = request.send().await?;
            let is_same = response.fields().first_text("last-modified") == Some(&date);
            let is_now = response.fields().first_text("date") == Some(&date);
            assert_eq!(response.status().code(), 200, "last modified at {date}");
            assert_eq!(response.body().read_to_end(100).await?, b"other version");
            if is_same && is_now {
                return Ok::<(), Error>(());
            }
        }
        panic!("a second is long enough for two requests");
    })?;
    std::fs::remove_dir_all(&root).unwrap();
    Ok(())
}
