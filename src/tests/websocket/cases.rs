//! The cases of the Autobahn test suite's list, by its numbers, with frames of our own: sections 1 to 7, 9 and 10. Those of sections 12 and 13
//! are about compression, which is not offered. Each runs against our server and our client, over each version of HTTP: their
//! application sends back what it receives.

use super::ends::raw;
use super::*;
use crate::{Body, BodyWriter, Bytes, ResponseHead, Status};

/// A frame before it is masked: its first byte, and its content.
type Frame = (u8, Vec<u8>);

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All is sent back; then the test closes, and that is answered.
    Clean,
    /// The test closes within the case, and this code comes back; `None` is a Close without one.
    Answered(Option<u16>),
    /// It is failed with this code. What came before the breach may be sent back or not.
    Failed(u16),
}

struct Case {
    number: String,
    frames: Vec<Frame>,
    /// Bytes that are written at a time.
    chop: usize,
    /// What comes back: opcode and content of whole messages and Pongs.
    back: Vec<Frame>,
    end: End,
}

const WHOLE: usize = usize::MAX;
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn case(number: impl Into<String>, frames: Vec<Frame>, chop: usize, back: Vec<Frame>, end: End) -> Case {
    Case { number: number.into(), frames, chop, back, end }
}

fn bytes(content: impl AsRef<[u8]>) -> Vec<u8> {
    content.as_ref().to_vec()
}

fn close(code: u16, reason: &[u8]) -> Frame {
    (CLOSE, [&code.to_be_bytes()[..], reason].concat())
}

fn repeated(len: usize) -> Vec<u8> {
    b"*".repeat(len)
}

/// A message in fragments of this size.
fn fragments(opcode: u8, content: &[u8], size: usize) -> Vec<Frame> {
    let count = content.len().div_ceil(size).max(1);
    let piece = |at: usize| content[at * size..content.len().min((at + 1) * size)].to_vec();
    let first = |at: usize| u8::from(at + 1 == count) << 7 | if at == 0 { opcode & 0x0f } else { 0 };
    (0..count).map(|at| (first(at), piece(at))).collect()
}

/// 1: framing.
fn framing() -> Vec<Case> {
    let sizes = [(1, 0), (2, 125), (3, 126), (4, 127), (5, 128), (6, 65_535), (7, 65_536), (8, 65_536)];
    let of = |(part, first): (u8, u8)| {
        sizes.map(move |(number, len)| {
            let frame = (first, if first == TEXT { repeated(len) } else { vec![0xfe; len] });
            let chop = if number == 8 { 997 } else { WHOLE };
            case(format!("1.{part}.{number}"), vec![frame.clone()], chop, vec![frame], End::Clean)
        })
    };
    [(1, TEXT), (2, BINARY)].into_iter().flat_map(of).collect()
}

/// 2: Pings and Pongs.
fn pings() -> Vec<Case> {
    let answered = |number: &str, content: Vec<u8>, chop| {
        case(number, vec![(PING, content.clone())], chop, vec![(PONG, content)], End::Clean)
    };
    let ten: Vec<Frame> = (0..10).map(|number| (PING, bytes(format!("payload-{number}")))).collect();
    let pongs: Vec<Frame> = ten.iter().map(|(_, content)| (PONG, content.clone())).collect();
    vec![
        answered("2.1", Vec::new(), WHOLE),
        answered("2.2", bytes("Hello, world!"), WHOLE),
        answered("2.3", bytes([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]), WHOLE),
        answered("2.4", vec![0xfe; 125], WHOLE),
        case("2.5", vec![(PING, vec![0xfe; 126])], WHOLE, vec![], End::Failed(1002)),
        answered("2.6", vec![0xfe; 125], 1),
        case("2.7", vec![(PONG, Vec::new())], WHOLE, vec![], End::Clean),
        case("2.8", vec![(PONG, bytes("unsolicited"))], WHOLE, vec![], End::Clean),
        case("2.9", vec![(PONG, bytes("a")), (PING, bytes("b"))], WHOLE, vec![(PONG, bytes("b"))], End::Clean),
        case("2.10", ten.clone(), WHOLE, pongs.clone(), End::Clean),
        case("2.11", ten, 1, pongs, End::Clean),
    ]
}

/// 3: reserved bits. 4: reserved opcodes.
fn reserved() -> Vec<Case> {
    let hello = (TEXT, bytes("Hello, world!"));
    let fail = |number: String, before: Vec<Frame>, first: u8, content: &str, chop| {
        let back = before.clone();
        let frames = [before, vec![(first, bytes(content)), (PING, Vec::new())]].concat();
        case(number, frames, chop, back, End::Failed(1002))
    };
    let mut cases = vec![
        fail("3.1".into(), vec![], TEXT | 0x40, "Hello, world!", WHOLE),
        fail("3.2".into(), vec![hello.clone()], TEXT | 0x20, "Hello, world!", WHOLE),
        fail("3.3".into(), vec![hello.clone()], TEXT | 0x60, "Hello, world!", WHOLE),
        fail("3.4".into(), vec![hello.clone()], TEXT | 0x10, "Hello, world!", 1),
        fail("3.5".into(), vec![], BINARY | 0x50, "\0", WHOLE),
        fail("3.6".into(), vec![], PING | 0x30, "Hello, world!", WHOLE),
        fail("3.7".into(), vec![], CLOSE | 0x70, "", WHOLE),
    ];
    for (part, opcodes) in [(1, [3, 4, 5, 6, 7]), (2, [11, 12, 13, 14, 15])] {
        for (number, opcode) in opcodes.into_iter().enumerate() {
            let before = if number < 2 { vec![] } else { vec![hello.clone()] };
            let chop = if number < 3 { WHOLE } else { 1 };
            let content = if number % 2 == 0 { "" } else { "reserved" };
            cases.push(fail(format!("4.{part}.{}", number + 1), before, 0x80 | opcode, content, chop));
        }
    }
    cases
}

/// 5: fragments.
fn fragmented() -> Vec<Case> {
    let whole = || vec![(TEXT, bytes("fragment1fragment2"))];
    let (first, second) = ((0x01, bytes("fragment1")), (0x80, bytes("fragment2")));
    let both = || vec![first.clone(), second.clone()];
    let around = |between: Vec<Frame>| [vec![first.clone()], between, vec![second.clone()]].concat();
    let ping = (PING, bytes("ping"));
    let pinged = [vec![(PONG, bytes("ping"))], whole()].concat();
    let failed = |number: &str, frames: Vec<Frame>, chop| case(number, frames, chop, vec![], End::Failed(1002));
    let stray = |first: u8| [vec![(first, bytes("stray"))], both()].concat();
    let two: Vec<Frame> =
        [("fragment", 5)].iter().flat_map(|(word, count)| fragments(TEXT, word.repeat(*count).as_bytes(), 8)).collect();
    let mut long = two.clone();
    long.insert(2, (PING, bytes("pongme 1!")));
    long.insert(5, (PING, bytes("pongme 2!")));
    let long_back = vec![(PONG, bytes("pongme 1!")), (PONG, bytes("pongme 2!")), (TEXT, bytes("fragment".repeat(5)))];
    let mut cases = vec![
        failed("5.1", vec![(0x09, bytes("fragment1")), second.clone()], WHOLE),
        failed("5.2", vec![(0x0a, bytes("fragment1")), second.clone()], WHOLE),
        case("5.3", both(), WHOLE, whole(), End::Clean),
        case("5.4", both(), 9, whole(), End::Clean),
        case("5.5", both(), 1, whole(), End::Clean),
        case("5.6", around(vec![ping.clone()]), WHOLE, pinged.clone(), End::Clean),
        case("5.7", around(vec![ping.clone()]), 9, pinged.clone(), End::Clean),
        case("5.8", around(vec![ping]), 1, pinged, End::Clean),
        failed("5.15", [both(), vec![(0x00, bytes("fragment3")), (TEXT, bytes("x"))]].concat(), WHOLE),
        case("5.19", long.clone(), WHOLE, long_back.clone(), End::Clean),
        case("5.20", long, 1, long_back, End::Clean),
    ];
    for (number, first, chop) in
        [(9, 0x80, WHOLE), (10, 0x80, 9), (11, 0x80, 1), (12, 0x00, WHOLE), (13, 0x00, 9), (14, 0x00, 1)]
    {
        cases.push(failed(&format!("5.{number}"), stray(first), chop));
    }
    for (number, continuation) in [(16, 0x00), (17, 0x80)] {
        cases.push(failed(
            &format!("5.{number}"),
            vec![(continuation, bytes("1")), (0x01, bytes("2")), (0x80, bytes("3"))],
            WHOLE,
        ));
    }
    cases.push(failed("5.18", vec![first.clone(), (TEXT, bytes("fragment2"))], WHOLE));
    // The message before the breach is whole, and may be sent back.
    for case in &mut cases {
        if case.number == "5.15" {
            case.back = whole();
        }
    }
    cases
}

/// 6: UTF-8.
fn text() -> Vec<Case> {
    let good = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let kosme = "κόσμε".as_bytes();
    let bad = [kosme, b"\xed\xa0\x80", b"edited"].concat();
    let back = |content: &[u8]| vec![(TEXT, content.to_vec())];
    let split = |parts: &[&[u8]]| -> Vec<Frame> {
        let last = parts.len() - 1;
        let first = |at: usize| u8::from(at == last) << 7 | u8::from(at == 0);
        parts.iter().enumerate().map(|(at, part)| (first(at), part.to_vec())).collect()
    };
    let valid =
        |number: &str, frames: Vec<Frame>, chop, content: &[u8]| case(number, frames, chop, back(content), End::Clean);
    let broken = |number: &str, frames: Vec<Frame>, chop| case(number, frames, chop, vec![], End::Failed(1007));
    let late = b"\xf4\x90\x80\x80";
    let mut cases = vec![
        valid("6.1.1", back(b""), WHOLE, b""),
        valid("6.1.2", split(&[b"", b"", b""]), WHOLE, b""),
        valid("6.1.3", split(&[b"", b"middle", b""]), WHOLE, b"middle"),
        valid("6.2.1", back(good), WHOLE, good),
        valid("6.2.2", split(&[&good[..7], &good[7..]]), WHOLE, good),
        valid("6.2.3", fragments(TEXT, good, 1), WHOLE, good),
        valid("6.2.4", fragments(TEXT, kosme, 1), WHOLE, kosme),
        broken("6.3.1", back(&bad), WHOLE),
        broken("6.3.2", fragments(TEXT, &bad, 1), WHOLE),
        // These end at the first byte that cannot be: the message itself does not end.
        broken("6.4.1", vec![(0x01, kosme.to_vec()), (0x00, late.to_vec())], WHOLE),
        broken("6.4.2", vec![(0x01, [kosme, b"\xf4"].concat()), (0x00, b"\x90".to_vec())], WHOLE),
        broken("6.4.3", vec![(0x01, [kosme, late].concat())], 5),
        broken("6.4.4", vec![(0x01, [kosme, &late[..2]].concat())], 1),
        valid("6.5.1", split(&[&kosme[..3], &kosme[3..]]), 1, kosme),
        valid("6.5.2", back(kosme), 1, kosme),
        valid("6.5.3", split(&[&kosme[..1], &kosme[1..]]), WHOLE, kosme),
        valid("6.5.4", split(&[&kosme[..4], &kosme[4..5], &kosme[5..]]), WHOLE, kosme),
        valid("6.5.5", split(&[kosme, b""]), WHOLE, kosme),
    ];
    let table: [(&str, &[&[u8]], bool); 26] = [
        ("6.6.1", &[b"\xce"], false),
        ("6.6.2", &[b"\xce\xba"], true),
        ("6.6.3", &[b"\xce\xba\xe1"], false),
        ("6.6.4", &[b"\xce\xba\xe1\xbd"], false),
        ("6.6.5", &[b"\xce\xba\xe1\xbd\xb9"], true),
        ("6.6.6", &[b"\xce\xba\xe1\xbd\xb9\xcf"], false),
        ("6.6.7", &[b"\xce\xba\xe1\xbd\xb9\xcf\x83"], true),
        ("6.6.8", &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce"], false),
        ("6.6.9", &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc"], true),
        ("6.6.10", &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"], false),
        ("6.6.11", &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"], true),
        ("6.7", &[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"], true),
        ("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"], false),
        ("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"], true),
        ("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"], false),
        ("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"], true),
        ("6.11.5", &[b"\xf4\x90\x80\x80"], false),
        ("6.12", &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"], false),
        ("6.13", &[b"\xc0 \xc1 ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xf8 \xf9 ", b"\xfc "], false),
        (
            "6.14",
            &[b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf"],
            false,
        ),
        ("6.15", &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80"], false),
        ("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"], false),
        ("6.17", &[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf"], false),
        ("6.18", &[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"], false),
        ("6.19", &[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"], false),
        (
            "6.20",
            &[b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf"],
            false,
        ),
    ];
    let more: [(&str, &[&[u8]], bool); 3] = [
        ("6.21", &[b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"], false),
        ("6.22", &[b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xf0\x9f\xbf\xbe", b"\xf4\x8f\xbf\xbf"], true),
        ("6.23", &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc", b"\xef\xbf\xbd"], true),
    ];
    for (number, contents, is_valid) in table.into_iter().chain(more) {
        for (place, content) in contents.iter().enumerate() {
            let name = if contents.len() > 1 { format!("{number}.{}", place + 1) } else { number.to_owned() };
            cases.push(match is_valid {
                true => valid(&name, back(content), WHOLE, content),
                false => broken(&name, back(content), WHOLE),
            });
        }
    }
    cases
}

/// 7: closing.
fn closing() -> Vec<Case> {
    let hello = (TEXT, bytes("Hello World!"));
    let normal = || close(1000, b"");
    let after = |number: &str, frames: Vec<Frame>| {
        case(number, [vec![normal()], frames].concat(), WHOLE, vec![], End::Answered(Some(1000)))
    };
    let said = |number: &str, frame: Frame, end| case(number, vec![frame], WHOLE, vec![], end);
    let longest = [&1000_u16.to_be_bytes()[..], &repeated(123)].concat();
    let mut cases = vec![
        case("7.1.1", vec![hello.clone()], WHOLE, vec![hello.clone()], End::Clean),
        after("7.1.2", vec![normal()]),
        after("7.1.3", vec![(PING, Vec::new())]),
        after("7.1.4", vec![hello]),
        case(
            "7.1.5",
            vec![(0x01, bytes("fragment1")), normal(), (0x80, bytes("fragment2"))],
            WHOLE,
            vec![],
            End::Answered(Some(1000)),
        ),
        after("7.1.6", vec![(TEXT, repeated(256 << 10)), normal(), (PING, Vec::new())]),
        said("7.3.1", (CLOSE, Vec::new()), End::Answered(None)),
        said("7.3.2", (CLOSE, bytes("a")), End::Failed(1002)),
        said("7.3.3", normal(), End::Answered(Some(1000))),
        said("7.3.4", close(1000, b"Hello World!"), End::Answered(Some(1000))),
        said("7.3.5", (CLOSE, longest.clone()), End::Answered(Some(1000))),
        said("7.3.6", (CLOSE, [&longest[..], b"*"].concat()), End::Failed(1002)),
        said("7.5.1", close(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"), End::Failed(1007)),
    ];
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (place, code) in good.into_iter().enumerate() {
        cases.push(said(&format!("7.7.{}", place + 1), close(code, b""), End::Answered(Some(code))));
    }
    for (place, code) in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].into_iter().enumerate() {
        cases.push(said(&format!("7.9.{}", place + 1), close(code, b""), End::Failed(1002)));
    }
    for (place, code) in [5000, 65_535].into_iter().enumerate() {
        cases.push(said(&format!("7.13.{}", place + 1), close(code, b""), End::Failed(1002)));
    }
    cases
}

/// 9: sizes, fragments, pieces and many messages. 10: what an application's framework makes of a long message.
fn large() -> Vec<Case> {
    let mut cases = Vec::new();
    for (part, first) in [(1, TEXT), (2, BINARY)] {
        for (number, len) in [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20].into_iter().enumerate() {
            let frame = (first, repeated(len));
            cases.push(case(format!("9.{part}.{}", number + 1), vec![frame.clone()], WHOLE, vec![frame], End::Clean));
        }
    }
    let four = repeated(4 << 20);
    for (part, first) in [(3, TEXT), (4, BINARY)] {
        for number in 1..=9_u32 {
            // From 64 bytes to all of it in one.
            let frames = fragments(first, &four, 16 << (2 * number));
            cases.push(case(format!("9.{part}.{number}"), frames, WHOLE, vec![(first, four.clone())], End::Clean));
        }
    }
    for (part, first) in [(5, TEXT), (6, BINARY)] {
        for number in 1..=6_u32 {
            let frame = (first, repeated(1 << 20));
            let chop = 32 << number;
            cases.push(case(format!("9.{part}.{number}"), vec![frame.clone()], chop, vec![frame], End::Clean));
        }
    }
    for (part, first) in [(7, TEXT), (8, BINARY)] {
        for (number, len) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let frames = vec![(first, repeated(len)); 1000];
            cases.push(case(format!("9.{part}.{}", number + 1), frames.clone(), WHOLE, frames, End::Clean));
        }
    }
    let long = repeated(65_536);
    cases.push(case("10.1.1", fragments(TEXT, &long, 1300), WHOLE, vec![(TEXT, long)], End::Clean));
    cases
}

/// The bytes of a frame.
fn written(frame: &Frame, is_masked: bool) -> Vec<u8> {
    let (first, content) = frame;
    let mask = u8::from(is_masked) << 7;
    let mut out = match content.len() {
        len @ 0..=125 => vec![*first, mask | len as u8],
        len @ 126..=65_535 => [&[*first, mask | 126][..], &(len as u16).to_be_bytes()].concat(),
        len => [&[*first, mask | 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    if is_masked {
        let key = [0x11, 0x22, 0x33, 0x44];
        out.extend_from_slice(&key);
        out.extend(content.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        out.extend_from_slice(content);
    }
    out
}

/// Whole messages and control frames that come, until a Close or the end. The reader of a test, which knows no rules.
struct Replies {
    body: Body,
    bytes: Vec<u8>,
    message: Option<Frame>,
}

impl Replies {
    async fn fill(&mut self, len: usize) -> bool {
        while self.bytes.len() < len {
            match self.body.chunk().await {
                Ok(Some(bytes)) => self.bytes.extend_from_slice(&bytes),
                _ => return false,
            }
        }
        true
    }

    async fn frame(&mut self) -> Option<Frame> {
        let mut head = 2;
        if !self.fill(head).await {
            return None;
        }
        let (first, second) = (self.bytes[0], self.bytes[1]);
        let long = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        head += long + usize::from(second >> 7) * 4;
        if !self.fill(head).await {
            return None;
        }
        let said = self.bytes[2..2 + long].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if long == 0 { usize::from(second & 0x7f) } else { said };
        if !self.fill(head + len).await {
            return None;
        }
        let rest = self.bytes.split_off(head + len);
        let mut frame = std::mem::replace(&mut self.bytes, rest);
        let mut content = frame.split_off(head);
        if second & 0x80 != 0 {
            let key = frame[head - 4..].to_vec();
            content.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Some((first, content))
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            let (first, content) = self.frame().await?;
            if first & 0x08 != 0 {
                return Some((first, content));
            }
            let (opcode, whole) = self.message.get_or_insert((0x80 | first & 0x0f, Vec::new()));
            let _ = opcode;
            whole.extend_from_slice(&content);
            if first & 0x80 != 0 {
                return self.message.take();
            }
        }
    }
}

/// Runs a case against whoever is behind a tunnel.
async fn run(case: &Case, body: Body, mut writer: BodyWriter, is_client: bool, handle: &Handle) {
    let sent: Vec<u8> = case.frames.iter().flat_map(|frame| written(frame, is_client)).collect();
    let (bytes, chop) = (Bytes::from(sent), case.chop);
    let sending = handle.spawn(async move {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(chop.min(rest.len()));
            // A breach ends the reading of the other end.
            if writer.write(piece).await.is_err() {
                break;
            }
        }
        writer
    });
    let mut replies = Replies { body, bytes: Vec::new(), message: None };
    let mut back = Vec::new();
    let mut said = None;
    let (mut sending, mut writer) = (Some(sending), None);
    loop {
        // Closes once everything has come back.
        if case.end == End::Clean
            && back.len() == case.back.len()
            && let Some(sending) = sending.take()
        {
            let mut done = sending.await.unwrap();
            done.write(written(&close(1000, b""), is_client)).await.unwrap();
            writer = Some(done);
        }
        match replies.next().await {
            Some((CLOSE, content)) => {
                said = Some(content);
                break;
            }
            // A client or server of ours may ask whether we are there.
            Some((PING, _)) => {}
            Some(frame) => back.push(frame),
            None => break,
        }
    }
    if let Some(sending) = sending {
        writer = Some(sending.await.unwrap());
    }
    // It may have been broken off.
    let _ = writer.map(BodyWriter::finish);
    let number = &case.number;
    let code = said.as_deref().map(|content| content.first_chunk().map(|code| u16::from_be_bytes(*code)));
    let (expected, is_whole) = match case.end {
        End::Clean => (Some(1000), true),
        End::Answered(code) => (code, true),
        End::Failed(code) => (Some(code), false),
    };
    assert_eq!(code, Some(expected), "{number}");
    let matches = if is_whole { back == case.back } else { case.back.starts_with(&back) };
    assert!(matches, "{number}: {} came back of {}", back.len(), case.back.len());
}

fn check_server(cases: fn() -> Vec<Case>) {
    over_each(echo, async |client, url, handle| {
        for case in cases() {
            let (body, writer) = raw(&client, &url).await.split();
            run(&case, body, writer, true, &handle).await;
        }
    });
}

/// The test is the server, and the client sends back what it is sent.
fn check_client(cases: fn() -> Vec<Case>) {
    let handler = move |request: Request, reply: Reply| async move {
        let Some(place) = request.path().strip_prefix("/").and_then(|place| place.parse::<usize>().ok()) else {
            return reply.send(404, "").await;
        };
        let mut head = ResponseHead::new(Status::OK);
        if let Some(key) = request.fields().first_text("sec-websocket-key") {
            let accept = websocket::handshake::accept(key, crypto_ring::sha1_for_websocket);
            head = head.with_field("sec-websocket-accept", accept)?;
        }
        let handle = request.executor().unwrap();
        let (body, writer) = reply.accept(request, head)?.split();
        run(&cases()[place], body, writer, false, &handle).await;
        Ok::<(), Error>(())
    };
    over_each(handler, async |client, url, _| {
        for (place, case) in cases().iter().enumerate() {
            let opening = client.websocket(&format!("{url}/{place}")).config(roomy());
            let mut socket = opening.connect().await.unwrap();
            let end = loop {
                match socket.receive().await {
                    // What it has sent last may find nobody any more.
                    Ok(Some(message)) => drop(socket.send(message).await),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let is_breach = matches!(end, Some(Error::WebSocket(_)));
            assert_eq!(is_breach, matches!(case.end, End::Failed(_)), "{}: {end:?}", case.number);
        }
    });
}

#[test]
fn framing_of_a_server() {
    check_server(framing);
}

#[test]
fn framing_of_a_client() {
    check_client(framing);
}

#[test]
fn pings_of_a_server() {
    check_server(pings);
}

#[test]
fn pings_of_a_client() {
    check_client(pings);
}

#[test]
fn reserved_bits_and_opcodes_of_a_server() {
    check_server(reserved);
}

#[test]
fn reserved_bits_and_opcodes_of_a_client() {
    check_client(reserved);
}

#[test]
fn fragments_of_a_server() {
    check_server(fragmented);
}

#[test]
fn fragments_of_a_client() {
    check_client(fragmented);
}

#[test]
fn text_of_a_server() {
    check_server(text);
}

#[test]
fn text_of_a_client() {
    check_client(text);
}

#[test]
fn closing_of_a_server() {
    check_server(closing);
}

#[test]
fn closing_of_a_client() {
    check_client(closing);
}

#[test]
fn large_messages_of_a_server() {
    check_server(large);
}

#[test]
fn large_messages_of_a_client() {
    check_client(large);
}
