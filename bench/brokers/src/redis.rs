//! Redis Streams: XADD, and a consumer group that acknowledges what it has read.

use crate::connection::{Connection, wrong};
use crate::{Consumer, Publisher};
use std::io;

pub(crate) struct Redis(Connection);

/// An answer of the protocol.
enum Answer {
    Text(Vec<u8>),
    List(Vec<Answer>),
}

impl Redis {
    pub(crate) fn new(address: &str) -> io::Result<Redis> {
        Ok(Redis(Connection::open(address)?))
    }

    pub(crate) fn consumer(address: &str, number: u64) -> io::Result<RedisConsumer> {
        let mut redis = Redis::new(address)?;
        redis.command(&["XGROUP", "CREATE", "events", "bench", "0", "MKSTREAM"].map(str::as_bytes))?;
        // All but the first are told that the group is there.
        match redis.0.line()? {
            told if told == "+OK" || told.starts_with("-BUSYGROUP") => {}
            other => return Err(wrong(other)),
        }
        redis.0.wait_for_ever()?;
        Ok(RedisConsumer { redis, name: format!("c{number}") })
    }

    fn command(&mut self, words: &[&[u8]]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.0.send(&bytes)
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let head = self.0.line()?;
        let number = || head[1..].parse::<i64>().map_err(|_| wrong(&*head));
        match head.as_bytes().first() {
            Some(b'$') => {
                let mut content = self.0.exact(usize::try_from(number()?).unwrap_or(0) + 2)?;
                content.truncate(content.len() - 2);
                Ok(Answer::Text(content))
            }
            Some(b'*') => (0..number()?).map(|_| self.answer()).collect::<io::Result<_>>().map(Answer::List),
            Some(b':' | b'+') => Ok(Answer::Text(head[1..].as_bytes().to_vec())),
            _ => Err(wrong(head)),
        }
    }
}

impl Publisher for Redis {
    fn send(&mut self, _: u64, data: &[u8]) -> io::Result<()> {
        self.command(&[b"XADD", b"events", b"*", b"d", data])
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        self.answer().map(drop)
    }
}

pub(crate) struct RedisConsumer {
    redis: Redis,
    name: String,
}

impl Consumer for RedisConsumer {
    fn next(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let read =
            ["XREADGROUP", "GROUP", "bench", &self.name, "COUNT", "1000", "BLOCK", "0", "STREAMS", "events", ">"];
        self.redis.command(&read.map(str::as_bytes))?;
        // [[stream, [[id, [field, data]], ...]]]
        let (mut ids, mut all) = (Vec::new(), Vec::new());
        let Answer::List(streams) = self.redis.answer()? else { return Err(wrong("no list of streams")) };
        for stream in streams {
            let Answer::List(mut stream) = stream else { continue };
            let Some(Answer::List(entries)) = stream.pop() else { continue };
            for entry in entries {
                let Answer::List(mut entry) = entry else { continue };
                if let (Some(Answer::List(mut fields)), Some(Answer::Text(id))) = (entry.pop(), entry.pop())
                    && let Some(Answer::Text(data)) = fields.pop()
                {
                    ids.push(id);
                    all.push(data);
                }
            }
        }
        Ok(self.acknowledge(&ids).map(|()| all)?)
    }
}

impl RedisConsumer {
    fn acknowledge(&mut self, ids: &[Vec<u8>]) -> io::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let words: Vec<&[u8]> =
            [&b"XACK"[..], b"events", b"bench"].into_iter().chain(ids.iter().map(Vec::as_slice)).collect();
        self.redis.command(&words)?;
        self.redis.answer().map(drop)
    }
}
