//! Rules that send clients from one path to another, before any file is looked for.

use crate::error::Error;
use http::{ResponseHead, Status};

/// The most rules: they are tried one after the other. Default 1,000.
const MAX_RULES: usize = 1000;

/// Rules in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub(super) struct Redirects {
    rules: Vec<Rule>,
}

/// From a path, or from all paths that begin with it, to a path or a URL.
#[derive(Clone, Debug)]
struct Rule {
    from: Box<str>,
    /// Whatever follows `from` goes behind `to`.
    is_prefix: bool,
    to: Box<str>,
    status: Status,
}

impl Redirects {
    /// Adds a rule as [`Files::redirect`](crate::Files::redirect) has it.
    pub(super) fn add(&mut self, from: &str, to: &str, status: Status) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::message(format!("a redirect from {from:?} to {to:?}: {what}")));
        if self.rules.len() == MAX_RULES {
            return wrong(&format!("there are {MAX_RULES} rules already, which is the most"));
        }
        if !matches!(status.code(), 301 | 302 | 303 | 307 | 308) {
            return wrong(&format!("the status is 301, 302, 303, 307 or 308, not {}", status.code()));
        }
        let is_text = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !from.starts_with('/') || !is_text(from) || from.contains(['?', '#']) {
            return wrong(
                "the first is a path as clients send it, with a slash in front and percent-encoded, such as /old/*",
            );
        }
        if !(to.starts_with('/') && !to.starts_with("//") || to.starts_with("https://") || to.starts_with("http://"))
            || !is_text(to)
        {
            return wrong(
                "the second is a path such as /new/*, or a URL such as https://example.com/*, percent-encoded",
            );
        }
        let (from_plain, to_plain) = (from.strip_suffix("/*"), to.strip_suffix("/*"));
        let is_prefix = match (from_plain, to_plain) {
            (None, Some(_)) => {
                return wrong("only what a star stands for in the first can be put for that of the second");
            }
            (from, _) => from.is_some(),
        };
        if from.trim_end_matches("/*").contains('*') || to.trim_end_matches("/*").contains('*') {
            return wrong("a star stands at the end, behind a slash");
        }
        // `/old/*` is for `/old/` as well.
        let cut = |text: &str| Box::from(text.strip_suffix('*').unwrap_or(text));
        self.rules.push(Rule { from: cut(from), is_prefix, to: Box::from(to), status });
        Ok(())
    }

    /// Where a request for this path goes by the first rule that is for it. The path is compared as it was sent.
    pub(super) fn answer(&self, path: &str, query: Option<&str>) -> Option<ResponseHead> {
        let fits = |rule: &&Rule| if rule.is_prefix { path.starts_with(&*rule.from) } else { path == &*rule.from };
        let rule = self.rules.iter().find(fits)?;
        let location = rule.location(path.get(rule.from.len()..).unwrap_or_default(), query);
        // What of a path cannot stand in a field is no path of a client.
        ResponseHead::new(rule.status).with_field("location", location).ok()
    }
}

impl Rule {
    fn location(&self, rest: &str, query: Option<&str>) -> String {
        let mut location = match self.to.strip_suffix('*') {
            // Two slashes in front would be another host (RFC 3986 section 4.2), and browsers take `\\` for one of them.
            Some(to) => format!("{to}{}", rest.trim_start_matches(['/', '\\'])),
            None => self.to.to_string(),
        };
        if let Some(query) = query.filter(|_| !location.contains('?')) {
            location = format!("{location}?{query}");
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirects(rules: &[(&str, &str)]) -> Redirects {
        let mut redirects = Redirects::default();
        rules.iter().for_each(|(from, to)| redirects.add(from, to, Status::FOUND).unwrap());
        redirects
    }

    fn location(redirects: &Redirects, path: &str, query: Option<&str>) -> Option<String> {
        redirects.answer(path, query).map(|head| head.fields.first_text("location").unwrap().to_owned())
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let redirects = redirects(&[
            ("/old", "/new"),
            ("/blog/feed", "/feed.xml?kind=atom"),
            ("/blog/*", "https://blog.example/*"),
            ("/gone/*", "/index.html"),
            ("/up/*", "/*"),
        ]);
        for (path, query, expected) in [
            ("/old", None, Some("/new")),
            ("/old", Some("a=1"), Some("/new?a=1")),
            ("/old/", None, None),
            ("/older", None, None),
            ("/blog/feed", Some("a=1"), Some("/feed.xml?kind=atom")),
            ("/blog/2026/x%20y", None, Some("https://blog.example/2026/x%20y")),
            ("/blog/", Some("p=2"), Some("https://blog.example/?p=2")),
            ("/blog", None, None),
            ("/gone/a/b", None, Some("/index.html")),
            ("/up/a", None, Some("/a")),
        ] {
            assert_eq!(location(&redirects, path, query).as_deref(), expected, "{path}");
        }
    }

    /// A path of a client never names the host that it is sent to.
    #[test]
    fn no_rest_of_a_path_becomes_a_host() {
        let redirects = redirects(&[("/up/*", "/*"), ("/blog/*", "https://blog.example/*")]);
        for path in ["/up//evil.example/", "/up/\\evil.example/", "/up///evil.example/", "/up/\\/evil.example/"] {
            assert_eq!(location(&redirects, path, None).as_deref(), Some("/evil.example/"), "{path}");
        }
        let beside = location(&redirects, "/blog/.evil.example/", None);
        assert_eq!(beside.as_deref(), Some("https://blog.example/.evil.example/"));
    }

    #[test]
    fn rules_without_sense_are_refused() {
        let mut redirects = Redirects::default();
        for (from, to, status, part) in [
            ("old", "/new", 302, "slash in front"),
            ("/old?x", "/new", 302, "slash in front"),
            ("/o ld", "/new", 302, "percent-encoded"),
            ("/old", "new", 302, "/new/*"),
            ("/old", "//evil.example", 302, "/new/*"),
            ("/old", "ftp://a/", 302, "https://example.com"),
            ("/old", "/n\r\nx: y", 302, "percent-encoded"),
            ("/old", "/new/*", 302, "star"),
            ("/o*d/*", "/new/*", 302, "at the end"),
            ("/old*", "/new", 302, "at the end"),
            ("/old/*", "https://a.example*", 302, "at the end"),
            ("/old", "/new", 200, "301, 302"),
            ("/old", "/new", 304, "301, 302"),
        ] {
            let error = redirects.add(from, to, Status::new(status).unwrap()).unwrap_err().to_string();
            assert!(error.contains(part), "{from} {to}: {error}");
        }
        (0..MAX_RULES).for_each(|_| redirects.add("/a", "/b", Status::FOUND).unwrap());
        assert!(redirects.add("/a", "/b", Status::FOUND).unwrap_err().to_string().contains("1000"));
    }
}
