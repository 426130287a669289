//! Texts that are JSON or nearly.

use json::{Duplicates, ErrorKind, Limits, Value};

pub fn run(data: &[u8]) {
    let strict = Limits::default();
    let lax = Limits { duplicates: Duplicates::KeepLast, ..strict };
    let (first, last) = (strict.parse(data), lax.parse(data));
    match (&first, &last) {
        (Ok(value), Ok(same)) => assert_eq!(value, same),
        (Err(error), Ok(_)) => assert_eq!(error.kind, ErrorKind::DuplicateName, "the only difference"),
        (Err(_), Err(error)) => assert!(error.offset <= data.len() && error.line >= 1 && error.column >= 1),
        (Ok(_), Err(error)) => panic!("taken where more is refused: {error}"),
    }
    let Ok(value) = last else { return };
    let text = value.to_string();
    assert!(!text.chars().any(char::is_control), "what is written can be shown");
    assert_eq!(strict.parse(text.as_bytes()).as_ref(), Ok(&value));
    let numbers = within(&value, strict.depth);
    for number in numbers {
        assert!(json::Number::parse(number).is_ok());
        assert!(data.windows(number.len()).any(|part| part == number.as_bytes()), "kept as it was");
    }
}

/// All numbers of a value that is no deeper than this.
fn within(value: &Value, depth: usize) -> Vec<&str> {
    match value {
        Value::Number(number) => vec![number.as_str()],
        Value::Array(elements) => {
            assert!(depth > 0);
            elements.iter().flat_map(|element| within(element, depth - 1)).collect()
        }
        Value::Object(object) => {
            assert!(depth > 0);
            object.iter().flat_map(|(_, value)| within(value, depth - 1)).collect()
        }
        _ => Vec::new(),
    }
}
