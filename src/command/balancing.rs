//! Connection IDs that load balancers read, as the command line has them.

use crate::command::arguments::{Balancing, hex};
use posthaste::IdLayout;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// Bytes of a key.
const KEY_LEN: usize = 16;
/// The most threads if nothing is said: as many as the kernel can tell apart by connection IDs.
const MAX_THREADS: usize = 256;

/// The layout, with the key from its file.
pub fn layout(balancing: &Balancing) -> Result<IdLayout, String> {
    let plain = balancing.plain().map_err(|error| error.to_string())?;
    let Some(file) = &balancing.key else { return Ok(IdLayout::for_load_balancers(plain)) };
    let mut text = String::new();
    // More than a key with spaces around it is none.
    let read = File::open(file).and_then(|opened| opened.take(100).read_to_string(&mut text));
    read.map_err(|error| format!("{file} could not be read: {error}"))?;
    let key: Option<[u8; KEY_LEN]> = hex(text.trim()).and_then(|bytes| bytes.try_into().ok());
    let key = key.ok_or_else(|| {
        format!(
            "{file} is no key of load balancers: it has to hold 16 bytes as 32 hexadecimal digits; \
             openssl rand -hex 16 makes one"
        )
    })?;
    Ok(IdLayout::for_load_balancers(plain.with_key(&key)))
}

/// How many threads serve if nothing is said: one for each processor that this process may use, where the system spreads clients
/// over them.
pub fn threads() -> usize {
    if !runtime::UdpSocket::SPREADS {
        return 1;
    }
    available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_a_file() {
        let path = std::env::temp_dir().join(format!("posthaste-lb-key-{}", std::process::id()));
        let file = path.to_str().unwrap().to_owned();
        let balancing = Balancing { server: vec![1], configuration: 0, nonce_len: 8, key: Some(file) };
        let refusal = || layout(&balancing).unwrap_err();
        assert!(refusal().contains("could not be read"));
        for wrong in ["", "00", &"0".repeat(33), &"g".repeat(32), &"0".repeat(3000)] {
            std::fs::write(&path, wrong).unwrap();
            assert!(refusal().contains("32 hexadecimal digits"));
        }
        std::fs::write(&path, "8f95f09245765f80256934e50c66207f\n").unwrap();
        let read = layout(&balancing);
        std::fs::remove_file(&path).unwrap();
        assert!(format!("{:?}", read.unwrap()).contains("is_encrypted: true"));
    }
}
