//! CRC-32C (Castagnoli; RFC 3385 has it for iSCSI), eight bytes at a time.

/// The polynomial, its bits in reverse.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[n][b]`: what the byte `b` becomes with `n` bytes of zero behind it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// The checksum of `bytes`, behind what has the checksum `before` (0 if nothing has).
pub(crate) fn crc32c(before: u32, bytes: &[u8]) -> u32 {
    let at = |zeros: usize, byte: u8| TABLES[zeros][usize::from(byte)];
    let mut value = !before;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let &[a, b, c, d, e, f, g, h] = chunk else { break };
        let [a, b, c, d] = (value ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        value = at(7, a) ^ at(6, b) ^ at(5, c) ^ at(4, d) ^ at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
    }
    for byte in chunks.remainder() {
        value = (value >> 8) ^ at(0, value.to_le_bytes()[0] ^ byte);
    }
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3720 appendix B.4, and the usual one.
    #[test]
    fn known_answers() {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        assert_eq!((crc32c(0, &up), crc32c(0, &down)), (0x46dd_794e, 0x113f_db5c));
        assert_eq!(crc32c(0, b""), 0);
    }

    #[test]
    fn parts_have_the_checksum_of_the_whole() {
        let bytes: Vec<u8> = (0..100u8).map(|byte| byte.wrapping_mul(37)).collect();
        let whole = crc32c(0, &bytes);
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            assert_eq!(crc32c(crc32c(0, front), back), whole, "{at}");
        }
    }
}
