//! What an authority says is wrong (RFC 8555 section 6.7, RFC 7807).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use json::Value;

/// What all types of ACME begin with.
const PREFIX: &str = "urn:ietf:params:acme:error:";
/// Problems of single names that are kept.
const MAX_PARTS: usize = 10;
/// Characters of a text that are kept: it goes into a log.
const MAX_TEXT: usize = 500;

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Its type; without the beginning that those of ACME have, such as `rateLimited`.
    pub kind: String,
    /// In words.
    pub detail: String,
    /// Where to read what has to be done: terms that changed, or limits.
    pub instance: Option<String>,
    /// The same of single names.
    pub parts: Vec<(String, Problem)>,
}

impl Problem {
    /// From the object that an answer, a challenge or an order has.
    pub(crate) fn of(value: &Value) -> Problem {
        let parts = value.get("subproblems").and_then(Value::as_array).unwrap_or_default();
        let named = |part: &Value| {
            let name = part.get("identifier").and_then(|identifier| identifier.get("value"));
            (shown(name.and_then(Value::as_str).unwrap_or_default()), Problem::simple(part))
        };
        Problem { parts: parts.iter().take(MAX_PARTS).map(named).collect(), ..Problem::simple(value) }
    }

    fn simple(value: &Value) -> Problem {
        let text = |name| shown(value.get(name).and_then(Value::as_str).unwrap_or_default());
        let kind = text("type");
        Problem {
            kind: kind.strip_prefix(PREFIX).unwrap_or(&kind).to_string(),
            detail: text("detail"),
            instance: value.get("instance").and_then(Value::as_str).map(shown),
            parts: Vec::new(),
        }
    }

    /// Whether it is this type of ACME's.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

/// What a stranger wrote, without what would change how a log looks.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_TEXT).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.detail.as_str(), self.kind.as_str()) {
            ("", "") => f.write_str("it does not say why")?,
            ("", kind) => f.write_str(kind)?,
            (detail, "") => f.write_str(detail)?,
            (detail, kind) => write!(f, "{detail} ({kind})")?,
        }
        if let Some(instance) = &self.instance {
            write!(f, "; see {instance}")?;
        }
        self.parts.iter().try_for_each(|(name, part)| write!(f, "; {name}: {part}"))
    }
}
