//! Requests that an origin server answers itself, because no handler could answer them rightly (RFC 9110 sections 7.4, 9.3.6 and
//! 10.1.1).

use crate::server::authorities::Authorities;
use http::{Method, RequestHead, Status};
use std::fmt;

/// Why a request is not given to the handler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    /// For the client, and for the server's owner.
    why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What is wrong with a request on a connection that is good for these authorities, of a server whose handler may take CONNECT.
pub(crate) fn refusal(head: &RequestHead, authorities: &Authorities, takes_connect: bool) -> Option<Refusal> {
    // RFC 9110 section 9.3.6-2: a tunnel is to another server. Whether that one could be reached is not even looked at.
    if head.method == Method::Connect && head.protocol.is_none() {
        if takes_connect {
            return None;
        }
        let why = "this server is no proxy: it does not implement CONNECT".into();
        return Some(Refusal { status: Status::NOT_IMPLEMENTED, why });
    }
    // RFC 9110 section 7.4-1, 7.4-2.
    if !authorities.answer_for(head.scheme.as_ref(), head.authority.as_ref()) {
        let scheme = head.scheme.as_ref().map_or("", |scheme| scheme.as_str());
        let authority = head.authority.as_ref().map_or("", |authority| authority.as_str());
        let why = format!(
            "this server does not answer for {scheme}://{authority}: its certificate is for other names, and it was not given \
             this one"
        );
        return Some(Refusal { status: Status::MISDIRECTED_REQUEST, why });
    }
    // RFC 9110 section 10.1.1: what is expected has to be understood.
    let unknown = expectations(head).find(|expected| !is_continue(expected));
    unknown.map(|_| Refusal {
        status: Status::EXPECTATION_FAILED,
        why: "this server knows no expectation but 100-continue".into(),
    })
}

/// What the client expects of the server before it sends content.
/// RFC 9110 section 5.6.1.2-1: empty elements mean nothing.
fn expectations(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    let elements = head.fields.all("expect").flat_map(|value| value.split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn is_continue(expected: &[u8]) -> bool {
    expected.eq_ignore_ascii_case(b"100-continue")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &RequestHead, authorities: &Authorities) -> Option<u16> {
        refusal(head, authorities, false).map(|refusal| refusal.status.code())
    }

    /// RFC 9110 section 10.1.1-11.
    #[test]
    fn expectations_that_nobody_knows_fail() {
        for (value, expected) in [
            ("100-continue", None),
            ("100-Continue", None),
            (" ,100-continue , 100-CONTINUE,", None),
            ("", None),
            ("200-ok", Some(417)),
            ("100-continue, x=1", Some(417)),
            ("100-continue;x", Some(417)),
        ] {
            let head = RequestHead::new(Method::Post, "https://a.example/").unwrap();
            let head = head.with_field("expect", value.trim()).unwrap();
            assert_eq!(status(&head, &Authorities::any()), expected, "{value}");
        }
        let head = RequestHead::new(Method::Post, "https://a.example/").unwrap();
        let head = head.with_field("expect", "100-continue").unwrap().with_field("expect", "x").unwrap();
        assert_eq!(status(&head, &Authorities::any()), Some(417));
    }

    /// RFC 9110 section 9.3.6-2.
    #[test]
    fn connect_is_not_implemented_whoever_is_named() {
        let head = RequestHead::connect("a.example:443").unwrap();
        assert_eq!(status(&head, &Authorities::default()), Some(501));
        assert_eq!(status(&head, &Authorities::any()), Some(501));
        let head = RequestHead::extended_connect("websocket", "https://a.example/").unwrap();
        assert_eq!(status(&head, &Authorities::any()), None, "that is for the handler");
        let head = RequestHead::connect("a.example:443").unwrap();
        assert_eq!(refusal(&head, &Authorities::default(), true), None, "and so is this, where it is asked for");
    }

    /// RFC 9110 section 7.4-1, 7.4-2.
    #[test]
    fn a_host_that_is_not_ours_is_named_in_the_answer() {
        let head = RequestHead::get("https://a.example:8443/x").unwrap();
        let refusal = refusal(&head, &Authorities::default(), false).unwrap();
        assert_eq!(refusal.status, Status::MISDIRECTED_REQUEST);
        assert!(refusal.to_string().contains("https://a.example:8443"), "{refusal}");
    }
}
