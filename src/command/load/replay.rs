//! Requests that are sent in turn: one for the URL of the command line, or those of a file.
//!
//! The file has a line for each request: parts that are separated by tabs. The first is the method and the second the path, or the only
//! one the path of a GET. Each further one is a field, `name: value`, or the body, which begins with `@` and is the last. Empty lines
//! and lines that begin with `#` say nothing.

use crate::command::arguments::Load;
use crate::command::failure::{Failure, plain};
use crate::command::load::flags::Body;
use posthaste::url::Url;
use posthaste::{Bytes, Client, Method, RequestBuilder};

/// The most requests that a file may have: more would only be memory.
const MOST: usize = 1_000_000;

/// A request that can be made any number of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// How.
    pub method: Method,
    /// Of what.
    pub url: String,
    /// With these fields.
    pub headers: Vec<(String, String)>,
    /// And this body.
    pub body: Bytes,
}

impl Planned {
    /// The request on this client.
    pub fn on(&self, client: &Client) -> RequestBuilder {
        let mut request = client.request(self.method.clone(), &self.url).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.field(name, value);
        }
        request
    }
}

/// All requests of a run.
///
/// # Errors
/// The URL, the method, or the file makes no sense.
pub fn plan(load: &Load) -> Result<Vec<Planned>, Failure> {
    let url = Url::parse(&load.url).map_err(|error| Failure::Usage(format!("{}: {error}", load.url)))?;
    let flags = &load.flags;
    if let Some(name) = &flags.replay {
        let failed = |error: std::io::Error| Failure::Failed(format!("{name} could not be read: {}", plain(&error)));
        let text = std::fs::read_to_string(name).map_err(failed)?;
        return requests(&text, &url, &flags.headers).map_err(|words| Failure::Usage(format!("{name}: {words}")));
    }
    let body = match &flags.body {
        None => Bytes::new(),
        Some(Body::Text(text)) => Bytes::from(text.clone()),
        Some(Body::File(name)) => {
            let failed =
                |error: std::io::Error| Failure::Failed(format!("{name} could not be read: {}", plain(&error)));
            Bytes::from(std::fs::read(name).map_err(failed)?)
        }
    };
    let method = match &flags.method {
        Some(method) => method_of(method).map_err(Failure::Usage)?,
        None if flags.body.is_some() => Method::Post,
        None => Method::Get,
    };
    Ok(vec![Planned { method, url: load.url.clone(), headers: flags.headers.clone(), body }])
}

fn method_of(text: &str) -> Result<Method, String> {
    Method::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is no method: one is a word such as GET or PUT"))
}

fn requests(text: &str, base: &Url, headers: &[(String, String)]) -> Result<Vec<Planned>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let all: Vec<Planned> = lines
        .map(|(number, line)| request(line, base, headers).map_err(|words| format!("line {}: {words}", number + 1)))
        .collect::<Result<_, String>>()?;
    match all.len() {
        0 => Err("there is no request in it: a line has method and path, separated by a tab".into()),
        count if count > MOST => Err(format!("there are {count} requests in it, and {MOST} at most are sent in turn")),
        _ => Ok(all),
    }
}

fn request(line: &str, base: &Url, headers: &[(String, String)]) -> Result<Planned, String> {
    // What is in a body may hold a tab.
    let (head, body) = line.split_once("\t@").map_or((line, ""), |(head, body)| (head, body));
    let mut parts = head.split('\t');
    let first = parts.next().unwrap_or_default().trim();
    let (method, path) = match parts.next() {
        None => (Method::Get, first),
        Some(path) => (method_of(first)?, path.trim()),
    };
    let url = base.join(path).map_err(|error| format!("{path:?}: {error}"))?;
    if !url.is_of_same_origin(base) {
        return Err(format!("{path:?} is at another server than the URL of the command line"));
    }
    let mut headers = headers.to_vec();
    for part in parts {
        let (name, value) =
            part.split_once(':').ok_or_else(|| format!("{part:?} is no field: one is 'name: value'"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Planned { method, url: url.to_string(), headers, body: Bytes::from(body.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_request() {
        let base = Url::parse("https://a/x/y").unwrap();
        let text = "# of a Monday\n/b?c\n\nPOST\t/d\tx-y: z\tx-z:w\t@text with\ttab and @\nHEAD\trelative\n";
        let all = requests(text, &base, &[("each".into(), "one".into())]).unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].method.as_str(), all[0].url.as_str()), ("GET", "https://a/b?c"));
        assert_eq!(all[1].headers, [field("each", "one"), field("x-y", "z"), field("x-z", "w")]);
        assert_eq!((&*all[1].body, all[1].method.as_str()), (&b"text with\ttab and @"[..], "POST"));
        assert_eq!(all[2].url, "https://a/x/relative");
    }

    #[test]
    fn what_is_no_request_is_told_by_its_line() {
        let base = Url::parse("https://a/").unwrap();
        for (text, words) in [
            ("", "no request in it"),
            ("# nothing\n", "no request in it"),
            ("/a\nGET /b\n", "line 2: \"GET /b\": ' ' is not allowed"),
            ("G T\t/b", "line 1: \"G T\" is no method"),
            ("GET\t/b\tfield", "line 1: \"field\" is no field"),
            ("GET\thttps://b/", "another server"),
            ("GET\thttp://a/", "https:// instead"),
        ] {
            let error = requests(text, &base, &[]).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
