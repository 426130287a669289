//! Connection IDs that load balancers read, as the command line has them.

use posthaste::{IdLayout, LoadBalancing, LoadBalancingError};
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// Bytes of a nonce, if nothing is said: enough that none ever comes twice.
const NONCE_LEN: usize = 8;
/// The longest server ID that a connection ID has room for.
const MAX_SERVER_LEN: usize = 14;
/// Bytes of a key.
const KEY_LEN: usize = 16;
/// The most threads if nothing is said: as many as the kernel can tell apart by connection IDs.
const MAX_THREADS: usize = 256;

/// What load balancers before this server know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Balancing {
    /// The ID of this server.
    pub server: Vec<u8>,
    /// The number of their configuration.
    pub configuration: u8,
    /// Bytes of a nonce.
    pub nonce_len: usize,
    /// The file of their key; without one IDs are not encrypted.
    pub key: Option<String>,
}

/// The options as they were given.
#[derive(Default)]
pub struct Given {
    /// `--server-id`.
    pub server: Option<String>,
    /// `--lb-config`.
    pub configuration: Option<String>,
    /// `--lb-nonce`.
    pub nonce_len: Option<u64>,
    /// `--lb-key`.
    pub key: Option<String>,
}

impl Given {
    /// All of them together, if there are any.
    pub fn together(self) -> Result<Option<Balancing>, String> {
        let Some(server) = self.server else {
            let is_alone = self.configuration.is_some() || self.nonce_len.is_some() || self.key.is_some();
            let words =
                "--lb-config, --lb-nonce and --lb-key need --server-id, the ID that load balancers know this server by";
            return if is_alone { Err(words.into()) } else { Ok(None) };
        };
        let bytes = hex(&server).filter(|bytes| (1..=MAX_SERVER_LEN).contains(&bytes.len())).ok_or_else(|| {
            format!("--server-id needs 1 to {MAX_SERVER_LEN} bytes in hexadecimal, such as 00a7, not {server:?}")
        })?;
        let configuration = match self.configuration.as_deref().map(str::parse) {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Err("--lb-config needs a number from 0 to 6".into()),
        };
        let nonce_len = self.nonce_len.map_or(NONCE_LEN, |len| usize::try_from(len).unwrap_or(usize::MAX));
        let balancing = Balancing { server: bytes, configuration, nonce_len, key: self.key };
        match balancing.plain() {
            Ok(_) => Ok(Some(balancing)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Balancing {
    /// The layout, with the key from its file.
    pub fn layout(&self) -> Result<IdLayout, String> {
        let balancing = self.plain().map_err(|error| error.to_string())?;
        let Some(file) = &self.key else { return Ok(IdLayout::for_load_balancers(balancing)) };
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
        Ok(IdLayout::for_load_balancers(balancing.with_key(&key)))
    }

    fn plain(&self) -> Result<LoadBalancing, LoadBalancingError> {
        LoadBalancing::new(self.configuration, &self.server, self.nonce_len)
    }
}

/// How many threads serve if nothing is said: one for each processor that this process may use.
pub fn threads() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(server: Option<&str>, configuration: Option<&str>, nonce_len: Option<u64>) -> Given {
        Given { server: server.map(Into::into), configuration: configuration.map(Into::into), nonce_len, key: None }
    }

    #[test]
    fn a_server_id_is_enough() {
        assert_eq!(Given::default().together().unwrap(), None);
        let balancing = given(Some("00a7"), None, None).together().unwrap().unwrap();
        assert_eq!(balancing, Balancing { server: vec![0, 0xa7], configuration: 0, nonce_len: 8, key: None });
        assert_eq!(balancing.layout().unwrap().len(), 12);
        let balancing = given(Some("A7"), Some("6"), Some(4)).together().unwrap().unwrap();
        assert_eq!((balancing.configuration, balancing.layout().unwrap().len()), (6, 7));
    }

    #[test]
    fn what_makes_no_sense_says_what_to_do() {
        for (options, words) in [
            (given(None, Some("1"), None), "need --server-id"),
            (given(Some("a"), None, None), "in hexadecimal"),
            (given(Some(""), None, None), "1 to 14 bytes"),
            (given(Some("äb"), None, None), "in hexadecimal"),
            (given(Some("01"), Some("7"), None), "from 0 to 6"),
            (given(Some("01"), Some("x"), None), "from 0 to 6"),
            (given(Some("01"), Some("1"), Some(3)), "at least 4"),
            (given(Some("01"), Some("1"), Some(u64::MAX)), "at most 18"),
        ] {
            let text = options.together().unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_key_comes_from_a_file() {
        let path = std::env::temp_dir().join(format!("posthaste-lb-key-{}", std::process::id()));
        let file = path.to_str().unwrap().to_owned();
        let balancing = Balancing { server: vec![1], configuration: 0, nonce_len: 8, key: Some(file) };
        let refusal = || balancing.layout().unwrap_err();
        assert!(refusal().contains("could not be read"));
        for wrong in ["", "00", &"0".repeat(33), &"g".repeat(32), &"0".repeat(3000)] {
            std::fs::write(&path, wrong).unwrap();
            assert!(refusal().contains("32 hexadecimal digits"));
        }
        std::fs::write(&path, "8f95f09245765f80256934e50c66207f\n").unwrap();
        let layout = balancing.layout();
        std::fs::remove_file(&path).unwrap();
        assert!(format!("{:?}", layout.unwrap()).contains("is_encrypted: true"));
    }
}
