//! JetStream: requests to its API, and what its answers mean.

use super::client::Client;
use super::names;
use super::problem::Problem;
use super::wire::Message;
use base::{Duration, Instant};
use json::Value;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a server is silent that has no more to give at once.
const SILENCE: Duration = Duration::from_millis(100);
/// How long to wait before a request that may succeed soon is made again.
pub(super) const RETRY: Duration = Duration::from_millis(200);

/// Asks JetStream's API, again and again until `until` while it has no leader, or there is no connection.
pub(super) async fn api(client: &Client, path: &str, body: &str, until: Instant) -> Result<Value, Problem> {
    let subject = format!("$JS.API.{path}");
    loop {
        let now = client.handle().now();
        let answer = client.request(&subject, &[], body.as_bytes(), until.min(now + REQUEST)).await;
        match answer.and_then(|message| value(&message)) {
            Err(problem) if problem.is_passing() && client.handle().now() + RETRY < until => {
                client.handle().sleep(RETRY).await;
            }
            other => return other,
        }
    }
}

/// An answer, or the error that it says.
pub(super) fn value(message: &Message) -> Result<Value, Problem> {
    let value = json::parse(&message.payload).map_err(|error| Problem::Strange(error.to_string()))?;
    let Some(error) = value.get("error") else { return Ok(value) };
    let number = |name: &str| error.get(name).and_then(Value::as_u64).unwrap_or(0);
    let words = error.get("description").and_then(Value::as_str).unwrap_or("no reason").to_owned();
    Err(Problem::Api(number("code"), number("err_code"), words))
}

/// A number of an answer, by the names that lead to it; 0 if it is not there.
pub(super) fn number(value: &Value, path: &[&str]) -> u64 {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_u64).unwrap_or(0)
}

/// What the subject says that a delivery is acknowledged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    pub(super) attempts: u32,
    pub(super) sequence: u64,
    /// Milliseconds since 1970.
    pub(super) published_at: u64,
}

impl Delivered {
    /// `$JS.ACK.STREAM.CONSUMER.attempts.sequence.delivery.nanoseconds.pending`, with a domain and an account before the stream where there
    /// are any.
    pub(super) fn read(reply: &str) -> Option<Delivered> {
        let words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let after = if words.len() >= 9 { 4 } else { 2 };
        let number = |place: usize| words.get(after + place)?.parse::<u64>().ok();
        Some(Delivered {
            attempts: u32::try_from(number(0)?).ok()?,
            sequence: number(1)?,
            published_at: number(3)? / 1_000_000,
        })
    }
}

/// Takes what there is for a consumer, `count` at most, without waiting if `wait` is zero: what has come, also when it ends with a
/// problem.
pub(super) async fn pull(
    client: &Client,
    stream: &str,
    consumer: &str,
    count: usize,
    wait: Duration,
) -> (Vec<Message>, Result<(), Problem>) {
    let mut messages = Vec::new();
    let pulled = pull_into(client, stream, consumer, count, wait, &mut messages).await;
    (messages, pulled)
}

async fn pull_into(
    client: &Client,
    stream: &str,
    consumer: &str,
    count: usize,
    wait: Duration,
    into: &mut Vec<Message>,
) -> Result<(), Problem> {
    let body = if wait.is_zero() {
        format!(r#"{{"batch":{count},"no_wait":true}}"#)
    } else {
        format!(r#"{{"batch":{count},"expires":{}}}"#, wait.as_nanos())
    };
    let until = client.handle().now() + wait + REQUEST;
    client.connected(until).await?;
    let inbox = client.subscribe()?;
    client.publish(&format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"), &inbox.subject, &[], body.as_bytes())?;
    while into.len() < count {
        let patience =
            if wait.is_zero() && !into.is_empty() { until.min(client.handle().now() + SILENCE) } else { until };
        let message = match inbox.next(patience).await {
            // A server says nothing when a consumer may get no more before it acknowledges.
            Err(Problem::TimedOut) if !into.is_empty() => return Ok(()),
            other => other?,
        };
        match &message.headers.status {
            // Nothing, nothing more, or the wait is over.
            Some((404 | 408 | 409, _)) => return Ok(()),
            Some((100, _)) => {}
            Some((code, words)) => return Err(Problem::Api(u64::from(*code), 0, words.clone())),
            None => into.push(message),
        }
    }
    Ok(())
}

/// The namespaces that there are, with the states of their streams.
pub(super) async fn streams(client: &Client, until: Instant) -> Result<Vec<(String, Value)>, Problem> {
    list(client, "STREAM.LIST", "streams", until, |one| {
        let name = one.get("config")?.get("name")?.as_str()?.strip_prefix(names::PREFIX)?;
        Some((names::decode(name), one.clone()))
    })
    .await
}

/// The consumers of a stream.
pub(super) async fn consumers(client: &Client, stream: &str, until: Instant) -> Result<Vec<(String, Value)>, Problem> {
    list(client, &format!("CONSUMER.LIST.{stream}"), "consumers", until, |one| {
        Some((names::decode(one.get("config")?.get("durable_name")?.as_str()?), one.clone()))
    })
    .await
}

/// All pages of a list, in the order of names.
async fn list(
    client: &Client,
    path: &str,
    member: &str,
    until: Instant,
    pick: impl Fn(&Value) -> Option<(String, Value)>,
) -> Result<Vec<(String, Value)>, Problem> {
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let page = api(client, path, &format!(r#"{{"offset":{offset}}}"#), until).await?;
        let all = page.get(member).and_then(Value::as_array).unwrap_or(&[]);
        found.extend(all.iter().filter_map(&pick));
        offset += all.len() as u64;
        if all.is_empty() || offset >= number(&page, &["total"]) {
            found.sort_by(|(one, _), (other, _)| one.cmp(other));
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_says_what_it_is() {
        let expected = Some(Delivered { attempts: 3, sequence: 17, published_at: 1_700_000_000_000 });
        assert_eq!(Delivered::read("$JS.ACK.s.c.3.17.40.1700000000000000001.0"), expected);
        assert_eq!(Delivered::read("$JS.ACK.hub.account.s.c.3.17.40.1700000000000000001.0.x"), expected);
        for bad in ["", "$JS.ACK.s.c", "$JS.ACK.s.c.x.17.40.1.0", "$JS.ACK.s.c.99999999999.17.40.1.0", "_INBOX.1"] {
            assert_eq!(Delivered::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_error_is_an_error() {
        let message = |text: &str| Message { payload: text.as_bytes().to_vec(), ..Message::default() };
        let error = value(&message(r#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#));
        assert_eq!(error, Err(Problem::Api(404, 10_059, "stream not found".into())));
        assert!(error.unwrap_err().is_missing());
        assert!(matches!(value(&message("{")), Err(Problem::Strange(_))));
        let good = value(&message(r#"{"state":{"messages":7}}"#)).unwrap();
        assert_eq!((number(&good, &["state", "messages"]), number(&good, &["state", "no"])), (7, 0));
    }
}
