//! Texts, values and errors.

extern crate std;

mod suite;

use crate::{ArrayWriter, Duplicates, ErrorKind, Limits, Number, Object, ObjectWriter, Value, parse};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const SAMPLE: &str = "{\"name\": \"t\u{e9}\\u20ac\\ud83d\\ude00\\n\", \"list\": [1, -2.50e+3, true, false, null, {}], \"in\": {\"a\": [[]]}}";

#[test]
fn values_are_reached_by_name_and_place() {
    let value = parse(SAMPLE.as_bytes()).unwrap();
    assert_eq!(value.get("name").and_then(Value::as_str), Some("t\u{e9}\u{20ac}\u{1f600}\n"));
    let list = value.get("list").unwrap();
    assert_eq!(list.at(0).and_then(Value::as_u64), Some(1));
    assert_eq!(list.at(1).and_then(Value::as_f64), Some(-2500.0));
    assert_eq!(list.at(1).and_then(Value::as_number).map(Number::as_str), Some("-2.50e+3"));
    assert_eq!(list.at(2).and_then(Value::as_bool), Some(true));
    assert!(list.at(4).is_some_and(Value::is_null) && list.at(6).is_none());
    assert_eq!(list.as_array().map(<[_]>::len), Some(6));
    let object = value.as_object().unwrap();
    assert_eq!(object.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["name", "list", "in"]);
    assert_eq!((object.len(), object.is_empty(), Object::new().is_empty()), (3, false, true));
    // What is not of the type that is asked for is not there.
    for other in [Value::Null, true.into(), 1.into(), "x".into(), Vec::<Value>::new().into(), Object::new().into()] {
        let found = [
            other.as_bool().is_some(),
            other.as_number().is_some(),
            other.as_str().is_some(),
            other.as_array().is_some(),
            other.as_object().is_some(),
            other.is_null(),
        ];
        assert_eq!(found.iter().filter(|found| **found).count(), 1, "{other}");
        assert!(other.get("a").is_none() && other.at(0).is_none());
    }
}

#[test]
fn numbers_are_what_the_asker_wants_if_they_fit() {
    for (text, unsigned, signed, float) in [
        ("0", Some(0), Some(0), Some(0.0)),
        ("-0", None, Some(0), Some(0.0)),
        ("18446744073709551615", Some(u64::MAX), None, Some(18_446_744_073_709_551_615.0)),
        ("18446744073709551616", None, None, Some(18_446_744_073_709_551_616.0)),
        ("-9223372036854775808", None, Some(i64::MIN), Some(-9_223_372_036_854_775_808.0)),
        ("1.0", None, None, Some(1.0)),
        ("1e2", None, None, Some(100.0)),
        ("1e400", None, None, None),
    ] {
        let number = Number::parse(text).unwrap();
        assert_eq!((number.as_u64(), number.as_i64(), number.as_f64()), (unsigned, signed, float), "{text}");
        assert_eq!(format!("{number} {number:?}"), format!("{text} {text}"));
    }
    for text in ["", "-", "01", "1.", "1e", "+1", " 1", "1 ", "1x", "NaN"] {
        assert!(Number::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(Number::from_f64(f64::NAN), None);
    assert_eq!(Number::from_f64(f64::NEG_INFINITY), None);
    for float in [0.1, -0.0, 1e300, 5e-324, f64::MAX, 1.0] {
        let number = Number::from_f64(float).unwrap();
        assert_eq!(Number::parse(number.as_str()), Ok(number.clone()));
        assert_eq!(number.as_f64(), Some(float));
    }
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    for (text, wanted) in [
        ("", "line 1, column 1 (byte 0): expected a value, and the text ends"),
        ("{\n \"a\": 1,\n}", "line 3, column 1 (byte 11): expected a name in quotes, found `}`"),
        ("{1", "line 1, column 2 (byte 1): expected a name in quotes or `}`, found `1`"),
        ("{\"a\" 1}", "line 1, column 6 (byte 5): expected a colon, found `1`"),
        ("{\"a\":1 2", "line 1, column 8 (byte 7): expected a comma or `}`, found `2`"),
        ("[1 2]", "line 1, column 4 (byte 3): expected a comma or `]`, found `2`"),
        ("[\"\u{e9}\u{1f600}\",x", "line 1, column 7 (byte 10): expected a value, found `x`"),
        ("[] []", "line 1, column 4 (byte 3): expected nothing after the value, found `[`"),
        ("\u{feff}[]", "line 1, column 1 (byte 0): JSON begins without a byte order mark"),
        ("[\0]", "line 1, column 2 (byte 1): expected a value, found a control character (0x00)"),
        ("\"a\nb\"", "line 1, column 3 (byte 2): a control character in a string has to be escaped"),
        ("\"\\x\"", "line 1, column 3 (byte 2): expected one of \"\\/bfnrtu, found `x`"),
        ("\"\\u12g4\"", "line 1, column 6 (byte 5): expected four hexadecimal digits, found `g`"),
        ("\"abc", "line 1, column 5 (byte 4): expected `\"` at the end of the string, and the text ends"),
        ("[\"\\ud800\"]", "line 1, column 3 (byte 2): half of a surrogate pair is no character"),
        ("-x", "line 1, column 2 (byte 1): expected a digit, found `x`"),
        ("1.x", "line 1, column 3 (byte 2): expected a digit after the point, found `x`"),
        ("1e+", "line 1, column 4 (byte 3): expected a digit of the exponent, and the text ends"),
        ("{\"a\":1,\n\"\\u0061\":2}", "line 2, column 1 (byte 8): the object has a member of this name already"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), wanted, "{text}");
    }
    assert_eq!(parse(b"[\"a\",\n\xff]").unwrap_err().to_string(), "line 2, column 1 (byte 6): the text is not UTF-8");
}

#[test]
fn every_limit_holds_at_its_number_and_not_before() {
    let refused = |limits: Limits, text: &str| limits.parse(text.as_bytes()).unwrap_err();
    let bytes = Limits { bytes: 4, ..Limits::default() };
    assert!(bytes.parse(b"[1] ").is_ok());
    assert_eq!(refused(bytes, "[1]  ").to_string(), "line 1, column 5 (byte 4): more than 4 bytes");
    let values = Limits { values: 3, ..Limits::default() };
    assert!(values.parse(b"{\"a\":[1]}").is_ok());
    assert_eq!(refused(values, "[1,2,3]").to_string(), "line 1, column 6 (byte 5): more than 3 values");
    let depth = Limits { depth: 2, ..Limits::default() };
    assert!(depth.parse(b"[{},[],[1]]").is_ok());
    let error = refused(depth, "[{\"a\":[1]}]");
    assert_eq!(error.to_string(), "line 1, column 7 (byte 6): more than 2 arrays and objects within each other");
    let none = Limits { depth: 0, ..Limits::default() };
    assert!(none.parse(b"1").is_ok());
    assert_eq!(refused(none, "[]").kind, ErrorKind::TooDeep { limit: 0 });
}

#[test]
fn a_text_that_ends_early_is_refused_wherever_it_ends() {
    for end in 0..SAMPLE.len() {
        let error = parse(&SAMPLE.as_bytes()[..end]).unwrap_err();
        assert!(error.offset <= end, "{end}: {error}");
    }
    assert!(parse(SAMPLE.as_bytes()).is_ok());
}

#[test]
fn every_change_of_a_byte_is_refused_or_means_what_serde_says() {
    let mut text = SAMPLE.as_bytes().to_vec();
    for place in 0..text.len() {
        let before = text[place];
        for byte in 0..=255 {
            text[place] = byte;
            agrees_with_serde(&text);
        }
        text[place] = before;
    }
}

/// Both take it and understand the same, or neither does.
fn agrees_with_serde(text: &[u8]) {
    let limits = Limits { duplicates: Duplicates::KeepLast, ..Limits::default() };
    let ours = limits.parse(text);
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(theirs) => assert_eq!(ours.map(|value| as_serde(&value)).as_ref(), Ok(&theirs), "{text:?}"),
        // It has no numbers that are larger than the largest float.
        Err(error) if error.to_string().starts_with("number out of range") => {}
        Err(error) => assert!(ours.is_err(), "{:?}: {error}", String::from_utf8_lossy(text)),
    }
}

fn as_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => number.into(),
            // To serde the negative zero is a float.
            (_, Some(number), _) if number != 0 => number.into(),
            (.., number) => number.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(elements) => elements.iter().map(as_serde).collect::<Vec<_>>().into(),
        Value::Object(object) => {
            serde_json::Value::Object(object.iter().map(|(name, value)| (name.into(), as_serde(value))).collect())
        }
    }
}

#[test]
fn many_names_are_compared_in_time() {
    let names = |last: &str| {
        let members: Vec<String> = (0..50_000).map(|number| format!("\"n{number}\":0")).collect();
        format!("{{{},\"{last}\":1}}", members.join(","))
    };
    assert_eq!(parse(names("other").as_bytes()).unwrap().as_object().map(Object::len), Some(50_001));
    let text = names("n7");
    let error = parse(text.as_bytes()).unwrap_err();
    assert_eq!((error.kind, error.offset), (ErrorKind::DuplicateName, text.rfind("\"n7\"").unwrap()));
}

#[test]
fn objects_keep_one_value_for_each_name() {
    let mut object = Object::new();
    assert_eq!(object.insert("a", 1), None);
    assert_eq!(object.insert("b", "x"), None);
    assert_eq!(object.insert("a", Value::Null), Some(1.into()));
    assert_eq!(Value::from(object).to_string(), r#"{"a":null,"b":"x"}"#);
    let last = Value::object([("a", 1.into()), ("b", 2.into()), ("a", 3.into()), ("c", 4.into()), ("a", 5.into())]);
    assert_eq!(last.to_string(), r#"{"b":2,"c":4,"a":5}"#);
    let limits = Limits { duplicates: Duplicates::KeepLast, ..Limits::default() };
    assert_eq!(limits.parse(br#"{"a":1,"b":2,"a":3,"c":4,"a":5}"#), Ok(last));
    assert_eq!(parse(br#"{"b":1,"a":2,"a":3,"b":4}"#).unwrap_err().offset, 13, "the first that is one too many");
}

#[test]
fn values_are_made_of_what_programs_have() {
    let value = Value::object([
        ("flag", true.into()),
        ("none", None::<u8>.into()),
        ("some", Some("x").into()),
        ("list", vec![1u64, u64::MAX].into()),
        ("least", i64::MIN.into()),
        ("owned", String::from("\u{1f600}").into()),
        ("float", Number::from_f64(0.5).into()),
    ]);
    let text = "{\"flag\":true,\"none\":null,\"some\":\"x\",\"list\":[1,18446744073709551615],\"least\":-9223372036854775808,\"owned\":\"\u{1f600}\",\"float\":0.5}";
    assert_eq!(value.to_string(), text);
}

#[test]
fn objects_and_arrays_are_written_from_front_to_back() {
    let mut text = String::new();
    let mut object = ObjectWriter::begin(&mut text);
    object.number("a", 1);
    object.string("b", "quote \" backslash \\ line \n bell \u{7} umlaut \u{fc} turned \u{202e} c1 \u{85}");
    object.bytes("c", &[0, 0xff]);
    object.array("d", |array: &mut ArrayWriter<'_>| {
        array.number(1.5);
        array.object(|inner| inner.truth("e", true));
        array.array(|inner| inner.string("g"));
    });
    object.object("f", |_| {});
    object.strings("h", &["i", "j"]);
    object.value("k", &Value::from(vec![Value::Null]));
    object.end();
    let wanted = "{\"a\":1,\"b\":\"quote \\\" backslash \\\\ line \\n bell \\u0007 umlaut \u{fc} turned \\u202e c1 \\u0085\",\"c\":\"00ff\",\
        \"d\":[1.5,{\"e\":true},[\"g\"]],\"f\":{},\"h\":[\"i\",\"j\"],\"k\":[null]}";
    assert_eq!(text, wanted);
    assert!(parse(text.as_bytes()).is_ok());
}

/// Values of every kind within each other.
fn values() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| Number::from_f64(float).into()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|text| Number::parse(&text).unwrap().into()),
    ];
    let text = || any::<Vec<char>>().prop_map(|characters| characters.into_iter().collect::<String>());
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text().prop_map(Value::from)];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..8).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(value in values()) {
        let text = value.to_string();
        prop_assert_eq!(parse(text.as_bytes()).unwrap(), value);
        agrees_with_serde(text.as_bytes());
    }

    #[test]
    fn what_is_nearly_json_is_judged_as_serde_judges_it(
        value in values(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}:,\"\\\\ 0-9a-f.eE+-]"), 1..4),
    ) {
        let mut text = value.to_string().into_bytes();
        for (place, change) in changes {
            let place = place.index(text.len());
            text[place] = change.as_bytes()[0];
        }
        agrees_with_serde(&text);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
        agrees_with_serde(&bytes);
    }
}
