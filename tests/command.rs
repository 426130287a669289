//! The command as a process of its own: what it prints, what it writes, and how it ends.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/backends.rs"]
mod backends;
#[path = "command/proxy.rs"]
mod proxy;
#[path = "support/qlog.rs"]
mod qlog;
#[path = "command/serving.rs"]
mod serving;
mod support;
#[path = "command/trust.rs"]
mod trust;

use posthaste::{Client, Error, Identity, Method, Reply, Request, Roots, Server};
use serving::{Folder, Serving, posthaste};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Its status, and that what it says holds all of `parts`.
fn expect(output: &Output, status: i32, parts: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}

#[test]
fn help_version_and_command_lines_without_sense() {
    for (arguments, status, part) in [
        (&["--help"][..], 0, ""),
        (&["serve", "--help"], 0, ""),
        (&["--version"], 0, ""),
        (&["fly"], 2, "unknown command"),
        (&["get"], 2, "needs a URL"),
        (&["get", "http://localhost/"], 2, "write https://"),
        (&["get", "https://a b/"], 2, "percent-encoded"),
        (&["get", "https://a:0/"], 2, "not a port"),
        (&["get", "https://a/", "--method", "a b"], 2, "--method"),
        (&["get", "https://a/", "--header", "x"], 2, "name: value"),
        (&["get", "https://a/x", "https://b/x", "--out", "d"], 2, "same file"),
        (&["load", "nothing"], 2, "https://"),
        (&["serve", "--listen", "here"], 2, "127.0.0.1:4433"),
        (&["serve", "--cert", "c"], 2, "go together"),
    ] {
        let output = posthaste().args(arguments).output().unwrap();
        expect(&output, status, &[part]);
        assert_eq!(output.stdout.is_empty(), status != 0, "{arguments:?}");
    }
}

#[test]
fn what_serve_cannot_use_is_named() {
    let folder = Folder::new();
    let one = Identity::development(&[]).unwrap();
    let certificate = folder.write("cert.pem", one.certificate_pem().as_bytes());
    let other_key = folder.write("key.pem", support::fresh_key_pem().as_bytes());
    let not_pem = folder.write("not.pem", b"hello");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = address.split(':').nth(1).unwrap().to_owned();
    for (arguments, parts) in [
        (&["/no/such/folder"][..], &["/no/such/folder", "No such file"][..]),
        (&[&certificate], &["cert.pem", "not a directory"]),
        (&["--listen", &address], &["cannot listen", &port, "taken", "another port"]),
        (&["--listen", "192.0.2.1:4433"], &["192.0.2.1", "this machine does not have the address"]),
        (&["--cert", "/no/cert", "--key", &other_key], &["/no/cert could not be read"]),
        (&["--cert", &certificate, "--key", "/no/key"], &["/no/key could not be read"]),
        (&["--cert", &not_pem, "--key", &other_key], &["not.pem", "no certificate"]),
        (&["--cert", &certificate, "--key", &not_pem], &["not.pem", "no private key"]),
        (&["--cert", &certificate, "--key", &other_key], &["key.pem", "does not belong", "cert.pem"]),
        (&["--key-log", "/no/folder/log"], &["/no/folder/log", "TLS secrets"]),
    ] {
        let output = posthaste().arg("serve").args(arguments).env("TMPDIR", folder.path()).output().unwrap();
        expect(&output, 1, parts);
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn files_are_served_and_nothing_else() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/index.html", b"<h1>index</h1>");
    folder.write("site/a b.txt", b"spaces");
    folder.write("site/deep/er/index.html", b"deep");
    folder.write("site/empty/x.json", b"{}");
    folder.write("site/large.bin", &[7; 200_000]);
    folder.write("secret.txt", b"secret");
    std::os::unix::fs::symlink(folder.path().join("secret.txt"), folder.path().join("site/link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("site/up")).unwrap();
    let serving = Serving::start(&folder, &["site"]);
    let found = |path, body: &[u8], kind| (path, 200, Some(body.to_vec()), Some(("content-type", kind)));
    let missing = |path| (path, 404, None, None);
    let moved = |path, to| (path, 301, None, Some(("location", to)));
    let table = [
        found("/", b"<h1>index</h1>", "text/html; charset=utf-8"),
        found("/index.html", b"<h1>index</h1>", "text/html; charset=utf-8"),
        found("/?query", b"<h1>index</h1>", "text/html; charset=utf-8"),
        found("/a%20b.txt", b"spaces", "text/plain; charset=utf-8"),
        found("/deep/er/", b"deep", "text/html; charset=utf-8"),
        found("/empty/x.json", b"{}", "application/json"),
        found("/large.bin", &[7; 200_000], "application/octet-stream"),
        moved("/deep/er", "/deep/er/"),
        moved("/deep/%65r?q=1", "/deep/er/?q=1"),
        moved("/empty", "/empty/"),
        missing("/empty/"),
        missing("/index.html/"),
        missing("/nothing"),
        missing("/../secret.txt"),
        missing("/..%2fsecret.txt"),
        missing("/%2e%2e/secret.txt"),
        missing("/deep/../../secret.txt"),
        missing("/..%5csecret.txt"),
        missing("//"),
        missing("//evil.example/"),
        missing("//deep/er"),
        missing("/deep//er"),
        missing("/a%00b"),
        missing("/%00"),
        missing("/x/c:/win"),
        missing("/c:/"),
        missing("/link"),
        missing("/up/secret.txt"),
        missing("/up"),
        missing("/%"),
        missing("/%ff"),
        missing("/bytes/10"),
    ];
    serving.with_client(async |client, base| {
        for (path, status, body, field) in table {
            let mut response = client.get(&format!("{base}{path}")).send().await?;
            assert_eq!(response.status().code(), status, "{path}");
            let length = response.body().length();
            let read = response.body().read_to_end(1 << 20).await?;
            assert_eq!(length, Some(read.len() as u64), "{path}");
            assert!(body.is_none_or(|body| body == read), "{path}");
            if let Some((name, value)) = field {
                assert_eq!(response.fields().first_text(name), Some(value), "{path}");
            }
        }
        let large = format!("{base}/large.bin");
        let mut head = client.request(Method::Head, &large).send().await?;
        assert_eq!((head.status().code(), head.body().length()), (200, Some(200_000)));
        assert_eq!(head.body().read_to_end(10).await?, b"");
        let refused = client.post(&large).body("x").send().await?;
        assert_eq!((refused.status().code(), refused.fields().first_text("allow")), (405, Some("GET, HEAD")));
        let etag = head.fields().first_text("etag").expect("an etag").to_owned();
        let same = client.get(&large).field("if-none-match", &etag).send().await?;
        assert_eq!(same.status().code(), 304);
        let mut part = client.get(&large).field("range", "bytes=100-199").send().await?;
        assert_eq!(
            (part.status().code(), part.fields().first_text("content-range")),
            (206, Some("bytes 100-199/200000"))
        );
        assert_eq!(part.body().read_to_end(1000).await?.len(), 100);
        let outside = client.get(&large).field("range", "bytes=200000-").send().await?;
        assert_eq!(outside.status().code(), 416);
        Ok(())
    })
}

#[test]
fn generated_bodies_and_echo() -> Result<(), Error> {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    serving.with_client(async |client, base| {
        for count in [0, 1, 251, 64_256, 64_257, 10_000_000] {
            let mut response = client.get(&format!("{base}/bytes/{count}")).send().await?;
            assert_eq!(response.body().length(), Some(count as u64));
            let all = response.body().read_to_end(count).await?;
            assert!(all.len() == count && all.iter().enumerate().all(|(place, byte)| *byte == (place % 251) as u8));
        }
        for (method, path, status) in [
            (Method::Get, "/bytes/", 400),
            (Method::Get, "/bytes/+1", 400),
            (Method::Get, "/bytes/99999999999999999999", 400),
            (Method::Post, "/bytes/1", 405),
            (Method::Get, "/echo", 405),
            (Method::Head, "/bytes/18446744073709551615", 200),
        ] {
            let response = client.request(method, &format!("{base}{path}")).send().await?;
            assert_eq!(response.status().code(), status, "{path}");
        }
        let sent: Vec<u8> = (0..10_000_000u32).map(|number| (number >> 3) as u8).collect();
        let mut echo = client.post(&format!("{base}/echo")).body(sent.clone()).send().await?;
        assert!(echo.body().read_to_end(sent.len()).await? == sent);
        let (mut writer, pending) = client.post(&format!("{base}/echo")).start().await?;
        writer.write("x").await?;
        let mut trailers = posthaste::Fields::new();
        trailers.push("x-sum", "1")?;
        writer.finish_with_trailers(&trailers)?;
        assert_eq!(pending.response().await?.body().trailers().await?, Some(trailers));
        Ok(())
    })
}

/// RFC 9114 section 4.1-16: the response is kept, and the exit status says that the upload is not what it was to be.
#[test]
fn an_upload_that_was_cut_short_is_not_a_success() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let large = folder.write("large", &vec![b'x'; 8_000_000]);
    for path in ["/bytes/5", "/echo"] {
        let output = serving.get(&[&serving.url(path), "--method", "GET", "--data-binary", &format!("@{large}")]);
        let why = "before it had taken all of the body";
        if path == "/echo" {
            expect(&output, 22, &["the server answered 405 Method Not Allowed", why]);
        } else {
            expect(&output, 55, &[why]);
            assert_eq!(output.stdout, [0, 1, 2, 3, 4]);
        }
    }
    let whole = serving.get(&[&serving.url("/echo"), "--data-binary", &format!("@{large}")]);
    assert!(whole.status.success() && whole.stdout.len() == 8_000_000, "{}", text(&whole.stderr));
}

/// RFC 9110 section 7.4-1, 7.4-2.
#[test]
fn serve_answers_for_the_names_it_was_given() {
    let folder = Folder::new();
    folder.write("a", b"a");
    let (certificate, key) = support::identity_pem(&["a.example"], runtime::clock::unix_seconds() - 10, 1000);
    let (certificate, key) = (folder.write("cert", certificate.as_bytes()), folder.write("key", key.as_bytes()));
    for (names, status) in [(&[][..], 22), (&["--name", "127.0.0.1"], 0), (&["--name", "*"], 0)] {
        let serving = Serving::start(&folder, &[&[".", "--cert", &certificate, "--key", &key], names].concat());
        let output = posthaste().args(["get", &serving.url("/a"), "--insecure"]).output().unwrap();
        expect(&output, status, if status == 0 { &[] } else { &["421 Misdirected Request"] });
    }
    let output = posthaste().args(["serve", "--name", "a b"]).output().unwrap();
    expect(&output, 1, &["\"a b\" is no name of a server"]);
}

#[test]
fn get_writes_bodies_heads_and_files() {
    let folder = Folder::new();
    folder.write("site/a.txt", b"one\n");
    folder.write("site/b.txt", b"two\n");
    let data = folder.write("data", &[9; 300_000]);
    let serving = Serving::start(&folder, &["site", "--bodies", "--key-log", "keys"]);
    let get = |arguments: &[&str]| serving.get(arguments);
    let (a, b) = (serving.url("/a.txt"), serving.url("/b.txt"));
    let output = get(&[&a, &b]);
    expect(&output, 0, &[]);
    assert_eq!(text(&output.stdout), "one\ntwo\n");
    let output = get(&[&a, "--include", "--key-log", "client-keys"]);
    let said = text(&output.stdout);
    assert!(said.starts_with("HTTP/3 200\n") && said.contains("content-length: 4\n") && said.ends_with("\n\none\n"));
    for file in ["keys", "client-keys"] {
        let keys = folder.read(file);
        assert!(text(&keys).contains("CLIENT_HANDSHAKE_TRAFFIC_SECRET "), "{file}");
    }
    let output = get(&[&a, &b, "--out", "out/new"]);
    expect(&output, 0, &[]);
    assert_eq!((folder.read("out/new/a.txt"), folder.read("out/new/b.txt")), (b"one\n".to_vec(), b"two\n".to_vec()));
    let echo = serving.url("/echo");
    assert_eq!(get(&[&echo, "--data", "some text"]).stdout, b"some text");
    let output = get(&[&echo, "--data-binary", &format!("@{data}"), "--header", "x-y: z"]);
    expect(&output, 0, &[]);
    assert_eq!(output.stdout, [9; 300_000]);
    expect(&get(&[&echo, "--data", "@/no/file"]), 26, &["/no/file could not be read"]);
    let output = get(&[&serving.url("/none"), &a]);
    expect(&output, 22, &["/none", "404"]);
    assert_eq!(text(&output.stdout), "not found\none\n");
    let output = get(&[&serving.url("/none"), "--out", "out/none"]);
    expect(&output, 22, &["404"]);
    assert_eq!(folder.list("out/none"), Vec::<String>::new());
}

/// A ticket that outlives the command, used once, and a request that is in the first flight.
#[test]
fn early_data_goes_with_a_ticket_of_the_run_before() {
    let folder = Folder::new();
    folder.write("site/a.txt", b"one\n");
    let serving = Serving::start(&folder, &["site", "--early-data"]);
    let url = serving.url("/a.txt");
    let get = |more: &[&str]| {
        let output = serving.get(&[&[&url[..], "--ticket-file", "tickets", "--trace"], more].concat());
        expect(&output, 0, &[]);
        assert_eq!(text(&output.stdout), "one\n");
        text(&output.stderr).to_owned()
    };
    let is_early = |trace: &str| trace.contains("sent 0-RTT ");
    assert!(!is_early(&get(&["--early-data"])), "there was no ticket");
    let tickets = |folder: &Folder| text(&folder.read("tickets")).lines().count() - 1;
    assert_eq!(tickets(&folder), 2);
    let mode = std::fs::metadata(folder.path().join("tickets")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for _ in 0..3 {
        assert!(is_early(&get(&["--early-data"])));
        assert!((1..=4).contains(&tickets(&folder)), "one was used, others came");
    }
    // Not without being asked to, not what is not safe, and not to a server that takes none.
    assert!(!is_early(&get(&[])));
    let output = serving.get(&[&url, "--ticket-file", "tickets", "--early-data", "--trace", "--method", "DELETE"]);
    expect(&output, 22, &["405"]);
    assert!(!is_early(&text(&output.stderr)));
    // A file that others may read is not used.
    std::fs::set_permissions(folder.path().join("tickets"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = serving.get(&[&url, "--ticket-file", "tickets"]);
    expect(&output, 1, &["chmod 600"]);
}

#[test]
fn trace_and_qlog_show_both_ends() {
    let folder = Folder::new();
    folder.write("site/a.txt", b"one\n");
    let serving = Serving::start(&folder, &["site", "--qlog", "logs"]);
    let output = serving.get(&[&serving.url("/a.txt"), "--trace", "--qlog", "logs", "--header", "cookie: sesame"]);
    expect(
        &output,
        0,
        &[
            "  started 127.0.0.1:",
            "  sent Initial 0, 1200 bytes: CRYPTO 0..",
            "  transport parameters of the server: ",
            "  cipher suite 0x1301, protocol \"h3\"",
            "  handshake complete",
            "  HTTP/3 sent on stream 0: HEADERS :method: GET;",
            " cookie: (6 bytes);",
            "  HTTP/3 received on stream 0: HEADERS :status: 200;",
            "  closed by the client's application with code 0x100",
            ": CONNECTION_CLOSE of the application, code 0x100",
        ],
    );
    assert_eq!(text(&output.stdout), "one\n");
    let said = text(&output.stderr);
    assert!(!said.contains("sesame") && said.lines().all(|line| line.contains("  client ")), "{said}");
    // A server's file grows until its connection is drained; what is there is whole texts.
    let group = |name: &str| name.split('_').next().unwrap().to_owned();
    let names = folder.list("logs");
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(group(&names[0]), group(&names[1]), "both ends name the connection alike");
    let client = names.iter().find(|name| name.ends_with("_client.sqlog")).expect("the client's");
    let log = text(&folder.read(&format!("logs/{client}")));
    assert!(log.starts_with("\u{1e}{\"file_schema\":\"urn:ietf:params:qlog:file:sequential\""), "{log}");
    assert!(log.contains("\"name\":\"quic:packet_sent\"") && log.contains("\"name\":\"http3:frame_parsed\""), "{log}");
    assert!(!log.contains("sesame"), "{log}");
    let output = serving.get(&[&serving.url("/a.txt"), "--qlog", "site/a.txt"]);
    expect(&output, 1, &["a.txt could not be used as a folder for qlog"]);
}

#[test]
fn get_names_what_failed() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &["."]);
    let url = serving.url("/");
    let port = url.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let other = folder.write("other.pem", Identity::development(&[]).unwrap().certificate_pem().as_bytes());
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = silent.local_addr().unwrap().port();
    drop(silent);
    for (arguments, status, parts) in [
        (&[&*url, "--ca", "/no/file"][..], 77, &["/no/file could not be read"][..]),
        (&[&url, "--ca", &other], 60, &["certificate of 127.0.0.1 is refused", "latest"]),
        (&[&format!("https://127.0.0.1:{free}/"), "--insecure"], 7, &["refused", &free.to_string(), "127.0.0.1"]),
        (
            &[&format!("https://no.such.host.invalid:{port}/"), "--insecure"],
            6,
            &["no.such.host.invalid has no address"],
        ),
        (&[&url, "--insecure", "--out", "/proc/no"], 23, &["/proc/no"]),
    ] {
        let output = posthaste().arg("get").args(arguments).current_dir(folder.path()).output().unwrap();
        expect(&output, status, parts);
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_is_not_complete_is_not_kept() -> Result<(), Error> {
    let folder = Folder::new();
    posthaste::run(|handle| async move {
        let server = Server::builder(Identity::development(&[])?)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .start(&handle, |_, reply: Reply| async move {
                let mut writer = reply.start(200)?;
                writer.write("not all").await
            })?;
        let url = format!("https://{}/file", server.addresses()[0]);
        let path = folder.path().to_owned();
        let (sender, output) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut command = posthaste();
            command.args(["get", &url, "--insecure", "--out", "out"]).current_dir(path);
            sender.send(command.output().unwrap()).unwrap();
        });
        // The server runs on this thread, so it must not be kept from it.
        let output = loop {
            match output.try_recv() {
                Ok(output) => break output,
                Err(_) => handle.sleep(Duration::from_millis(1)).await,
            }
        };
        expect(&output, 95, &["/file", "reset the stream", "cancelled"]);
        assert_eq!(folder.list("out"), Vec::<String>::new());
        Ok(())
    })?
}

#[test]
fn serve_reports_what_the_system_refuses_on_a_line_each() -> Result<(), Error> {
    let folder = Folder::new();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    let serving = Serving::start(&folder, &["."]);
    serving.with_client(async |client, base| {
        for _ in 0..2 {
            assert_eq!(client.get(&format!("{base}/loop")).send().await?.status().code(), 500);
        }
        assert_eq!(client.get(&format!("{base}/nothing")).send().await?.status().code(), 404);
        client.close().await;
        Ok(())
    })?;
    let said = serving.end();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for line in lines {
        assert!(
            line.starts_with("posthaste: GET /loop of 127.0.0.1:") && line.contains("loop could not be opened"),
            "{said}"
        );
    }
    Ok(())
}

#[test]
fn a_closed_pipe_ends_get_quietly() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let mut child = posthaste()
        .args(["get", &serving.url("/bytes/100000000"), "--insecure"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    expect(&output, 1, &[]);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn load_counts_and_fails_if_anything_did() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let load = |path: &str| {
        let arguments = ["load", &serving.url(path), "--insecure", "--requests", "300", "--concurrency", "20"];
        posthaste().args(arguments).args(["--connections", "3"]).output().unwrap()
    };
    let output = load("/bytes/1000");
    expect(&output, 0, &[]);
    let said = text(&output.stdout);
    assert!(
        ["300 answers", "requests/s", "p99", "errors 0, not 2xx 0"].iter().all(|part| said.contains(part)),
        "{said}"
    );
    let output = load("/nothing");
    expect(&output, 1, &[]);
    assert!(text(&output.stdout).contains("errors 0, not 2xx 300"));
}

/// Each connection has a file, which can be read and is as the schemas have it.
#[test]
fn load_writes_qlog_of_each_connection() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let logs = folder.path().join("logs");
    let arguments =
        ["load", &serving.url("/bytes/1000"), "--insecure", "--requests", "100", "--qlog", logs.to_str().unwrap()];
    expect(&posthaste().args(arguments).args(["--connections", "3"]).output().unwrap(), 0, &[]);
    let names = folder.list("logs");
    assert!(names.len() == 3 && names.iter().all(|name| name.ends_with("_client.sqlog")), "{names:?}");
    for name in names {
        let events = qlog::check(&text(&folder.read(&format!("logs/{name}"))));
        assert!(events.iter().any(|event| event == "quic:connection_closed"), "{events:?}");
    }
}

/// Each connection that has moved counts, and a move that fails is told and is a failure.
#[test]
fn load_counts_moves_and_fails_if_one_did_not_arrive() -> Result<(), Error> {
    let load = |url: &str, arguments: &[&str]| {
        let output = posthaste().args(["load", url, "--insecure"]).args(arguments).output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    for (arguments, moves) in [
        (&["--requests", "40", "--concurrency", "1", "--migrate", "4"][..], 10),
        // More moves than there are connection IDs at a time, and several who want to move one connection.
        (&["--requests", "24", "--concurrency", "6", "--connections", "2", "--migrate", "1"], 24),
    ] {
        let (status, said) = load(&serving.url("/bytes/1000"), arguments);
        assert!(said.contains(&format!("moves to another port {moves}, failed 0")), "{said}");
        assert_eq!(status, Some(0), "{said}");
    }
    let mut server = Server::builder(Identity::development(&[])?).listen("127.0.0.1:0".parse().expect("an address"));
    server.transport.disable_active_migration = true;
    let workers = server.start_workers(1, async |_: Request, reply: Reply| reply.send(200, "").await)?;
    let url = format!("https://{}/", workers.addresses()[0]);
    let (status, said) = load(&url, &["--requests", "8", "--concurrency", "1", "--migrate", "2"]);
    assert!(said.contains("moves to another port 0, failed 4"), "{said}");
    assert!(said.contains("first failed move: the server has disabled active migration"), "{said}");
    assert_eq!(status, Some(1), "{said}");
    workers.shutdown();
    workers.join()
}

#[test]
fn a_signal_lets_what_is_under_way_finish() -> Result<(), Error> {
    let one = &[".", "--bodies"][..];
    let several = &[".", "--bodies", "--workers", "3"][..];
    for (signal, arguments) in
        [("-INT", one), ("-TERM", several), ("-QUIT", one), ("-QUIT", several), ("-HUP", one), ("-HUP", several)]
    {
        let folder = Folder::new();
        let mut serving = Serving::start(&folder, arguments);
        let url = serving.url("/bytes/50000000");
        let pem = std::fs::read(serving.certificate()).unwrap();
        let (running, address) = (&serving, url.clone());
        posthaste::run(|handle| async move {
            let client = Client::builder(Roots::from_pem(&pem)?).build(&handle);
            let mut response = client.get(&address).send().await?;
            running.signal(signal);
            let mut count = 0;
            while let Some(part) = response.body().chunk().await? {
                count += part.len();
            }
            assert_eq!(count, 50_000_000);
            Ok::<(), Error>(())
        })??;
        assert_eq!(serving.wait(), Some(0), "{signal}");
        assert!(!serving.certificate().exists(), "{signal}");
        expect(&posthaste().args(["get", &url, "--insecure"]).output().unwrap(), 7, &["refused"]);
    }
    Ok(())
}

/// What a server said that was told to end. That it waits is none of it: it may hear of the signal before it hears that a client has left.
fn but_for_waiting(said: &str) -> String {
    said.lines().filter(|line| !line.starts_with("posthaste: ending: waits for 1 connection with 0 requests")).collect()
}

/// Who starts a server by nohup wants it to outlive the terminal.
#[test]
fn a_hangup_that_was_ignored_from_the_beginning_ends_nothing() {
    let folder = Folder::new();
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' HUP; exec "$0" "$@""#, env!("CARGO_BIN_EXE_posthaste")]);
    let serving = Serving::start_by(command, &folder, &[".", "--bodies"]);
    serving.signal("-HUP");
    // In the order in which they came: what is answered was asked after it.
    expect(&serving.get(&[&serving.url("/bytes/1000")]), 0, &[]);
    assert_eq!(but_for_waiting(&serving.end()), "");
}

#[test]
fn an_expired_certificate_is_noticed_on_both_sides() {
    let folder = Folder::new();
    let (certificate, key) = support::expired_identity_pem();
    folder.write("cert.pem", certificate.as_bytes());
    folder.write("key.pem", key.as_bytes());
    let serving = Serving::start(&folder, &[".", "--cert", "cert.pem", "--key", "key.pem"]);
    let output =
        posthaste().args(["get", &serving.url("/"), "--ca", "cert.pem"]).current_dir(folder.path()).output().unwrap();
    expect(&output, 60, &["expired on", "new certificate"]);
    let said = serving.end();
    assert!(said.contains("warning: the certificate in cert.pem was good until Sun, 09 Sep 2001"), "{said}");
}

/// `serve` asks, and `get` answers.
#[test]
fn clients_show_certificates_on_the_command_line() {
    let folder = Folder::new();
    folder.write("a", b"a");
    let (ours, other) = (support::Authority::new("ours"), support::Authority::new("other"));
    folder.write("ca.pem", ours.pem().as_bytes());
    for (name, authority) in [("good", &ours), ("foreign", &other)] {
        let (certificate, key) = authority.client_pem("client.example", false);
        folder.write(&format!("{name}.pem"), certificate.as_bytes());
        folder.write(&format!("{name}.key"), key.as_bytes());
    }
    let shown = |name: &str| ["--cert".to_owned(), format!("{name}.pem"), "--key".to_owned(), format!("{name}.key")];
    for (when, without) in [("required", 35), ("optional", 0)] {
        let serving = Serving::start(&folder, &[".", "--client-ca", "ca.pem", "--client-auth", when]);
        let get = |arguments: &[String]| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            serving.get(&[&[serving.url("/a").as_str()][..], &arguments].concat())
        };
        let good = get(&shown("good"));
        expect(&good, 0, &[]);
        assert_eq!(good.stdout, b"a");
        let parts: &[&str] =
            if without == 0 { &[] } else { &["requires a client certificate", "--cert FILE --key FILE"] };
        expect(&get(&[]), without, parts);
        // One of another authority is not shown.
        expect(&get(&shown("foreign")), without, parts);
    }
    for (arguments, parts) in [
        (&["--client-ca", "/no/file"][..], &["/no/file could not be read"][..]),
        (&["--client-ca", "a"], &["a cannot be used", "certificate"]),
    ] {
        let output = posthaste().arg("serve").args(arguments).current_dir(folder.path()).output().unwrap();
        expect(&output, 1, parts);
    }
}

/// The next that it says of a SIGHUP, behind what it says of clients that it was refused by.
fn hangup(serving: &mut Serving) -> String {
    loop {
        let said = serving.hear();
        if said.contains("SIGHUP") || said.is_empty() {
            return said;
        }
    }
}

/// What is in the files at a SIGHUP is shown from then on, or what was there before, with a word about it; a transfer under way
/// takes no notice.
#[test]
fn a_hangup_has_serve_read_its_files_again() -> Result<(), Error> {
    for workers in ["1", "2"] {
        let held = Folder::new();
        let folder = &held;
        let now = runtime::clock::unix_seconds();
        let write = move |name: &str| {
            let (certificate, key) = support::identity_pem(&["127.0.0.1"], now - 10, 1_000_000);
            folder.write(&format!("{name}.pem"), certificate.as_bytes());
            folder.write("cert.pem", certificate.as_bytes());
            folder.write("key.pem", key.as_bytes());
        };
        write("first");
        let arguments = [".", "--bodies", "--cert", "cert.pem", "--key", "key.pem", "--workers", workers];
        let mut serving = Serving::start(folder, &arguments);
        let url = serving.url("/bytes/10");
        let trusting = move |name: &str| {
            let ca = format!("{name}.pem");
            posthaste().args(["get", &url, "--ca", &ca]).current_dir(folder.path()).output().unwrap().status.success()
        };
        assert!(trusting("first"));
        let (pem, slow) = (folder.read("first.pem"), serving.url("/bytes/20000000"));
        let roots = Roots::from_pem(&pem)?;
        posthaste::run(|handle| async move {
            let client = Client::builder(roots).build(&handle);
            let mut response = client.get(&slow).send().await?;
            write("second");
            serving.signal("-HUP");
            let said = serving.hear();
            assert!(
                said.contains("SIGHUP: generation 2: cert.pem is valid until") && said.contains("SHA-256"),
                "{said}"
            );
            assert!(!trusting("first") && trusting("second"));
            // The key of another certificate: nothing is changed.
            folder.write("key.pem", support::fresh_key_pem().as_bytes());
            serving.signal("-HUP");
            let said = hangup(&mut serving);
            assert!(said.contains("SIGHUP: nothing is changed: the key in key.pem does not belong"), "{said}");
            assert!(trusting("second"));
            write("third");
            serving.signal("-HUP");
            assert!(hangup(&mut serving).contains("generation 3"));
            assert!(trusting("third") && !trusting("second"));
            let mut count = 0;
            while let Some(part) = response.body().chunk().await? {
                count += part.len();
            }
            assert_eq!((count, client.open_connections()), (20_000_000, 1));
            client.close().await;
            serving.end();
            Ok::<(), Error>(())
        })??;
    }
    Ok(())
}

/// Several identities behind one port, by the names in them.
#[test]
fn serve_shows_each_certificate_for_its_names() {
    let folder = Folder::new();
    let now = runtime::clock::unix_seconds();
    for (name, host) in [("one", "127.0.0.1"), ("two", "localhost")] {
        let (certificate, key) = support::identity_pem(&[host], now - 10, 1_000_000);
        folder.write(&format!("{name}.pem"), certificate.as_bytes());
        folder.write(&format!("{name}.key"), key.as_bytes());
    }
    let pairs = ["--cert", "one.pem", "--key", "one.key", "--cert", "two.pem", "--key", "two.key"];
    let serving = Serving::start(&folder, &[&["."][..], &pairs, &["--bodies"]].concat());
    let by_address = serving.url("/bytes/1");
    let by_name = by_address.replace("127.0.0.1", "localhost");
    for (url, ca, status) in
        [(&by_address, "one.pem", 0), (&by_name, "two.pem", 0), (&by_address, "two.pem", 60), (&by_name, "one.pem", 60)]
    {
        let output = posthaste().args(["get", url, "--ca", ca]).current_dir(folder.path()).output().unwrap();
        expect(&output, status, &[]);
    }
}

#[test]
fn get_takes_a_certificate_by_its_hash() {
    let folder = Folder::new();
    folder.write("a", b"a");
    let serving = Serving::start(&folder, &["."]);
    let print = serving.said().iter().find_map(|line| line.strip_prefix("certificate SHA-256: ")).unwrap();
    let get = |hash: &str| {
        posthaste().args(["get", &serving.url("/a"), "--pin", &format!("sha256:{hash}")]).output().unwrap()
    };
    assert_eq!(get(print).stdout, b"a");
    expect(&get(&print.to_uppercase()), 0, &[]);
    expect(&get(&"0".repeat(64)), 60, &["none of those that are pinned", print]);
}
/// Nothing that a server does, or does not do, keeps `load` for ever.
#[test]
fn load_says_what_is_wrong_with_a_server_and_ends() -> Result<(), Error> {
    let load =
        |url: &str, arguments: &[&str]| posthaste().args(["load", url, "--insecure"]).args(arguments).output().unwrap();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    expect(&load(&format!("https://{closed}/"), &[]), 1, &["connection refused", &closed.port().to_string()]);
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    expect(&load(&url, &["--timeout", "0.2"]), 1, &["nothing came", "0.2 s", "--timeout"]);
    expect(&load("https://no.such.host.invalid/", &[]), 1, &["no.such.host.invalid has no address"]);
    // One that answers the first request of each connection, and then no more.
    let answered = std::sync::atomic::AtomicBool::new(false);
    let workers = Server::builder(Identity::development(&[])?).listen("127.0.0.1:0".parse().expect("an address"));
    let answer = std::sync::Arc::new(answered);
    let workers = workers.start_workers(1, move |_: Request, reply: Reply| {
        let is_first = !answer.swap(true, std::sync::atomic::Ordering::Relaxed);
        async move {
            if !is_first {
                std::future::pending::<()>().await;
            }
            reply.send(200, "").await
        }
    })?;
    let url = format!("https://{}/", workers.addresses()[0]);
    let output = load(&url, &["--timeout", "0.2", "--requests", "1000", "--concurrency", "4"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    let parts = ["0 answers", "given up: ", " requests were not sent", "first error: nothing came"];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    workers.close();
    let _ = workers.join();
    Ok(())
}

/// By TCP at the same port, unless that is left out.
#[test]
fn serve_listens_by_tcp_where_it_listens_by_udp() {
    let folder = Folder::new();
    for (arguments, is_there) in [(&["."][..], true), (&[".", "--no-tcp"], false)] {
        let serving = Serving::start(&folder, arguments);
        let url = serving.url("");
        let address = url.strip_prefix("https://").unwrap();
        assert_eq!(std::net::TcpStream::connect(address).is_ok(), is_there, "{arguments:?}");
        assert_eq!(but_for_waiting(&serving.end()), "");
    }
}
