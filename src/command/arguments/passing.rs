//! The options of `posthaste serve` about servers behind it.

use super::parser::{Arguments, Usage, switch};
use std::time::Duration;

/// Which paths are passed on to which servers, and how.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Passing {
    /// Each path with its backends, in the order given.
    pub routes: Vec<Route>,
    /// Whether the path is taken off before a request is passed on.
    pub strip: bool,
    /// Whether what clients say of whom they speak for is kept.
    pub append_forwarded: bool,
    /// Whether backends are asked by their own names.
    pub backend_host: bool,
    /// How long a backend may take until it begins its answer, and between two parts of it.
    pub timeout: Option<Duration>,
}

/// Where requests for a path go.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The path; those below it are meant as well.
    pub path: String,
    /// Where the backends are.
    pub backends: Vec<String>,
}

/// What `--proxy` says of it.
const FORM: &str = "--proxy needs a path and where its requests go, such as /api=http://127.0.0.1:8080 or \
                    /=unix:/run/app.sock, or for a proxy of clients host:port";

impl Passing {
    /// Whether a value of `--proxy` is a path with its backend. Targets of a proxy for clients begin with no slash.
    pub(super) fn is_route(value: &str) -> bool {
        value.starts_with('/')
    }

    /// Takes a value of `--proxy` that is one.
    pub(super) fn add(&mut self, value: &str) -> Result<(), Usage> {
        let wrong = |why: &str| Usage(format!("{FORM}; {value:?}: {why}"));
        let (path, backends) = value.split_once('=').ok_or_else(|| wrong("there is no ="))?;
        if path.contains(['?', '#', '%', ' ']) || path.split('/').any(|part| part == ".." || part == ".") {
            return Err(wrong("the path is compared as clients send it, without a query, dots or escapes"));
        }
        let path = if path == "/" { path } else { path.trim_end_matches('/') };
        let path = if path.is_empty() { "/" } else { path };
        let backends = backends.split(',').map(str::trim).filter(|backend| !backend.is_empty());
        let backends: Vec<String> = backends.map(str::to_owned).collect();
        if backends.is_empty() {
            return Err(wrong("no server is named"));
        }
        match self.routes.iter_mut().find(|route| route.path == path) {
            Some(route) => route.backends.extend(backends),
            None => self.routes.push(Route { path: path.to_owned(), backends }),
        }
        Ok(())
    }

    /// Takes one option and its value; false if there is none of this name here.
    pub(super) fn option(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<bool, Usage> {
        match flag {
            "--proxy-strip" => self.strip = switch(flag, inline)?,
            "--proxy-timeout" => self.timeout = Some(arguments.seconds(flag, inline)?),
            "--proxy-forwarded" => {
                self.append_forwarded = one_of(flag, &arguments.value(flag, inline)?, ["replace", "append"])?;
            }
            "--proxy-host" => self.backend_host = one_of(flag, &arguments.value(flag, inline)?, ["client", "backend"])?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What makes no sense alone.
    pub(super) fn check(&self) -> Result<(), Usage> {
        let is_alone = self.routes.is_empty() && *self != Passing::default();
        let words = "--proxy-strip, --proxy-timeout, --proxy-forwarded and --proxy-host need a --proxy /PATH=BACKEND";
        if is_alone { Err(Usage(words.into())) } else { Ok(()) }
    }
}

/// Whether the value is the second of two.
fn one_of(flag: &str, value: &str, [first, second]: [&str; 2]) -> Result<bool, Usage> {
    match value {
        _ if value == first => Ok(false),
        _ if value == second => Ok(true),
        _ => Err(Usage(format!("{flag} needs {first} or {second}, not {value:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(values: &[&str]) -> Vec<(String, Vec<String>)> {
        let mut passing = Passing::default();
        values.iter().for_each(|value| passing.add(value).unwrap());
        passing.routes.into_iter().map(|route| (route.path, route.backends)).collect()
    }

    #[test]
    fn paths_and_their_backends() {
        let values = ["/api=http://a:1", "/=unix:/run/x", "/api/=http://b:2, http://c:3,"];
        let expected = [
            ("/api".to_owned(), vec!["http://a:1".to_owned(), "http://b:2".into(), "http://c:3".into()]),
            ("/".into(), vec!["unix:/run/x".into()]),
        ];
        assert_eq!(routes(&values), expected);
        assert_eq!(routes(&["//=http://a"])[0].0, "/");
        assert!(Passing::is_route("/api=x") && !Passing::is_route("a.example:443") && !Passing::is_route("[::1]:*"));
    }

    #[test]
    fn what_is_no_route_says_what_one_is() {
        for (value, why) in [
            ("/api", "there is no ="),
            ("/api=", "no server"),
            ("/api= , ", "no server"),
            ("/a?b=http://c", "without a query"),
            ("/a%20=http://c", "escapes"),
            ("/a/../b=http://c", "dots"),
        ] {
            let Usage(text) = Passing::default().add(value).unwrap_err();
            assert!(text.contains(why) && text.contains("/api=http://127.0.0.1:8080"), "{value}: {text}");
        }
    }

    #[test]
    fn settings_need_a_route() {
        let mut passing = Passing { strip: true, ..Passing::default() };
        assert!(passing.check().is_err());
        passing.add("/=http://a").unwrap();
        assert!(passing.check().is_ok() && Passing::default().check().is_ok());
        assert_eq!(one_of("--x", "b", ["a", "b"]), Ok(true));
        assert!(one_of("--x", "c", ["a", "b"]).unwrap_err().0.contains("needs a or b"));
    }
}
