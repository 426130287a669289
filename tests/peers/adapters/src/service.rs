//! A `tower::Service` of `http::Request` and `http::Response` as a handler of our server. Bodies are streamed in both directions, under
//! back-pressure; each part is copied once, because both sides have a type of their own for shared bytes.

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::{Body, Frame};
use posthaste::{Error, Fields, Reply, ResponseHead, Status};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tower_service::Service;

/// The body of a request that comes in.
pub struct Incoming {
    state: State,
}

type Reading = Pin<Box<dyn Future<Output = (posthaste::Body, Result<Option<posthaste::Bytes>, Error>)>>>;

enum State {
    Idle(posthaste::Body),
    Reading(Reading),
    Over,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Idle(mut body) => {
                    self.state = State::Reading(Box::pin(async move {
                        let part = body.chunk().await;
                        (body, part)
                    }));
                }
                State::Reading(mut reading) => match reading.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready((body, Ok(Some(part)))) => {
                        self.state = State::Idle(body);
                        return Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&part)))));
                    }
                    Poll::Ready((_, Ok(None))) => return Poll::Ready(None),
                    Poll::Ready((_, Err(error))) => return Poll::Ready(Some(Err(error))),
                },
                State::Over => return Poll::Ready(None),
            }
        }
    }
}

/// Answers a request of our server by a service.
///
/// # Errors
/// The service failed, or what it answers is no answer; the client sees a 500, or that the response is broken off.
pub async fn answer<S, B>(mut service: S, request: posthaste::Request, reply: Reply) -> Result<(), String>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: std::fmt::Display,
    B: Body<Error: std::fmt::Display>,
{
    let (head, body) = request.into_parts();
    let request = incoming(&head, body).map_err(|error| error.to_string())?;
    poll_fn(|context| service.poll_ready(context)).await.map_err(|error| error.to_string())?;
    let response = service.call(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let status = Status::new(parts.status.as_u16()).map_err(|error| error.to_string())?;
    let head = ResponseHead { status, fields: outgoing(&parts.headers)? };
    let mut writer = reply.start(head).map_err(|error| error.to_string())?;
    let (mut body, mut trailers) = (pin!(body), None);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        match frame.map_err(|error| error.to_string())?.into_data() {
            Ok(mut data) => {
                let part = data.copy_to_bytes(data.remaining()).to_vec();
                writer.write(part).await.map_err(|error| error.to_string())?;
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let finished = match trailers {
        Some(trailers) => writer.finish_with_trailers(&outgoing(&trailers)?),
        None => writer.finish(),
    };
    finished.map_err(|error| error.to_string())
}

fn incoming(head: &posthaste::RequestHead, body: posthaste::Body) -> Result<Request<Incoming>, http::Error> {
    let authority = head.authority.as_ref().map_or("", |authority| authority.as_str());
    let path = head.path.as_ref().map_or("/", |path| path.as_str());
    let uri = http::Uri::builder().scheme("https").authority(authority).path_and_query(path).build()?;
    let mut request = Request::builder().method(head.method.as_str()).uri(uri).version(http::Version::HTTP_3);
    for (name, value) in head.fields.iter() {
        request = request.header(name, value);
    }
    request.body(Incoming { state: State::Idle(body) })
}

fn outgoing(headers: &http::HeaderMap) -> Result<Fields, String> {
    let mut fields = Fields::new();
    // HTTP/3 has no fields about a connection.
    let is_kept =
        |name: &&http::HeaderName| !["connection", "keep-alive", "transfer-encoding"].contains(&name.as_str());
    for (name, value) in headers.iter().filter(|(name, _)| is_kept(name)) {
        fields.push(name.as_str(), value.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(fields)
}
