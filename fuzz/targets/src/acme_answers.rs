//! Answers of an authority for certificates, whatever they are: an issuance ends, asks no more often than it may, asks https alone, and
//! says nothing that a log could not show.

use super::input::Input;
use acme::{AccountKey, Action, Answer, Issuance, Kind, Wanted};
use base::{Duration, Instant};
use std::sync::OnceLock;

/// What honest authorities say, so that an input needs few bytes to get far.
const HONEST: [&str; 10] = [
    r#"{"newNonce":"https://a/n","newAccount":"https://a/a","newOrder":"https://a/o","renewalInfo":"https://a/r"}"#,
    r#"{"status":"valid"}"#,
    r#"{"status":"pending","authorizations":["https://a/z"],"finalize":"https://a/f"}"#,
    r#"{"status":"ready","authorizations":[],"finalize":"https://a/f"}"#,
    r#"{"status":"valid","authorizations":[],"finalize":"https://a/f","certificate":"https://a/c"}"#,
    r#"{"status":"pending","identifier":{"type":"dns","value":"a.example"},"challenges":[{"type":"http-01","url":"https://a/h","token":"abc","status":"pending"}]}"#,
    r#"{"status":"valid","identifier":{"type":"dns","value":"a.example"},"challenges":[]}"#,
    r#"{"status":"processing","authorizations":["https://a/z"],"finalize":"https://a/f"}"#,
    r#"{"type":"urn:ietf:params:acme:error:badNonce","detail":"again"}"#,
    r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"later","status":429}"#,
];
const STATUS: [u16; 8] = [200, 201, 204, 400, 403, 429, 500, 503];
/// All of an issuance takes no longer.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than one name, its retries and its looks within that time need.
const MOST_REQUESTS: usize = 2000;

/// Making a key takes longer than all else.
fn account_key() -> AccountKey {
    static KEY: OnceLock<crypto::SecretBytes> = OnceLock::new();
    let provider = crypto_ring::provider();
    let pkcs8 = KEY.get_or_init(|| (provider.generate_key)(crypto::KeyKind::EcP256).expect("a key"));
    AccountKey::from_pkcs8(&provider, pkcs8).expect("a key of ours")
}

fn answer(input: &mut Input<'_>) -> Answer {
    let flags = input.u8();
    let body = match flags & 3 {
        0 => input.chunk().to_vec(),
        1 => {
            // A byte of what is honest is another.
            let mut body = input.pick(&HONEST).as_bytes().to_vec();
            let place = usize::from(input.u16()) % body.len();
            body[place] = input.u8();
            body
        }
        _ => input.pick(&HONEST).as_bytes().to_vec(),
    };
    Answer {
        status: input.pick(&STATUS),
        location: (flags & 4 != 0).then(|| "https://a/1".to_owned()),
        nonce: (flags & 8 == 0).then(|| "bm9uY2U".to_owned()),
        retry_after: (flags & 16 != 0).then(|| Duration::from_secs(input.number())),
        body,
    }
}

pub fn run(data: &[u8]) {
    let input = &mut Input::new(data);
    let wanted = Wanted {
        directory: "https://a/directory".to_owned(),
        names: vec!["a.example".to_owned()],
        contacts: Vec::new(),
        kinds: vec![Kind::Http01, Kind::TlsAlpn01],
        replaces: None,
        patience: PATIENCE,
    };
    let mut issuance = Issuance::new(&crypto_ring::provider(), wanted, account_key(), None).expect("a key can be made");
    let begin = Instant::from_nanos(1);
    let (mut now, mut asked) = (begin, 0);
    loop {
        match issuance.poll(now) {
            Action::Ask(request) => {
                asked += 1;
                assert!(asked <= MOST_REQUESTS, "it asks without end");
                assert!(request.url.starts_with("https://") && request.url.bytes().all(|byte| byte.is_ascii_graphic()));
                assert_eq!(request.body.is_empty(), request.method != "POST");
                if input.u8() == 0xff {
                    issuance.on_failure(now, "nobody is there".to_owned());
                } else {
                    issuance.on_answer(now, &answer(input));
                }
            }
            Action::Wait(until) => {
                assert!(until > now && until <= begin + PATIENCE, "each wait has an end");
                now = until;
            }
            Action::Show(proofs) => {
                assert!(!proofs.is_empty());
                issuance.shown();
            }
            Action::Done(outcome) => {
                let error = outcome.expect_err("nobody has signed anything").to_string();
                assert!(!error.chars().any(char::is_control), "{error:?}");
                return;
            }
        }
    }
}
