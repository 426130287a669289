//! Lines into the head of a message (RFC 9112 sections 3, 4 and 5).

use crate::config::Limits;
use crate::framing::{Delimited, Framing, Version};
use crate::lines::{Lines, Taken, position};
use crate::violation::Violation;
use alloc::vec::Vec;
use http::{
    Authority, Fields, Malformed, Method, RequestDecoder, RequestHead, ResponseDecoder, ResponseHead, Scheme, Status,
    TrailersDecoder,
};

/// Empty lines that are ignored before a request (RFC 9112 section 2.2-7).
const MAX_EMPTY_LINES: u8 = 4;

/// Counts the fields of one section as HTTP/2 and HTTP/3 do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldBudget(usize);

impl FieldBudget {
    pub(crate) const fn new(limits: &Limits) -> FieldBudget {
        FieldBudget(limits.max_fields)
    }

    /// How long the next line may be.
    const fn most(self) -> usize {
        self.0
    }

    fn on_line(&mut self, len: usize) -> Result<(), Violation> {
        let left = self.0.checked_sub(len + Fields::LINE_OVERHEAD);
        self.0 = left.ok_or(Violation::FieldsTooLarge)?;
        Ok(())
    }

    /// Takes bytes of the next line from the front.
    pub(crate) fn take<'a>(self, lines: &'a mut Lines, bytes: &'a mut [u8]) -> Result<Taken<'a>, Violation> {
        lines.take(bytes, self.most(), Violation::FieldsTooLarge)
    }

    /// The field that a line is, its name in lower case; `None` for the empty line that ends the section.
    ///
    /// RFC 9112 section 2.2-9, 5.1-1, 5.2-2.
    pub(crate) fn field(&mut self, line: &mut [u8]) -> Result<Option<Name>, Violation> {
        if line.is_empty() {
            return Ok(None);
        }
        self.on_line(line.len())?;
        if is_folded(line) {
            return Err(Violation::FoldedLine);
        }
        let colon = position(line, b':').ok_or(Violation::FieldLine)?;
        let name = line.get_mut(..colon).unwrap_or_default();
        if matches!(name.last(), None | Some(b' ' | b'\t')) {
            return Err(Violation::FieldLine);
        }
        name.make_ascii_lowercase();
        Ok(Some(Name(colon)))
    }
}

/// Where the name of a field ends in its line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name(usize);

impl Name {
    fn split(self, line: &[u8]) -> (&[u8], &[u8]) {
        let (name, rest) = line.split_at(self.0);
        let value = rest.get(1..).unwrap_or_default();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        // RFC 9112 s5.1: white space around the value is none of it.
        let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
        (name, value.get(start..end).unwrap_or_default())
    }
}

/// A head that is being received.
#[derive(Debug)]
pub(crate) struct HeadReader {
    budget: FieldBudget,
    empty_lines: u8,
    /// What the first line began, once that has come.
    start: Option<Start>,
    framing: Framing,
    /// The lines of a request. It stays from one request to the next, and knows what the last one named.
    request: RequestDecoder,
}

/// What the first line began.
#[derive(Debug)]
enum Start {
    Request { host: Host, is_connect: bool },
    Response { decoder: ResponseDecoder, is_switch: bool, opens_tunnel: bool, pending: Vec<u8> },
}

/// What is known of the authority (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// The Host field has to say it.
    Wanted,
    /// The target says it, and there was no Host field.
    InTarget,
    /// There was one.
    Seen,
}

/// A head that is complete.
#[derive(Debug)]
pub(crate) enum Head {
    /// Of a request.
    Request(RequestHead, Framing, Delimited),
    /// Of a response; `true` if it is 101, which is told as 200: the tunnel that was asked for is open.
    Response(ResponseHead, Framing, bool),
}

impl HeadReader {
    pub(crate) fn new(limits: &Limits) -> HeadReader {
        let (framing, request) = (Framing::new(Version::Current), RequestDecoder::new(false));
        HeadReader { budget: FieldBudget::new(limits), empty_lines: 0, start: None, framing, request }
    }

    /// The next head is read.
    pub(crate) fn begin(&mut self, limits: &Limits) {
        (self.budget, self.empty_lines, self.start) = (FieldBudget::new(limits), 0, None);
    }

    /// Whether anything of a head has come.
    pub(crate) fn has_begun(&self, lines: &Lines) -> bool {
        self.start.is_some() || lines.has_part()
    }

    /// Takes bytes of a line of a request, or of a response, from the front.
    pub(crate) fn take<'a>(
        &self,
        lines: &'a mut Lines,
        bytes: &'a mut [u8],
        limits: &Limits,
        is_request: bool,
    ) -> Result<Taken<'a>, Violation> {
        if self.start.is_some() {
            return self.budget.take(lines, bytes);
        }
        let too_long = if is_request { Violation::RequestLineTooLong } else { Violation::StatusLineTooLong };
        lines.take(bytes, limits.max_start_line, too_long)
    }

    /// A whole line of a request on a connection with this scheme. Says whether the head is whole with it.
    pub(crate) fn on_request_line(&mut self, line: &mut [u8], scheme: &Scheme) -> Result<bool, Violation> {
        if self.start.is_none() {
            // RFC 9112 section 2.2-7.
            if line.is_empty() && self.empty_lines < MAX_EMPTY_LINES {
                self.empty_lines += 1;
                return Ok(false);
            }
            self.begin_request(line, scheme)?;
            return Ok(false);
        }
        self.on_field(line)
    }

    /// A whole line of a response, to CONNECT or not. Says whether the head is whole with it.
    pub(crate) fn on_response_line(&mut self, line: &mut [u8], is_connect: bool) -> Result<bool, Violation> {
        if self.start.is_none() {
            self.begin_response(line, is_connect)?;
            return Ok(false);
        }
        self.on_field(line)
    }

    /// The head, once it is whole.
    pub(crate) fn finish(&mut self) -> Result<Head, Violation> {
        match self.start.take().expect("a head that is whole has a first line") {
            Start::Request { host, is_connect } => self.finish_request(host, is_connect),
            Start::Response { mut decoder, is_switch, .. } => {
                let mut head = decoder.finish().map_err(Violation::Malformed)?;
                self.framing.drop_named(&mut head.fields);
                Ok(Head::Response(head, self.framing.take_all(), is_switch))
            }
        }
    }

    fn finish_request(&mut self, host: Host, is_connect: bool) -> Result<Head, Violation> {
        // RFC 9112 section 3.2-6. One of HTTP/1.0 without an authority is refused as every request without is.
        if host != Host::Seen && self.framing.version == Version::Current {
            return Err(Violation::HostMissing);
        }
        let delimited = self.framing.delimited()?;
        // RFC 9112 section 6.3-4: among other things, Content-Length is one number.
        let mut head = self.request.finish().map_err(Violation::Malformed)?;
        self.framing.drop_named(&mut head.fields);
        // RFC 9110 s9.3.6: what follows CONNECT is no content, so nothing may say how long it is.
        if is_connect && delimited != Delimited::Unsaid {
            return Err(Violation::Malformed(Malformed::Connect));
        }
        Ok(Head::Request(head, self.framing.take_all(), delimited))
    }

    fn on_field(&mut self, line: &mut [u8]) -> Result<bool, Violation> {
        if let Some(Start::Response { pending, .. }) = &mut self.start {
            if is_folded(line) && !pending.is_empty() {
                self.unfold(line)?;
                return Ok(false);
            }
            let before = core::mem::replace(pending, line.to_vec());
            self.on_whole_field(before)?;
            return Ok(line.is_empty());
        }
        let Some(name) = self.budget.field(line)? else { return Ok(true) };
        let (name, value) = name.split(line);
        self.take_field(name, value)?;
        Ok(false)
    }

    /// The line goes on with the field before it. RFC 9112 section 5.2-4: of a response it is taken, with a space between.
    fn unfold(&mut self, line: &[u8]) -> Result<(), Violation> {
        self.budget.on_line(line.len())?;
        if let Some(Start::Response { pending, .. }) = &mut self.start {
            pending.push(b' ');
            pending.extend_from_slice(line.trim_ascii());
        }
        Ok(())
    }

    /// A field of a response, once the line after it is there.
    fn on_whole_field(&mut self, mut line: Vec<u8>) -> Result<(), Violation> {
        if !line.is_empty()
            && let Some(name) = self.budget.field(&mut line)?
        {
            let (name, value) = name.split(&line);
            self.take_field(name, value)?;
        }
        Ok(())
    }

    fn take_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Violation> {
        if self.framing.take(name, value)? {
            return Ok(());
        }
        let taken = match self.start.as_mut().expect("fields come after the first line") {
            Start::Request { host, .. } => {
                if name == b"host" && !host.is_to_be_read(value)? {
                    return Ok(());
                }
                self.request.push(name, value)
            }
            // RFC 9110 s10.1.4: TE is of requests.
            Start::Response { .. } if name == b"te" => Ok(()),
            // RFC 9112 section 6.3-1: a length of a tunnel means nothing.
            Start::Response { opens_tunnel: true, .. } if name == b"content-length" => Ok(()),
            Start::Response { decoder, .. } => decoder.push(name, value),
        };
        taken.map_err(Violation::Malformed)
    }

    /// RFC 9112 section 3.2-1, 3.2-2: three parts with one space between each, and nothing is mended.
    fn begin_request(&mut self, line: &[u8], scheme: &Scheme) -> Result<(), Violation> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Violation::RequestLine);
        };
        self.framing = Framing::new(parse_version(version, Violation::RequestLine)?);
        let is_connect = method == Method::Connect.as_str().as_bytes();
        let is_origin_form = !is_connect && matches!(target.first(), Some(b'/' | b'*'));
        if is_origin_form {
            self.request.push_target(method, scheme, target).map_err(Violation::Malformed)?;
            self.start = Some(Start::Request { host: Host::Wanted, is_connect });
            return Ok(());
        }
        let mut push = |name: &[u8], value: &[u8]| self.request.push(name, value).map_err(Violation::Malformed);
        push(b":method", method)?;
        if is_connect {
            // RFC 9112 section 3.2.3-1: host and port alone.
            push(b":authority", target).map_err(|_| Violation::Target)?;
        } else {
            let [of_target, authority, path] = absolute_form(target)?;
            push(b":scheme", of_target)?;
            push(b":authority", authority)?;
            push(b":path", path)?;
        }
        self.start = Some(Start::Request { host: Host::InTarget, is_connect });
        Ok(())
    }

    /// RFC 9112 s4: the version, a space, three digits; the words after them are for nobody.
    fn begin_response(&mut self, line: &[u8], is_connect: bool) -> Result<(), Violation> {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (Some(version), Some(status)) = (parts.next(), parts.next()) else { return Err(Violation::StatusLine) };
        self.framing = Framing::new(parse_version(version, Violation::StatusLine)?);
        let has_control = parts.next().unwrap_or_default().iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
        let status = Status::from_bytes(status).map_err(|_| Violation::StatusLine)?;
        if has_control {
            return Err(Violation::StatusLine);
        }
        let is_switch = status == Status::SWITCHING_PROTOCOLS;
        let told = if is_switch { Status::OK } else { status };
        let mut decoder = ResponseDecoder::new();
        decoder.push(b":status", told.as_str().as_bytes()).map_err(Violation::Malformed)?;
        let opens_tunnel = is_connect && status.is_successful();
        self.start = Some(Start::Response { decoder, is_switch, opens_tunnel, pending: Vec::new() });
        Ok(())
    }
}

impl Host {
    /// A Host field was there. Says whether it is the one that names the authority.
    fn is_to_be_read(&mut self, value: &[u8]) -> Result<bool, Violation> {
        match core::mem::replace(self, Host::Seen) {
            Host::Wanted => Ok(true),
            // RFC 9112 section 3.2-6: once, and well-formed. RFC 9112 s3.2.2: the target counts.
            Host::InTarget => {
                Authority::from_bytes(value).map_err(|_| Violation::Malformed(Malformed::Authority))?;
                Ok(false)
            }
            Host::Seen => Err(Violation::Malformed(Malformed::DuplicateHost)),
        }
    }
}

/// Whether the line goes on with the one before it (RFC 9112 section 5.2).
fn is_folded(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// Scheme, authority, and path with query of a target in absolute form. RFC 9112 section 3.2.2-5, 3.2.2-6.
fn absolute_form(target: &[u8]) -> Result<[&[u8]; 3], Violation> {
    let colon = target.windows(3).position(|bytes| bytes == b"://").ok_or(Violation::Target)?;
    let (scheme, rest) = target.split_at(colon);
    let rest = rest.get(3..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match path.first() {
        Some(b'/') => Ok([scheme, authority, path]),
        // A target without a path asks for `/`; one with a query and without a path nobody sends.
        None => Ok([scheme, authority, b"/"]),
        Some(_) => Err(Violation::Target),
    }
}

/// RFC 9112 s2.3: `HTTP/` in this case, a digit, a dot, a digit.
fn parse_version(bytes: &[u8], malformed: Violation) -> Result<Version, Violation> {
    match bytes.strip_prefix(b"HTTP/") {
        Some(b"1.0") => Ok(Version::Old),
        Some([b'1', b'.', minor]) if minor.is_ascii_digit() => Ok(Version::Current),
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => Err(Violation::Version),
        _ => Err(malformed),
    }
}

/// Trailers that are being received (RFC 9112 section 7.1.2).
#[derive(Debug)]
pub(crate) struct TrailersReader {
    budget: FieldBudget,
    decoder: TrailersDecoder,
}

impl TrailersReader {
    pub(crate) fn new(limits: &Limits) -> TrailersReader {
        TrailersReader { budget: FieldBudget::new(limits), decoder: TrailersDecoder::new() }
    }

    /// Takes bytes of a line from the front.
    pub(crate) fn take<'a>(&self, lines: &'a mut Lines, bytes: &'a mut [u8]) -> Result<Taken<'a>, Violation> {
        self.budget.take(lines, bytes)
    }

    /// A whole line. Says whether it was the last.
    pub(crate) fn on_line(&mut self, line: &mut [u8]) -> Result<bool, Violation> {
        let Some(name) = self.budget.field(line)? else { return Ok(true) };
        let (name, value) = name.split(line);
        self.decoder.push(name, value).map_err(Violation::Malformed)?;
        Ok(false)
    }

    /// All of them.
    pub(crate) fn finish(self) -> Fields {
        self.decoder.finish()
    }
}
