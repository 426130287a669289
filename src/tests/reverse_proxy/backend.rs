//! A backend whose every byte a test decides: each connection is a thread that reads requests as they stand on the wire.

use runtime::Handle;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

/// What a backend has heard.
pub(super) struct Scripted {
    pub(super) address: String,
    heard: Receiver<Heard>,
}

/// Something that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A request, with its content behind the empty line as it was sent, but for the marks of chunks.
    Request(String),
    /// A connection has ended, between two requests or in the middle of one.
    End,
    /// So many bytes of content were taken.
    Taken(usize),
}

/// One connection.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    heard: Sender<Heard>,
}

/// A backend that does this with each of its connections.
pub(super) fn scripted(script: impl Fn(&mut Connection) + Clone + Send + 'static) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (say, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let mut connection = Connection { stream: BufReader::new(stream), heard: say.clone() };
            let script = script.clone();
            std::thread::spawn(move || script(&mut connection));
        }
    });
    Scripted { address, heard }
}

/// One that answers each request with these bytes.
pub(super) fn answering(answer: &'static str) -> Scripted {
    scripted(move |connection| {
        while connection.request().is_some() {
            connection.say(answer);
        }
    })
}

impl Scripted {
    /// The next thing it heard.
    pub(super) async fn next(&self, handle: &Handle) -> Heard {
        loop {
            match self.heard.try_recv() {
                Ok(heard) => return heard,
                Err(TryRecvError::Empty) => handle.sleep(Duration::from_millis(1)).await,
                Err(TryRecvError::Disconnected) => panic!("the backend is gone"),
            }
        }
    }

    /// The next request.
    pub(super) async fn request(&self, handle: &Handle) -> String {
        match self.next(handle).await {
            Heard::Request(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// What it has heard and nobody asked for.
    pub(super) fn rest(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

impl Connection {
    /// The next request; nothing if the connection ends before it is complete.
    pub(super) fn request(&mut self) -> Option<String> {
        let request = self.head().and_then(|head| Some(format!("{head}{}", self.content(&head)?)));
        let _ = self.heard.send(request.clone().map_or(Heard::End, Heard::Request));
        request
    }

    /// Its head alone, with the empty line.
    pub(super) fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        Some(head)
    }

    fn content(&mut self, head: &str) -> Option<String> {
        let mut content = Vec::new();
        if let Some(length) = field(head, "content-length") {
            content.resize(length.parse().unwrap(), 0);
            self.stream.read_exact(&mut content).ok()?;
        } else if field(head, "transfer-encoding") == Some("chunked") {
            loop {
                let mut line = String::new();
                self.stream.read_line(&mut line).ok()?;
                let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
                if length == 0 {
                    break;
                }
                let mut chunk = vec![0; length + 2];
                self.stream.read_exact(&mut chunk).ok()?;
                content.extend_from_slice(&chunk[..length]);
            }
            // Trailers, and the empty line.
            let mut trailers = String::new();
            while !trailers.ends_with("\r\n\r\n") && trailers != "\r\n" {
                self.stream.read_line(&mut trailers).ok()?;
            }
            content.extend_from_slice(trailers.trim_end().as_bytes());
        }
        Some(String::from_utf8(content).unwrap())
    }

    /// Takes so many bytes of content, however they are marked.
    pub(super) fn take(&mut self, count: usize) {
        let mut room = vec![0; count];
        let is_whole = self.stream.read_exact(&mut room).is_ok();
        let _ = self.heard.send(if is_whole { Heard::Taken(count) } else { Heard::End });
    }

    /// Reads until the connection has ended.
    pub(super) fn until_end(&mut self) {
        let _ = self.stream.read_to_end(&mut Vec::new());
        let _ = self.heard.send(Heard::End);
    }

    /// Sends bytes. Who is gone does not hear them.
    pub(super) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Ends its output.
    pub(super) fn end(&mut self) {
        let _ = self.stream.get_mut().shutdown(Shutdown::Write);
    }
}

/// The value of a field in a head; the names are in lower case there.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(": ")).find(|(of, _)| *of == name).map(|(_, value)| value)
}

impl Connection {
    /// Sends back so many bytes as they come.
    pub(super) fn echo(&mut self, mut left: usize) {
        let mut room = vec![0; 64 << 10];
        while left > 0 {
            match self.stream.read(&mut room) {
                Ok(count @ 1..) => {
                    self.say(&room[..count]);
                    left -= count;
                }
                // Of a read with a time limit a stop of the process is the end, and not of the others.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

impl Connection {
    /// Sends so many bytes, or as many as are taken until none is for a fifth of a second. Says how many.
    pub(super) fn pour(&mut self, mut left: usize) -> usize {
        let (stream, room, all) = (self.stream.get_mut(), vec![b'x'; 64 << 10], left);
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        while left > 0 {
            match stream.write(&room[..left.min(room.len())]) {
                Ok(count) => left -= count,
                Err(_) => break,
            }
        }
        all - left
    }

    /// Tells the test a number.
    pub(super) fn report(&mut self, count: usize) {
        let _ = self.heard.send(Heard::Taken(count));
    }
}
