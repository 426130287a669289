//! MQTT 3.1.1 with QoS 1: publishes that are acknowledged, and a session that outlives its connection, which shares a subscription.

use crate::connection::{Connection, wrong};
use crate::{Consumer, Publisher};
use std::io;

pub(crate) struct Mqtt(Connection);

const TOPIC: &[u8] = b"bench";
const SHARED: &[u8] = b"$share/g/bench";

fn packet(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut len = content.len();
    while len >= 128 {
        bytes.push((len % 128) as u8 | 0x80);
        len /= 128;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(content);
    bytes
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
    out.extend_from_slice(text);
}

impl Mqtt {
    /// Where the session is kept, the broker queues for it.
    pub(crate) fn new(address: &str, name: &str, is_kept: bool) -> io::Result<Mqtt> {
        let mut mqtt = Mqtt(Connection::open(address)?);
        let mut content = Vec::new();
        put_text(&mut content, b"MQTT");
        content.extend_from_slice(&[4, if is_kept { 0 } else { 2 }, 0, 0]);
        put_text(&mut content, format!("bench-{}-{name}", std::process::id()).as_bytes());
        mqtt.0.send(&packet(0x10, &content))?;
        match mqtt.packet()? {
            (0x20, answer) if answer == [0, 0] => Ok(mqtt),
            other => Err(wrong(format!("the broker has refused: {other:?}"))),
        }
    }

    pub(crate) fn consumer(address: &str, number: u64) -> io::Result<Mqtt> {
        let mut mqtt = Mqtt::new(address, &format!("c{number}"), true)?;
        let mut content = vec![0, 1];
        put_text(&mut content, SHARED);
        content.push(1);
        mqtt.0.send(&packet(0x82, &content))?;
        match mqtt.packet()? {
            (0x90, answer) if answer == [0, 1, 1] => {}
            other => return Err(wrong(format!("no subscription: {other:?}"))),
        }
        mqtt.0.wait_for_ever()?;
        Ok(mqtt)
    }

    fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let kind = self.0.exact(1)?[0];
        let (mut len, mut shift) = (0, 0);
        loop {
            let byte = self.0.exact(1)?[0];
            len |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok((kind, self.0.exact(len)?));
            }
        }
    }
}

impl Publisher for Mqtt {
    fn send(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        let mut content = Vec::new();
        put_text(&mut content, TOPIC);
        content.extend_from_slice(&((number % 65_535) as u16 + 1).to_be_bytes());
        content.extend_from_slice(data);
        self.0.send(&packet(0x32, &content))
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        match self.packet()? {
            (0x40, _) => Ok(()),
            other => Err(wrong(format!("no PUBACK: {other:?}"))),
        }
    }
}

impl Consumer for Mqtt {
    fn next(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let (mut all, mut answers) = (Vec::new(), Vec::new());
        while all.is_empty() || (self.0.has_more() && all.len() < 1000) {
            let (kind, content) = self.packet()?;
            if kind & 0xF0 != 0x30 {
                return Err(wrong(format!("no PUBLISH: {kind}")));
            }
            let (id, data) = content[2 + TOPIC.len()..].split_at(2);
            answers.extend_from_slice(&packet(0x40, id));
            all.push(data.to_vec());
        }
        self.0.send(&answers)?;
        Ok(all)
    }
}
