//! What has been revoked, and what responders say of that, on the command line.

use crate::serving::{Folder, Serving, posthaste};
use crate::{expect, support};
use posthaste::{CertificateError, Client, Error, PresentedByServer, Roots, ServerVerifier};
use std::process::Output;
use std::sync::{Arc, Mutex};

/// A folder with an authority, and a server and a client that it vouches for.
fn folder_of(authority: &support::Authority) -> Folder {
    let folder = Folder::new();
    folder.write("a", b"a");
    folder.write("ca.pem", authority.pem().as_bytes());
    for (name, (certificate, key)) in
        [("client", authority.client_pem("client.example", false)), ("server", authority.server_pem("127.0.0.1"))]
    {
        folder.write(&format!("{name}.pem"), certificate.as_bytes());
        folder.write(&format!("{name}.key"), key.as_bytes());
    }
    folder
}

/// What it says of a SIGHUP, with the warnings that come before.
fn hangup(serving: &mut Serving) -> String {
    serving.signal("-HUP");
    let mut all = String::new();
    while !all.contains("SIGHUP: ") {
        let line = serving.hear();
        assert!(!line.is_empty(), "it ended: {all}");
        all.push_str(&line);
    }
    all
}

/// A client is refused from the SIGHUP on that finds it in a list, or no list that is current.
#[test]
fn clients_that_were_revoked_are_refused_from_the_next_hangup_on() {
    let (ours, other) = (support::Authority::new("ours"), support::Authority::new("other"));
    let folder = folder_of(&ours);
    folder.write("list", ours.list_pem(false).as_bytes());
    let arguments = [".", "--client-ca", "ca.pem", "--client-crl", "list"];
    let mut serving = Serving::start(&folder, &arguments);
    let url = serving.url("/a");
    let get = |serving: &Serving| serving.get(&[&url, "--cert", "client.pem", "--key", "client.key"]);
    expect(&get(&serving), 0, &[]);
    for (list, said, status, heard) in [
        (ours.list_der(true, 1000), "list lists 1 revoked by", 35, "revoked"),
        (ours.list_der(false, 1000), "list lists 0 revoked by", 0, ""),
        (ours.list_der(false, -1), "ours in list was good until", 35, "certificate"),
        (
            b"nothing".to_vec(),
            "nothing is changed: list cannot be used: there is no revocation list; needed is",
            35,
            "",
        ),
        (other.list_der(false, 1000), "there is no revocation list of", 35, "certificate"),
        (vec![0x30, 1, 0], "nothing is changed: list cannot be used: it is no revocation list", 35, ""),
        (ours.list_der(false, 1000), "list lists 0 revoked by", 0, ""),
    ] {
        folder.write("list", &list);
        let all = hangup(&mut serving);
        assert!(all.contains(said), "{said:?} is missing in: {all}");
        expect(&get(&serving), status, &[heard]);
    }
    let refused = |list: &str| -> Output {
        let arguments = ["serve", "--client-ca", "ca.pem", "--client-crl", list];
        posthaste().args(arguments).current_dir(folder.path()).output().unwrap()
    };
    expect(&refused("/no/list"), 1, &["/no/list could not be read"]);
    expect(&refused("ca.pem"), 1, &["ca.pem cannot be used", "there is no revocation list"]);
}

/// A server says once that a list or a response is good for less than a day, and again when it is good no more, without being asked.
#[test]
fn what_runs_out_is_told_once_before_and_once_after() {
    const DAYS: i64 = 1_000_000;
    let ours = support::Authority::new("ours");
    let folder = folder_of(&ours);
    let certificate = String::from_utf8(folder.read("server.pem")).unwrap();
    folder.write("list", &ours.list_der(false, 1000));
    folder.write("response", &ours.ocsp_response(&certificate, false, 1000));
    let arguments = [".", "--cert", "server.pem", "--key", "server.key", "--ocsp", "response"];
    let mut serving =
        Serving::start(&folder, &[&arguments[..], &["--client-ca", "ca.pem", "--client-crl", "list"]].concat());
    for [what, then] in [
        ["the OCSP response in response is good until ", "without it none is sent"],
        [
            "the revocation list of CN=Posthaste authority ours in list is good until ",
            "without it clients that need it are refused",
        ],
    ] {
        let line = serving.hear();
        let parts = ["warning: ", what, "put the next one there and send SIGHUP", then];
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    // What is good for long needs no word, and neither does a list beside one that is.
    folder.write("response", &ours.ocsp_response(&certificate, false, DAYS));
    let both = [ours.list_pem(false), support::pem("X509 CRL", &ours.list_der(false, DAYS))].concat();
    folder.write("list", both.as_bytes());
    let all = hangup(&mut serving);
    assert!(!all.contains("warning"), "{all}");
    // The end comes by itself.
    folder.write("list", &ours.list_der(false, 1));
    assert!(hangup(&mut serving).contains("in list is good until "));
    let line = serving.hear();
    assert!(
        line.contains("warning: the revocation list of CN=Posthaste authority ours in list was good until "),
        "{line}"
    );
    assert!(!serving.end().contains("warning"));
}

/// A server says when its own certificate runs out: at the start, at a SIGHUP, and while it runs.
#[test]
fn a_certificate_that_runs_out_is_told_in_time() {
    const DAYS: u64 = 86_400;
    let folder = Folder::new();
    // With so many seconds left of a year.
    let write = |left: u64| {
        let from = runtime::clock::unix_seconds() - 365 * DAYS;
        let (certificate, key) = support::identity_pem(&["127.0.0.1"], from, 365 * DAYS + left);
        folder.write("cert.pem", certificate.as_bytes());
        folder.write("key.pem", key.as_bytes());
    };
    let is_told = |said: &str, is: &str| {
        let text = format!("warning: the certificate in cert.pem {is} good until ");
        let remedy = "put the next one there and send SIGHUP; without it clients refuse the server";
        assert!(said.contains(&text) && said.contains(remedy), "{said}");
        assert_eq!(said.matches("warning").count(), 1, "{said}");
    };
    write(20 * DAYS);
    let mut serving = Serving::start(&folder, &[".", "--cert", "cert.pem", "--key", "key.pem"]);
    is_told(&serving.hear(), "is");
    write(200 * DAYS);
    let all = hangup(&mut serving);
    assert!(!all.contains("warning"), "{all}");
    // One that is due later comes by itself, and so does the end.
    write(30 * DAYS + 3);
    let all = hangup(&mut serving);
    assert!(!all.contains("warning"), "{all}");
    is_told(&serving.hear(), "is");
    write(3);
    is_told(&hangup(&mut serving), "is");
    is_told(&serving.hear(), "was");
    assert!(!serving.end().contains("warning"));
}

/// The same of the other certificates of the chain, and of those who vouch for clients.
#[test]
fn authorities_that_run_out_are_told_in_time() {
    const DAYS: u64 = 86_400;
    let folder = Folder::new();
    let pem = |left: u64| {
        let from = runtime::clock::unix_seconds() - 365 * DAYS;
        support::identity_pem(&["127.0.0.1"], from, 365 * DAYS + left)
    };
    let (certificate, key) = pem(200 * DAYS);
    folder.write("key.pem", key.as_bytes());
    let write = |of_server: u64, of_clients: u64| {
        folder
            .write("cert.pem", [certificate.as_str(), &pem(of_server).0, &pem(of_server + DAYS).0].concat().as_bytes());
        folder.write("ca.pem", [pem(200 * DAYS).0, pem(of_clients).0].concat().as_bytes());
    };
    let is_told = |said: &str, what: [&str; 2], then: &str| {
        let parts = ["warning: ", what[0], what[1], "put the next one there and send SIGHUP; without it ", then];
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
        assert_eq!(said.matches("warning").count(), 1, "{said}");
    };
    let [of_server, of_clients] =
        [["the certificate of ", " in cert.pem is good until "], ["the authority ", " in ca.pem is good until "]];
    write(29 * DAYS, 29 * DAYS);
    let arguments = [".", "--cert", "cert.pem", "--key", "key.pem", "--client-ca", "ca.pem"];
    let mut serving = Serving::start(&folder, &arguments);
    is_told(&serving.hear(), of_server, "clients that need it refuse the server");
    is_told(&serving.hear(), of_server, "clients that need it refuse the server");
    is_told(&serving.hear(), of_clients, "clients that it vouches for are refused");
    write(200 * DAYS, 200 * DAYS);
    let all = hangup(&mut serving);
    assert!(!all.contains("warning"), "{all}");
    // One that is due later comes by itself.
    write(200 * DAYS, 30 * DAYS + 3);
    let all = hangup(&mut serving);
    assert!(!all.contains("warning"), "{all}");
    is_told(&serving.hear(), of_clients, "clients that it vouches for are refused");
    assert!(!serving.end().contains("warning"));
}

/// A client that is given lists refuses what they have, and what none of them speaks for.
#[test]
fn get_refuses_servers_that_were_revoked() {
    let (ours, other) = (support::Authority::new("ours"), support::Authority::new("other"));
    let folder = folder_of(&ours);
    folder.write("good", &ours.list_der(false, 1000));
    folder.write("good.pem", ours.list_pem(false).as_bytes());
    folder.write("revoked", &ours.list_der(true, 1000));
    folder.write("stale", &ours.list_der(false, -1));
    folder.write("other", &other.list_der(false, 1000));
    let serving = Serving::start(&folder, &[".", "--cert", "server.pem", "--key", "server.key"]);
    let url = serving.url("/a");
    for (lists, status, parts) in [
        (&[][..], 0, &[][..]),
        (&["good"], 0, &[]),
        (&["good.pem", "other"], 0, &[]),
        (&["stale", "good"], 0, &[]),
        (&["revoked"], 60, &["was revoked on"]),
        (&["good", "revoked"], 60, &["was revoked on"]),
        (&["stale"], 60, &["was good until", "a current list of", "--crl FILE"]),
        (&["other"], 60, &["no revocation list of its issuer", "a current list of", "--crl FILE"]),
        (&["a"], 77, &["a cannot be used", "CRL in DER"]),
        (&["/no/list"], 77, &["/no/list could not be read"]),
    ] {
        let named: Vec<&str> = lists.iter().flat_map(|list| ["--crl", *list]).collect();
        let arguments = [&["get", url.as_str(), "--ca", "ca.pem"][..], &named].concat();
        expect(&posthaste().args(arguments).current_dir(folder.path()).output().unwrap(), status, parts);
    }
    let load = ["load", &url, "--ca", "ca.pem", "--crl", "revoked", "--requests", "1"];
    expect(&posthaste().args(load).current_dir(folder.path()).output().unwrap(), 1, &["was revoked on"]);
}

/// Believes any server, and keeps what was stapled last.
#[derive(Clone, Default)]
struct Stapled(Arc<Mutex<Option<Vec<u8>>>>);

impl ServerVerifier for Stapled {
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), CertificateError> {
        *self.0.lock().unwrap() = presented.ocsp_response.map(<[u8]>::to_vec);
        Ok(())
    }
}

/// What a server staples for a client that asks.
fn stapled(url: &str) -> Result<Option<Vec<u8>>, Error> {
    let seen = Stapled::default();
    let roots = Roots::custom(seen.clone());
    posthaste::run(|handle| async move {
        let client = Client::builder(roots).request_ocsp_response().build(&handle);
        client.get(url).send().await?;
        client.close().await;
        Ok::<(), Error>(())
    })??;
    let stapled = seen.0.lock().unwrap().take();
    Ok(stapled)
}

/// A response is sent from the SIGHUP on that finds it; one that is of no use is told and not sent.
#[test]
fn serve_sends_the_ocsp_response_of_its_certificate() -> Result<(), Error> {
    let (ours, other) = (support::Authority::new("ours"), support::Authority::new("other"));
    let folder = folder_of(&ours);
    let certificate = String::from_utf8(folder.read("server.pem")).unwrap();
    let good = ours.ocsp_response(&certificate, false, 1000);
    folder.write("response", &good);
    let pair = ["--cert", "server.pem", "--key", "server.key"];
    let mut serving = Serving::start(&folder, &[&["."][..], &pair, &["--ocsp", "response"]].concat());
    let url = serving.url("/a");
    assert_eq!(stapled(&url)?, Some(good.clone()));
    let newer = ours.ocsp_response(&certificate, false, 2000);
    for (response, said, is_sent) in [
        (newer.clone(), "response is sent until 2", true),
        (ours.ocsp_response(&certificate, false, -1), "response is not sent: it was good until", false),
        (good, "response is sent until 2", true),
        (ours.ocsp_response(&certificate, true, 1000), "it says that the certificate was revoked on", false),
        (other.ocsp_response(&certificate, false, 1000), "it is about another certificate", false),
        (b"hello".to_vec(), "it is no OCSP response in DER", false),
        (vec![0x30, 3, 0x0a, 1, 3], "the responder did not answer (tryLater)", false),
        (newer, "response is sent until 2", true),
    ] {
        folder.write("response", &response);
        let all = hangup(&mut serving);
        assert!(all.contains(said) && all.contains("SIGHUP: generation"), "{said:?} is missing in: {all}");
        assert_eq!(stapled(&url)?, is_sent.then_some(response), "{said}");
    }
    // A file that is not there keeps nobody from being served.
    let serving = Serving::start(&folder, &[&["."][..], &pair, &["--ocsp", "missing"]].concat());
    assert_eq!(stapled(&serving.url("/a"))?, None);
    assert!(serving.end().contains("response in missing is not sent: missing could not be read"));
    Ok(())
}
