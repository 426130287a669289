//! Texts judged by serde_json too: what we take it takes, and it reads the same.
#![no_main]

use json::{Duplicates, ErrorKind, Limits, Value};
use serde_json::Value as Theirs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let lax = Limits { duplicates: Duplicates::KeepLast, ..Limits::default() };
    let ours = lax.parse(data);
    match (&ours, serde_json::from_slice::<Theirs>(data)) {
        (Ok(ours), Ok(theirs)) => assert!(are_same(ours, &theirs), "{ours} {theirs}"),
        // Numbers beyond those of IEEE 754 are refused there, and kept as text here.
        (Ok(_), Err(error)) => {
            assert!(error.to_string().starts_with("number out of range"), "{error}");
        }
        (Err(error), Ok(_)) => assert!(is_a_limit(error.kind), "only our limits are narrower: {error}"),
        (Err(_), Err(_)) => {}
    }
});

/// What is JSON and more than we hold.
fn is_a_limit(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TooDeep { .. } | ErrorKind::TooMany { .. } | ErrorKind::TooLarge { .. })
}

fn are_same(ours: &Value, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Value::Null, Theirs::Null) => true,
        (Value::Bool(one), Theirs::Bool(other)) => one == other,
        (Value::String(one), Theirs::String(other)) => one == other,
        (Value::Number(one), Theirs::Number(other)) => {
            one.as_u64().is_none_or(|number| other.as_u64().is_none_or(|other| other == number))
        }
        (Value::Array(one), Theirs::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_same(one, other))
        }
        (Value::Object(one), Theirs::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| are_same(value, other)))
        }
        _ => false,
    }
}
