//! Where a response sends a request on to, and what it takes along.

use crate::support::with_server;
use posthaste::{
    Client, Error, Fields, Identity, Method, NotFollowed, Reply, Request, ResponseHead, Roots, Server, Status,
};

fn to(status: u16, place: &str) -> ResponseHead {
    let mut fields = Fields::new();
    fields.push("location", place).unwrap();
    ResponseHead { status: Status::new(status).unwrap(), fields }
}

/// Tells what came, and sends on as the path says: `/to/STATUS/PLACE`.
async fn answer(request: Request, reply: Reply) -> Result<(), Error> {
    let path = request.path().to_owned();
    if let Some((status, place)) = path.strip_prefix("/to/").and_then(|rest| rest.split_once('/')) {
        return reply.send(to(status.parse().unwrap(), place), "moved").await;
    }
    if path == "/circle" {
        return reply.send(to(302, "/circle"), "").await;
    }
    let said = |name: &str| request.fields().first_text(name).unwrap_or("-").to_owned();
    let fields = [said("authorization"), said("content-type"), said("content-length"), said("accept")].join(" ");
    let head = format!("{} {path} {fields}", request.method());
    let body = request.into_parts().1.read_to_end(1000).await?;
    reply.send(200, format!("{head} {}", String::from_utf8(body).unwrap())).await
}

async fn said(request: posthaste::RequestBuilder) -> Result<(String, Option<String>), Error> {
    let mut response = request.send().await?;
    let url = response.redirected_to().map(ToString::to_string);
    assert_eq!(response.redirects(), u32::from(url.is_some()));
    Ok((String::from_utf8(response.body().read_to_end(1000).await?).unwrap(), url))
}

/// RFC 9110 section 15.4-13, 15.4.2-3, 15.4.3-3, 15.4.8-1.
#[test]
fn a_request_goes_where_it_is_sent_and_keeps_what_it_may() -> Result<(), Error> {
    with_server(answer, async |client, base, _| {
        for (method, status, expected) in [
            (Method::Get, 301, "GET /x secret text/plain - */* "),
            (Method::Post, 301, "GET /x secret - - */* "),
            (Method::Post, 302, "GET /x secret - - */* "),
            (Method::Put, 303, "GET /x secret - - */* "),
            (Method::Put, 302, "PUT /x secret text/plain 4 */* body"),
            (Method::Post, 307, "POST /x secret text/plain 4 */* body"),
            (Method::Post, 308, "POST /x secret text/plain 4 */* body"),
        ] {
            let body = if method == Method::Get { "" } else { "body" };
            let request = client.request(method.clone(), &format!("{base}/to/{status}/../../x")).body(body);
            let request = request.field("authorization", "secret").field("content-type", "text/plain");
            let request = request.field("accept", "*/*").follow_redirects(3);
            let (text, url) = said(request).await?;
            assert_eq!((text.as_str(), url), (expected, Some(format!("{base}/x"))), "{method} {status}");
        }
        let (text, url) = said(client.get(&format!("{base}/to/301/x"))).await?;
        assert_eq!((text.as_str(), url), ("moved", None), "nobody asked to be sent on");
        let (_, url) = said(client.get(&format!("{base}/x")).follow_redirects(3)).await?;
        assert_eq!(url, None);
        Ok(())
    })
}

/// RFC 9110 section 15.4-14.
#[test]
fn u1_circles_and_places_that_are_not_https_end_with_an_error() -> Result<(), Error> {
    with_server(answer, async |client, base, _| {
        let error = client.get(&format!("{base}/circle")).follow_redirects(5).send().await.unwrap_err();
        let Error::NotFollowed { to, why: NotFollowed::TooOften { limit: 5 } } = &error else { panic!("{error}") };
        assert_eq!(*to, format!("{base}/circle"));
        let error =
            client.get(&format!("{base}/to/302/http://127.0.0.1/")).follow_redirects(5).send().await.unwrap_err();
        assert!(matches!(&error, Error::NotFollowed { why: NotFollowed::Url(_), .. }), "{error}");
        assert!(error.to_string().contains("HTTP/3 is spoken over https only"), "{error}");
        Ok(())
    })
}

/// RFC 9110 section 15.4-11.
#[test]
fn u2_what_is_for_one_origin_is_not_told_to_another() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let start = || {
            let server = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap());
            server.start(&handle, answer)
        };
        let (one, other) = (start()?, start()?);
        let client = Client::builder(roots).follow_redirects(10).build(&handle);
        let place = format!("https://{}/there", other.addresses()[0]);
        let url = format!("https://{}/to/307/{place}", one.addresses()[0]);
        let request = client.post(&url).field("authorization", "secret").field("accept", "*/*").body("body");
        assert_eq!(said(request).await?, ("POST /there - - 4 */* body".into(), Some(place)));
        Ok(())
    })?
}

/// A body that was read from elsewhere goes nowhere twice.
#[test]
fn a_body_that_was_read_is_not_sent_on() -> Result<(), Error> {
    with_server(answer, async |client, base, _| {
        let send = async |status: u16| {
            let request = client.post(&format!("{base}/to/{status}/../../x")).follow_redirects(3);
            request.send_from(&b"read"[..]).await
        };
        let response = send(307).await?;
        assert_eq!((response.status().code(), response.redirected_to()), (307, None));
        let mut response = send(303).await?;
        assert_eq!(response.redirected_to().map(ToString::to_string), Some(format!("{base}/x")));
        assert_eq!(response.body().read_to_end(100).await?, b"GET /x - - - - ");
        Ok(())
    })
}
