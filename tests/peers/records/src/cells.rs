//! The cells: who talks to whom, about what, and what has to come of it.

use crate::early;
use crate::foreign;
use crate::identity::Identity;
use crate::openssl::{MARK, Openssl};
use crate::ours::{self, Options, Report};
use crate::talk::{Begins, Ends, Talk, Words};
use crate::visits::{self, Shows};
use runtime::StreamEnding;
use std::net::SocketAddr;
use std::sync::mpsc;
use tls::record::{Error, Settings};

type Cell = Box<dyn FnOnce(&Identity) -> Result<String, String>>;

/// Of the command line of either program of openssl.
const ALPN: [&str; 2] = ["-alpn", "test"];

/// What is typed in the cells of key updates: lines, and the commands for an update without and with a request.
const LINES: [&str; 5] = ["one", "k", "two", "K", "three"];

pub fn all(size: u64) -> Vec<(String, Cell)> {
    let mut cells: Vec<(String, Cell)> = Vec::new();
    let mut add = |name: &str, cell: Cell| cells.push((name.to_owned(), cell));
    let padded = Settings { padding_multiple: 4096, ..Settings::default() };
    let plain = Settings { compatibility_mode: false, ..Settings::default() };
    let small = Settings { record_size_limit: 512, ..Settings::default() };
    let busy = Settings { records_per_key: 100, ..Settings::default() };
    // Transfers: what openssl is told, what we are told, how much.
    let transfers: [(&str, &[&str], Options, u64); 10] = [
        ("bulk", &[], Options { update_each: Some(size / 7), ..Options::default() }, size),
        ("often-new-keys", &[], Options { settings: busy, ..Options::default() }, 10_000_000),
        ("aes-256", &["-ciphersuites", "TLS_AES_256_GCM_SHA384"], Options::default(), 100_000),
        ("chacha20", &["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], Options::default(), 100_000),
        ("retry", &["-groups", "X448:P-256"], Options::default(), 100_000),
        ("our-padding", &[], Options { settings: padded, ..Options::default() }, 100_000),
        ("their-padding", &["-record_padding", "1000"], Options::default(), 100_000),
        ("their-short-records", &["-max_send_frag", "512"], Options::default(), 1_000_000),
        ("no-compatibility", &["-no_middlebox"], Options { settings: plain, ..Options::default() }, 100_000),
        ("our-limit", &[], Options { settings: small, ..Options::default() }, 100_000),
    ];
    for (case, more, options, size) in transfers {
        // openssl 3 does not know record_size_limit, so a limit of ours would not be kept.
        if case != "our-limit" {
            let (more_of_client, options_of_server) = (more.to_vec(), options.clone());
            add(
                &format!("openssl>ours/{case}"),
                Box::new(move |identity| openssl_client(identity, &more_of_client, &options_of_server, size, case)),
            );
            let more = more.to_vec();
            let ours = options.clone();
            add(
                &format!("ours>openssl/{case}"),
                Box::new(move |identity| openssl_server(identity, &more, &ours, size, case)),
            );
        }
    }
    add("openssl>ours/key-update", Box::new(openssl_client_updates));
    add("ours>openssl/key-update", Box::new(openssl_server_updates));
    add("openssl>ours/truncated", Box::new(openssl_client_is_killed));
    add(
        "openssl>ours/wrong-ca",
        Box::new(|identity| openssl_client_refuses(identity, "stranger.pem", "test", "48", "unknown ca|verif")),
    );
    add(
        "openssl>ours/wrong-alpn",
        Box::new(|identity| {
            openssl_client_refuses(identity, "authority.pem", "other", "NoApplicationProtocol", "application protocol")
        }),
    );
    add(
        "ours>openssl/wrong-ca",
        Box::new(|identity| openssl_server_refuses(identity, true, "UnknownIssuer", "unknown ca")),
    );
    add("ours>openssl/wrong-alpn", Box::new(|identity| openssl_server_refuses(identity, false, "120", "")));
    for (case, size, update_each, max_fragment_size) in [
        ("half-close-bulk", size, Some(size / 7), None),
        ("half-close", 1000, None, None),
        ("their-short-records", 100_000, Some(9999), Some(100)),
    ] {
        let theirs = foreign::Options { update_each, max_fragment_size, ..foreign::Options::default() };
        let ours = Options { update_each, ..Options::default() };
        let (their_own, our_own) = (theirs.clone(), ours.clone());
        add(&format!("rustls>ours/{case}"), Box::new(move |identity| rustls_client(identity, &theirs, &ours, size)));
        add(
            &format!("ours>rustls/{case}"),
            Box::new(move |identity| rustls_server(identity, &their_own, &our_own, size)),
        );
    }
    let stranger = || foreign::Options { trusts_stranger: true, ..foreign::Options::default() };
    let other = || foreign::Options { protocol: "other", ..foreign::Options::default() };
    add(
        "rustls>ours/wrong-ca",
        Box::new(move |identity| {
            refused(
                rustls_client(identity, &stranger(), &Options::default(), 10),
                &["PeerAlert(Alert(48))", "UnknownIssuer"],
            )
        }),
    );
    add(
        "rustls>ours/wrong-alpn",
        Box::new(move |identity| {
            refused(
                rustls_client(identity, &other(), &Options::default(), 10),
                &["NoApplicationProtocol", "NoApplicationProtocol"],
            )
        }),
    );
    let strangers = Options { trusts_stranger: true, ..Options::default() };
    add(
        "ours>rustls/wrong-ca",
        Box::new(move |identity| {
            refused(
                rustls_server(identity, &foreign::Options::default(), &strangers, 10),
                &["UnknownIssuer", "UnknownCA"],
            )
        }),
    );
    let others = Options { protocol: "other", ..Options::default() };
    add(
        "ours>rustls/wrong-alpn",
        Box::new(move |identity| {
            refused(
                rustls_server(identity, &foreign::Options::default(), &others, 10),
                &["PeerAlert(Alert(120))", "NoApplicationProtocol"],
            )
        }),
    );
    add("openssl>ours/resumption", Box::new(visits::openssl_client_resumes));
    add("ours>openssl/resumption", Box::new(visits::openssl_server_resumes));
    for (case, shows) in [
        ("client-certificate", Shows::Good),
        ("client-certificate-of-a-stranger", Shows::Strangers),
        ("no-client-certificate", Shows::Nothing),
    ] {
        add(&format!("openssl>ours/{case}"), Box::new(move |identity| visits::openssl_client_shows(identity, shows)));
        add(
            &format!("ours>openssl/{case}"),
            Box::new(move |identity| visits::openssl_server_is_shown(identity, shows)),
        );
    }
    type Early = fn(&Identity, bool) -> Result<String, String>;
    let early: [(&str, Early); 4] = [
        ("openssl>ours", early::openssl_client),
        ("ours>openssl", early::openssl_server),
        ("rustls>ours", early::rustls_client),
        ("ours>rustls", early::rustls_server),
    ];
    for (ends, cell) in early {
        add(&format!("{ends}/early-data"), Box::new(move |identity| cell(identity, true)));
        add(&format!("{ends}/early-data-refused"), Box::new(move |identity| cell(identity, false)));
    }
    cells
}

/// Our report has to be one of a whole talk.
fn whole(report: Result<Report, String>) -> Result<Report, String> {
    let report = report?;
    let is_whole = report.talk.has_heard_all() && report.talk.peer_ended && !report.talk.was_reset;
    let is_right = report.error.is_none() && matches!(report.ending, StreamEnding::Ended);
    if is_whole && is_right && report.protocol.as_deref() == Some(b"test") {
        Ok(report)
    } else {
        Err(format!("{report:?}"))
    }
}

fn summary(report: &Report) -> String {
    let (ours, theirs) = report.key_updates;
    let retried = if report.is_retried { ", retried" } else { "" };
    format!("({ours} and {theirs} key updates{retried})")
}

/// A refusal that names its reasons.
fn refused(result: Result<String, String>, reasons: &[&str]) -> Result<String, String> {
    match result {
        Ok(_) => Err("nobody refused".to_owned()),
        Err(text) if reasons.iter().all(|reason| text.contains(reason)) => Ok(String::new()),
        Err(text) => Err(format!("not for {reasons:?}: {text}")),
    }
}

fn openssl_client(
    identity: &Identity,
    more: &[&str],
    options: &Options,
    size: u64,
    case: &str,
) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let all = [&ALPN[..], &["-quiet"], more].concat();
    let talk = Talk::new(Words::Pattern(size), Words::Pattern(size), Begins::AtOnce, Ends::Last);
    let report = whole(ours::server(identity, options, talk, |address| {
        let mut child = Openssl::client(identity, address, "authority.pem", &all);
        child.say(Words::Pattern(size));
        let heard = child.hear(Words::Pattern(size));
        let _ = sender.send((child, heard));
    }));
    let (child, heard) = receiver.recv().map_err(|error| error.to_string())?;
    let complaint = |text: String| format!("{text}; openssl: {}", child.wait());
    let report = match report {
        Ok(report) => report,
        Err(error) => return Err(complaint(error)),
    };
    heard.join().map_err(|_| "a panic")?.map_err(complaint)?;
    updated(&report, options, case)
}

fn openssl_server(
    identity: &Identity,
    more: &[&str],
    options: &Options,
    size: u64,
    case: &str,
) -> Result<String, String> {
    let (mut child, address) = Openssl::server(identity, &[&ALPN[..], more].concat())?;
    // The mark tells where its own lines end, and comes first of what we say.
    let mut says = format!("{MARK}\n").into_bytes();
    says.extend((0..size).map(crate::talk::pattern));
    child.say(Words::Pattern(size));
    let hearing = std::thread::spawn(move || {
        let result =
            child.line_with(MARK).and_then(|_| child.hear(Words::Pattern(size)).join().map_err(|_| "a panic")?);
        (child, result)
    });
    let talk = Talk::new(Words::Text(says.into()), Words::Pattern(size), Begins::AtOnce, Ends::Last);
    let report = whole(ours::client(identity, options, talk, address));
    let (child, heard) = hearing.join().map_err(|_| "a panic")?;
    let complaint = |text: String| format!("{text}; openssl: {}", child.wait());
    let report = match report {
        Ok(report) => report,
        Err(error) => return Err(complaint(error)),
    };
    heard.map_err(complaint)?;
    updated(&report, options, case)
}

/// Where keys were to be replaced they were, on both sides where we asked for it.
fn updated(report: &Report, options: &Options, case: &str) -> Result<String, String> {
    let (ours, theirs) = report.key_updates;
    let is_right = match (options.update_each, case) {
        (Some(_), _) => ours >= 3 && theirs >= 3,
        (None, "often-new-keys") => ours >= 6,
        _ => ours == 0,
    };
    let is_retried = report.is_retried == (case == "retry");
    if is_right && is_retried { Ok(summary(report)) } else { Err(format!("{report:?}")) }
}

/// Lines that come back, and between them an update without and with a request.
fn openssl_client_updates(identity: &Identity) -> Result<String, String> {
    let all = [&ALPN[..], &["-tls1_3"]].concat();
    let (sender, receiver) = mpsc::channel();
    let (says, hears) = (Words::text("answer\n"), Words::text("one\ntwo\nthree\n"));
    let talk = Talk::new(says, hears, Begins::AfterTheOther, Ends::First);
    let progress = talk.progress.clone();
    let report = ours::server(identity, &Options::default(), talk, |address| {
        let mut child = Openssl::client(identity, address, "authority.pem", &all);
        let _ = sender.send(std::thread::spawn(move || {
            child.type_lines(&LINES, &progress)?;
            child.type_line("Q");
            Ok::<String, String>(child.wait())
        }));
    });
    let child = receiver.recv().map_err(|error| error.to_string())?;
    let told = child.join().map_err(|_| "a panic")?;
    let report = report?;
    if report.talk.has_heard_all() && report.talk.peer_ended && report.key_updates == (1, 2) {
        Ok(summary(&report))
    } else {
        Err(format!("{report:?}; openssl: {told:?}"))
    }
}

fn openssl_server_updates(identity: &Identity) -> Result<String, String> {
    let (mut child, address) = Openssl::server(identity, &ALPN)?;
    let says = Words::text(&format!("{MARK}\n"));
    let talk = Talk::new(says, Words::text("one\ntwo\nthree\n"), Begins::AtOnce, Ends::Last);
    let progress = talk.progress.clone();
    let typing = std::thread::spawn(move || {
        child.line_with(MARK)?;
        child.type_lines(&LINES, &progress)?;
        // An end of its input would end its connection before ours has.
        Ok::<Openssl, String>(child)
    });
    let report = whole(ours::client(identity, &Options::default(), talk, address));
    let told = typing.join().map_err(|_| "a panic")?.map(Openssl::wait);
    let report = report.map_err(|error| format!("{error}; openssl: {told:?}"))?;
    if report.key_updates == (1, 2) { Ok(summary(&report)) } else { Err(format!("{report:?}; openssl: {told:?}")) }
}

/// A peer that is killed says no close_notify.
fn openssl_client_is_killed(identity: &Identity) -> Result<String, String> {
    let all = [&ALPN[..], &["-quiet"]].concat();
    let (sender, receiver) = mpsc::channel();
    let talk = Talk::new(Words::Pattern(1000), Words::Pattern(2000), Begins::AtOnce, Ends::Last);
    let report = ours::server(identity, &Options::default(), talk, |address| {
        let mut child = Openssl::client(identity, address, "authority.pem", &all);
        child.say(Words::Pattern(1000));
        let _ = sender.send(std::thread::spawn(move || {
            let heard = child.hear(Words::Pattern(1000)).join();
            child.kill();
            heard
        }));
    });
    let killing = receiver.recv().map_err(|error| error.to_string())?;
    killing.join().map_err(|_| "a panic")?.map_err(|_| "a panic")??;
    let report = report?;
    let is_told = report.error == Some(Error::Truncated) && report.talk.was_reset && !report.talk.peer_ended;
    // Linux sends a reset where bytes were not read.
    let is_cut = report.error == Some(Error::Reset) && report.talk.was_reset;
    if is_told || is_cut { Ok(format!("({:?})", report.error)) } else { Err(format!("{report:?}")) }
}

fn openssl_client_refuses(
    identity: &Identity,
    authority: &str,
    protocol: &str,
    ours: &str,
    theirs: &str,
) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let talk = Talk::new(Words::Pattern(10), Words::Pattern(10), Begins::AtOnce, Ends::Last);
    let report = ours::server(identity, &Options::default(), talk, |address: SocketAddr| {
        let _ = sender.send(Openssl::client(identity, address, authority, &["-alpn", protocol, "-quiet"]));
    });
    let complaint = receiver.recv().map_err(|error| error.to_string())?.wait();
    judge_refusal(report, ours, theirs, &complaint)
}

fn openssl_server_refuses(identity: &Identity, stranger: bool, ours: &str, theirs: &str) -> Result<String, String> {
    let (child, address) = Openssl::server(identity, &["-alpn", if stranger { "test" } else { "other" }])?;
    let talk = Talk::new(Words::Pattern(10), Words::Pattern(10), Begins::AtOnce, Ends::Last);
    let options = Options { trusts_stranger: stranger, ..Options::default() };
    let report = ours::client(identity, &options, talk, address);
    judge_refusal(report, ours, theirs, &child.wait())
}

/// Both sides name the reason. `theirs`: one of these, parted by bars, in what openssl complains of.
fn judge_refusal(report: Result<Report, String>, ours: &str, theirs: &str, complaint: &str) -> Result<String, String> {
    let report = report?;
    let error = format!("{:?}", report.error);
    let lower = complaint.to_lowercase();
    let is_named = theirs.split('|').any(|reason| lower.contains(reason));
    if error.contains(ours) && is_named && report.talk.was_reset {
        Ok(String::new())
    } else {
        Err(format!("{report:?}; openssl: {complaint}"))
    }
}

fn rustls_client(identity: &Identity, theirs: &foreign::Options, ours: &Options, size: u64) -> Result<String, String> {
    let talk = Talk::new(Words::Pattern(size), Words::Pattern(size), Begins::AfterTheOther, Ends::First);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let to = receiver.recv().map_err(|_| "no address")?;
            foreign::client(identity, theirs, to, &Words::Pattern(size), &Words::Pattern(size))
        });
        let report = whole(ours::server(identity, ours, talk, |address| {
            let _ = sender.send(address);
        }));
        both(report, peer.join().map_err(|_| "a panic")?)
    })
}

fn rustls_server(identity: &Identity, theirs: &foreign::Options, ours: &Options, size: u64) -> Result<String, String> {
    let (address, peer) = foreign::server(identity, theirs, Words::Pattern(size), Words::Pattern(size))
        .map_err(|error| error.to_string())?;
    let peer = std::thread::spawn(peer);
    let talk = Talk::new(Words::Pattern(size), Words::Pattern(size), Begins::AtOnce, Ends::First);
    let report = whole(ours::client(identity, ours, talk, address));
    both(report, peer.join().map_err(|_| "a panic")?)
}

fn both(
    report: Result<Report, String>,
    peer: Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<String, String> {
    match (report, peer) {
        (Ok(report), Ok(())) => Ok(summary(&report)),
        (report, peer) => {
            let report = report.map_or_else(|error| error, |report| summary(&report));
            let detail = peer.as_ref().err().map(|error| format!("{error:?}"));
            Err(format!("ours: {report}; rustls: {detail:?}"))
        }
    }
}
