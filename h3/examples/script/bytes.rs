//! Bytes as scripts write them.

use base::VarInt;
use base::writer::push_varint;

/// All bytes of a text.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    let mut rest = text.trim();
    let mut out = Vec::new();
    while !rest.is_empty() {
        rest = item(rest, &mut out)?.trim_start();
    }
    Ok(out)
}

/// One item; gives what is left of the text.
fn item<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<&'a str, String> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (words, rest) = quoted.split_once('"').ok_or_else(|| format!("{text}: no quotation mark at the end"))?;
        out.extend_from_slice(words.as_bytes());
        return Ok(rest);
    }
    let len = text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(len);
    let Some(inner) = rest.strip_prefix('[') else {
        digits(word, out).ok_or_else(|| format!("{text}: neither bytes, nor text, nor a frame"))?;
        return Ok(rest);
    };
    let (inner, rest) = bracket(inner).ok_or_else(|| format!("{text}: a bracket is not closed"))?;
    let (frame_type, payload) =
        if word == "headers" { (1, section(inner)?) } else { (number(word, 16)?, parse(inner)?) };
    let frame_type = VarInt::new(frame_type).ok_or_else(|| format!("{word}: larger than a frame type can be"))?;
    push_varint(out, frame_type);
    push_varint(out, VarInt::new(payload.len() as u64).ok_or("a payload larger than a frame's can be")?);
    out.extend_from_slice(&payload);
    Ok(rest)
}

/// What stands before the bracket that closes the one before `text`, and behind it.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    let mut is_quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => depth += 1,
            ']' if !is_quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

fn digits(word: &str, out: &mut Vec<u8>) -> Option<()> {
    if word.is_empty() || !word.len().is_multiple_of(2) {
        return None;
    }
    for at in (0..word.len()).step_by(2) {
        out.push(u8::from_str_radix(&word[at..at + 2], 16).ok()?);
    }
    Some(())
}

/// A field section without dynamic table.
fn section(text: &str) -> Result<Vec<u8>, String> {
    let fields = fields(text)?;
    let mut out = Vec::new();
    qpack::encode(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut out);
    Ok(out)
}

/// Names and values: `name=value; name=value`.
pub(crate) fn fields(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("{part}: a field is NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    parts.map(pair).collect()
}

/// A number, hexadecimal behind `0x`.
pub(crate) fn code(text: &str) -> Result<u64, String> {
    text.strip_prefix("0x").map_or_else(|| number(text, 10), |digits| number(digits, 16))
}

fn number(text: &str, radix: u32) -> Result<u64, String> {
    u64::from_str_radix(text, radix).map_err(|_| format!("{text}: no number"))
}

/// Hexadecimal digits, two for a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
