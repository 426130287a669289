//! What is asked: the method, the fields and the body of every request of one command.

use crate::command::failure::Failure;
use crate::command::get::flags::{Flags, Part};
use posthaste::Method;

/// What is asked.
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Fields of the command line; those without a value keep one from being sent by itself.
    headers: Vec<(String, String)>,
    body: Vec<Part>,
}

impl Ask {
    /// As the options have it.
    ///
    /// # Errors
    /// The method is none.
    pub fn new(method: Option<&str>, headers: Vec<(String, String)>, flags: &Flags) -> Result<Ask, Failure> {
        let body = match &flags.upload {
            Some(name) => vec![Part::File { name: name.clone(), strips: false }],
            None if flags.data_in_query => Vec::new(),
            None => flags.data.clone(),
        };
        let method = match method {
            Some(method) => Method::from_bytes(method.as_bytes())
                .map_err(|_| Failure::Usage(format!("--method needs a word such as GET or PUT, not {method:?}")))?,
            None if flags.head => Method::Head,
            None if flags.upload.is_some() => Method::Put,
            None if !body.is_empty() => Method::Post,
            None => Method::Get,
        };
        Ok(Ask { method, headers, body })
    }

    /// The parts of the body.
    pub fn body(&self) -> &[Part] {
        &self.body
    }

    /// Whether the command line names this field.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name))
    }

    /// The fields of a request; `range` is how much is there already, and of which version.
    pub fn fields(&self, has_body: bool, range: Option<(u64, Option<&str>)>, flags: &Flags) -> Vec<(String, String)> {
        let given = self.headers.iter().filter(|(_, value)| !value.is_empty());
        let mut fields: Vec<(String, String)> = given.cloned().collect();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|_| !self.has(name)) {
                fields.push((name.to_owned(), value));
            }
        };
        let own = concat!("posthaste/", env!("CARGO_PKG_VERSION"));
        let agent = flags.user_agent.clone().unwrap_or_else(|| own.to_owned());
        add("user-agent", Some(agent).filter(|agent| !agent.is_empty()));
        add("accept", flags.wants_json.then(|| "application/json".to_owned()));
        let is_data = has_body && flags.upload.is_none();
        add("content-type", flags.content_type.filter(|_| is_data).map(str::to_owned));
        add("authorization", flags.user.as_deref().map(|user| format!("Basic {}", base64(user.as_bytes()))));
        add("referer", flags.referer.clone().filter(|referer| !referer.is_empty()));
        add("range", range.map(|(have, _)| format!("bytes={have}-")).or_else(|| flags.range.clone()));
        add("if-range", range.and_then(|(_, version)| version.map(str::to_owned)));
        fields
    }
}

/// Base64 (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(headers: &[(&str, &str)], flags: &Flags, range: Option<(u64, Option<&str>)>) -> String {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ask = Ask::new(None, headers, flags).unwrap();
        let fields = ask.fields(!ask.body().is_empty(), range, flags);
        let fields = fields.iter().filter(|(_, value)| !value.starts_with("posthaste/"));
        fields.map(|(name, value)| format!("{name}={value};")).collect()
    }

    #[test]
    fn what_is_given_counts_and_the_rest_is_added() {
        let flags = Flags {
            user: Some("Aladdin:open sesame".into()),
            referer: Some("from".into()),
            data: vec![Part::Text("x".into())],
            content_type: Some("application/json"),
            wants_json: true,
            ..Flags::default()
        };
        let basic = "authorization=Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==;";
        let expected = format!("accept=application/json;content-type=application/json;{basic}referer=from;");
        assert_eq!(fields(&[], &flags, None), expected);
        let given = [("Accept", "*/*"), ("content-type", ""), ("Authorization", "mine"), ("x", "")];
        assert_eq!(fields(&given, &flags, None), "Accept=*/*;Authorization=mine;referer=from;");
        let plain = Flags { range: Some("bytes=0-1".into()), user_agent: Some(String::new()), ..Flags::default() };
        assert_eq!(fields(&[], &plain, None), "range=bytes=0-1;");
        assert_eq!(fields(&[], &Flags::default(), Some((5, Some("\"a\"")))), "range=bytes=5-;if-range=\"a\";");
    }

    #[test]
    fn the_method_follows_from_what_is_sent() {
        let method = |given: Option<&str>, flags: &Flags| Ask::new(given, Vec::new(), flags).unwrap().method;
        let data = Flags { data: vec![Part::Text("x".into())], ..Flags::default() };
        assert_eq!(method(None, &Flags::default()), Method::Get);
        assert_eq!(method(None, &data), Method::Post);
        assert_eq!(method(Some("PATCH"), &data).as_str(), "PATCH");
        assert_eq!(method(None, &Flags { data_in_query: true, ..data }), Method::Get);
        assert_eq!(method(None, &Flags { head: true, ..Flags::default() }), Method::Head);
        assert_eq!(method(None, &Flags { upload: Some("f".into()), ..Flags::default() }), Method::Put);
        assert!(matches!(Ask::new(Some("a b"), Vec::new(), &Flags::default()), Err(Failure::Usage(_))));
    }
}
