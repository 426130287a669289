//! Issuances against an authority in memory, on virtual time.

extern crate std;

mod authority;
mod renewal;

use crate::base64url;
use crate::jws::fixed;
use crate::{AccountKey, Action, Answer, Error, Issuance, Issued, Kind, Proof, Request, Wanted};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use authority::{Authority, BASE, as_der, directory, load, ok, problem};
use base::{Duration, Instant};
use crypto::KeyKind;
use crypto_ring::PROVIDER;
use json::Value;

const PATIENCE: Duration = Duration::from_secs(600);

fn issuance_for(names: &[&str], account: Option<&str>) -> Issuance {
    let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let key = AccountKey::from_pkcs8(&PROVIDER, &key).unwrap();
    let wanted = Wanted {
        directory: format!("{BASE}/directory"),
        names: names.iter().map(ToString::to_string).collect(),
        contacts: alloc::vec!["admin@example.org".to_string()],
        kinds: alloc::vec![Kind::TlsAlpn01, Kind::Http01],
        replaces: Some("aki.serial".to_string()),
        patience: PATIENCE,
    };
    Issuance::new(&PROVIDER, wanted, key, account.map(ToString::to_string)).unwrap()
}

/// What came of it.
struct Run {
    result: Result<Issued, Error>,
    shown: Vec<Proof>,
    /// How long it took.
    took: Duration,
}

/// Lets both talk until it is over. An answer with the status 0 stands for none.
fn run(issuance: &mut Issuance, authority: &mut Authority) -> Run {
    let (begin, mut shown) = (Instant::from_nanos(1_000_000_000_000), Vec::new());
    let mut now = begin;
    for _ in 0..2000 {
        match issuance.poll(now) {
            Action::Ask(request) => {
                let answer = authority.answer(&request);
                assert!(matches!(issuance.poll(now), Action::Wait(_)), "one request at a time");
                match answer.status {
                    0 => issuance.on_failure(now, "the line is cut".to_string()),
                    _ => issuance.on_answer(now, &answer),
                }
            }
            Action::Wait(until) => {
                assert!(until > now, "a wait that is over");
                now = until;
            }
            Action::Show(proofs) => {
                shown = proofs;
                issuance.shown();
            }
            Action::Done(result) => return Run { result, shown, took: now - begin },
        }
    }
    panic!("it does not end: {issuance:?}");
}

fn run_with(intercept: impl FnMut(usize, &Request) -> Option<Answer> + 'static) -> (Run, Authority) {
    let mut authority = Authority::new();
    authority.intercept = Box::new(intercept);
    let run = run(&mut issuance_for(&["one.example", "two.example"], None), &mut authority);
    (run, authority)
}

/// What a whole issuance for two names asks for.
const WHOLE: [&str; 15] = [
    "GET /directory",
    "HEAD /nonce",
    "POST /account",
    "POST /order",
    "POST /authorization/1",
    "POST /authorization/2",
    "POST /challenge/1",
    "POST /challenge/2",
    "POST /authorization/1",
    "POST /authorization/1",
    "POST /authorization/2",
    "POST /authorization/2",
    "POST /order/1",
    "POST /finalize/1",
    "POST /certificate/1",
];

#[test]
fn a_certificate_for_two_names() {
    let mut authority = Authority::new();
    let mut issuance = issuance_for(&["one.example", "two.example"], None);
    let Run { result, shown, took } = run(&mut issuance, &mut authority);
    let issued = result.unwrap();
    assert_eq!(authority.log, WHOLE);
    let chain = x509::load_certificates_pem(&issued.chain_pem).unwrap();
    let leaf = x509::Certificate::parse(&chain[0]).unwrap();
    assert_eq!(leaf.subject_public_key().unwrap().1, load(&issued.key_pkcs8).public_key());
    assert_eq!(issuance.account(), Some("https://acme.test/account/1"));
    assert_eq!(issuance.terms(), Some("https://acme.test/terms"));
    assert_eq!(issuance.renewal_info(), Some("https://acme.test/renewal"));
    let names: Vec<&str> = shown.iter().map(|proof| proof.name.as_str()).collect();
    assert_eq!(names, ["one.example", "two.example"]);
    for proof in &shown {
        assert_eq!(proof.kind, Kind::TlsAlpn01);
        let (token, thumbprint) = proof.key_authorization.split_once('.').unwrap();
        assert_eq!((token, thumbprint.len()), (proof.token.as_str(), 43));
        assert_eq!(
            proof.digest(&PROVIDER)[..],
            PROVIDER.initial.hash.digest(&[proof.key_authorization.as_bytes()])[..]
        );
    }
    let payload = |path: &str| authority.payloads[path].as_str();
    assert_eq!(payload("/account"), r#"{"termsOfServiceAgreed":true,"contact":["mailto:admin@example.org"]}"#);
    assert_eq!(
        payload("/order"),
        r#"{"identifiers":[{"type":"dns","value":"one.example"},{"type":"dns","value":"two.example"}],"replaces":"aki.serial"}"#
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_known_account_is_not_registered_again_and_known_names_are_not_shown_again() {
    let mut authority = Authority::new();
    let mut first = issuance_for(&["one.example"], None);
    run(&mut first, &mut authority).result.unwrap();
    let mut authority = Authority::new();
    authority.knows_us = true;
    let account = first.account().unwrap().to_string();
    let mut second = issuance_for(&["one.example"], Some(&account));
    // The authority has forgotten the account, so it is made once more.
    let Run { result, shown, .. } = run(&mut second, &mut authority);
    assert!(result.is_ok() && shown.is_empty());
    let wanted = [
        "GET /directory",
        "HEAD /nonce",
        "POST /order",
        "POST /account",
        "POST /order",
        "POST /finalize/1",
        "POST /certificate/1",
    ];
    assert_eq!(authority.log, wanted);
}

/// One that forgets accounts as soon as they are made would otherwise be asked for ever.
#[test]
fn an_authority_that_forgets_every_account_is_given_up() {
    let (run, _) = run_with(|_, request| {
        request.url.ends_with("/order").then(|| problem(400, "accountDoesNotExist", "who is that?"))
    });
    assert!(matches!(run.result, Err(Error::Refused { problem, .. }) if problem.is("accountDoesNotExist")));
}

#[test]
fn a_nonce_that_is_no_good_is_replaced_so_often_and_no_more() {
    for (times, is_good) in [(1, true), (8, true), (9, false)] {
        let mut left = times;
        let (run, authority) = run_with(move |_, request| {
            let is_refused = request.url.ends_with("/order") && left > 0;
            left -= usize::from(is_refused);
            is_refused.then(|| problem(400, "badNonce", "use this one"))
        });
        assert_eq!(run.result.is_ok(), is_good, "{times}");
        let asked = authority.log.iter().filter(|line| *line == "POST /order").count();
        assert_eq!(asked, if is_good { times + 1 } else { times });
        assert_eq!(authority.log.iter().filter(|line| *line == "HEAD /nonce").count(), 1, "each refusal has another");
    }
}

/// At every step: an authority that fails, or cannot be reached, for a while and for good.
#[test]
fn every_request_is_sent_again_a_few_times() {
    for place in 0..WHOLE.len() {
        for (times, status) in [(1, 503), (4, 500), (5, 502), (1, 0), (4, 0), (5, 0)] {
            let mut left = times;
            let (run, authority) = run_with(move |number, _| {
                let fails = number >= place && left > 0;
                left -= usize::from(fails);
                let retry_after = (status == 503).then_some(Duration::from_secs(50));
                fails.then(|| Answer { status, retry_after, ..Answer::default() })
            });
            match (times, status, &run.result) {
                (1 | 4, _, Ok(_)) => {}
                (5, 0, Err(Error::Unreachable { why, .. })) => assert_eq!(why, "the line is cut"),
                (5, 502, Err(Error::Refused { status: 502, .. })) => {}
                (.., result) => panic!("{place}, {times} times {status}: {result:?}"),
            }
            // What was asked for is asked for again, and nothing else.
            let again = authority.log[place..=place + times.min(4)].iter().filter(|line| **line != "HEAD /nonce");
            let first = again.clone().next();
            assert!(first.is_none() || again.clone().all(|line| Some(line) == first), "{:?}", authority.log);
            let least = if status == 503 { 50 } else { [0, 1, 5, 21, 85, 85][times] };
            assert!(run.took >= Duration::from_secs(least), "{place}, {times} times {status}: {:?}", run.took);
        }
    }
}

/// At every step: what is no answer to the question, in every way.
#[test]
fn an_answer_that_makes_no_sense_ends_it_and_is_told() {
    let answers = run_with(|_, _| None).1.answers;
    let certificate = WHOLE.len() - 1;
    for (place, line) in WHOLE.into_iter().enumerate() {
        // Answers to HEAD and to a challenge have nothing that is needed.
        if line.starts_with("HEAD") || line.contains("/challenge/") {
            continue;
        }
        let right = answers[place].body.clone();
        for body in [&b""[..], b"[]", b"{}", b"null", b"{\"status\":\"valid\"}", b"{\"status\":7}", b"\xff"] {
            let sent = body.to_vec();
            let (run, _) = run_with(move |number, _| (number == place).then(|| Answer { body: sent.clone(), ..odd() }));
            // Of an account no more is asked.
            let is_right = line == "POST /account" && body == b"{\"status\":\"valid\"}";
            assert_eq!(run.result.is_ok(), is_right, "{line}");
        }
        for end in (0..right.len()).step_by(if place == certificate { 41 } else { 7 }) {
            let body = right[..end].to_vec();
            let (run, _) = run_with(move |number, _| (number == place).then(|| Answer { body: body.clone(), ..odd() }));
            // A chain without its last certificate is a chain.
            assert!(run.result.is_err() || place == certificate, "{line}, {end}");
        }
    }
}

/// An answer with all that could be needed beside the content.
fn odd() -> Answer {
    Answer { status: 200, location: Some(format!("{BASE}/account/1")), ..Answer::default() }
}

/// Every change of a byte of every answer: it ends, whatever the answer means then.
#[test]
fn a_changed_answer_ends_well_or_badly() {
    let answers = run_with(|_, _| None).1.answers;
    for (place, right) in answers.into_iter().enumerate() {
        let step = if right.body.len() > 800 { 97 } else { 5 };
        for at in (0..right.body.len()).step_by(step) {
            for change in [b'"', b'x', b'/', 0] {
                let mut changed = right.clone();
                changed.body[at] = change;
                changed.nonce = None;
                let (run, _) = run_with(move |number, request| {
                    // What leads elsewhere is not found there.
                    let known = ["/directory", "/nonce", "/account", "/order"];
                    let path = request.url.strip_prefix(BASE).unwrap_or("");
                    let numbered = ["/order/1", "/finalize/1", "/certificate/1"].contains(&path)
                        || ["/authorization/", "/challenge/"]
                            .iter()
                            .any(|kind| ["1", "2"].iter().any(|number| path.strip_prefix(kind) == Some(number)));
                    if number == place {
                        return Some(changed.clone());
                    }
                    let is_known = known.contains(&path) || numbered;
                    (!is_known).then(|| problem(404, "malformed", "there is nothing"))
                });
                assert!(run.took <= PATIENCE, "{place}, {at}");
            }
        }
    }
}

#[test]
fn refusals_say_what_why_and_until_when() {
    let (run, _) = run_with(|_, request| {
        request.url.ends_with("/order").then(|| Answer {
            retry_after: Some(Duration::from_secs(3600)),
            ..problem(429, "rateLimited", "too many certificates for one.example this week")
        })
    });
    let error = run.result.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(
        error.to_string(),
        "the authority refuses an order of one.example, two.example with 429: too many certificates for one.example this week \
         (rateLimited)"
    );
    let (run, _) = run_with(|_, request| {
        let parts: Vec<Value> = alloc::vec![Value::object([
            ("type", "urn:ietf:params:acme:error:caa".into()),
            ("detail", "CAA forbids\u{1b}[0m it".into()),
            ("identifier", Value::object([("value", "two.example".into())])),
        ])];
        let body = Value::object([("type", "about:blank".into()), ("subproblems", parts.into())]);
        request.url.ends_with("/order").then(|| ok(403, None, &body))
    });
    let text = run.result.unwrap_err().to_string();
    assert!(text.ends_with("with 403: about:blank; two.example: CAA forbids[0m it (caa)"), "{text}");
    let (run, _) = run_with(|_, request| {
        request.url.ends_with("/account").then(|| problem(403, "externalAccountRequired", "who pays?"))
    });
    assert!(run.result.unwrap_err().to_string().contains("not supported"));
}

#[test]
fn an_account_that_is_over_is_told_as_such() {
    for (path, answer) in [
        ("/order", problem(403, "unauthorized", "the account is deactivated")),
        ("/account", problem(401, "unauthorized", "the account is revoked")),
        ("/account", ok(200, Some("/account/1"), &Value::object([("status", "revoked".into())]))),
    ] {
        let (run, _) = run_with(move |_, request| request.url.ends_with(path).then(|| answer.clone()));
        let error = run.result.unwrap_err();
        assert!(matches!(error, Error::AccountOver { .. }), "{error}");
        assert!(error.to_string().contains("remove its file"), "{error}");
    }
}

/// Whatever an authority calls a state or a challenge, an error shows it without what would change how a log looks.
#[test]
fn words_of_an_authority_are_shown_without_control_characters() {
    let strange = "v\u{7f}\u{1b}[0m\nalid";
    let challenge = Value::object([("type", strange.into()), ("url", "https://acme.test/c".into())]);
    let authorization = Value::object([
        ("status", "pending".into()),
        ("identifier", Value::object([("value", "one.example".into())])),
        ("challenges", alloc::vec![challenge].into()),
    ]);
    for (path, answer, words) in [
        ("/account", Value::object([("status", strange.into())]), "the account is v[0malid: "),
        ("/order", Value::object([("status", strange.into())]), "`status` is v[0malid"),
        ("/authorization/1", authorization, "it takes v[0malid, "),
    ] {
        let answer = ok(200, Some("/account/1"), &answer);
        let (run, _) = run_with(move |_, request| request.url.ends_with(path).then(|| answer.clone()));
        let error = run.result.unwrap_err().to_string();
        assert!(error.contains(words) && !error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn a_name_that_was_not_shown_is_told_with_what_the_authority_found() {
    let (run, _) = run_with(|number, request| {
        let body = json::parse(
            br#"{"status":"invalid","identifier":{"value":"two.example"},"challenges":[{"type":"dns-01","url":"https://acme.test/c"},
            {"type":"tls-alpn-01","url":"https://acme.test/c","token":"x","status":"invalid",
            "error":{"type":"urn:ietf:params:acme:error:connection","detail":"connection refused"}}]}"#,
        );
        (number > 6 && request.url.ends_with("/authorization/2")).then(|| ok(200, None, &body.unwrap()))
    });
    let text = run.result.unwrap_err().to_string();
    assert!(text.starts_with("the authority is not convinced that two.example is this server, by tls-alpn-01: connection refused (connection)"), "{text}");
    assert!(text.ends_with("is TCP port 443 open from outside?"), "{text}");
}

#[test]
fn the_best_proof_that_both_sides_know_is_shown() {
    for (offered, chosen) in [
        (&["http-01", "tls-alpn-01"][..], Some(Kind::TlsAlpn01)),
        (&["dns-01", "http-01"], Some(Kind::Http01)),
        (&["dns-01", "dns-account-01"], None),
    ] {
        let mut authority = Authority::new();
        authority.challenges = offered.to_vec();
        let Run { result, shown, .. } = run(&mut issuance_for(&["one.example"], None), &mut authority);
        assert_eq!(shown.first().map(|proof| proof.kind), chosen);
        match chosen {
            Some(_) => assert!(result.is_ok()),
            None => {
                let text = result.unwrap_err().to_string();
                assert!(text.contains("it takes dns-01, dns-account-01"), "{text}");
            }
        }
    }
}

#[test]
fn what_never_becomes_ready_is_given_up_in_time() {
    let mut authority = Authority::new();
    authority.looks = usize::MAX;
    let Run { result, took, .. } = run(&mut issuance_for(&["one.example"], None), &mut authority);
    assert_eq!(result.unwrap_err(), Error::TooLong { what: "the proof for one.example".to_string(), after: PATIENCE });
    assert_eq!(took, PATIENCE);
    // 1, 2, 4, 8, 16 and then every 30 seconds.
    assert!((20..40).contains(&authority.log.len()), "{}", authority.log.len());
    // As often as the authority says, and not more often than once in a second.
    let (run, authority) = run_with(|number, request| {
        let pending = ok(
            200,
            None,
            &Value::object([("status", "processing".into()), ("finalize", format!("{BASE}/finalize/1").into())]),
        );
        let retry_after = Some(Duration::from_secs(if number % 2 == 0 { 0 } else { 100 }));
        request.url.ends_with("/order/1").then_some(Answer { retry_after, ..pending })
    });
    assert_eq!(run.result.unwrap_err().to_string(), "the order was waited for 600 s, and is not there");
    let looks = authority.log.iter().filter(|line| *line == "POST /order/1").count();
    assert!((10..16).contains(&looks), "{looks}");
}

#[test]
fn a_certificate_that_is_not_the_one_that_was_ordered_is_not_taken() {
    let other = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let pem = Authority::new().certify(&*load(&other), &["one.example", "two.example"]);
    let (run, _) = run_with(move |_, request| {
        let is_it = request.url.ends_with("/certificate/1");
        is_it.then(|| Answer { status: 200, body: pem.clone().into_bytes(), ..Answer::default() })
    });
    assert!(run.result.unwrap_err().to_string().ends_with("the certificate is about another key"));
}

#[test]
fn a_certificate_that_was_replaced_already_is_ordered_without_saying_so() {
    let (run, authority) = run_with(|_, request| {
        let payload = json::parse(request.body.as_bytes()).ok().and_then(|body| {
            let payload = body.get("payload")?.as_str()?.to_string();
            String::from_utf8(authority::decode(&payload)).ok()
        });
        let replaces = payload.is_some_and(|payload| payload.contains("replaces"));
        replaces.then(|| problem(409, "alreadyReplaced", "that was renewed"))
    });
    assert!(run.result.is_ok());
    assert!(!authority.payloads["/order"].contains("replaces"));
}

#[test]
fn answers_to_nothing_change_nothing() {
    let mut issuance = issuance_for(&["one.example"], None);
    issuance.on_answer(Instant::ZERO, &ok(200, None, &directory()));
    issuance.on_failure(Instant::ZERO, "x".to_string());
    issuance.shown();
    assert!(matches!(issuance.poll(Instant::ZERO), Action::Ask(request) if request.url.ends_with("/directory")));
}

#[test]
fn signatures_have_as_many_bytes_as_the_curve() {
    for (first, second) in [(1, 2), (0x80, 0xff), (0, 0x7f)] {
        let mut numbers = [0; 64];
        (numbers[31], numbers[32], numbers[63]) = (first, second, 1);
        assert_eq!(fixed(&as_der(&numbers)).as_deref(), Some(&numbers[..]));
    }
    let good = as_der(&[0xff; 64]);
    for end in 0..good.len() {
        assert_eq!(fixed(&good[..end]), None, "{end}");
    }
    assert_eq!(fixed(&[&good[..], &[0]].concat()), None);
    let long = [&[0x30, 38, 2, 33, 1][..], &[0; 32], &[2, 1, 1]].concat();
    assert_eq!(fixed(&long), None, "33 digits");
}

#[test]
fn base64url_is_that_of_the_standard() {
    for (bytes, text) in [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (&[0xfb, 0xff], "-_8")] {
        assert_eq!(base64url::encode(bytes), text);
        assert_eq!(authority::decode(text), bytes);
    }
    assert!(base64url::is_base64url("aZ09-_") && !base64url::is_base64url("") && !base64url::is_base64url("a/b"));
}

#[test]
fn another_kind_of_key_is_no_account() {
    let key = (PROVIDER.generate_key)(KeyKind::Ed25519).unwrap();
    assert!(AccountKey::from_pkcs8(&PROVIDER, &key).is_err());
    assert!(AccountKey::from_pkcs8(&PROVIDER, b"").is_err());
}
