//! What the two ends say to each other before the first frame (RFC 6455 section 4, RFC 8441 section 5): fields of a request and of its
//! response. The rest of the handshake (Upgrade, Connection, `:protocol`) is of the version of HTTP.
//!
//! Over HTTP/1.1 the client sends a [`Key`], and the server shows by its hash that it has read it. HTTP/2 and HTTP/3 have no
//! such fields. SHA-1 is handed in: nothing depends on its strength, and nothing else uses it.

use alloc::string::String;
use alloc::vec::Vec;
use base::Random;
use core::fmt;
use http::{Fields, InvalidField, Protocol};

/// SHA-1 of the parts, one after the other.
pub type Sha1 = fn(&[&[u8]]) -> [u8; 20];

/// What the hash of a key is made with (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The version of the protocol (RFC 6455 section 4.1).
pub const VERSION: &str = "13";
/// Characters of a key: sixteen bytes in base64.
const KEY_LEN: usize = 24;

/// The value of Sec-WebSocket-Key: what a server has to have read to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A new one.
    ///
    /// RFC 6455 section 4.1-25, 4.1-26.
    pub fn new(random: &mut impl Random) -> Key {
        Key(base64(&base::random::array::<16>(random)))
    }

    /// The field's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of Sec-WebSocket-Accept that answers a key.
pub fn accept(key: &str, sha1: Sha1) -> String {
    base64(&sha1(&[key.as_bytes(), GUID]))
}

/// What a client asks for in vain, or wrongly: it is answered with 400, and with the version that is spoken where that is the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// Another version, or none.
    Version,
    /// No key, more than one, or one that is not sixteen bytes in base64.
    Key,
    /// Subprotocols that are not tokens, or of which one comes twice.
    Protocols,
    /// Extensions that are not a list of them.
    Extensions,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadRequest::Version => {
                "this server speaks version 13 of WebSocket, which Sec-WebSocket-Version has to say once"
            }
            BadRequest::Key => "Sec-WebSocket-Key is not sixteen bytes in base64, said once",
            BadRequest::Protocols => "Sec-WebSocket-Protocol is not a list of names that are all different",
            BadRequest::Extensions => "Sec-WebSocket-Extensions is not a list of extensions",
        })
    }
}

impl core::error::Error for BadRequest {}

/// What is wrong with a server's answer: the WebSocket does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadResponse {
    /// It does not show that the server has read the key.
    Accept,
    /// It chooses a subprotocol that was not offered, or two.
    Protocol,
    /// It agrees to an extension, and none was offered.
    Extension,
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadResponse::Accept => {
                "the server does not speak WebSocket: its Sec-WebSocket-Accept does not belong to the key that it was sent"
            }
            BadResponse::Protocol => "the server chose a subprotocol of WebSocket that it was not offered",
            BadResponse::Extension => "the server agreed to an extension of WebSocket that it was not offered",
        })
    }
}

impl core::error::Error for BadResponse {}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Over HTTP/1.1.
    pub key: Option<&'a str>,
    /// Subprotocols, the one that it wants most first.
    pub protocols: Vec<&'a str>,
}

/// Adds what a client asks for to the fields of its request: these subprotocols, and over HTTP/1.1 a key.
///
/// RFC 6455 section 4.1-24, 4.1-29, 4.1-30, 4.1-32.
///
/// # Errors
/// A subprotocol is no token, or comes twice.
pub fn request(fields: &mut Fields, protocols: &[String], key: Option<&Key>) -> Result<(), InvalidField> {
    fields.set("sec-websocket-version", VERSION)?;
    if let Some(key) = key {
        fields.set("sec-websocket-key", key.as_str())?;
    }
    if !protocols.is_empty() {
        let list = protocols.join(", ");
        let names: Vec<&str> = protocols.iter().map(String::as_str).collect();
        if !are_tokens_once(&names) {
            return Err(InvalidField::Value);
        }
        fields.set("sec-websocket-protocol", list)?;
    }
    Ok(())
}

/// What a request asks for, as a server reads it. `has_key`: whether it came by HTTP/1.1.
///
/// RFC 6455 section 4.2.1-1, 4.2.2-6, 4.4-1, 9.1-1, 9.1-2, 11.3.1-1, 11.3.5-2.
///
/// # Errors
/// What is wrong with it.
pub fn offer(fields: &Fields, has_key: bool) -> Result<Offer<'_>, BadRequest> {
    if once(fields, "sec-websocket-version") != Some(VERSION) {
        return Err(BadRequest::Version);
    }
    let key = once(fields, "sec-websocket-key").filter(|key| is_key(key.as_bytes()));
    if has_key && key.is_none() {
        return Err(BadRequest::Key);
    }
    let protocols = names(fields, "sec-websocket-protocol").ok_or(BadRequest::Protocols)?;
    if !are_tokens_once(&protocols) {
        return Err(BadRequest::Protocols);
    }
    if !fields.all("sec-websocket-extensions").all(are_extensions) {
        return Err(BadRequest::Extensions);
    }
    Ok(Offer { key: key.filter(|_| has_key), protocols })
}

/// Adds a server's answer to the fields of its response: the subprotocol that it has chosen, and what answers the key.
///
/// RFC 6455 section 4.2.2-8, 4.2.2-9, 4.2.2-11, 4.2.2-12, 9-2.
///
/// # Errors
/// The subprotocol is no token.
pub fn response(fields: &mut Fields, offer: &Offer<'_>, chosen: Option<&str>, sha1: Sha1) -> Result<(), InvalidField> {
    if let Some(key) = offer.key {
        fields.set("sec-websocket-accept", accept(key, sha1))?;
    }
    if let Some(chosen) = chosen {
        fields.set("sec-websocket-protocol", chosen)?;
    }
    Ok(())
}

/// The subprotocol that a server has chosen, as its client reads it that has offered these, and over HTTP/1.1 this key.
///
/// RFC 6455 section 4.1-36, 4.1-40, 4.1-41, 4.1-42, 4.1-43, 11.3.2-2, 11.3.3-1, 11.3.4-2.
///
/// # Errors
/// What is wrong with the answer.
pub fn chosen(
    fields: &Fields,
    protocols: &[String],
    key: Option<&Key>,
    sha1: Sha1,
) -> Result<Option<String>, BadResponse> {
    if let Some(key) = key
        && once(fields, "sec-websocket-accept") != Some(&accept(key.as_str(), sha1))
    {
        return Err(BadResponse::Accept);
    }
    if fields.contains("sec-websocket-extensions") {
        return Err(BadResponse::Extension);
    }
    if !fields.contains("sec-websocket-protocol") {
        return Ok(None);
    }
    let chosen = once(fields, "sec-websocket-protocol").ok_or(BadResponse::Protocol)?;
    let offered = protocols.iter().find(|offered| *offered == chosen).ok_or(BadResponse::Protocol)?;
    Ok(Some(offered.clone()))
}

/// The value of a field that comes once.
fn once<'a>(fields: &'a Fields, name: &'a str) -> Option<&'a str> {
    let mut values = fields.all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    core::str::from_utf8(value.trim_ascii()).ok()
}

/// The names that a field lists, over all of its lines.
///
/// RFC 6455 section 11.3.4-1.
fn names<'a>(fields: &'a Fields, name: &'a str) -> Option<Vec<&'a str>> {
    let lines = fields.all(name).flat_map(|value| value.split(|byte| *byte == b','));
    lines.map(|name| core::str::from_utf8(name.trim_ascii()).ok()).collect()
}

fn is_token(name: &[u8]) -> bool {
    Protocol::from_bytes(name).is_ok()
}

fn are_tokens_once(names: &[&str]) -> bool {
    let is_first = |place: usize, name: &str| names.iter().position(|other| *other == name) == Some(place);
    names.iter().enumerate().all(|(place, name)| is_token(name.as_bytes()) && is_first(place, name))
}

/// Sixteen bytes in base64: twenty-two digits, of which the last stands for two bits, and two signs that fill up.
fn is_key(key: &[u8]) -> bool {
    let Some((digits, b"==")) = key.split_at_checked(KEY_LEN - 2) else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.iter().all(is_digit) && matches!(digits.last(), Some(b'A' | b'Q' | b'g' | b'w'))
}

/// A list of extensions: names with parameters, whose values are tokens, in quotes or not.
///
/// RFC 6455 section 4.3-1.
fn are_extensions(list: &[u8]) -> bool {
    list.split(|byte| *byte == b',').all(|extension| {
        let mut parts = extension.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        parts.next().is_some_and(is_token) && parts.all(is_parameter)
    })
}

fn is_parameter(parameter: &[u8]) -> bool {
    let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { return is_token(parameter) };
    let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    is_token(name) && is_token(bare)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With what fills up (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = ALPHABET[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests;
