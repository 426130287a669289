//! Where a response sends its client on to, and what becomes of the request on the way (RFC 9110 section 15.4).

use crate::error::{Error, NotFollowed};
use crate::url::Url;
use http::{Fields, Method, ResponseHead, Status};

/// Fields that say something of content, which is left out with it.
const OF_CONTENT: [&str; 10] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "content-range",
    "content-digest",
    "digest",
    "expect",
    "last-modified",
];

/// Fields that are for one origin and are not told to another.
const OF_ORIGIN: [&str; 5] = ["authorization", "cookie", "host", "origin", "referer"];

/// Fields that are for the way there.
const OF_WAY: [&str; 2] = ["proxy-authorization", "alt-used"];

/// A request that follows from a response.
#[derive(Debug, PartialEq)]
pub(crate) struct Onward {
    pub(crate) url: Url,
    pub(crate) method: Method,
    /// The request's body goes along.
    pub(crate) keeps_body: bool,
}

/// Where the response to a request for `url` sends its client; `None` if nowhere.
///
/// # Errors
/// To a place that is no `https` URL.
pub(crate) fn onward(method: &Method, url: &Url, head: &ResponseHead) -> Result<Option<Onward>, Error> {
    let (method, keeps_body) = match head.status {
        // RFC 9110 section 15.4.2-3, 15.4.3-3, 15.4.8-1.
        Status::MOVED_PERMANENTLY | Status::FOUND if *method == Method::Post => (Method::Get, false),
        Status::SEE_OTHER if *method != Method::Head => (Method::Get, false),
        Status::MOVED_PERMANENTLY
        | Status::FOUND
        | Status::SEE_OTHER
        | Status::TEMPORARY_REDIRECT
        | Status::PERMANENT_REDIRECT => (method.clone(), true),
        _ => return Ok(None),
    };
    let Some(place) = head.fields.first("location") else { return Ok(None) };
    let place = String::from_utf8_lossy(place);
    match url.join(&place) {
        Ok(url) => Ok(Some(Onward { url, method, keeps_body })),
        Err(error) => Err(Error::NotFollowed { to: place.into_owned(), why: NotFollowed::Url(error) }),
    }
}

/// The fields of a request that goes on from one URL to another.
/// RFC 9110 section 15.4-11, 15.4-13.
pub(crate) fn fields(of: &Fields, from: &Url, onward: &Onward) -> Fields {
    let mut fields = of.clone();
    let mut remove = |names: &[&str]| names.iter().for_each(|name| _ = fields.remove(name));
    remove(&OF_WAY);
    if !onward.keeps_body {
        remove(&OF_CONTENT);
    }
    if !from.is_of_same_origin(&onward.url) {
        remove(&OF_ORIGIN);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn head(status: u16, location: Option<&str>) -> ResponseHead {
        let mut head = ResponseHead::new(Status::new(status).unwrap());
        if let Some(location) = location {
            head.fields.push("location", location).unwrap();
        }
        head
    }

    /// RFC 9110 section 15.4.2-3, 15.4.3-3, 15.4.8-1.
    #[test]
    fn the_method_follows_the_status() {
        let put = Method::Put;
        for (status, method, expected) in [
            (301, Method::Post, Some((Method::Get, false))),
            (302, Method::Post, Some((Method::Get, false))),
            (303, Method::Post, Some((Method::Get, false))),
            (303, put.clone(), Some((Method::Get, false))),
            (303, Method::Head, Some((Method::Head, true))),
            (301, put.clone(), Some((put.clone(), true))),
            (302, Method::Head, Some((Method::Head, true))),
            (307, Method::Post, Some((Method::Post, true))),
            (308, Method::Post, Some((Method::Post, true))),
            (300, Method::Get, None),
            (304, Method::Get, None),
            (305, Method::Get, None),
            (200, Method::Get, None),
        ] {
            let found = onward(&method, &url("https://a/b"), &head(status, Some("/c"))).unwrap();
            let found = found.map(|onward| {
                assert_eq!(onward.url, url("https://a/c"));
                (onward.method, onward.keeps_body)
            });
            assert_eq!(found, expected, "{status} {method:?}");
        }
        assert_eq!(onward(&Method::Get, &url("https://a/b"), &head(301, None)).unwrap(), None);
    }

    #[test]
    fn nowhere_but_to_https() {
        for place in ["http://a/", "ftp://a/", "javascript:x", "//user@b/", "/a b"] {
            let error = onward(&Method::Get, &url("https://a/b"), &head(301, Some(place))).unwrap_err();
            assert!(matches!(&error, Error::NotFollowed { to, .. } if to == place), "{error}");
            assert!(error.to_string().contains("is not followed"), "{error}");
        }
    }

    /// RFC 9110 section 15.4-11, 15.4-13.
    #[test]
    fn credentials_stay_at_their_origin_and_what_is_said_of_content_with_it() {
        let mut before = Fields::new();
        for name in ["authorization", "cookie", "content-type", "content-length", "accept", "proxy-authorization"] {
            before.push(name, "x").unwrap();
        }
        let names = |to: &str, keeps_body| {
            let onward = Onward { url: url(to), method: Method::Get, keeps_body };
            let left = fields(&before, &url("https://a/"), &onward);
            left.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let content = ["content-type", "content-length"];
        assert_eq!(names("https://a/x", true), ["authorization", "cookie", content[0], content[1], "accept"]);
        assert_eq!(names("https://a/x", false), ["authorization", "cookie", "accept"]);
        assert_eq!(names("https://b/x", true), [content[0], content[1], "accept"]);
        assert_eq!(names("https://a:444/x", false), ["accept"]);
    }
}
