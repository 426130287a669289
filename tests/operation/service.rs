//! What a service manager hears, and what a server gives up once it serves.

use super::serving::{Folder, Serving, posthaste};
use posthaste::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

fn hear(socket: &UnixDatagram) -> String {
    let mut word = [0; 1000];
    let count = socket.recv(&mut word).expect("a word in time");
    String::from_utf8(word[..count].to_vec()).unwrap()
}

/// The next word that is not about the watchdog.
fn hear_state(socket: &UnixDatagram) -> String {
    std::iter::repeat_with(|| hear(socket)).find(|word| word != "WATCHDOG=1").unwrap()
}

#[test]
fn a_service_manager_hears_of_each_state() {
    let folder = Folder::new();
    folder.write("serve.toml", b"list = true");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = posthaste();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let serving = Serving::start_by(command, &folder, &["--config", "serve.toml"]);
    assert!(hear_state(&socket).starts_with("READY=1\n"));
    assert_eq!(hear(&socket), "WATCHDOG=1");
    serving.signal("-HUP");
    let word = hear_state(&socket);
    assert!(word.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{word}");
    assert!(hear_state(&socket).starts_with("READY=1\n"));
    serving.end();
    assert!(hear_state(&socket).starts_with("STOPPING=1\n"));
}

/// A command that runs `posthaste` as systemd's socket activation does: with a socket as descriptor 3.
fn with_socket(socket: impl Into<std::process::Stdio>) -> Command {
    let mut command = Command::new("sh");
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
    command.args(["-c", script, env!("CARGO_BIN_EXE_posthaste")]).stdin(socket);
    command
}

#[test]
fn sockets_that_were_bound_before_are_served() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/index.html", b"here");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let serving = Serving::start_by(with_socket(OwnedFd::from(socket.try_clone().unwrap())), &folder, &["site"]);
    assert_eq!(serving.url(""), format!("https://{address}"));
    serving.with_client(async |client, base| {
        let mut response = client.get(&format!("{base}/")).send().await?;
        assert_eq!(response.body().read_to_end(10).await?, b"here");
        client.close().await;
        Ok(())
    })?;
    // Whoever has bound it keeps it: the next server goes on where this one ends.
    serving.end();
    let next = Serving::start_by(with_socket(OwnedFd::from(socket)), &folder, &["site"]);
    assert_eq!(next.url(""), format!("https://{address}"));
    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    for (socket, arguments, part) in [
        (OwnedFd::from(stream), &["site"][..], "sockets of TCP alone"),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), &["site", "--workers", "2"], "one worker"),
    ] {
        let mut command = with_socket(socket);
        let output = command.arg("serve").args(arguments).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(part), "{said}");
    }
    Ok(())
}

/// Both sockets of a port, as two lines of a unit have them: the server speaks by UDP and by TCP, and binds nothing itself.
#[test]
fn sockets_of_both_kinds_are_served() {
    let folder = Folder::new();
    folder.write("site/index.html", b"here");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind(udp.local_addr().unwrap()).unwrap();
    let address = tcp.local_addr().unwrap();
    let script = "LISTEN_PID=$$ LISTEN_FDS=2 exec \"$0\" \"$@\" 3<&0 4<&1 0</dev/null 1>&2";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_posthaste"), "serve", "site"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdin(OwnedFd::from(udp))
        .stdout(OwnedFd::from(tcp))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), format!("listening on https://{address}"));
    // No record of TLS: it is answered by an alert.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(first, [21], "an alert");
    let output = posthaste().args(["get", "--insecure", &format!("https://{address}/")]).output().unwrap();
    assert_eq!(output.stdout, b"here");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The numbers that the threads of a process have, one line for each kind and thread.
fn identities(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let statuses = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let of = |status: String| {
        status
            .lines()
            .filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    statuses.flat_map(of).collect()
}

#[test]
fn all_threads_become_the_user_once_everything_is_open() -> Result<(), Error> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let folder = Folder::new();
    folder.write("site/index.html", b"x");
    if !is_root {
        let output = posthaste().args(["serve", "--listen", "127.0.0.1:0", "--user", "0:0"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("only root may"), "{said}");
        return Ok(());
    }
    // TMPDIR of the server.
    Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path()).status().unwrap();
    folder.write("site/sub/a", b"x");
    let serving = Serving::start(&folder, &["site", "--list", "--workers", "2", "--user", "65534:65534"]);
    serving.with_client(async |client, base| {
        assert_eq!(client.get(&format!("{base}/")).send().await?.status().code(), 200);
        assert_eq!(client.get(&format!("{base}/sub/")).send().await?.status().code(), 200, "also by whoever was root");
        Ok(())
    })?;
    let certificate = serving.certificate();
    let found = identities(serving.process());
    assert!(found.len() >= 6, "{found:?}");
    for line in &found {
        assert!(line.split_whitespace().skip(1).all(|number| number == "65534"), "{found:?}");
    }
    assert!(certificate.exists());
    serving.end();
    assert!(!certificate.exists(), "what was written is taken away");
    Ok(())
}
