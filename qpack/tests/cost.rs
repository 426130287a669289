//! What the dynamic table costs and saves, with both ends in one program: ten fields of a request that repeat and eight of a response,
//! as so many at a time as are under way. Prints a table; nothing is asserted but that it saves bytes.
//!
//! `cargo test --release -p posthaste-qpack --test cost -- --nocapture`

extern crate posthaste_qpack as qpack;

use qpack::{Decoder, DecoderLimits, Encoder, EncoderLimits};
use std::convert::Infallible;
use std::time::Instant;

const ROUNDS: usize = 200;

/// One direction of a connection.
struct End {
    encoder: Encoder,
    decoder: Decoder,
    bytes: usize,
}

impl End {
    fn new(table: u32) -> End {
        let limits = DecoderLimits { max_table_capacity: table, max_blocked_streams: 100 };
        let mut encoder = Encoder::new();
        encoder.allow(EncoderLimits {
            max_table_capacity: table.into(),
            max_blocked_streams: 100,
            table_capacity: table,
        });
        End { encoder, decoder: Decoder::with_limits(limits), bytes: 0 }
    }

    /// So many messages go out before the first acknowledgment comes back.
    fn carry(&mut self, first: u64, messages: &[Vec<(String, String)>]) {
        let mut sections = Vec::new();
        for (stream, lines) in (first..).zip(messages) {
            let mut section = Vec::with_capacity(256);
            self.encoder.encode(None, lines.iter().map(|(name, value)| (name, value)), 4096, &mut section);
            self.encoder.on_sent(stream);
            let instructions = self.encoder.take_instructions();
            self.decoder.on_encoder_stream(&instructions).expect("instructions of ours");
            self.bytes += section.len() + instructions.len();
            sections.push((stream, section));
        }
        for (stream, section) in sections {
            assert_eq!(self.decoder.admit(stream, &section), Ok(true));
            let count = |_: &[u8], _: &[u8]| Ok::<(), Infallible>(());
            self.decoder.decode_from(stream, &section, 1 << 16, count).expect("a section of ours");
        }
        let answer = self.decoder.take_instructions();
        self.bytes += answer.len();
        self.encoder.on_decoder_stream(&answer).expect("instructions of ours");
    }
}

fn request(number: usize) -> Vec<(String, String)> {
    let path = format!("/api/v1/items/{number}?fields=name,price");
    let lines = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "shop.example.com"),
        (":path", &path),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("referer", "https://shop.example.com/catalogue/autumn"),
        ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
        ("x-client-version", "2026.11.2"),
    ];
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn response(number: usize) -> Vec<(String, String)> {
    let length = (1000 + number % 500).to_string();
    let lines = [
        (":status", "200"),
        ("content-length", &length),
        ("content-type", "application/json; charset=utf-8"),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("server", "posthaste"),
        ("cache-control", "private, max-age=60"),
        ("vary", "accept-encoding, cookie"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-request-region", "eu-central-1"),
    ];
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn what_a_table_costs_and_saves() {
    println!("| under way | bytes, static | bytes, 4 KiB | time of both ends, 4 KiB to static |");
    for under_way in [1, 32, 100] {
        let mut ends = [0, 4096].map(|table| [End::new(table), End::new(table)]);
        let mut times = [f64::MAX; 2];
        for round in 0..ROUNDS {
            let first = round * under_way;
            let numbers = first..first + under_way;
            let messages: [Vec<_>; 2] = [numbers.clone().map(request).collect(), numbers.map(response).collect()];
            for (ends, least) in ends.iter_mut().zip(&mut times) {
                let begin = Instant::now();
                for (end, messages) in ends.iter_mut().zip(&messages) {
                    end.carry(first as u64, messages);
                }
                *least = least.min(begin.elapsed().as_secs_f64());
            }
        }
        let count = (ROUNDS * under_way) as f64;
        let [plain, table] = ends.map(|ends| ends.iter().map(|end| end.bytes).sum::<usize>() as f64 / count);
        println!("| {under_way} | {plain:.0} | {table:.0} | {:.2} |", times[1] / times[0]);
        assert!(table < plain / 2.0, "{table} and {plain} bytes");
    }
}
