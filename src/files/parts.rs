//! Several parts of a file in one answer: `multipart/byteranges` (RFC 9110 section 14.6).

use base::Random;
use std::ops::Range;

/// How the parts are put into one body.
#[derive(Debug)]
pub(super) struct Parts {
    boundary: String,
    media_type: &'static str,
    /// Bytes of the whole file.
    len: u64,
    ranges: Vec<Range<u64>>,
}

impl Parts {
    /// Two or more parts of a file of `len` bytes.
    pub(super) fn new(ranges: Vec<Range<u64>>, len: u64, media_type: &'static str) -> Parts {
        // Nobody who makes a file can know it, so that no file has it within.
        let mut random = [0; 16];
        crypto_ring::SystemRandom::new().fill(&mut random);
        let boundary = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Parts { boundary, media_type, len, ranges }
    }

    /// RFC 9110 section 15.3.7.2-1.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Bytes of the body.
    pub(super) fn content_length(&self) -> u64 {
        let heads = (0..self.ranges.len()).map(|number| self.head(number).len() as u64).sum::<u64>();
        let contents = self.ranges.iter().map(|range| range.end - range.start).sum::<u64>();
        heads + contents + self.end().len() as u64
    }

    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// What stands before the content of a part.
    /// RFC 9110 section 15.3.7.2-3, 15.3.7.2-4.
    pub(super) fn head(&self, number: usize) -> Vec<u8> {
        let Range { start, end } = self.ranges[number];
        let (boundary, kind, last, len) = (&self.boundary, self.media_type, end - 1, self.len);
        format!("\r\n--{boundary}\r\ncontent-type: {kind}\r\ncontent-range: bytes {start}-{last}/{len}\r\n\r\n")
            .into_bytes()
    }

    /// What stands behind the last.
    pub(super) fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 section 15.3.7.2-1, 15.3.7.2-3, 15.3.7.2-4.
    #[test]
    fn every_part_says_which_it_is_and_the_length_is_that_of_all() {
        let parts = Parts::new(vec![900..910, 0..1], 1000, "text/plain");
        let boundary = parts.content_type().split_once("boundary=").unwrap().1.to_owned();
        assert_eq!(boundary.len(), 32);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let first =
            format!("\r\n--{boundary}\r\ncontent-type: text/plain\r\ncontent-range: bytes 900-909/1000\r\n\r\n");
        assert_eq!(text(parts.head(0)), first);
        assert!(text(parts.head(1)).contains("content-range: bytes 0-0/1000\r\n"));
        assert_eq!(text(parts.end()), format!("\r\n--{boundary}--\r\n"));
        let all = parts.head(0).len() + 10 + parts.head(1).len() + 1 + parts.end().len();
        assert_eq!(parts.content_length(), all as u64);
        assert_ne!(Parts::new(vec![0..1, 2..3], 9, "text/plain").content_type(), parts.content_type());
    }
}
