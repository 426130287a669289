//! Variable-length integers against a reading of RFC 9000 section 16 that does one bit at a time.

use base::{Reader, Writer};

pub fn run(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut place = 0;
    loop {
        let expected = naive(&data[place..]);
        let got = reader.varint().ok();
        assert_eq!(got, expected.map(|(value, _)| value));
        let Some((value, len)) = expected else {
            assert_eq!(reader.position(), place, "what is not whole is left alone");
            return;
        };
        place += len;
        assert_eq!(reader.position(), place);
        let mut buffer = [0; 8];
        let mut writer = Writer::new(&mut buffer);
        writer.varint(value).unwrap();
        let written = writer.written();
        assert_eq!(written.len(), base::varint::encoded_len(value));
        assert!(written.len() <= len, "the shortest form");
        assert_eq!(naive(written), Some((value, written.len())));
    }
}

fn naive(bytes: &[u8]) -> Option<(u64, usize)> {
    let bit = |index: usize| bytes.get(index / 8).map(|byte| byte >> (7 - index % 8) & 1);
    let len = 1 << (bit(0)? * 2 + bit(1)?);
    let mut value = 0;
    for index in 2..len * 8 {
        value = value * 2 + u64::from(bit(index)?);
    }
    Some((value, len))
}
