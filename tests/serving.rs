//! What somebody meets who uses `posthaste serve` for the first time, and who leaves it running: hints that work, addresses of
//! both families, files of certificates, and a standard error that nobody reads.
#![allow(clippy::unwrap_used)] // a test may

#[allow(dead_code)] // shared with the tests of the command
#[path = "command/serving.rs"]
mod serving;
mod support;

use posthaste::{Client, Error, Method, Roots};
use serving::{Folder, Serving, posthaste};
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a line that was printed, as a shell does.
fn run_line(folder: &Folder, line: &str) -> Output {
    Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn site() -> Folder {
    let folder = Folder::new();
    folder.write("index.html", b"it works\n");
    folder
}

/// A certificate and its key as files in `folder`, for these names.
fn files(folder: &Folder, names: &[&str]) -> [String; 4] {
    let (certificate, key) = support::identity_pem(names, runtime::clock::unix_seconds() - 10, 1000);
    let certificate = folder.write("it's the chain.pem", certificate.as_bytes());
    ["--cert".into(), certificate, "--key".into(), folder.write("key.pem", key.as_bytes())]
}

/// What is printed is run as it stands, wherever the server listens and whatever certificate it shows.
#[test]
fn the_suggested_command_works_as_it_is_printed() {
    for (address, names, switch) in [
        ("127.0.0.1:0", None, "--ca"),
        ("0.0.0.0:0", None, "--ca"),
        ("[::]:0", None, "--ca"),
        ("[::1]:0", None, "--ca"),
        ("127.0.0.1:0", Some(&["localhost", "127.0.0.1"][..]), "--ca"),
        ("[::]:0", Some(&["localhost"]), "--ca"),
        ("0.0.0.0:0", Some(&["a.example", "127.0.0.1"]), "--ca"),
        ("127.0.0.1:0", Some(&["a.example", "--name", "127.0.0.1"]), "--insecure"),
    ] {
        let folder = site();
        let mut arguments: Vec<String> = vec![".".into()];
        if let Some(names) = names {
            let (certified, given) =
                names.split_at(names.iter().position(|name| *name == "--name").unwrap_or(names.len()));
            arguments.extend(files(&folder, certified));
            arguments.extend(given.iter().map(|word| (*word).to_owned()));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let serving = Serving::start_at(&folder, address, &arguments);
        let output = run_line(&folder, serving.hint());
        assert_eq!(text(&output.stdout), "it works\n", "{address}: {}: {}", serving.hint(), text(&output.stderr));
        assert!(output.status.success() && serving.hint().contains(switch), "{}", serving.hint());
    }
}

/// A machine's own address that is listened on is in the development certificate.
#[test]
fn a_certificate_for_elsewhere_is_suggested_with_that_condition() {
    let folder = site();
    let files = files(&folder, &["a.example"]);
    let serving = Serving::start(&folder, &files.each_ref().map(String::as_str));
    let port = serving.url("").rsplit(':').next().unwrap().to_owned();
    assert!(serving.hint().contains(&format!("get https://a.example:{port}/ --ca ")), "{}", serving.hint());
    let nowhere = Folder::new();
    let files = self::files(&nowhere, &["*.a.example"]);
    let serving = Serving::start(&nowhere, &files.each_ref().map(String::as_str));
    assert_eq!(serving.hint(), "");
    assert!(serving.said().iter().any(|line| line.contains("--name HOST")), "{:?}", serving.said());
}

/// By a path from the current folder, by PATH, and by a name that is not its own.
#[test]
fn the_program_is_called_as_it_was_called() {
    let folder = site();
    let own = env!("CARGO_BIN_EXE_posthaste");
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(own, folder.path().join("bin/posthaste")).unwrap();
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let by_path = |program: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {program} \"$@\""), "sh"]).env("PATH", &path);
        command
    };
    for (program, called) in [
        ("./bin/posthaste", "./bin/posthaste get "),
        ("posthaste", "posthaste get "),
        ("bin/posthaste", "bin/posthaste get "),
    ] {
        let serving = Serving::start_by(by_path(program), &folder, &["."]);
        assert!(serving.hint().starts_with(called), "{}", serving.hint());
        let line = format!("PATH='{path}'; {}", serving.hint());
        assert_eq!(text(&run_line(&folder, &line).stdout), "it works\n", "{line}");
    }
    let mut renamed = Command::new("bash");
    renamed.args(["-c", &format!("exec -a something-else '{own}' \"$@\""), "bash"]);
    let serving = Serving::start_by(renamed, &folder, &["."]);
    assert_eq!(text(&run_line(&folder, serving.hint()).stdout), "it works\n", "{}", serving.hint());
}

/// Both families by one socket, also where the address has to be shown first; addresses are told as their owners know them.
#[test]
fn any_address_of_ipv6_serves_ipv4_as_well() -> Result<(), Error> {
    for more in [&["--retry", "always"][..], &["--workers", "2"], &[]] {
        let folder = site();
        let serving = Serving::start_at(&folder, "[::]:0", &[&[".", "--log"], more].concat());
        let port = serving.url("").rsplit(':').next().unwrap().to_owned();
        let roots = Roots::from_pem_file(serving.certificate())?;
        for host in ["127.0.0.1", "[::1]"] {
            let (url, roots) = (format!("https://{host}:{port}/"), roots.clone());
            posthaste::run(|handle| async move {
                let client = Client::builder(roots).build(&handle);
                assert_eq!(client.get(&url).send().await?.body().read_to_end(100).await?, b"it works\n");
                client.close().await;
                Ok::<(), Error>(())
            })??;
        }
        let said = serving.end();
        assert!(said.contains(" 127.0.0.1:") && said.contains(" [::1]:") && !said.contains("ffff"), "{said}");
    }
    Ok(())
}

/// What each family is for can be said one by one, in any order and on one port.
#[test]
fn addresses_of_both_families_share_a_port() {
    let folder = site();
    let free = std::net::UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let (four, six) = (format!("127.0.0.1:{free}"), format!("[::]:{free}"));
    for (first, second) in [(&four, &six), (&six, &four)] {
        let mut serving = Serving::start_at(&folder, first, &[".", "--listen", second]);
        assert!(serving.is_running());
        assert_eq!(text(&run_line(&folder, serving.hint()).stdout), "it works\n", "{}", serving.hint());
        assert!(serving.hint().contains("localhost"), "{}", serving.hint());
        serving.end();
    }
}

/// Files of certificates in `folder`.
fn certificates(folder: &Folder) -> Vec<String> {
    folder.list(".").into_iter().filter(|name| name.starts_with("posthaste-dev")).collect()
}

#[test]
fn each_server_has_a_certificate_file_of_its_own_until_it_ends() {
    let folder = site();
    let planted = folder.write("planted", b"precious");
    std::os::unix::fs::symlink(&planted, folder.path().join("posthaste-dev.pem")).unwrap();
    let servers: Vec<Serving> = (0..4).map(|_| Serving::start(&folder, &["."])).collect();
    let files: Vec<_> = servers.iter().map(Serving::certificate).collect();
    for (server, file) in servers.iter().zip(&files) {
        let metadata = std::fs::symlink_metadata(file).unwrap();
        assert!(metadata.is_file() && metadata.mode() & 0o133 == 0, "{:o}", metadata.mode());
        assert_eq!(text(&run_line(&folder, server.hint()).stdout), "it works\n", "the others changed nothing");
    }
    for (number, mut server) in servers.into_iter().enumerate() {
        server.signal(["-TERM", "-INT"][number % 2]);
        assert_eq!(server.wait(), Some(0));
        assert!(!files[number].exists());
        assert_eq!(certificates(&folder).len(), 4 - number, "with the link");
    }
    assert_eq!(folder.read("planted"), b"precious");
    // A server that cannot begin leaves none either.
    let output = posthaste()
        .args(["serve", "--listen", "192.0.2.1:4433"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(certificates(&folder).len(), 1);
}

/// Whoever may write anywhere (root) finds a folder that is not there instead of one that is closed to it.
#[test]
fn a_folder_for_the_certificate_that_cannot_be_used_does_not_keep_it_from_serving() {
    let folder = site();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    for temporary in [Path::new("/nowhere/at/all"), Path::new("/proc/self"), &closed] {
        let mut command = Command::new("env");
        command.arg(format!("TMPDIR={}", temporary.display())).arg(env!("CARGO_BIN_EXE_posthaste"));
        let serving = Serving::start_by(command, &folder, &["."]);
        assert_eq!(text(&run_line(&folder, serving.hint()).stdout), "it works\n", "{}", serving.hint());
        let is_root = serving.hint().contains(&*closed.to_string_lossy());
        let (hint, said) = (serving.hint().to_owned(), serving.end());
        assert!(is_root || (hint.ends_with(" --insecure") && said.contains("TMPDIR")), "{hint}: {said}");
    }
}

#[test]
fn the_log_has_a_line_for_each_request() -> Result<(), Error> {
    let folder = site();
    let serving = Serving::start(&folder, &[".", "--log", "--bodies"]);
    serving.with_client(async |client, base| {
        for path in ["/?a=%1b[2J", "/none", "/bytes/100000"] {
            client.get(&format!("{base}{path}")).send().await?.body().read_to_end(1 << 20).await?;
        }
        client.post(&format!("{base}/echo")).body("four").send().await?.body().read_to_end(100).await?;
        let elsewhere = client.request(Method::from_bytes(b"BREW").unwrap(), &format!("{base}/pot")).send().await?;
        assert_eq!(elsewhere.status().code(), 501);
        // Given up by the client.
        drop(client.get(&format!("{base}/bytes/1000000000")).send().await?);
        client.close().await;
        Ok(())
    })?;
    let said = serving.end();
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(' ').collect()).collect();
    let told: Vec<String> = lines.iter().map(|line| [&line[2..5], &line[7..]].concat().join(" ")).collect();
    let bytes: Vec<&str> = lines.iter().map(|line| line[5]).collect();
    assert_eq!(
        told[..5],
        [
            "GET /?a=%1b[2J 200 ms",
            "GET /none 404 ms",
            "GET /bytes/100000 200 ms",
            "POST /echo 200 ms",
            "BREW /pot 501 ms"
        ],
        "{said}"
    );
    assert_eq!(told[5], "GET /bytes/1000000000 200 ms broken off", "{said}");
    assert_eq!((bytes[0], bytes[2], bytes[3]), ("9", "100000", "4"), "{said}");
    for line in lines {
        assert!(line[0].starts_with("20") && line[0].ends_with('Z') && line[1].starts_with("127.0.0.1:"), "{said}");
        assert!(line[6].parse::<f64>().unwrap() < 60_000.0, "{said}");
    }
    Ok(())
}

/// `posthaste serve` by a shell whose standard error is this pipe.
fn onto(pipe: impl Into<Stdio>) -> Command {
    // The pipe is given to the shell as its standard input, since that of the server's helpers is its own.
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec '{}' \"$@\" 2>&0 </dev/null", env!("CARGO_BIN_EXE_posthaste")), "sh"]);
    command.stdin(pipe);
    command
}

/// Two servers with three threads each write to one pipe.
#[test]
fn lines_of_many_writers_stay_whole() -> Result<(), Error> {
    let folder = site();
    let (reader, writer) = std::io::pipe().unwrap();
    let target = "x".repeat(700);
    let servers: Vec<Serving> = (0..2)
        .map(|_| Serving::start_by(onto(writer.try_clone().unwrap()), &folder, &[".", "--log", "--workers", "3"]))
        .collect();
    drop(writer);
    let reading = std::thread::spawn(move || BufReader::new(reader).lines().map(Result::unwrap).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (server, target) = (&servers[number % 2], &target);
            scope.spawn(move || {
                server.with_client(async |client, base| {
                    for _ in 0..200 {
                        client.get(&format!("{base}/{target}")).send().await?;
                    }
                    Ok(())
                })
            });
        }
    });
    for mut server in servers {
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }
    let lines = reading.join().unwrap();
    assert_eq!(lines.len(), 6 * 200);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words.len() == 8 && words[3].len() == target.len() + 1 && words[4] == "404", "{line}");
    }
    Ok(())
}

/// Asks until more was logged than a pipe and the queue before it hold.
fn ask_much(serving: &Serving) -> Result<(), Error> {
    let target = "x".repeat(3000);
    serving.with_client(async |client, base| {
        for _ in 0..600 {
            assert_eq!(client.get(&format!("{base}/{target}")).send().await?.status().code(), 404);
        }
        client.close().await;
        Ok(())
    })
}

fn missing(said: &str) -> usize {
    let counts = said.lines().filter(|line| line.ends_with("missing here: standard error did not take them"));
    counts.map(|line| line.split(' ').nth(1).unwrap().parse::<usize>().unwrap()).sum()
}

#[test]
fn a_standard_error_that_nobody_reads_does_not_stop_the_server() -> Result<(), Error> {
    for tracing in [false, true] {
        let folder = site();
        let (mut reader, writer): (PipeReader, _) = std::io::pipe().unwrap();
        let arguments = if tracing { &[".", "--log", "--trace"][..] } else { &[".", "--log"] };
        let mut serving = Serving::start_by(onto(writer), &folder, arguments);
        ask_much(&serving)?;
        // It ends as well, although nobody reads its last words.
        serving.signal("-TERM");
        assert_eq!(serving.wait(), Some(0));
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert!(said.len() >= 1000, "what came first is there");
    }
    Ok(())
}

#[test]
fn a_reader_that_comes_back_learns_how_many_lines_it_missed() -> Result<(), Error> {
    let folder = site();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut serving = Serving::start_by(onto(writer), &folder, &[".", "--log"]);
    ask_much(&serving)?;
    let reading = std::thread::spawn(move || std::io::read_to_string(reader).unwrap());
    // From now on it is read, and the next request is told again at some time.
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    let said = reading.join().unwrap();
    let lines = said.lines().filter(|line| line.contains(" 404 ")).count();
    assert!(missing(&said) > 0 && lines + missing(&said) == 600, "{lines} and {}", missing(&said));
    Ok(())
}

#[test]
fn a_standard_error_or_output_that_is_gone_does_not_end_the_server() -> Result<(), Error> {
    let folder = site();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut serving = Serving::start_by(onto(writer), &folder, &[".", "--log", "--trace"]);
    drop(reader);
    ask_much(&serving)?;
    serving.signal("-TERM");
    assert_eq!(serving.wait(), Some(0));
    // A standard output without a reader, or with one that takes nothing: found by the certificate that it writes.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = posthaste()
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while certificates(&folder).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    Ok(())
}

/// An error without a reader is no panic.
#[test]
fn an_error_that_nobody_reads_keeps_its_status() {
    for (arguments, status) in [(&["fly"][..], 2), (&["serve", "/no/such/folder"], 1), (&["serve", "--listen", "x"], 2)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = posthaste().args(arguments).stderr(writer).status().unwrap();
        assert_eq!(ended.code(), Some(status), "{arguments:?}");
    }
}

/// A client of IPv4 keeps its server to the end, while others of both families get to the next one at the same address.
#[test]
fn a_server_of_both_families_ends_and_another_takes_over() -> Result<(), Error> {
    const LENGTH: usize = 50_000_000;
    let folder = site();
    let mut first = Serving::start_at(&folder, "[::]:0", &[".", "--bodies"]);
    let port: u16 = first.url("").rsplit(':').next().unwrap().parse().unwrap();
    let roots = Roots::from_pem_file(first.certificate())?;
    let (running, address) = (&first, format!("[::]:{port}"));
    let folder = &folder;
    posthaste::run(|handle| async move {
        let client = Client::builder(roots).build(&handle);
        let mut response = client.get(&format!("https://127.0.0.1:{port}/bytes/{LENGTH}")).send().await?;
        let mut count = response.body().chunk().await?.map_or(0, |part| part.len());
        running.signal("-TERM");
        // It begins once the port is offered.
        let next = Serving::start_at(folder, &address, &["."]);
        for host in ["127.0.0.1", "[::1]"] {
            let arguments = ["get", &format!("https://{host}:{port}/"), "--ca"];
            let output = posthaste().args(arguments).arg(next.certificate()).output().unwrap();
            assert_eq!(text(&output.stdout), "it works\n", "{host}: {}", text(&output.stderr));
        }
        while let Some(part) = response.body().chunk().await? {
            count += part.len();
        }
        assert_eq!(count, LENGTH);
        Ok::<(), Error>(())
    })??;
    assert_eq!(first.wait(), Some(0));
    Ok(())
}
