//! Heads, trailers and fields. One line of text is one field: the name ends at the first colon that is not its first
//! byte; in a value, `\n` is written 0xff.

use http::message_rules::{RequestDecoder, ResponseDecoder, TrailersDecoder};
use http::message_rules::{check_request, check_response, check_trailers};
use http::{Fields, Method};

type Line = (Vec<u8>, Vec<u8>);

fn lines(data: &[u8]) -> Vec<Line> {
    let line = |text: &[u8]| {
        let text: Vec<u8> = text.iter().map(|byte| if *byte == 0xff { b'\n' } else { *byte }).collect();
        match text.iter().skip(1).position(|byte| *byte == b':') {
            Some(end) => (text[..end + 1].to_vec(), text[end + 2..].to_vec()),
            None => (text, Vec::new()),
        }
    };
    data.split(|byte| *byte == b'\n').map(line).collect()
}

/// What goes over QPACK and comes back.
fn carried<'a>(lines: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<Line> {
    let mut section = Vec::new();
    qpack::encode(lines, &mut section);
    let mut out = Vec::new();
    let result = qpack::Decoder::new().decode(&section, u64::MAX, |name, value| {
        out.push((name.to_vec(), value.to_vec()));
        Ok::<_, ()>(())
    });
    assert_eq!(result, Ok(()));
    out
}

/// Nothing in it could end a line or a field of HTTP/1.1, where a proxy may send it on to.
fn check_fields(fields: &Fields) {
    let mut size = 0;
    for (name, value) in fields.iter() {
        assert!(!name.is_empty() && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        assert!(!name.bytes().any(|byte| byte <= b' ' || byte == b':' || byte >= 0x7f || byte.is_ascii_uppercase()));
        assert!(!matches!(value.first(), Some(b' ' | b'\t')) && !matches!(value.last(), Some(b' ' | b'\t')));
        assert!(!matches!(name, "connection" | "transfer-encoding" | "upgrade" | "keep-alive" | "proxy-connection"));
        size += name.len() as u64 + value.len() as u64 + 32;
        assert!(fields.contains(name) && fields.first(name).is_some());
    }
    assert_eq!(fields.section_size(), size);
    assert!(fields.all("content-length").count() <= 1);
}

fn request_of(lines: &[Line], extended: bool) -> Option<http::RequestHead> {
    let mut decoder = RequestDecoder::new(extended);
    lines.iter().try_for_each(|(name, value)| decoder.push(name, value)).ok()?;
    decoder.finish().ok()
}

pub fn request(data: &[u8]) {
    let Some((extended, data)) = data.split_first() else { return };
    let Some(head) = request_of(&lines(data), extended & 1 == 1) else { return };
    check_fields(&head.fields);
    assert!(head.protocol.is_none() || extended & 1 == 1);
    assert!(!head.fields.contains("host"), "the authority is the one place for it");
    check_request(&head).expect("what was taken could be sent on");
    let again = request_of(&carried(head.lines()), extended & 1 == 1).expect("what was sent on is taken");
    assert_eq!(again, head);
}

fn response_of(lines: &[Line]) -> Option<http::ResponseHead> {
    let mut decoder = ResponseDecoder::new();
    lines.iter().try_for_each(|(name, value)| decoder.push(name, value)).ok()?;
    decoder.finish().ok()
}

pub fn response(data: &[u8]) {
    let Some(head) = response_of(&lines(data)) else { return };
    check_fields(&head.fields);
    let _ = check_response(&head, &Method::Get);
    assert_eq!(response_of(&carried(head.lines())), Some(head));
}

/// Trailers, and fields as an application sets them.
pub fn fields(data: &[u8]) {
    let lines = lines(data);
    let mut decoder = TrailersDecoder::new();
    if lines.iter().try_for_each(|(name, value)| decoder.push(name, value)).is_ok() {
        let fields = decoder.finish();
        check_fields(&fields);
        check_trailers(&fields).expect("what was taken could be sent on");
    }
    let mut fields = Fields::default();
    for (number, (name, value)) in lines.iter().enumerate() {
        let before = fields.len();
        if number % 3 == 2 {
            if fields.set(name, value).is_ok() {
                assert_eq!(fields.iter().filter(|(other, _)| other.as_bytes().eq_ignore_ascii_case(name)).count(), 1);
            }
        } else if fields.push(name, value).is_ok() {
            assert_eq!(fields.len(), before + 1);
            assert!(fields.contains(name));
        } else {
            assert_eq!(fields.len(), before);
        }
    }
    if let Some((name, _)) = lines.first() {
        let (before, removed) = (fields.len(), fields.remove(name));
        assert_eq!(fields.len() + removed, before);
        assert!(!fields.contains(name));
    }
}
