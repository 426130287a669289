//! `serve --config` and `serve --check`.

use super::serving::{Folder, Serving, posthaste};
use super::until;
use posthaste::Error;
use std::process::Output;

fn check(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        posthaste().arg("serve").args(arguments).current_dir(folder.path()).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// `posthaste serve` with a file, and the address of the tests beside it.
fn start(folder: &Folder, text: &str) -> Serving {
    folder.write("serve.toml", text.as_bytes());
    Serving::start(folder, &["--config", "serve.toml"])
}

#[test]
fn a_file_says_what_options_say_and_sighup_reads_it_again() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("one/index.html", b"one");
    folder.write("two/index.html", b"two");
    let mut serving = start(&folder, "folder = \"one\" # the first\nheader = ['x-a: 1', 'x-b: 2']\nlist = true\n");
    serving.with_client(async |client, base| {
        let response = client.get(&format!("{base}/")).send().await?;
        assert_eq!((response.fields().first_text("x-a"), response.fields().first_text("x-b")), (Some("1"), Some("2")));
        folder.write("serve.toml", b"folder = \"two\"\nworkers = 1\n");
        serving.signal("-HUP");
        until(&client, &format!("{base}/"), |_, body| body == b"two").await?;
        let response = client.get(&format!("{base}/")).send().await?;
        assert_eq!(response.fields().first("x-a"), None);
        Ok(())
    })?;
    assert!(serving.hear().contains("the files that are served are those that it says"));
    let needed = serving.hear();
    assert!(needed.contains("a restart is needed for what it says of workers"), "{needed}");
    // What is of no use changes nothing.
    for (text, part) in [
        ("folder = \"none\"", "none could not be opened"),
        ("folder = two", "serve.toml:1:10: \"two\" is no value"),
        ("fodler = \"two\"", "serve.toml:1:1: there is no option fodler"),
    ] {
        folder.write("serve.toml", text.as_bytes());
        serving.signal("-HUP");
        let said = serving.hear();
        assert!(said.contains("nothing is changed") && said.contains(part), "{said}");
    }
    serving.with_client(async |client, base| until(&client, &format!("{base}/"), |_, body| body == b"two").await)?;
    serving.end();
    Ok(())
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_before_anything_is_bound() {
    let folder = Folder::new();
    folder.write("site/index.html", b"x");
    folder.write("latin.toml", b"folder = 'site'\nname = '\xe9'\n");
    folder.write(
        "good.toml",
        b"folder = 'site'\nlisten = '192.0.2.1:443'\nname = ['a.example', '*.b.example']\nstate = 'none'\n",
    );
    for (text, status, part) in [
        ("folder = 'site'\ndrain = 'soon'", 2, "bad.toml:2:1: drain needs a number of seconds"),
        ("listen", 2, "bad.toml:1:7: = and a value should follow listen"),
        ("bodies = 'yes'", 2, "bad.toml:1:1: bodies is a switch: write bodies = true or false"),
        ("listen = true", 2, "bad.toml:1:1: listen needs a value"),
        ("config = 'other.toml'", 2, "bad.toml:1:1: there is no option config"),
        ("check = true", 2, "there is no option check"),
        ("cert = 'c'", 2, "--cert and --key go together"),
        ("cert = 'none'\nkey = 'none'", 1, "none could not be read"),
        ("folder = 'none'", 1, "none could not be opened"),
        ("folder = 'site'\nname = 'a b'", 1, "a b"),
        ("folder = 'site'\nlisten = 'here'", 2, "127.0.0.1:4433"),
        ("folder = 'site'\nmetrics = 'here'", 2, "127.0.0.1:9100"),
        ("folder = 'site'\nuser = 'nobody-of-this-name'", 1, "no user"),
        ("folder = 'site'\nredirect = '/a=b'", 1, "/new/*"),
        ("folder = 'site'\nheader = 'date: x'", 1, "--header: the field date"),
        ("folder = 'site'\nnot-found = 'none.html'", 1, "--not-found: "),
        ("folder = 'site'\nsite = 'a b=site'", 1, "a b"),
    ] {
        folder.write("bad.toml", text.as_bytes());
        let (code, said) = check(&folder, &["--config", "bad.toml", "--check"]);
        assert!(code == Some(status) && said.contains(part), "{text}: {code:?} {said}");
    }
    let (code, said) = check(&folder, &["--config", "latin.toml", "--check"]);
    assert!(code == Some(1) && said.contains("latin.toml:2: this is not UTF-8"), "{said}");
    let (code, said) = check(&folder, &["--config", "none.toml"]);
    assert!(code == Some(1) && said.contains("none.toml could not be read"), "{said}");
    // The address is nobody's here: it is not bound. No state is made either.
    let (code, said) = check(&folder, &["--config", "good.toml", "--check"]);
    assert!(code == Some(0) && said.contains("everything is as it should be"), "{said}");
    assert!(!folder.path().join("none").exists());
}

#[test]
fn arguments_count_more_than_the_file() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("one/index.html", b"one");
    folder.write("two/index.html", b"two");
    folder.write("serve.toml", b"folder = 'one'\ncache-control = 'no-store'\nheader = 'x-a: 1'\n");
    let arguments = ["--config", "serve.toml", "two", "--cache-control", "max-age=5", "--header", "x-b: 2"];
    Serving::start(&folder, &arguments).with_client(async |client, base| {
        let mut response = client.get(&format!("{base}/")).send().await?;
        assert_eq!(response.body().read_to_end(10).await?, b"two");
        for (name, value) in [("cache-control", "max-age=5"), ("x-a", "1"), ("x-b", "2")] {
            assert_eq!(response.fields().first_text(name), Some(value), "{name}");
        }
        Ok(())
    })
}
