//! Files over real sockets: what is served when the folder changes meanwhile, when the system is short of something, and when
//! names are not what one expects.
#![allow(clippy::unwrap_used)] // a test may

#[path = "files/forms.rs"]
mod forms;
#[path = "command/serving.rs"]
#[allow(dead_code)] // a part of it is for other tests
mod serving;

use posthaste::{Client, Error, Files, Handle, Identity, Response, Roots, Server, ServerEvent};
use serving::{Folder, Serving, posthaste};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// More than is buffered on any way.
const LARGE: u64 = 64 << 20;

/// Runs `test` with a client of a server for these files, its URL, and what the server tells.
fn with_files(
    files: Files,
    test: impl AsyncFnOnce(Client, String, Handle) -> Result<(), Error>,
) -> Result<Vec<String>, Error> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .on_event(move |event: &ServerEvent<'_>| telling.lock().unwrap().push(event.to_string()))
            .start(&handle, move |request, reply| {
                let files = files.clone();
                async move { files.serve(&request, reply).await }
            })?;
        let base = format!("https://{}", server.addresses()[0]);
        test(Client::builder(roots).build(&handle), base, handle.clone()).await
    })??;
    let told = told.lock().unwrap().clone();
    Ok(told)
}

async fn status(client: &Client, url: &str) -> Result<u16, Error> {
    Ok(client.get(url).send().await?.status().code())
}

fn write_into(path: &Path, text: &[u8]) {
    OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(text)).unwrap();
}

fn make_large(path: &Path) {
    File::create(path).and_then(|file| file.set_len(LARGE)).unwrap();
}

/// Reads the rest of a body: how it ended.
async fn rest_of(response: &mut Response) -> Result<u64, Error> {
    while response.body().chunk().await?.is_some() {}
    Ok(response.body().received())
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_broken_off_and_told() -> Result<(), Error> {
    let folder = Folder::new();
    let path = folder.path().join("large");
    let change = |what: &str| match what {
        "written to" => write_into(&path, b"other"),
        "cut short" => File::options().write(true).open(&path).unwrap().set_len(100).unwrap(),
        "appended to" => File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap(),
        // These leave the open file as it is.
        "replaced" => {
            fs::write(folder.path().join("next"), "next").unwrap();
            fs::rename(folder.path().join("next"), &path).unwrap();
        }
        "removed" => fs::remove_file(&path).unwrap(),
        other => panic!("{other}"),
    };
    for (what, breaks, said) in [
        ("written to", true, "changed meanwhile"),
        ("cut short", true, "cut short meanwhile"),
        ("appended to", true, "changed meanwhile"),
        ("replaced", false, ""),
        ("removed", false, ""),
    ] {
        make_large(&path);
        let told = with_files(Files::new(folder.path())?, async |client, base, _| {
            let mut response = client.get(&format!("{base}/large")).send().await?;
            response.body().chunk().await?;
            change(what);
            let ended = rest_of(&mut response).await;
            match ended {
                Ok(received) => assert!(!breaks && received == LARGE, "{what}: {received}"),
                Err(Error::Reset { .. }) => assert!(breaks, "{what}"),
                Err(error) => panic!("{what}: {error}"),
            }
            Ok(())
        })?;
        let lines: Vec<&String> = told.iter().filter(|line| line.contains("/large could not be sent whole")).collect();
        assert_eq!(lines.len(), usize::from(breaks), "{what}: {told:?}");
        assert!(lines.iter().all(|line| line.contains(said)), "{what}: {told:?}");
    }
    Ok(())
}

/// What a client has under a strong tag is what the file holds under that tag.
#[test]
fn a_file_that_was_rewritten_has_another_tag() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("a.txt", b"one two three");
    let path = folder.path().join("a.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    with_files(Files::new(folder.path())?, async |client, base, _| {
        let url = format!("{base}/a.txt");
        let mut tags = std::collections::BTreeMap::new();
        for number in 0..200 {
            let text = format!("{number:013}");
            write_into(&path, text.as_bytes());
            File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            let mut response = client.get(&url).send().await?;
            let tag = response.fields().first_text("etag").unwrap().to_owned();
            assert_eq!(response.body().read_to_end(100).await?, text.as_bytes());
            let part = client.get(&url).field("range", "bytes=0-3").field("if-range", &tag).send().await?;
            // Only a tag that no other content can have is good for a part.
            let is_strong = tag.starts_with('"');
            assert_eq!(part.status().code(), if is_strong { 206 } else { 200 }, "{tag}");
            assert_eq!(client.get(&url).field("if-none-match", &tag).send().await?.status().code(), 304, "{tag}");
            if let Some(before) = tags.insert(tag.clone(), text.clone()) {
                assert!(!is_strong, "{tag} was of {before}, and is of {text}");
            }
        }
        Ok(())
    })?;
    Ok(())
}

#[test]
fn names_with_a_dot_in_front_are_served_only_where_that_was_asked_for() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("site/.env", b"secret");
    folder.write("site/.git/config", b"secret");
    folder.write("site/sub/.htaccess", b"secret");
    folder.write("site/.well-known/security.txt", b"public");
    folder.write("site/sub/index.html", b"public");
    let table = [
        ("/.env", false),
        ("/%2eenv", false),
        ("/.git/config", false),
        ("/.git", false),
        ("/sub/.htaccess", false),
        ("/.well-known/security.txt", true),
        ("/sub/", true),
    ];
    for (arguments, all) in [(&["site"][..], false), (&["site", "--dotfiles"], true)] {
        Serving::start(&folder, arguments).with_client(async |client, base| {
            for (path, always) in table {
                let status = status(&client, &format!("{base}{path}")).await?;
                let expected = if !all && !always { &[404][..] } else { &[200, 301] };
                assert!(expected.contains(&status), "{path}, {arguments:?}: {status}");
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn names_that_are_not_utf_8_are_served() -> Result<(), Error> {
    let folder = Folder::new();
    let name = |bytes: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(bytes));
    fs::write(name(b"caf\xe9.txt"), "latin").unwrap();
    fs::create_dir(name(b"\xff\xfe")).unwrap();
    fs::write(name(b"\xff\xfe/index.html"), "index").unwrap();
    fs::write(name(b"new\nline"), "odd").unwrap();
    with_files(Files::new(folder.path())?, async |client, base, _| {
        for (path, kind, text) in [
            ("/caf%E9.txt", "text/plain; charset=utf-8", "latin"),
            ("/%ff%FE/", "text/html; charset=utf-8", "index"),
            ("/new%0aline", "application/octet-stream", "odd"),
        ] {
            let mut response = client.get(&format!("{base}{path}")).send().await?;
            assert_eq!(response.fields().first_text("content-type"), Some(kind), "{path}");
            assert_eq!(response.body().read_to_end(100).await?, text.as_bytes(), "{path}");
        }
        let moved = client.get(&format!("{base}/%ff%fe")).send().await?;
        assert_eq!((moved.status().code(), moved.fields().first_text("location")), (301, Some("/%FF%FE/")));
        Ok(())
    })?;
    Ok(())
}

/// A command that runs `posthaste` as somebody who may not do everything.
fn as_nobody() -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        return posthaste();
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(env!("CARGO_BIN_EXE_posthaste"));
    command
}

#[test]
fn what_the_server_may_not_read_is_403_and_told() -> Result<(), Error> {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder.write("site/open", b"open");
    folder.write("site/closed", b"closed");
    folder.write("site/through/index.html", b"index");
    folder.write("site/shut/x", b"x");
    let set = |name: &str, mode| {
        fs::set_permissions(folder.path().join("site").join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("closed", 0o200);
    set("shut", 0o600);
    // It may be gone through and not listed, and nothing is listed here.
    set("through", 0o311);
    let serving = Serving::start_by(as_nobody(), &folder, &["site"]);
    serving.with_client(async |client, base| {
        for (path, expected) in [
            ("/open", 200),
            ("/closed", 403),
            ("/shut/x", 403),
            ("/shut/nothing", 403),
            ("/through", 301),
            ("/through/", 200),
        ] {
            assert_eq!(status(&client, &format!("{base}{path}")).await?, expected, "{path}");
        }
        Ok(())
    })?;
    let said = serving.end();
    assert!(said.contains("/closed of 127.0.0.1") && said.contains("Permission denied"), "{said}");
    set("shut", 0o755);
    Ok(())
}

#[test]
fn without_descriptors_it_is_503_and_told_and_serves_again_when_there_are_some() -> Result<(), Error> {
    let folder = Folder::new();
    make_large(&folder.path().join("large"));
    folder.write("small", b"small");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 32; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_posthaste")]);
    let serving = Serving::start_by(limited, &folder, &["."]);
    let roots = Roots::from_pem_file(serving.certificate())?;
    posthaste::run(|handle| async move {
        let mut builder = Client::builder(roots);
        // Bodies that nobody reads leave room for the heads of others.
        builder.transport.streams.max_stream_data_bidi_local = 8 << 10;
        take_all_descriptors(&builder.build(&handle), &serving.url("/large"), &serving.url("/small")).await?;
        Ok::<_, Error>(serving)
    })?
    .map(|serving| {
        let said = serving.end();
        assert!(said.contains("/large of 127.0.0.1") && said.contains("Too many open files"), "{said}");
    })
}

async fn take_all_descriptors(client: &Client, large: &str, small: &str) -> Result<(), Error> {
    let mut held = Vec::new();
    while held.len() < 40 {
        let response = client.get(large).send().await?;
        if response.status().code() == 503 {
            assert_eq!(response.fields().first_text("retry-after"), Some("1"));
            break;
        }
        held.push(response);
    }
    assert!((1..40).contains(&held.len()), "{}", held.len());
    assert_eq!(status(client, small).await?, 503);
    held.clear();
    // The server hears of it a little later.
    let mut last = 0;
    for _ in 0..1000 {
        last = status(client, small).await?;
        if last == 200 {
            break;
        }
    }
    assert_eq!(last, 200);
    client.close().await;
    Ok(())
}

#[test]
fn a_folder_without_index_says_so_at_the_start() {
    let folder = Folder::new();
    folder.write("with/index.html", b"index");
    folder.write("without/a.txt", b"a");
    for (name, says) in [("with", false), ("without", true)] {
        let serving = Serving::start(&folder, &[name]);
        let note = serving.said().iter().find(|line| line.contains("no index.html"));
        assert_eq!(note.is_some(), says, "{name}: {:?}", serving.said());
    }
}

/// Row R5: pipes, devices, sockets and links that are put in a file's place while it is asked for. Nothing outside of the folder
/// is served, each request is answered, and a signal ends the server meanwhile.
#[test]
fn r5_what_is_swapped_while_it_is_asked_for_neither_leads_out_nor_blocks() -> Result<(), Error> {
    let requests: u32 = std::env::var("POSTHASTE_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let folder = Folder::new();
    folder.write("secret", b"secret");
    folder.write("away/file", b"secret");
    folder.write("site/sub/file", b"public");
    let mut serving = Serving::start(&folder, &["site"]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = AtEnd(&stop);
        scope.spawn(|| swap(folder.path(), &stop));
        let asked = serving.with_client(async |client, base| {
            ask_for_what_is_swapped(&client, base, requests).await?;
            client.close().await;
            Ok(())
        });
        serving.signal("-TERM");
        assert_eq!(serving.wait(), Some(0), "a signal ends it while things are swapped");
        asked
    })
}

/// Has the other thread end, also if this one fails.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn ask_for_what_is_swapped(client: &Client, base: &str, least: u32) -> Result<(), Error> {
    let (mut requests, mut served) = (0, 0);
    // However the system shares out its time: until some of the requests have met some of the swaps.
    while requests < least || served == 0 || served == requests {
        requests += 1;
        let path = if requests % 4 == 0 { "/moving/file" } else { "/swapped" };
        let mut response = client.get(&format!("{base}{path}")).send().await?;
        let text = response.body().read_to_end(100).await?;
        match response.status().code() {
            200 => {
                served += 1;
                assert_eq!(text, b"public", "{path}");
            }
            status => assert_eq!(status, 404, "{path}: {}", String::from_utf8_lossy(&text)),
        }
    }
    Ok(())
}

/// Puts one thing after the other where a file is looked for.
fn swap(folder: &Path, stop: &AtomicBool) {
    let site = folder.join("site");
    let (place, next) = (site.join("swapped"), site.join("next"));
    let (moving, sub) = (site.join("moving"), site.join("sub"));
    let fifo = || Command::new("mkfifo").arg(&next).status().unwrap();
    assert!(fifo().success());
    fs::rename(&next, site.join("fifo")).unwrap();
    // Only root may make one, and not on every file system.
    let device = Command::new("mknod").arg(site.join("device")).args(["c", "1", "5"]).output().unwrap();
    let special = if device.status.success() { "device" } else { "fifo" };
    while !stop.load(Ordering::Relaxed) {
        for what in 0..7 {
            let made = match what {
                0 => fs::write(&next, "public"),
                1 => symlink(folder.join("secret"), &next),
                // The same pipe under another name.
                2 => fs::hard_link(site.join("fifo"), &next),
                3 => symlink("../secret", &next),
                4 => symlink("/dev/zero", &next),
                5 => fs::hard_link(site.join(special), &next),
                _ => std::os::unix::net::UnixListener::bind(&next).map(drop),
            };
            made.and_then(|()| fs::rename(&next, &place)).unwrap();
            // A folder, a link to one outside, nothing.
            let _ = fs::rename(&sub, &moving);
            let _ = fs::rename(&moving, &sub);
            let _ = symlink(folder.join("away"), &moving);
            let _ = fs::remove_file(&moving);
        }
    }
}
