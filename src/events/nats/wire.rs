//! Lines of NATS' protocol, and the messages behind some of them.

/// The most bytes of a line. A server's INFO names all others of its cluster.
pub(super) const MAX_LINE: usize = 64 << 10;
/// The most bytes of a message with its headers.
pub(super) const MAX_MESSAGE: usize = 64 << 20;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// What it is, as JSON.
    Info(Vec<u8>),
    /// A message for one of our subscriptions.
    Message(Message),
    Ping,
    Pong,
    Done,
    /// What was wrong.
    Error(String),
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    /// The number of the subscription that it is for.
    pub(super) subscription: u64,
    /// Where an answer goes; empty for nowhere.
    pub(super) reply: String,
    pub(super) headers: Headers,
    pub(super) payload: Vec<u8>,
}

/// Headers of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    /// The status and its words, where the server itself speaks.
    pub(super) status: Option<(u16, String)>,
    pub(super) fields: Vec<(String, String)>,
}

impl Headers {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn read(bytes: &[u8]) -> Option<Headers> {
        let mut lines = std::str::from_utf8(bytes).ok()?.split("\r\n");
        let mut headers = Headers::default();
        let first = lines.next()?.strip_prefix("NATS/1.0")?.trim();
        if !first.is_empty() {
            let (code, words) = first.split_once(' ').unwrap_or((first, ""));
            headers.status = Some((code.parse().ok()?, words.to_owned()));
        }
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.fields.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(headers)
    }
}

/// What a server has sent is not the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Bytes that have come, and what of them was read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    read: usize,
}

impl Reader {
    /// Whether nothing has come that was not read.
    pub(super) fn is_empty(&self) -> bool {
        self.read >= self.bytes.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 && self.read >= self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next thing that the server says, once it is whole.
    pub(super) fn next(&mut self) -> Result<Option<Said>, Malformed> {
        let rest = self.bytes.get(self.read..).unwrap_or(&[]);
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return if rest.len() > MAX_LINE { Err(Malformed) } else { Ok(None) };
        };
        if end > MAX_LINE {
            return Err(Malformed);
        }
        let (line, behind) = (rest.get(..end).unwrap_or(&[]), rest.get(end + 2..).unwrap_or(&[]));
        let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
        let (verb, arguments) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let mut used = end + 2;
        let said = match verb.to_ascii_uppercase().as_str() {
            "INFO" => Said::Info(arguments.as_bytes().to_vec()),
            "PING" => Said::Ping,
            "PONG" => Said::Pong,
            "+OK" => Said::Done,
            "-ERR" => Said::Error(arguments.trim_matches(['\'', ' ']).to_owned()),
            verb @ ("MSG" | "HMSG") => {
                let Some((message, size)) = message(verb == "HMSG", arguments, behind)? else { return Ok(None) };
                used += size;
                Said::Message(message)
            }
            _ => return Err(Malformed),
        };
        self.read += used;
        Ok(Some(said))
    }
}

/// `subject sid [reply] [header bytes] bytes`, and what follows the line. The message, and how many bytes it takes; nothing if it is
/// not whole.
fn message(has_headers: bool, arguments: &str, behind: &[u8]) -> Result<Option<(Message, usize)>, Malformed> {
    let words: Vec<&str> = arguments.split_ascii_whitespace().collect();
    let (words, sizes) = words.split_at(words.len().saturating_sub(1 + usize::from(has_headers)));
    let (subject, number, reply) = match *words {
        [subject, number] => (subject, number, ""),
        [subject, number, reply] => (subject, number, reply),
        _ => return Err(Malformed),
    };
    let size = |text: &&str| text.parse::<usize>().ok().filter(|size| *size <= MAX_MESSAGE);
    let (header, whole) = match *sizes {
        [whole] => (0, size(&whole).ok_or(Malformed)?),
        [header, whole] => (size(&header).ok_or(Malformed)?, size(&whole).ok_or(Malformed)?),
        _ => return Err(Malformed),
    };
    let Some(bytes) = behind.get(..whole + 2) else { return Ok(None) };
    let (content, end) = bytes.split_at(whole);
    if end != b"\r\n" || header > whole {
        return Err(Malformed);
    }
    let (headers, payload) = content.split_at(header);
    let headers = if has_headers { Headers::read(headers).ok_or(Malformed)? } else { Headers::default() };
    let subscription = number.parse().map_err(|_| Malformed)?;
    let (subject, reply) = (subject.to_owned(), reply.to_owned());
    Ok(Some((Message { subject, subscription, reply, headers, payload: payload.to_vec() }, whole + 2)))
}

/// Appends a message. Names and values of headers have no line ends in them.
pub(super) fn publish(out: &mut Vec<u8>, subject: &str, reply: &str, headers: &[(&str, String)], payload: &[u8]) {
    let space = if reply.is_empty() { "" } else { " " };
    if headers.is_empty() {
        out.extend_from_slice(format!("PUB {subject}{space}{reply} {}\r\n", payload.len()).as_bytes());
    } else {
        let mut head = String::from("NATS/1.0\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let whole = head.len() + payload.len();
        out.extend_from_slice(format!("HPUB {subject}{space}{reply} {} {whole}\r\n{head}", head.len()).as_bytes());
    }
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[u8] = b"INFO {\"max_payload\":1048576} \r\nPING\r\nMSG a.b 1 5\r\nhe\r\no\r\nHMSG a 1 re.ply 28 30\r\nNATS/1.0 404 None\r\nA: b \r\n\r\n\r\nxy\r\n+OK\r\n-ERR 'Stale Connection'\r\npong\r\n";

    fn all() -> Vec<u8> {
        // The sizes of the headers are counted here and not by hand.
        let head = "NATS/1.0 404 None\r\nA: b\r\n\r\n";
        let text = String::from_utf8(ALL.to_vec()).unwrap();
        let (before, after) = text.split_once("HMSG").unwrap();
        let (_, after) = after.split_once("xy").unwrap();
        format!("{before}HMSG a 1 re.ply {} {}\r\n{head}xy{after}", head.len(), head.len() + 2).into_bytes()
    }

    fn read(pieces: impl Iterator<Item = Vec<u8>>) -> Result<Vec<Said>, Malformed> {
        let (mut reader, mut found) = (Reader::default(), Vec::new());
        for piece in pieces {
            reader.push(&piece);
            while let Some(said) = reader.next()? {
                found.push(said);
            }
        }
        Ok(found)
    }

    #[test]
    fn everything_is_read_in_whatever_pieces_it_comes() {
        let whole = read([all()].into_iter()).unwrap();
        let [
            Said::Info(info),
            Said::Ping,
            Said::Message(plain),
            Said::Message(with),
            Said::Done,
            Said::Error(error),
            Said::Pong,
        ] = &whole[..]
        else {
            panic!("{whole:?}")
        };
        assert_eq!((info.starts_with(b"{\"max"), error.as_str()), (true, "Stale Connection"));
        assert_eq!((plain.subject.as_str(), plain.reply.as_str(), &plain.payload[..]), ("a.b", "", &b"he\r\no"[..]));
        assert_eq!((with.reply.as_str(), with.headers.get("a"), &with.payload[..]), ("re.ply", Some("b"), &b"xy"[..]));
        assert_eq!(with.headers.status, Some((404, "None".into())));
        for size in 1..20 {
            assert_eq!(read(all().chunks(size).map(<[u8]>::to_vec)).unwrap(), whole, "{size}");
        }
        for end in 0..all().len() {
            let some = read([all()[..end].to_vec()].into_iter()).unwrap();
            assert!(whole.starts_with(&some) && some.len() < whole.len(), "{end}");
        }
    }

    #[test]
    fn a_changed_byte_is_another_thing_or_an_error_and_never_a_panic() {
        for at in 0..all().len() {
            for value in [0, b' ', b'\r', b'\n', b'9', 0xff] {
                let mut other = all();
                other[at] = value;
                let _ = read([other].into_iter());
            }
        }
        for bad in [
            "MSG a 1 99999999999\r\n",
            "MSG a 1\r\n",
            "HMSG a 1 9 3\r\nabc\r\n",
            "MSG a 1 1\r\nabc",
            "HELLO\r\n",
            "MSG a 1 -1\r\n",
        ] {
            assert_eq!(read([bad.as_bytes().to_vec()].into_iter()), Err(Malformed), "{bad}");
        }
        assert_eq!(read([vec![b'x'; MAX_LINE + 1]].into_iter()), Err(Malformed));
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let mut out = Vec::new();
        publish(&mut out, "s", "r", &[("A", "b".into())], b"pay\r\nload");
        publish(&mut out, "s", "", &[], b"");
        let text = String::from_utf8(out).unwrap();
        // A server hands a message on with the number of the subscription before the reply.
        let there = text.replace("HPUB s ", "HMSG s 1 ").replace("PUB s ", "MSG s 1 ");
        let found = read([there.into_bytes()].into_iter()).unwrap();
        let [Said::Message(first), Said::Message(second)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (first.reply.as_str(), &first.payload[..], first.headers.get("A")),
            ("r", &b"pay\r\nload"[..], Some("b"))
        );
        assert_eq!((second.reply.as_str(), second.payload.len()), ("", 0));
    }
}
