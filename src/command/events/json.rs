//! Events as JSON, one in a line.

use json::{ObjectWriter, Value};
use posthaste::Bytes;
use posthaste::events::Event;
use posthaste::events::messages::Delivery;

/// The names of what an event has.
const NAMES: [&str; 9] = ["id", "namespace", "type", "message", "data", "data_hex", "timestamp", "metadata", "key"];

/// An event from a line.
pub fn read(line: &[u8]) -> Result<Event, String> {
    let value = json::parse(line).map_err(|error| format!("it is no JSON: {error}"))?;
    let object = value.as_object().ok_or("it is no JSON object")?;
    if let Some((name, _)) = object.iter().find(|(name, _)| !NAMES.contains(name)) {
        return Err(format!("an event has no {name:?}; it may have {}", NAMES.join(", ")));
    }
    let text = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{name:?} is no string")),
    };
    let data = match (object.get("data"), object.get("data_hex")) {
        (Some(_), Some(_)) => return Err("it has \"data\" and \"data_hex\": one of them is enough".into()),
        (_, Some(_)) => {
            Bytes::from(from_hex(&text("data_hex")?).ok_or("\"data_hex\" is no row of hexadecimal digits")?)
        }
        _ => Bytes::from(text("data")?),
    };
    let timestamp = match object.get("timestamp") {
        None | Some(Value::Null) => runtime::clock::unix_millis(),
        Some(value) => value.as_u64().ok_or("\"timestamp\" is no number of milliseconds since 1970")?,
    };
    let mut event = Event {
        id: text("id")?,
        namespace: text("namespace")?,
        kind: text("type")?,
        message: text("message")?,
        data,
        timestamp,
        key: text("key")?,
        ..Event::default()
    };
    match object.get("metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => {
            for (name, value) in metadata.iter() {
                let value = value.as_str().ok_or_else(|| format!("{name:?} in \"metadata\" is no string"))?;
                event.metadata.insert(name.to_owned(), value.to_owned());
            }
        }
        Some(_) => return Err("\"metadata\" is no object of strings".into()),
    }
    Ok(event)
}

/// A line of an event that was delivered or read.
pub fn line(namespace: &str, delivery: &Delivery, event: &Event) -> String {
    let mut text = String::new();
    let mut writer = ObjectWriter::begin(&mut text);
    writer.string("namespace", namespace);
    writer.number("sequence", delivery.sequence);
    if delivery.attempt > 0 {
        writer.number("attempt", delivery.attempt);
    }
    writer.number("published_at", delivery.published_at);
    writer.string("id", &event.id);
    writer.string("type", &event.kind);
    if !event.message.is_empty() {
        writer.string("message", &event.message);
    }
    match std::str::from_utf8(&event.data) {
        Ok("") => {}
        Ok(text) => writer.string("data", text),
        Err(_) => writer.bytes("data_hex", &event.data),
    }
    writer.number("timestamp", event.timestamp);
    if !event.metadata.is_empty() {
        writer.object("metadata", |metadata| {
            event.metadata.iter().for_each(|(name, value)| metadata.string(name, value));
        });
    }
    if !event.key.is_empty() {
        writer.string("key", &event.key);
    }
    writer.end();
    text.push('\n');
    text
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_again() {
        let texts = [
            r#"{"id":"1","namespace":"n","type":"t","message":"m","data":"d\n","timestamp":5,"metadata":{"a":"b"},"key":"k"}"#,
            r#"{"id":"1","type":"t","data_hex":"00ff","timestamp":0}"#,
        ];
        for text in texts {
            let event = read(text.as_bytes()).unwrap();
            let delivery = Delivery { sequence: 3, attempt: 1, published_at: 9, event: Bytes::new() };
            let line = line("n", &delivery, &event);
            let value = json::parse(line.as_bytes()).unwrap();
            assert_eq!(
                (value.get("sequence").unwrap().as_u64(), value.get("attempt").unwrap().as_u64()),
                (Some(3), Some(1))
            );
            let object = value.as_object().unwrap().iter().filter(|(name, _)| NAMES.contains(name));
            let again = Value::object(object.map(|(name, value)| (name.to_owned(), value.clone()))).to_string();
            let again = read(again.as_bytes()).unwrap();
            assert_eq!(again, Event { namespace: "n".into(), ..event });
        }
    }

    #[test]
    fn what_is_no_event_is_told() {
        for (text, part) in [
            ("", "no JSON"),
            ("[]", "no JSON object"),
            (r#"{"kind":"x"}"#, "no \"kind\""),
            (r#"{"type":5}"#, "\"type\" is no string"),
            (r#"{"data":"a","data_hex":"00"}"#, "one of them"),
            (r#"{"data_hex":"0"}"#, "hexadecimal"),
            (r#"{"timestamp":"x"}"#, "milliseconds"),
            (r#"{"metadata":{"a":1}}"#, "\"a\" in \"metadata\""),
            (r#"{"metadata":[]}"#, "no object of strings"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
