//! Which draft is spoken (draft-ietf-webtrans-http3 section 7.1): the newest that both ends have said in their settings. What differs
//! is small: the token of the request, fields of draft 2, and what both ends have to know of QUIC.

use h3::{PeerSettings, Transport, WebTransportSettings};
use http::{Fields, RequestHead};

/// The token of the newest draft.
const TOKEN: &str = "webtransport-h3";
/// That of the drafts before.
const TOKEN_BEFORE: &str = "webtransport";
/// What a client of draft 2 says, and what a server answers.
const OFFER_2: &str = "sec-webtransport-http3-draft02";
const ANSWER_2: (&str, &str) = ("sec-webtransport-http3-draft", "draft02");

/// A draft, or several that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Drafts 2 to 6, which browsers spoke first.
    Draft2,
    /// Drafts 7 to 12.
    Draft7,
    /// Drafts 13 and 14.
    Draft13,
    /// The draft of 2026.
    Newest,
}

impl Version {
    /// Whether this request asks for a session.
    pub fn is_request(head: &RequestHead) -> bool {
        head.protocol.as_ref().is_some_and(|protocol| matches!(protocol.as_str(), TOKEN | TOKEN_BEFORE))
    }

    /// What a client asks by of a server that has said this: the newest that it knows, and all that it needs is there. `None`: it may
    /// not ask.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-2, 3.1-5.
    pub(crate) fn of_server(settings: &PeerSettings, transport: &impl Transport) -> Option<Version> {
        let has_both = settings.extended_connect && takes_datagrams(settings, transport);
        newest(&settings.webtransport, transport.can_reset_at()).filter(|_| has_both)
    }

    /// What a client that asks by this token, and has said this, means; `None` if it lacks something.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-4.
    pub(crate) fn of_client(token: &str, settings: &PeerSettings, transport: &impl Transport) -> Option<Version> {
        if !takes_datagrams(settings, transport) {
            return None;
        }
        let said = newest(&settings.webtransport, transport.can_reset_at());
        match token {
            TOKEN => said.filter(|version| *version == Version::Newest),
            // Clients of the first drafts said nothing but the token.
            _ => Some(said.unwrap_or(Version::Draft2).min(Version::Draft13)),
        }
    }

    /// The token of the request.
    ///
    /// draft-ietf-webtrans-http3 section 3.2-1.
    pub const fn token(self) -> &'static str {
        match self {
            Version::Newest => TOKEN,
            Version::Draft2 | Version::Draft7 | Version::Draft13 => TOKEN_BEFORE,
        }
    }

    /// The fields that a request has because of the draft.
    pub fn on_request(self, fields: &mut Fields) {
        if self == Version::Draft2 {
            fields.push(OFFER_2, "1").expect("a constant that is well-formed");
        }
    }

    /// The fields that an answer has because of the draft.
    pub fn on_answer(self, fields: &mut Fields) {
        if self == Version::Draft2 {
            fields.push(ANSWER_2.0, ANSWER_2.1).expect("a constant that is well-formed");
        }
    }
}

/// draft-ietf-webtrans-http3 s3.1: HTTP datagrams, and those of QUIC below them.
fn takes_datagrams(settings: &PeerSettings, transport: &impl Transport) -> bool {
    settings.datagrams && transport.max_datagram_size().is_some()
}

fn newest(said: &WebTransportSettings, can_reset_at: bool) -> Option<Version> {
    match said {
        _ if said.enabled && can_reset_at => Some(Version::Newest),
        _ if said.max_sessions_13 > 0 => Some(Version::Draft13),
        _ if said.max_sessions_7 > 0 => Some(Version::Draft7),
        _ if said.enabled_2 => Some(Version::Draft2),
        _ => None,
    }
}
