//! NATS JetStream: publishes with a reply, and a durable consumer that the server sends events to.

use crate::connection::{Connection, wrong};
use crate::{Consumer, Publisher};
use std::io;

pub(crate) struct Nats {
    connection: Connection,
    inbox: String,
}

impl Nats {
    pub(crate) fn new(address: &str, number: u64) -> io::Result<Nats> {
        let mut connection = Connection::open(address)?;
        connection.line()?;
        let inbox = format!("_INBOX.{}.{number}", std::process::id());
        connection.send(format!("CONNECT {{\"verbose\":false}}\r\nSUB {inbox} 1\r\n").as_bytes())?;
        let mut nats = Nats { connection, inbox };
        nats.ask("STREAM.CREATE.bench", r#"{"name":"bench","subjects":["bench"],"storage":"file"}"#)?;
        Ok(nats)
    }

    pub(crate) fn consumer(address: &str, number: u64) -> io::Result<NatsConsumer> {
        let mut nats = Nats::new(address, number)?;
        let settings = concat!(
            r#"{"stream_name":"bench","config":{"durable_name":"c","deliver_subject":"deliver","deliver_group":"g","#,
            r#""ack_policy":"explicit","max_ack_pending":10000}}"#
        );
        nats.connection.send(b"SUB deliver g 2\r\n")?;
        nats.ask("CONSUMER.DURABLE.CREATE.bench.c", settings)?;
        nats.connection.wait_for_ever()?;
        Ok(NatsConsumer { nats })
    }

    fn ask(&mut self, what: &str, content: &str) -> io::Result<()> {
        let inbox = &self.inbox;
        let request = format!("PUB $JS.API.{what} {inbox} {}\r\n{content}\r\n", content.len());
        self.connection.send(request.as_bytes())?;
        self.message().map(drop)
    }

    /// The next message: where an answer to it goes, and what it says.
    fn message(&mut self) -> io::Result<(Option<String>, Vec<u8>)> {
        loop {
            let head = self.connection.line()?;
            if head == "PING" {
                self.connection.send(b"PONG\r\n")?;
            } else if let Some(message) = head.strip_prefix("MSG ") {
                // SUBJECT NUMBER [REPLY] LENGTH
                let words: Vec<&str> = message.split(' ').collect();
                let len: usize = words.last().and_then(|len| len.parse().ok()).ok_or_else(|| wrong(&*head))?;
                let mut content = self.connection.exact(len + 2)?;
                content.truncate(len);
                if words[1] == "1" && content.windows(7).any(|part| part == b"\"error\"") {
                    return Err(wrong(String::from_utf8_lossy(&content)));
                }
                return Ok((words.get(2).filter(|_| words.len() == 4).map(|reply| (*reply).to_owned()), content));
            } else if head.starts_with("-ERR") {
                return Err(wrong(head));
            }
        }
    }
}

impl Publisher for Nats {
    fn send(&mut self, _: u64, data: &[u8]) -> io::Result<()> {
        let mut command = format!("PUB bench {} {}\r\n", self.inbox, data.len()).into_bytes();
        command.extend_from_slice(data);
        command.extend_from_slice(b"\r\n");
        self.connection.send(&command)
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        self.message().map(drop)
    }
}

pub(crate) struct NatsConsumer {
    nats: Nats,
}

impl Consumer for NatsConsumer {
    fn next(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let (mut all, mut answers) = (Vec::new(), Vec::new());
        // As many as have come, so that their acknowledgments go with one call.
        while all.is_empty() || (self.nats.connection.has_more() && all.len() < 1000) {
            let (reply, content) = self.nats.message()?;
            if let Some(reply) = reply {
                answers.extend_from_slice(format!("PUB {reply} 4\r\n+ACK\r\n").as_bytes());
            }
            all.push(content);
        }
        self.nats.connection.send(&answers)?;
        Ok(all)
    }
}
