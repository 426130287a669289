//! What an authority's answers say (RFC 8555 section 7.1).

use crate::base64url;
use crate::problem::{Problem, shown};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use json::{Limits, Value};

/// Bytes of an answer.
pub const MAX_ANSWER: usize = 256 << 10;
/// Parts of an order, and challenges of a part.
const MAX_PARTS: usize = 200;

/// Why an answer is of no use.
pub(crate) type Wrong = String;

/// The object that a body is.
pub(crate) fn object(body: &[u8]) -> Result<Value, Wrong> {
    let limits = Limits { bytes: MAX_ANSWER, depth: 16, values: 10_000, ..Limits::default() };
    let value = limits.parse(body).map_err(|error| error.to_string())?;
    if value.as_object().is_some() { Ok(value) } else { Err("it is no object".into()) }
}

/// A member that has to be a string.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Wrong> {
    let member = value.get(name).ok_or_else(|| ["`", name, "` is missing"].concat())?;
    member.as_str().ok_or_else(|| ["`", name, "` is no string"].concat())
}

/// A member that has to be a URL of https.
fn url(value: &Value, name: &str) -> Result<String, Wrong> {
    checked_url(text(value, name)?).map_err(|wrong| ["`", name, "` ", &wrong].concat())
}

/// RFC 8555 section 6.1: everything is by https.
pub(crate) fn checked_url(url: &str) -> Result<String, Wrong> {
    let is_good = url.starts_with("https://") && url.bytes().all(|byte| byte.is_ascii_graphic());
    if is_good { Ok(url.to_string()) } else { Err("is no URL of https".into()) }
}

/// Where everything is (RFC 8555 section 7.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) new_nonce: String,
    pub(crate) new_account: String,
    pub(crate) new_order: String,
    /// RFC 9773 section 4.
    pub(crate) renewal_info: Option<String>,
    pub(crate) terms: Option<String>,
}

impl Directory {
    pub(crate) fn read(body: &[u8]) -> Result<Directory, Wrong> {
        let value = object(body)?;
        let terms = value.get("meta").and_then(|meta| meta.get("termsOfService")).and_then(Value::as_str);
        Ok(Directory {
            new_nonce: url(&value, "newNonce")?,
            new_account: url(&value, "newAccount")?,
            new_order: url(&value, "newOrder")?,
            renewal_info: value.get("renewalInfo").map(|_| url(&value, "renewalInfo")).transpose()?,
            terms: terms.map(shown),
        })
    }
}

/// The states of orders, authorizations and challenges (RFC 8555 section 7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Ready,
    Processing,
    Valid,
    Over,
}

impl Status {
    fn read(value: &Value) -> Result<Status, Wrong> {
        Ok(match text(value, "status")? {
            "pending" => Status::Pending,
            "ready" => Status::Ready,
            "processing" => Status::Processing,
            "valid" => Status::Valid,
            "invalid" | "deactivated" | "expired" | "revoked" => Status::Over,
            other => return Err(["`status` is ", &shown(other)].concat()),
        })
    }
}

/// An order (RFC 8555 section 7.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) status: Status,
    pub(crate) authorizations: Vec<String>,
    pub(crate) finalize: String,
    pub(crate) certificate: Option<String>,
    pub(crate) problem: Problem,
}

impl Order {
    pub(crate) fn read(body: &[u8]) -> Result<Order, Wrong> {
        let value = object(body)?;
        let authorizations = value.get("authorizations").and_then(Value::as_array).unwrap_or_default();
        if authorizations.len() > MAX_PARTS {
            return Err("it has too many authorizations".into());
        }
        let authorizations = authorizations.iter().map(|url| checked_url(url.as_str().unwrap_or_default()));
        Ok(Order {
            status: Status::read(&value)?,
            authorizations: authorizations.collect::<Result<_, _>>()?,
            finalize: url(&value, "finalize")?,
            certificate: value.get("certificate").map(|_| url(&value, "certificate")).transpose()?,
            problem: value.get("error").map(Problem::of).unwrap_or_default(),
        })
    }
}

/// An authorization: whether the authority knows that a name is ours (RFC 8555 section 7.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) status: Status,
    pub(crate) name: String,
    pub(crate) challenges: Vec<Challenge>,
}

/// A way to show it (RFC 8555 section 7.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) token: String,
    /// What is wrong, once it was looked at.
    pub(crate) problem: Option<Problem>,
}

impl Authorization {
    pub(crate) fn read(body: &[u8]) -> Result<Authorization, Wrong> {
        let value = object(body)?;
        let identifier = value.get("identifier").ok_or("`identifier` is missing")?;
        let challenges = value.get("challenges").and_then(Value::as_array).unwrap_or_default();
        if challenges.len() > MAX_PARTS {
            return Err("it has too many challenges".into());
        }
        Ok(Authorization {
            status: Status::read(&value)?,
            name: text(identifier, "value")?.to_ascii_lowercase(),
            challenges: challenges.iter().map(Challenge::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Challenge {
    /// Other kinds than ours may have no token.
    fn read(value: &Value) -> Result<Challenge, Wrong> {
        let token = value.get("token").and_then(Value::as_str).unwrap_or_default();
        // RFC 8555 section 8.3: it becomes part of a path.
        if !token.is_empty() && !base64url::is_base64url(token) {
            return Err("a token is not base64url".into());
        }
        Ok(Challenge {
            kind: text(value, "type")?.to_string(),
            url: url(value, "url")?,
            token: token.to_string(),
            problem: value.get("error").map(Problem::of),
        })
    }
}

/// The state of an account, as it can be shown, if it is another than valid (RFC 8555 section 7.1.2).
pub(crate) fn account_is_over(body: &[u8]) -> Result<Option<String>, Wrong> {
    let value = object(body)?;
    let status = text(&value, "status")?;
    Ok((status != "valid").then(|| shown(status)))
}
