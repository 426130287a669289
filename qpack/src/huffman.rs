//! The Huffman code for strings (RFC 7541 section 5.2).

mod table;

use alloc::vec::Vec;
use table::{CODES, END_OF_STRING, LENGTHS, LONGEST, SHORT, SHORTEST, SYMBOLS};

/// Why a string is no Huffman code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HuffmanError {
    /// The end-of-string symbol inside, padding of eight bits or more, or padding that is not all ones.
    Invalid,
    /// More bytes than the caller takes.
    TooLong,
}

/// Bytes that `text` takes when coded.
pub fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(code(*byte).1)).sum();
    bits.div_ceil(8)
}

/// Appends the code of `text`.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    // At most 31 bits wait between symbols and a code has at most thirty, so 64 bits never overflow.
    let mut waiting = 0u64;
    let mut bits = 0u32;
    for byte in text {
        let (code, length) = code(*byte);
        waiting = waiting << length | u64::from(code);
        bits += u32::from(length);
        if bits >= 32 {
            bits -= 32;
            out.extend_from_slice(&((waiting >> bits) as u32).to_be_bytes());
        }
    }
    // RFC 7541 s5.2: padded with the first bits of the end-of-string code, which are ones.
    let padded = waiting << 32 | u64::from(u32::MAX);
    let rest = ((padded >> bits) as u32).to_be_bytes();
    out.extend(rest.into_iter().take(bits.div_ceil(8) as usize));
}

/// Appends what `coded` stands for, at most `max_len` bytes of it.
pub fn decode(coded: &[u8], out: &mut Vec<u8>, max_len: usize) -> Result<(), HuffmanError> {
    let start = out.len();
    // Room for as many symbols as there can be, so that none has to ask for it.
    let most = (coded.len().saturating_mul(8) / SHORTEST).min(max_len);
    out.resize(start.saturating_add(most), 0);
    let decoded = decode_to(coded, out.split_at_mut(start).1);
    // Nothing is appended of what is no code.
    out.truncate(start + decoded.unwrap_or(0));
    decoded.map(drop)
}

/// Writes what `coded` stands for to the front of `room`: how many bytes.
fn decode_to(coded: &[u8], room: &mut [u8]) -> Result<usize, HuffmanError> {
    let len = room.len();
    let mut places = room.iter_mut();
    let mut input = coded;
    // The bits not used yet, at the top.
    let mut waiting = 0u64;
    let mut bits = 0u32;
    loop {
        (waiting, bits) = refill(&mut input, waiting, bits);
        // Most text is short codes, and where eight bits are left there is all of one.
        while bits >= 8
            && let Some(&(symbol, length)) = SHORT.get((waiting >> 56) as usize)
            && length > 0
        {
            *places.next().ok_or(HuffmanError::TooLong)? = symbol;
            waiting <<= length;
            bits -= u32::from(length);
        }
        if bits < 8 && !input.is_empty() {
            continue;
        }
        let (symbol, length) = match SHORT.get((waiting >> 56) as usize) {
            Some(&(symbol, length)) if length > 0 => (u16::from(symbol), u32::from(length)),
            // No code is longer than what is there then, unless the input ends.
            _ => {
                (waiting, bits) = refill(&mut input, waiting, bits);
                long_code((waiting >> 32) as u32)
            }
        };
        if length > bits {
            check_padding(waiting, bits)?;
            return Ok(len - places.len());
        }
        if symbol == END_OF_STRING {
            return Err(HuffmanError::Invalid);
        }
        *places.next().ok_or(HuffmanError::TooLong)? = symbol as u8;
        waiting <<= length;
        bits -= length;
    }
}

/// Puts up to 32 bits of `input` behind the first `bits` of `waiting`, if these are fewer than 32.
#[inline]
fn refill(input: &mut &[u8], mut waiting: u64, mut bits: u32) -> (u64, u32) {
    if bits >= 32 {
        return (waiting, bits);
    }
    if let Some((four, rest)) = input.split_first_chunk::<4>() {
        *input = rest;
        return (waiting | u64::from(u32::from_be_bytes(*four)) << (32 - bits), bits + 32);
    }
    for byte in core::mem::take(input) {
        waiting |= u64::from(*byte) << (56 - bits);
        bits += 8;
    }
    (waiting, bits)
}

fn code(byte: u8) -> (u32, u8) {
    CODES.get(usize::from(byte)).copied().unwrap_or((0, 0))
}

/// Symbol and length of the code at the top of `window`, which is longer than eight bits.
fn long_code(window: u32) -> (u16, u32) {
    for (length, codes) in LENGTHS.iter().enumerate().skip(9) {
        if u64::from(window) < codes.end {
            let code = window >> (32 - length);
            let place = codes.first_place + (code - codes.first_code) as usize;
            return (SYMBOLS.get(place).copied().unwrap_or(END_OF_STRING), length as u32);
        }
    }
    // All thirty bits are ones and the two below do not matter: the end of the string.
    (END_OF_STRING, LONGEST as u32)
}

/// What is left is less than a symbol. RFC 7541 s5.2: fewer than eight bits, all ones.
fn check_padding(waiting: u64, bits: u32) -> Result<(), HuffmanError> {
    let expected = !(u64::MAX.checked_shr(bits).unwrap_or(0));
    if bits < 8 && waiting == expected { Ok(()) } else { Err(HuffmanError::Invalid) }
}

#[cfg(test)]
mod tests;
