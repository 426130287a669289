//! The contract of the interop runner, as `examples/interop` keeps it: what the environment says is done, and the exit code says
//! whether it was. Over what paths the cases have to hold is the affair of `tests/peers/run --interop`.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // `main` of an example; and a test may

#[path = "../examples/interop/main.rs"]
mod interop;
#[path = "support/qlog.rs"]
mod qlog;
mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use support::Authority;

/// The example as a process: for the tests below, which start it with its environment.
#[test]
#[ignore = "a part of other tests"]
fn as_a_process() {
    std::process::exit(interop::status().into());
}

/// The folders of one test, gone at its end.
struct Folders(PathBuf);

impl Folders {
    fn new(name: &str) -> Folders {
        let root = std::env::temp_dir().join(format!("posthaste-interop-{name}-{}", std::process::id()));
        for folder in ["www", "certs", "downloads"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let authority = Authority::new("authority");
        let (certificate, key) = authority.server_pem("localhost");
        let certs = root.join("certs");
        std::fs::write(certs.join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(certs.join("cert.pem"), certificate).unwrap();
        std::fs::write(certs.join("priv.key"), key).unwrap();
        Folders(root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file that can be asked for, of a pattern that differs from file to file.
    fn write(&self, name: &str, len: usize) {
        let bytes: Vec<u8> = (0..len).map(|place| (place % 251 + name.len()) as u8).collect();
        std::fs::write(self.path("www").join(name), bytes).unwrap();
    }

    /// Of the case `CASE+h3` the files are moved by HTTP/3.
    fn command(&self, role: &str, case: &str) -> Command {
        let (case, parameters) = match case.strip_suffix("+h3") {
            Some(case) => (case, "protocol=h3"),
            None => (case, ""),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "as_a_process", "--ignored", "--nocapture"]).env("ROLE", role).env("TESTCASE", case);
        for (variable, folder) in [("WWW", "www"), ("CERTS", "certs"), ("DOWNLOADS", "downloads")] {
            command.env(variable, self.path(folder));
        }
        command.env("SSLKEYLOGFILE", self.path(&format!("{role}.keys"))).env("QLOGDIR", self.path(role));
        command.env("CLIENT_PARAMS", parameters).env("SERVER_PARAMS", parameters);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn serve(&self, case: &str) -> Server {
        let mut parameters = String::from("listen=127.0.0.1:0");
        if case.starts_with("connectionmigration") {
            parameters += " prefer=127.0.0.1:0";
        }
        if case.ends_with("+h3") {
            parameters += " protocol=h3";
        }
        let mut child = self.command("server", case).env("SERVER_PARAMS", parameters).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.into_iter().find(|line| line.contains("listening on")).expect("it listens");
        Server { child, port: line.rsplit_once(':').unwrap().1.parse().unwrap() }
    }

    /// What a client gives for these files.
    fn fetch(&self, case: &str, server: &Server, files: &[&str]) -> Output {
        let url = |file: &&str| format!("https://localhost:{}/{file}", server.port);
        let urls: Vec<String> = files.iter().map(url).collect();
        self.command("client", case).env("REQUESTS", urls.join(" ")).output().unwrap()
    }

    /// The client has succeeded, and these are the files it has written, whole, and no others.
    fn check(&self, output: &Output, files: &[&str]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let folder = |name: &str| std::fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(folder("downloads").count(), files.len());
        for file in files {
            let read = |folder: &str| std::fs::read(self.path(folder).join(file)).unwrap();
            assert!(read("downloads") == read("www"), "{file} differs");
        }
    }

    /// All lines of all qlog files of an end.
    fn qlog(&self, role: &str) -> String {
        text_of(&self.path(role))
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All files of a folder, each of which is as the schemas have it.
fn text_of(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    texts.iter().for_each(|text| drop(qlog::check(text)));
    texts.concat()
}

/// A server under way.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Ends it as the runner does; gives what it said.
    fn end(mut self) -> String {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Files move, and both ends write their secrets and records.
#[test]
fn each_case_moves_its_files() {
    let cases = [
        ("handshake", "handshake"),
        ("transfer", "transfer"),
        ("chacha20", "chacha20"),
        ("multiplexing", "transfer"),
        ("retry", "retry"),
        ("resumption", "resumption"),
        ("multiconnect", "multiconnect"),
        ("keyupdate", "transfer"),
        ("ecn", "ecn"),
        ("http3", "http3"),
        ("zerortt", "zerortt"),
        ("v2", "v2"),
        ("connectionmigration", "connectionmigration"),
        ("transfer+h3", "transfer+h3"),
        ("chacha20+h3", "chacha20+h3"),
        ("retry+h3", "retry+h3"),
        ("resumption+h3", "resumption+h3"),
        ("multiconnect+h3", "transfer+h3"),
        ("keyupdate+h3", "transfer+h3"),
        ("connectionmigration+h3", "connectionmigration+h3"),
    ];
    std::thread::scope(|scope| {
        for (client, server) in cases {
            scope.spawn(move || {
                let folders = Folders::new(client);
                let files = ["one", "other", "large"];
                [(files[0], 1000), (files[1], 5000), (files[2], 1_000_000)]
                    .iter()
                    .for_each(|(name, len)| folders.write(name, *len));
                let running = folders.serve(server);
                folders.check(&folders.fetch(client, &running, &files), &files);
                running.end();
                for role in ["client", "server"] {
                    let keys = std::fs::read_to_string(folders.path(&format!("{role}.keys"))).unwrap();
                    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "{client}: {role}");
                    let connections = match client.trim_end_matches("+h3") {
                        "multiconnect" => 3,
                        "resumption" | "zerortt" => 2,
                        _ => 1,
                    };
                    let begun = folders.qlog(role).matches("quic:connection_started").count();
                    assert_eq!(begun, connections, "{client}: {role}");
                }
                look_at(client.trim_end_matches("+h3"), &folders);
            });
        }
    });
}

/// What is particular to a case.
fn look_at(case: &str, folders: &Folders) {
    let (client, server) = (folders.qlog("client"), folders.qlog("server"));
    match case {
        "retry" => assert!(client.contains(r#""packet_type":"retry""#), "no Retry packet came"),
        "keyupdate" => {
            for key in ["client", "server"] {
                let updated = format!(r#""key_type":"{key}_1rtt_secret","key_phase":1"#);
                assert!(client.contains(&updated) && server.contains(&updated), "{updated}");
            }
        }
        "zerortt" => assert!(client.contains(r#""packet_type":"0RTT""#), "no early data was sent"),
        "connectionmigration" => {
            for text in [&client, &server] {
                assert!(text.contains("quic:migration_state_updated"), "nobody has moved");
            }
        }
        "v2" => assert!(client.contains(r#""chosen_version":"6b3343cf""#), "the version is the first one"),
        "ecn" => assert!(client.contains(r#""ecn":"ECT(0)""#) && server.contains(r#""ecn":"ECT(0)""#)),
        _ => {}
    }
}

#[test]
fn what_is_not_supported_and_what_fails_is_told_apart() {
    let folders = Folders::new("codes");
    folders.write("there", 10);
    let status = |command: &mut Command| command.output().unwrap().status.code();
    for role in ["client", "server"] {
        for case in ["no-such-case", "zerortt+h3", "v2+h3"] {
            assert_eq!(status(&mut folders.command(role, case)), Some(127), "{role} {case}");
        }
    }
    assert_eq!(status(&mut folders.command("server", "multiconnect+h3")), Some(127));
    // A server that is told of no address that it could prefer.
    assert_eq!(status(&mut folders.command("server", "connectionmigration")), Some(127));
    let server = folders.serve("transfer");
    for (file, part) in [("nowhere", "gave up"), ("", "names no file")] {
        let output = folders.fetch("transfer", &server, &[file]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(part), "{file:?}: {said}");
    }
    // Nobody vouches for the server as this client sees it.
    std::fs::write(folders.path("certs").join("ca.pem"), Authority::new("another").pem()).unwrap();
    let output = folders.fetch("transfer", &server, &["there"]);
    assert_eq!(output.status.code(), Some(1));
    let url = format!("https://localhost:{}/there", server.port);
    let trusting =
        folders.command("client", "transfer").env("REQUESTS", url).env("CLIENT_PARAMS", "trust=any").output();
    folders.check(&trusting.unwrap(), &["there"]);
    assert_eq!(status(folders.command("client", "transfer").env("CLIENT_PARAMS", "trust=most")), Some(1));
    assert_eq!(status(folders.command("server", "transfer").env("SERVER_PARAMS", "listen=here")), Some(1));
    assert_eq!(status(&mut folders.command("guest", "transfer")), Some(1));
}

/// A path leads to no file outside of the folder.
#[test]
fn paths_stay_in_their_folder() {
    use interop::files::{requested, saved, served};
    let folder = Path::new("/www");
    assert_eq!(served(folder, "/a/b"), Some("/www/a/b".into()));
    for path in ["/../etc/passwd", "/a/../../b", "//etc/passwd", "/", "a", "", "/a\0b", "/."] {
        let file = served(folder, path);
        assert!(file.as_ref().is_none_or(|file| file.starts_with("/www/")), "{path:?}: {file:?}");
    }
    assert_eq!(saved(folder, "/a/b"), Some("/www/b".into()));
    assert_eq!([saved(folder, "/"), saved(folder, "/..")], [None, None]);
    assert_eq!(requested(b"GET /a\r\n"), Some("/a"));
    for line in [&b"POST /a\r\n"[..], b"GET a\r\n", b"GET \xff\r\n", b""] {
        assert_eq!(requested(line), None, "{line:?}");
    }
}
