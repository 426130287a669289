//! The examples do what they say.
#![allow(dead_code, clippy::unwrap_used)] // `main` of each; and a test may
#![allow(clippy::duplicate_mod)] // what examples share is a part of each

#[path = "../examples/count.rs"]
mod count;
#[path = "../examples/echo.rs"]
mod echo;
#[path = "../examples/events.rs"]
mod events;
#[path = "../examples/fetch.rs"]
mod fetch;
#[path = "../examples/files.rs"]
mod files;
#[path = "../examples/hello.rs"]
mod hello;
#[path = "../examples/json.rs"]
mod json;
#[path = "../examples/parallel.rs"]
mod parallel;
#[path = "../examples/shutdown.rs"]
mod shutdown;
#[path = "../examples/std_sockets.rs"]
mod std_sockets;
mod support;
#[path = "../examples/websocket.rs"]
mod websocket;

use posthaste::{Error, Files};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use support::with_server;

/// One of the examples as a process: for the tests below, which start it with its name in a variable.
#[test]
#[ignore = "a part of other tests"]
fn as_a_process() {
    let example = std::env::var("EXAMPLE").unwrap();
    let main = match example.as_str() {
        "hello" => hello::main,
        "echo" => echo::main,
        "count" => count::main,
        "json" => json::main,
        _ => panic!("{example} is none of them"),
    };
    main().unwrap();
}

/// Killed if nothing else ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a `cargo` that has the command built already.
fn folder_with_cargo() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("posthaste-examples-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let own = env!("CARGO_BIN_EXE_posthaste");
    let script = format!("#!/bin/sh\n[ \"$1 $2 $3\" = 'run -q --' ] && shift 3 && exec '{own}' \"$@\"\nexit 9\n");
    std::fs::write(folder.join("cargo"), script).unwrap();
    std::fs::set_permissions(folder.join("cargo"), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn what_the_examples_print_to_try_works_as_it_stands() {
    let folder = folder_with_cargo();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    for (example, listen, part) in [
        ("hello", "127.0.0.1:0", "hello, you asked for /\n"),
        ("hello", "[::]:0", "hello, you asked for /\n"),
        ("echo", "[::1]:0", "some text"),
        ("count", "0.0.0.0:0", "done\n"),
        ("json", "127.0.0.1:0", "{\"count\":1}"),
    ] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "as_a_process", "--ignored", "--nocapture"])
            .env("EXAMPLE", example)
            .env("LISTEN", listen)
            .stdout(Stdio::piped())
            .spawn();
        let mut running = Running(child.unwrap());
        let lines = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.skip_while(|line| !line.contains("listening on")).take(2).collect();
        let line = said[1].strip_prefix("try: ").expect("a command");
        let folder = env!("CARGO_MANIFEST_DIR");
        let output = Command::new("sh").args(["-c", line]).current_dir(folder).env("PATH", &path).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains(part), "{said:?}: {text}: {why}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

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
fn notes_come_and_go_as_json_and_what_is_no_note_is_a_problem() -> Result<(), Error> {
    let notes = std::rc::Rc::default();
    with_server(
        move |request, reply| json::answer(request, reply, std::rc::Rc::clone(&notes)),
        async |client, base, _| {
            let post = |body: &'static str| client.post(&base).field("content-type", "application/json").body(body);
            let mut response = post(r#"{"text":"buy \u2615"}"#).send().await?;
            assert_eq!(response.body().json(100).await?.to_string(), r#"{"count":1}"#);
            assert_eq!(response.status().code(), 201);
            for (body, status, detail) in
                [("{\"text\":1}", 422, "a string"), ("{\n,}", 400, "line 2, column 1"), ("[]", 422, "member `text`")]
            {
                let mut response = post(body).send().await?;
                assert_eq!(response.status().code(), status);
                let problem = response.body().json(1000).await?;
                let found = problem.get("detail").and_then(posthaste::json::Value::as_str).unwrap();
                assert!(found.contains(detail), "{found}");
            }
            let all = client.get(&base).send().await?.body().json(100).await?;
            assert_eq!(all.to_string(), "{\"notes\":[\"buy \u{2615}\"]}");
            Ok(())
        },
    )
}

#[test]
fn a_hundred_at_a_time() -> Result<(), Error> {
    with_server(hello::hello, async |client, base, handle| {
        let bytes = parallel::fetch_many(&handle, &client, &format!("{base}/"), 100).await?;
        assert_eq!(bytes, 100 * "hello, you asked for /\n".len());
        Ok(())
    })
}

/// A loop of the standard library alone; the answer takes many datagrams.
#[test]
fn a_loop_of_ones_own_fetches_all_of_it() {
    let identity = posthaste::Identity::development(&[]).unwrap();
    let tls = std_sockets::trusting(identity.certificate_pem().as_bytes()).unwrap();
    let server = posthaste::Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
    let body = |_, reply: posthaste::Reply| reply.send(200, "0123456789".repeat(100_000));
    let workers = server.start_workers(1, body).unwrap();
    let remote = workers.addresses()[0];
    let url = format!("https://localhost:{}/", remote.port());
    let content = std_sockets::fetch(remote, tls, "localhost", &url).unwrap();
    assert!(content == "0123456789".repeat(100_000).as_bytes(), "{} bytes", content.len());
    // The last acknowledgments may still be on their way.
    workers.shutdown();
    workers.join().unwrap();
}

#[test]
fn a_server_ended_by_code() -> Result<(), Error> {
    assert_eq!(posthaste::run(shutdown::serve_once)??, "just in time");
    Ok(())
}

/// What one says, all others hear.
#[test]
fn a_chat_of_three() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = posthaste::Identity::development(&[])?;
        let roots = posthaste::Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let room = websocket::Room::default();
        let chat = move |request, reply| websocket::chat(room.clone(), request, reply);
        let builder = posthaste::Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).websockets();
        let server = builder.start(&handle, chat)?;
        let client = posthaste::Client::builder(roots).build(&handle);
        let url = format!("wss://{}", server.addresses()[0]);
        let mut sockets = Vec::new();
        for _ in 0..3 {
            sockets.push(client.websocket(&url).connect().await?);
        }
        // Each is in the room once it hears something.
        let mut speaker = client.websocket(&url).connect().await?;
        for socket in &mut sockets {
            loop {
                speaker.send("hello").await?;
                let heard = handle.timeout(std::time::Duration::from_millis(50), socket.receive()).await;
                if let Ok(Ok(Some(message))) = heard {
                    assert!(message.as_text().unwrap().ends_with(": hello"));
                    break;
                }
            }
        }
        assert_eq!(client.get(&url.replace("wss", "https")).send().await?.status().code(), 200);
        Ok(())
    })?
}

#[test]
fn a_counter_goes_on_where_it_was() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = posthaste::Identity::development(&[])?;
        let roots = posthaste::Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let clock = handle.clone();
        let count = move |request, reply| events::count(clock.clone(), request, reply);
        let builder = posthaste::Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let server = builder.start(&handle, count)?;
        let client = posthaste::Client::builder(roots).build(&handle);
        let url = format!("https://{}/events", server.addresses()[0]);
        let mut response = client.get(&url).field("last-event-id", "41").send().await?;
        let first = response.body().chunk().await?.unwrap();
        assert_eq!(&first[..], b"id: 42\ndata: 42\n\n");
        Ok(())
    })?
}
