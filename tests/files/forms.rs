//! In which form a file comes: in parts, compressed, or as the page that stands for what is not there.

use super::serving::{Folder, Serving};
use super::{make_large, rest_of, status, with_files, write_into};
use posthaste::{Client, Error, Files, Method, Status};
use relay::Relay;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place % 251) as u8).collect()
}

/// The parts of a body of `multipart/byteranges`: what each says of itself, and its content.
fn parts(content_type: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    let mark = format!("\r\n--{boundary}").into_bytes();
    let mut places: Vec<usize> = (0..body.len()).filter(|at| body[*at..].starts_with(&mark)).collect();
    assert_eq!(body[places.pop().unwrap()..], [&mark[..], b"--\r\n"].concat(), "the end");
    places.push(body.len() - mark.len() - 4);
    let between = places.windows(2).map(|pair| &body[pair[0] + mark.len() + 2..pair[1]]);
    between
        .map(|part| {
            let end = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
            (String::from_utf8(part[..end].to_vec()).unwrap(), part[end + 4..].to_vec())
        })
        .collect()
}

/// RFC 9110 section 15.3.7.2-1, 15.3.7.2-2, 15.3.7.2-3, 15.3.7.2-4, 15.3.7.2-6, 15.3.7.2-9.
#[test]
fn several_ranges_come_as_parts() -> Result<(), Error> {
    let folder = Folder::new();
    let content = bytes(300_000);
    folder.write("a.txt", &content);
    with_files(Files::new(folder.path())?, async |client, base, _| {
        let url = format!("{base}/a.txt");
        let mut response = client.get(&url).field("range", "bytes=250000-299999, 0-99, -10").send().await?;
        assert_eq!((response.status().code(), response.fields().first("content-range")), (206, None));
        let kind = response.fields().first_text("content-type").unwrap().to_owned();
        let length = response.body().length();
        let body = response.body().read_to_end(1 << 20).await?;
        assert_eq!(length, Some(body.len() as u64));
        // The last ten are within the first range.
        let expected = [("250000-299999", &content[250_000..]), ("0-99", &content[..100])];
        let found = parts(&kind, &body);
        assert_eq!(found.len(), expected.len());
        for ((head, text), (range, content)) in found.iter().zip(expected) {
            assert_eq!(
                *head,
                format!("content-type: text/plain; charset=utf-8\r\ncontent-range: bytes {range}/300000")
            );
            assert!(text == content, "{range}");
        }
        for (range, code, said) in [
            ("bytes=0-9,10-19", 206, Some("bytes 0-19/300000")),
            ("bytes=0-9,400000-", 206, Some("bytes 0-9/300000")),
            ("bytes=400000-,500000-", 416, Some("bytes */300000")),
            ("bytes=0-1,9-2", 200, None),
        ] {
            let response = client.get(&url).field("range", range).send().await?;
            assert_eq!(
                (response.status().code(), response.fields().first_text("content-range")),
                (code, said),
                "{range}"
            );
        }
        let many: Vec<String> = (0..17).map(|number| format!("{}-{}", number * 1000, number * 1000)).collect();
        let all = client.get(&url).field("range", format!("bytes={}", many.join(","))).send().await?;
        assert_eq!(all.status().code(), 200, "too many to be looked at");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn a_file_that_changes_between_its_parts_is_broken_off() -> Result<(), Error> {
    let folder = Folder::new();
    let path = folder.path().join("large");
    make_large(&path);
    let told = with_files(Files::new(folder.path())?, async |client, base, _| {
        let request = client.get(&format!("{base}/large")).field("range", "bytes=0-30000000,40000000-60000000");
        let mut response = request.send().await?;
        assert_eq!(response.status().code(), 206);
        response.body().chunk().await?;
        write_into(&path, b"other");
        assert!(matches!(rest_of(&mut response).await, Err(Error::Reset { .. })));
        Ok(())
    })?;
    assert!(told.iter().any(|line| line.contains("changed meanwhile")), "{told:?}");
    Ok(())
}

fn set_age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What a client gets: status, coding, tag and content.
async fn form(client: &Client, url: &str, lines: &[(&str, &str)]) -> Result<(u16, String, String, Vec<u8>), Error> {
    let request = lines.iter().fold(client.get(url), |request, (name, value)| request.field(name, value));
    let mut response = request.send().await?;
    let field = |name: &str| response.fields().first_text(name).unwrap_or_default().to_owned();
    assert_eq!(field("vary"), "accept-encoding", "also of what is sent as it is");
    let (coding, tag) = (field("content-encoding"), field("etag"));
    assert!(
        response.status().code() == 304 || field("content-type").starts_with("text/html"),
        "that of the file itself"
    );
    let body = response.body().read_to_end(1000).await?;
    Ok((response.status().code(), coding, tag, body))
}

#[test]
fn compressed_forms_are_sent_to_who_takes_them() -> Result<(), Error> {
    let folder = Folder::new();
    for (name, text, age) in [
        ("a.html", "plain", 100),
        ("a.html.gz", "gzip form", 100),
        ("a.html.br", "br form", 50),
        ("a.html.zst", "stale", 200),
    ] {
        folder.write(name, text.as_bytes());
        set_age(&folder.path().join(name), age);
    }
    folder.write("b.html", b"only plain");
    symlink("/etc/hostname", folder.path().join("b.html.br")).unwrap();
    fs::create_dir(folder.path().join("b.html.gz")).unwrap();
    let files = Files::new(folder.path())?.precompressed(true).cache_control("max-age=60")?;
    with_files(files, async |client, base, _| {
        let url = format!("{base}/a.html");
        let mut tags = std::collections::BTreeSet::new();
        for (accepted, coding, text) in [
            ("gzip", "gzip", "gzip form"),
            ("gzip, br", "br", "br form"),
            ("br;q=0.1, gzip;q=0.9", "gzip", "gzip form"),
            ("zstd", "", "plain"),
            ("identity", "", "plain"),
            ("", "", "plain"),
        ] {
            let (code, found, tag, body) = form(&client, &url, &[("accept-encoding", accepted)]).await?;
            assert_eq!((code, found.as_str(), &body[..]), (200, coding, text.as_bytes()), "{accepted}");
            tags.insert((coding, tag));
        }
        assert_eq!(tags.len(), 3, "each form has one tag of its own: {tags:?}");
        let gzip = tags.iter().find(|(coding, _)| *coding == "gzip").map(|(_, tag)| tag.as_str()).unwrap();
        let both = [("accept-encoding", "gzip"), ("if-none-match", gzip)];
        assert_eq!(form(&client, &url, &both).await?.0, 304);
        let other = [("accept-encoding", "br"), ("if-none-match", gzip)];
        assert_eq!(form(&client, &url, &other).await?.0, 200, "it is the tag of another form");
        let part = [("accept-encoding", "gzip"), ("range", "bytes=0-3")];
        assert_eq!(form(&client, &url, &part).await?.3, b"gzip", "a part of what is sent");
        let missing = form(&client, &format!("{base}/b.html"), &[("accept-encoding", "gzip, br")]).await?;
        // What leads out of the folder, or is no file, is no form of it.
        assert_eq!((missing.1.as_str(), &missing.3[..]), ("", &b"only plain"[..]));
        let direct = client.get(&format!("{base}/a.html.gz")).send().await?;
        assert_eq!(
            direct.fields().first_text("content-type"),
            Some("application/gzip"),
            "by its own name it is a file"
        );
        assert_eq!(direct.fields().first_text("cache-control"), Some("max-age=60"));
        Ok(())
    })?;
    Ok(())
}

#[test]
fn folders_are_listed_and_nothing_hidden_or_outside_is_told_of() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("secret", b"x");
    for name in ["site/b & c.txt", "site/sub/deep.txt", "site/.env", "site/.well-known/x", "site/with/index.html"] {
        folder.write(name, b"text");
    }
    symlink("../secret", folder.path().join("site/out")).unwrap();
    let serving = Serving::start(&folder, &["site", "--list", "--header", "x-frame-options: DENY"]);
    serving.with_client(async |client, base| {
        let mut response = client.get(&format!("{base}/")).send().await?;
        let field = |name: &str| response.fields().first_text(name).unwrap_or_default().to_owned();
        assert_eq!((response.status().code(), field("content-type").as_str()), (200, "text/html; charset=utf-8"));
        assert_eq!((field("x-frame-options").as_str(), field("cache-control").as_str()), ("DENY", "no-cache"));
        assert!(field("content-security-policy").contains("default-src 'none'"));
        let page = String::from_utf8(response.body().read_to_end(100_000).await?).unwrap();
        for shown in ["./b%20%26%20c.txt", "b &amp; c.txt", "./sub/", "./with/", "./.well-known/"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        for hidden in [".env", "out", "secret"] {
            assert!(!page.contains(&format!("./{hidden}")), "{hidden}: {page}");
        }
        let head = client.request(Method::Head, &format!("{base}/")).send().await?;
        assert_eq!(head.fields().first_integer("content-length"), Some(page.len() as u64));
        let mut deep = client.get(&format!("{base}/sub/?sort=size&order=desc")).send().await?;
        let deep = String::from_utf8(deep.body().read_to_end(100_000).await?).unwrap();
        assert!(deep.contains("../") && deep.contains("./deep.txt"), "{deep}");
        let mut index = client.get(&format!("{base}/with/")).send().await?;
        assert_eq!(index.body().read_to_end(100).await?, b"text", "an index comes first");
        assert_eq!(status(&client, &format!("{base}/sub")).await?, 301);
        assert_eq!(status(&client, &format!("{base}/none/")).await?, 404);
        assert_eq!(status(&client, &format!("{base}/.env/")).await?, 404);
        Ok(())
    })
}

#[test]
fn what_is_not_there_is_answered_as_was_chosen() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("404.html", b"<p>nothing here");
    folder.write("app/index.html", b"<p>the application");
    folder.write("a.txt", b"a");
    let get = async |client: &Client, url: String, lines: &[(&str, &str)]| {
        let request = lines.iter().fold(client.get(&url), |request, (name, value)| request.field(name, value));
        let mut response = request.send().await?;
        let kind = response.fields().first_text("content-type").unwrap_or_default().to_owned();
        Ok::<_, Error>((response.status().code(), kind, response.body().read_to_end(1000).await?))
    };
    let html = || "text/html; charset=utf-8".to_owned();
    let plain = Files::new(folder.path())?.field("X-Kind", "x")?.cache_control("max-age=1")?;
    with_files(plain.clone().not_found("404.html")?, async |client, base, _| {
        for (path, lines) in [
            ("/none", &[][..]),
            ("/none/", &[]),
            ("/.git/config", &[]),
            ("/%2e%2e/", &[]),
            ("/none", &[("if-none-match", "*"), ("range", "bytes=0-1")]),
        ] {
            let found = get(&client, format!("{base}{path}"), lines).await?;
            assert_eq!(found, (404, html(), b"<p>nothing here".to_vec()), "{path}");
        }
        assert_eq!(get(&client, format!("{base}/a.txt"), &[]).await?.0, 200);
        let mut head = client.request(Method::Head, &format!("{base}/none")).send().await?;
        assert_eq!((head.status().code(), head.body().length()), (404, Some(15)));
        assert_eq!(head.fields().first_text("x-kind"), Some("x"));
        assert_eq!(head.fields().first("cache-control"), None, "that is for files");
        fs::remove_file(folder.path().join("404.html")).unwrap();
        assert_eq!(get(&client, format!("{base}/none"), &[]).await?.0, 404);
        Ok(())
    })?;
    with_files(plain.fallback("/app/index.html")?, async |client, base, _| {
        let app = (200, html(), b"<p>the application".to_vec());
        for path in ["/some/route", "/some/", "/"] {
            assert_eq!(get(&client, format!("{base}{path}"), &[]).await?, app, "{path}");
        }
        assert_eq!(get(&client, format!("{base}/a.txt"), &[]).await?.2, b"a");
        assert_eq!(get(&client, format!("{base}/route"), &[("range", "bytes=0-2")]).await?.0, 206, "it is a file");
        Ok(())
    })?;
    for (wrong, part) in [("none.html", "none.html"), ("app", "no file"), ("../x", "could not be opened")] {
        let files = Files::new(folder.path())?;
        let error = files.clone().fallback(wrong).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(files.not_found(wrong).is_err());
    }
    Ok(())
}

#[test]
fn redirects_come_before_files_and_fields_with_every_answer() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("old.txt", b"old");
    let files = Files::new(folder.path())?
        .redirect("/old.txt", "/new.txt", Status::PERMANENT_REDIRECT)?
        .redirect("/docs/*", "https://docs.example/*", Status::FOUND)?
        .field("strict-transport-security", "max-age=1")?;
    with_files(files, async |client, base, _| {
        for (method, path, code, location) in [
            (Method::Get, "/old.txt?x=1", 308, Some("/new.txt?x=1")),
            (Method::Post, "/old.txt", 308, Some("/new.txt")),
            (Method::Get, "/docs/a/b", 302, Some("https://docs.example/a/b")),
            (Method::Get, "/none", 404, None),
            (Method::Post, "/none", 405, None),
        ] {
            let response = client.request(method, &format!("{base}{path}")).send().await?;
            let found = response.fields().first_text("location");
            assert_eq!((response.status().code(), found), (code, location), "{path}");
            assert_eq!(response.fields().first_text("strict-transport-security"), Some("max-age=1"), "{path}");
        }
        Ok(())
    })?;
    let files = || Files::new(folder.path()).unwrap();
    for (name, value, part) in [
        ("content-length", "1", "the server's own"),
        ("Connection", "close", "the server's own"),
        ("cache-control", "no-store", "setting of its own"),
        ("a b", "x", "cannot be sent"),
        ("x", "a\r\nb: c", "cannot be sent"),
    ] {
        let error = files().field(name, value).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    assert!(files().cache_control("a\nb").is_err());
    Ok(())
}

/// Everything that a file can come as, with one packet in fifty lost and others late.
#[test]
fn a_bad_path_changes_nothing_of_it() -> Result<(), Error> {
    let folder = Folder::new();
    let content = bytes(400_000);
    folder.write("a.txt", &content);
    folder.write("a.txt.gz", &content[1000..]);
    let files = Files::new(folder.path())?.precompressed(true).listing(true);
    with_files(files, async |client, base, handle| {
        let server = base.strip_prefix("https://").unwrap().parse().unwrap();
        let relay = Relay::start(server, relay::Path::parse(["delay=5", "loss=20", "reordering=50"]).unwrap()).unwrap();
        let base = format!("https://{}", relay.address());
        let ask = async {
            let ranges = "bytes=300000-399999,0-199999";
            let mut response = client.get(&format!("{base}/a.txt")).field("range", ranges).send().await?;
            let kind = response.fields().first_text("content-type").unwrap().to_owned();
            let found = parts(&kind, &response.body().read_to_end(1 << 20).await?);
            assert!(found[0].1 == content[300_000..] && found[1].1 == content[..200_000]);
            let mut coded = client.get(&format!("{base}/a.txt")).field("accept-encoding", "gzip").send().await?;
            assert!(coded.body().read_to_end(1 << 20).await? == content[1000..]);
            let mut listed = client.get(&format!("{base}/")).send().await?;
            let page = String::from_utf8(listed.body().read_to_end(1 << 20).await?).unwrap();
            assert!(page.contains("./a.txt.gz"), "{page}");
            Ok::<_, Error>(())
        };
        handle.timeout(Duration::from_secs(25), ask).await.expect("in time")?;
        assert!(relay.counts().lost.load(Ordering::Relaxed) > 3);
        Ok(())
    })?;
    Ok(())
}

#[test]
fn each_host_has_its_folder() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("one/index.html", b"one");
    folder.write("two/index.html", b"two");
    folder.write("rest/index.html", b"rest");
    let sites = ["--site", "LOCALHOST=one", "--site", "two.example=two"];
    for (arguments, expected) in [(&sites[..], None), (&[&sites[..], &["rest"]].concat(), Some(&b"rest"[..]))] {
        let serving = Serving::start(&folder, arguments);
        serving.with_client(async |client, base| {
            let named = base.replace("127.0.0.1", "localhost");
            for (base, expected) in [(named.as_str(), Some(&b"one"[..])), (base, expected)] {
                let mut response = client.get(&format!("{base}/")).send().await?;
                let body = response.body().read_to_end(100).await?;
                match expected {
                    Some(text) => assert_eq!((response.status().code(), &body[..]), (200, text), "{base}"),
                    None => assert_eq!(response.status().code(), 421, "{base}"),
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}
