//! Names of namespaces and subscriptions as those of streams, subjects and consumers; texts as values of headers.

/// What names of streams begin with.
pub(super) const PREFIX: &str = "posthaste-";

/// A name without dots, which mean something in subjects: `.` is `=2E`, and `=` is not in names.
pub(super) fn encode(name: &str) -> String {
    name.replace('.', "=2E")
}

/// The name that was encoded.
pub(super) fn decode(name: &str) -> String {
    name.replace("=2E", ".")
}

/// The stream of a namespace.
pub(super) fn stream(namespace: &str) -> String {
    format!("{PREFIX}{}", encode(namespace))
}

/// The subject of a namespace.
pub(super) fn subject(namespace: &str) -> String {
    format!("posthaste.events.{}", encode(namespace))
}

/// A text as the value of a header: what is not a visible character of ASCII, and `%`, is `%` and two digits.
pub(super) fn to_header(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// The text that a header's value stands for.
pub(super) fn from_header(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or(&[]);
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_come_back() {
        for name in ["a", "orders.eu-1.x", "A_b-", "..x"] {
            assert_eq!(decode(&encode(name)), name);
            assert!(!stream(name).contains('.'));
        }
        for text in ["", "plain", "two words", "a\r\nb: c", "100%", "%41", "ä", "\0"] {
            let value = to_header(text);
            assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
            assert_eq!(from_header(&value), text);
        }
    }
}
