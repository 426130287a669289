//! Options that several commands have.

use super::parser::Usage;
use quic::{CongestionControl, Version, Versions}; // not by way of `posthaste`: the fuzzer takes these files alone

/// The files of a certificate chain and its private key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPair {
    /// The chain.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Trust {
    /// A file of roots instead of the system's.
    pub roots: Option<String>,
    /// The files of what has been revoked; if there are none, nothing is looked up.
    pub revocation_lists: Vec<String>,
    /// Take any certificate.
    pub insecure: bool,
    /// The SHA-256 of certificates that are taken, and no others.
    pub pins: Vec<[u8; 32]>,
}

/// What is recorded of connections, for whoever looks for a fault or studies the protocol.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Diagnosis {
    /// Where TLS secrets are written to.
    pub key_log: Option<String>,
    /// Whether every record is printed.
    pub trace: bool,
    /// The folder of qlog files.
    pub qlog: Option<String>,
}

/// What `--cert` and `--key` named: the first of each belong together, and so on.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) certificates: Vec<String>,
    pub(super) keys: Vec<String>,
}

impl Pairs {
    pub(super) fn together(self, advice: &str) -> Result<Vec<KeyPair>, Usage> {
        if self.certificates.len() != self.keys.len() {
            return Err(Usage(format!("--cert and --key go together: {advice}")));
        }
        let pairs = self.certificates.into_iter().zip(self.keys);
        Ok(pairs.map(|(certificate, key)| KeyPair { certificate, key }).collect())
    }
}

pub(super) fn congestion_control(name: &str) -> Result<CongestionControl, Usage> {
    match name {
        "cubic" => Ok(CongestionControl::Cubic),
        "bbr" => Ok(CongestionControl::Bbr),
        "new-reno" => Ok(CongestionControl::NewReno),
        other => Err(Usage(format!("--congestion-control is cubic, bbr or new-reno, not {other:?}"))),
    }
}

pub(super) fn qpack_table(bytes: &str) -> Result<u32, Usage> {
    const MOST: u32 = 1 << 20;
    bytes.parse().ok().filter(|bytes| *bytes <= MOST).ok_or_else(|| {
        Usage(format!("--qpack-table is a number of bytes from 0 to {MOST}, such as 4096, not {bytes:?}"))
    })
}

/// Numbers of versions, best first.
pub(super) fn versions(list: &str) -> Result<Versions, Usage> {
    let wrong =
        || Usage(format!("--quic-version is 1, 2, or both with the better one first, such as 2,1, not {list:?}"));
    let mut versions = Vec::new();
    for number in list.split(',') {
        versions.push(match number.trim() {
            "1" => Version::V1,
            "2" => Version::V2,
            _ => return Err(wrong()),
        });
    }
    Versions::new(&versions).ok_or_else(wrong)
}

pub(super) fn check_trust(trust: &Trust) -> Result<(), Usage> {
    let given = [trust.insecure, trust.roots.is_some(), !trust.pins.is_empty()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        return Err(Usage("--ca, --pin and --insecure contradict each other: give one of them".into()));
    }
    if !trust.revocation_lists.is_empty() && (trust.insecure || !trust.pins.is_empty()) {
        return Err(Usage(
            "--crl says what authorities have revoked, and with --pin or --insecure no authority is asked: leave it out".into(),
        ));
    }
    Ok(())
}

pub(super) fn pin(text: &str) -> Result<[u8; 32], Usage> {
    let wrong = || Usage(format!("--pin needs sha256: and 64 hexadecimal digits, not {text:?}"));
    let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return Err(wrong());
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or_else(wrong);
        *byte = pair.iter().try_fold(0u8, |sum, digit| value(*digit).map(|value| sum << 4 | value as u8))?;
    }
    Ok(hash)
}
