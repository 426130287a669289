//! Publishes events of 200 bytes to Redis Streams, NATS JetStream and Mosquitto (QoS 1), each by its own protocol over TCP, and counts how
//! many are acknowledged in a second and how long each takes. `posthaste events bench` measures the same of ours; `bench/brokers/run` has all
//! in one run.
//!
//! `bench-brokers redis|nats|mqtt ADDRESS EVENTS PUBLISHERS IN_FLIGHT`

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: usize = 200;

/// One connection to a broker.
trait Publisher: Send {
    /// Sends an event.
    fn send(&mut self, number: u64) -> io::Result<()>;
    /// Waits for the next acknowledgment.
    fn acknowledged(&mut self) -> io::Result<()>;
}

fn connect(address: &str) -> io::Result<(TcpStream, BufReader<TcpStream>)> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let reader = BufReader::new(stream.try_clone()?);
    Ok((stream, reader))
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(wrong("the broker has closed the connection"));
    }
    Ok(line.trim_end().to_owned())
}

struct Redis(TcpStream, BufReader<TcpStream>);

impl Publisher for Redis {
    fn send(&mut self, _: u64) -> io::Result<()> {
        let data = "x".repeat(SIZE);
        let command = format!("*5\r\n$4\r\nXADD\r\n$6\r\nevents\r\n$1\r\n*\r\n$1\r\nd\r\n${SIZE}\r\n{data}\r\n");
        self.0.write_all(command.as_bytes())
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        let first = line(&mut self.1)?;
        if !first.starts_with('$') {
            return Err(wrong(first));
        }
        line(&mut self.1).map(drop)
    }
}

struct Nats {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    inbox: String,
}

impl Nats {
    fn new(address: &str, number: u64) -> io::Result<Nats> {
        let (mut stream, mut reader) = connect(address)?;
        line(&mut reader)?;
        let inbox = format!("_INBOX.{}.{number}", std::process::id());
        write!(stream, "CONNECT {{\"verbose\":false}}\r\nSUB {inbox} 1\r\n")?;
        let mut nats = Nats { stream, reader, inbox };
        let create = "{\"name\":\"bench\",\"subjects\":[\"bench\"],\"storage\":\"file\"}";
        let inbox = nats.inbox.clone();
        write!(nats.stream, "PUB $JS.API.STREAM.CREATE.bench {inbox} {}\r\n{create}\r\n", create.len())?;
        nats.message()?;
        Ok(nats)
    }

    fn message(&mut self) -> io::Result<String> {
        loop {
            let head = line(&mut self.reader)?;
            if head == "PING" {
                self.stream.write_all(b"PONG\r\n")?;
            } else if let Some(message) = head.strip_prefix("MSG ") {
                let len = message.rsplit(' ').next().and_then(|len| len.parse().ok()).ok_or_else(|| wrong(&*head))?;
                let mut content = vec![0; len];
                self.reader.read_exact(&mut content)?;
                line(&mut self.reader)?;
                let content = String::from_utf8_lossy(&content).into_owned();
                return if content.contains("\"error\"") { Err(wrong(content)) } else { Ok(content) };
            } else if head.starts_with("-ERR") {
                return Err(wrong(head));
            }
        }
    }
}

impl Publisher for Nats {
    fn send(&mut self, _: u64) -> io::Result<()> {
        let data = "x".repeat(SIZE);
        let command = format!("PUB bench {} {SIZE}\r\n{data}\r\n", self.inbox);
        self.stream.write_all(command.as_bytes())
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        self.message().map(drop)
    }
}

struct Mqtt(TcpStream, BufReader<TcpStream>);

impl Mqtt {
    fn new(address: &str, number: u64) -> io::Result<Mqtt> {
        let (mut stream, mut reader) = connect(address)?;
        let id = format!("bench-{}-{number}", std::process::id());
        let mut head = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        head.extend_from_slice(&u16::try_from(id.len()).unwrap_or_default().to_be_bytes());
        head.extend_from_slice(id.as_bytes());
        stream.write_all(&[&[0x10, u8::try_from(head.len()).unwrap_or_default()][..], &head].concat())?;
        let mut answer = [0; 4];
        reader.read_exact(&mut answer)?;
        if answer != [0x20, 2, 0, 0] {
            return Err(wrong(format!("the broker has refused: {answer:?}")));
        }
        Ok(Mqtt(stream, reader))
    }
}

impl Publisher for Mqtt {
    fn send(&mut self, number: u64) -> io::Result<()> {
        let id = (number % 65_535) as u16 + 1;
        let mut content = vec![0, 5];
        content.extend_from_slice(b"bench");
        content.extend_from_slice(&id.to_be_bytes());
        content.extend_from_slice(&[b'x'; SIZE]);
        let len = content.len();
        self.0.write_all(&[&[0x32, (len % 128) as u8 | 0x80, (len / 128) as u8][..], &content].concat())
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        let mut answer = [0; 4];
        self.1.read_exact(&mut answer)?;
        if answer[..2] == [0x40, 2] { Ok(()) } else { Err(wrong(format!("no PUBACK: {answer:?}"))) }
    }
}

fn publisher(kind: &str, address: &str, number: u64) -> io::Result<Box<dyn Publisher>> {
    Ok(match kind {
        "redis" => {
            let (stream, reader) = connect(address)?;
            Box::new(Redis(stream, reader))
        }
        "nats" => Box::new(Nats::new(address, number)?),
        "mqtt" => Box::new(Mqtt::new(address, number)?),
        other => return Err(wrong(format!("{other} is none of redis, nats and mqtt"))),
    })
}

/// Publishes until none is left, with so many under way, and gives how long each took, in microseconds.
fn publish(mut publisher: Box<dyn Publisher>, left: &AtomicU64, in_flight: usize) -> io::Result<Vec<u64>> {
    let (mut open, mut took) = (VecDeque::new(), Vec::new());
    let mut number = 0;
    loop {
        let is_left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_left {
            open.push_back(Instant::now());
            publisher.send(number)?;
            number += 1;
        }
        while open.len() >= in_flight || (!is_left && !open.is_empty()) {
            publisher.acknowledged()?;
            let begun: Instant = open.pop_front().expect("as many as were sent");
            took.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        if !is_left {
            return Ok(took);
        }
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, numbers @ ..] = &arguments[..] else {
        return Err(wrong("KIND ADDRESS EVENTS PUBLISHERS IN_FLIGHT"));
    };
    let numbers: Vec<u64> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    let [events, publishers, in_flight] = numbers[..] else {
        return Err(wrong("EVENTS PUBLISHERS IN_FLIGHT are numbers"));
    };
    let in_flight = usize::try_from(in_flight).map_err(io::Error::other)?;
    let left = Arc::new(AtomicU64::new(events));
    let all = Arc::new(Mutex::new(Vec::new()));
    let connected = (0..publishers).map(|number| publisher(kind, address, number)).collect::<io::Result<Vec<_>>>()?;
    let begun = Instant::now();
    let threads: Vec<_> = connected
        .into_iter()
        .map(|publisher| {
            let (left, all) = (left.clone(), all.clone());
            thread::spawn(move || {
                let took = publish(publisher, &left, in_flight)?;
                all.lock().map_err(|_| wrong("another thread has failed"))?.extend(took);
                Ok::<_, io::Error>(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| wrong("a thread has failed"))??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut took = all.lock().map_err(|_| wrong("a thread has failed"))?.clone();
    took.sort_unstable();
    let at = |part: f64| took.get((took.len() as f64 * part) as usize).or(took.last()).copied().unwrap_or_default();
    let rate = took.len() as f64 / seconds;
    println!(
        "{{\"stored\":{},\"seconds\":{seconds:.3},\"stored_per_second\":{rate:.0},\"p50\":{},\"p99\":{},\"p99.9\":{}}}",
        took.len(),
        at(0.5),
        at(0.99),
        at(0.999)
    );
    Ok(())
}
