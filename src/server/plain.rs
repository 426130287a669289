//! What is answered without TLS: where the same is by https, and what a certificate authority asks for to learn whose host it is.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::server::authorities::AuthoritySource;
use http::{Authority, Method, ResponseHead, Status};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Where a certificate authority looks for what it has asked for (RFC 8555 section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// What a URL of https does not name.
const DEFAULT_PORT: u16 = 443;

/// What gives the answer to the challenge of this token, if there is one.
pub(crate) type Challenges = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where a server listens without TLS, and what it answers there beside the redirection.
#[derive(Clone, Default)]
pub(crate) struct PlainOptions {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) challenges: Option<Arc<Challenges>>,
}

/// Answers requests that come without TLS.
pub(crate) struct Plain {
    /// Which hosts can be asked for by https.
    pub(crate) authorities: AuthoritySource,
    /// At which port.
    pub(crate) port: u16,
    pub(crate) challenges: Option<Arc<Challenges>>,
}

impl Plain {
    /// The answer to one request.
    pub(crate) async fn answer(self: Rc<Plain>, request: Request, reply: Reply) -> Result<(), Error> {
        let token = request.path().strip_prefix(CHALLENGES).filter(|_| is_read(request.method()));
        // The authority asks before there is a certificate, so whose host it is does not matter here.
        if let Some(answer) = token.and_then(|token| self.challenges.as_ref()?(token)) {
            return reply.send((200, "application/octet-stream"), answer).await;
        }
        // RFC 9112 section 3.2-6: HTTP/1.0 alone may leave the host out, and then there is nowhere to be sent to.
        let Ok(asked) = Authority::from_bytes(request.authority().as_bytes()) else {
            return reply.send((400, TEXT), "which host is meant? A field Host says so\n").await;
        };
        match self.target(&asked, &request) {
            Some(target) => {
                let mut head = ResponseHead::new(Status::PERMANENT_REDIRECT);
                head.fields.push("location", &target)?;
                head.fields.push("content-type", TEXT)?;
                reply.send(head, format!("this is at {target}\n")).await
            }
            // Nobody is sent on to a host that this server knows nothing of.
            None => {
                let text = format!("this server does not answer for {}\n", asked.as_str());
                reply.send((Status::MISDIRECTED_REQUEST.code(), TEXT), text).await
            }
        }
    }

    /// Where the same is by https; `None` if that is not here.
    fn target(&self, asked: &Authority, request: &Request) -> Option<String> {
        let host = asked.host();
        let text = if self.port == DEFAULT_PORT { host.to_owned() } else { format!("{host}:{}", self.port) };
        let authority = Authority::from_bytes(text.as_bytes()).ok()?;
        if !self.authorities.know(&authority) {
            return None;
        }
        // RFC 9112 section 3.2.4: the asterisk is about the server, whose URL has no path.
        let path = Some(request.path()).filter(|path| *path != "*").unwrap_or_default();
        let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("https://{text}{path}{query}"))
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn is_read(method: &Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}
