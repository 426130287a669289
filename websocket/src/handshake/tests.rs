use super::*;
use alloc::borrow::ToOwned;
use alloc::format;
use crypto_ring::sha1_for_websocket as sha1;
use sim::SeededRandom;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value).unwrap();
    }
    fields
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The example of RFC 6455 section 1.3.
#[test]
fn the_hash_of_the_sample_key() {
    assert_eq!(accept(KEY, sha1), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/// RFC 6455 section 4.1-24, 4.1-25, 4.1-26, 4.1-29, 4.1-30, 4.1-32, 4.1-40, 4.2.2-8, 4.2.2-12.
#[test]
fn both_ends_agree_with_a_key_and_without() {
    let mut random = SeededRandom::new(1);
    let (one, other) = (Key::new(&mut random), Key::new(&mut random));
    assert_ne!(one, other);
    assert!(is_key(one.as_str().as_bytes()), "{one:?}");
    for key in [None, Some(&one)] {
        let wanted = owned(&["chat", "superchat"]);
        let mut asked = Fields::new();
        request(&mut asked, &wanted, key).unwrap();
        let offer = offer(&asked, key.is_some()).unwrap();
        assert_eq!((offer.key, &offer.protocols[..]), (key.map(Key::as_str), &["chat", "superchat"][..]));
        for picked in [None, Some("superchat")] {
            let mut answered = Fields::new();
            response(&mut answered, &offer, picked, sha1).unwrap();
            assert_eq!(chosen(&answered, &wanted, key, sha1), Ok(picked.map(str::to_owned)));
        }
    }
}

/// RFC 6455 section 4.1-32.
#[test]
fn subprotocols_that_cannot_be_offered() {
    for names in [&["a", "a"][..], &[""], &["a b"], &["a,b"], &["a", "é"]] {
        let error = request(&mut Fields::new(), &owned(names), None);
        assert_eq!(error, Err(InvalidField::Value), "{names:?}");
    }
}

/// RFC 6455 section 4.2.1-1, 4.2.2-6, 4.4-1, 9.1-1, 9.1-2, 11.3.1-1, 11.3.4-1, 11.3.5-2, 4.3-1.
#[test]
fn requests_that_a_server_refuses() {
    let version = ("sec-websocket-version", "13");
    let key = ("sec-websocket-key", KEY);
    let of = |lines: &[(&str, &str)]| offer(&fields(lines), true).map(drop);
    assert_eq!(of(&[version, key]), Ok(()));
    for wrong in [
        &[key][..],
        &[key, ("sec-websocket-version", "8")],
        &[key, version, version],
        &[key, ("sec-websocket-version", "13, 8")],
    ] {
        assert_eq!(of(wrong), Err(BadRequest::Version), "{wrong:?}");
    }
    for wrong in ["", "x", &KEY[1..], &format!("{KEY}="), "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j!Q=="] {
        assert_eq!(of(&[version, ("sec-websocket-key", wrong)]), Err(BadRequest::Key), "{wrong}");
    }
    assert_eq!(of(&[version]), Err(BadRequest::Key));
    assert_eq!(of(&[version, key, key]), Err(BadRequest::Key));
    for wrong in ["", "a,", "a, a", "a b", "a;b"] {
        let lines = [version, key, ("sec-websocket-protocol", wrong)];
        assert_eq!(of(&lines), Err(BadRequest::Protocols), "{wrong}");
    }
    let two = fields(&[version, ("sec-websocket-protocol", "a , b"), ("sec-websocket-protocol", "c")]);
    assert_eq!(offer(&two, false).unwrap().protocols, ["a", "b", "c"]);
    for (list, is_good) in [
        ("permessage-deflate; client_max_window_bits", true),
        ("a; b=\"c\", d;e=f", true),
        ("", false),
        ("a;", false),
        ("a;b=", false),
        ("a;b=\"c d\"", false),
        (",a", false),
    ] {
        let result = of(&[version, key, ("sec-websocket-extensions", list)]);
        assert_eq!(result, if is_good { Ok(()) } else { Err(BadRequest::Extensions) }, "{list}");
    }
}

/// RFC 6455 section 4.1-36, 4.1-40, 4.1-41, 4.1-42, 4.1-43, 4.2.2-9, 9-2, 11.3.2-2, 11.3.3-1, 11.3.4-2.
#[test]
fn answers_that_a_client_refuses() {
    let key = Key(KEY.to_owned());
    let accepted = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let of = |lines: &[(&str, &str)]| chosen(&fields(lines), &owned(&["a", "b"]), Some(&key), sha1);
    assert_eq!(of(&[accepted]), Ok(None));
    assert_eq!(of(&[]), Err(BadResponse::Accept));
    assert_eq!(of(&[accepted, accepted]), Err(BadResponse::Accept));
    assert_eq!(of(&[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")]), Err(BadResponse::Accept));
    for protocol in ["c", "A", "a, b", ""] {
        assert_eq!(of(&[accepted, ("sec-websocket-protocol", protocol)]), Err(BadResponse::Protocol), "{protocol}");
    }
    let twice = ("sec-websocket-protocol", "a");
    assert_eq!(of(&[accepted, twice, twice]), Err(BadResponse::Protocol));
    assert_eq!(of(&[accepted, twice]), Ok(Some("a".to_owned())));
    for extension in ["permessage-deflate", ""] {
        let lines = [accepted, ("sec-websocket-extensions", extension)];
        assert_eq!(of(&lines), Err(BadResponse::Extension), "{extension}");
    }
    for text in [BadResponse::Accept, BadResponse::Extension, BadResponse::Protocol].map(|bad| format!("{bad}")) {
        assert!(text.contains("the server"), "{text}");
    }
    assert!(format!("{}", BadRequest::Key).contains("Sec-WebSocket-Key"));
}
