//! Why the shim ends without success: its exit code, and the name that the error map of the runner knows.

use std::fmt;

/// A failure. The first word of its text is the name of the error between colons, as config.json maps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A flag, or a value of one, asks for what this stack does not have: exit code 89, and the test counts as not implemented.
    Unimplemented(String),
    /// A flag that the contract does not allow.
    Usage(String),
    /// A file that cannot be read or used.
    File(String),
    /// The socket failed.
    Socket(String),
    /// The handshake or the connection failed.
    Tls(tls::Error),
    /// The same over records.
    Records(tls::record::Error),
    /// The peer broke the framing of the pretended QUIC.
    Framing(&'static str),
    /// The connection is another than the flags expect.
    Expectation(String),
}

impl Failure {
    /// The contract: 89 for what is not implemented, 1 for every other failure.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Failure::Unimplemented(_)) { 89 } else { 1 }
    }

    /// The name of the error, for the error map: of a violation, of a refusal of a certificate, or of an alert by its number.
    pub fn name(&self) -> String {
        match self {
            Failure::Unimplemented(_) => "Unimplemented".to_owned(),
            Failure::Usage(_) => "Usage".to_owned(),
            Failure::File(_) => "File".to_owned(),
            Failure::Socket(_) => "Socket".to_owned(),
            Failure::Framing(_) => "Framing".to_owned(),
            Failure::Expectation(_) => "Expectation".to_owned(),
            Failure::Tls(error) => name_of(error),
            Failure::Records(error) => match error {
                tls::record::Error::Tls(error) => name_of(error),
                tls::record::Error::PeerAlert(alert) => format!("PeerAlert{}", alert.0),
                other => variant(other),
            },
        }
    }
}

fn name_of(error: &tls::Error) -> String {
    match error {
        tls::Error::Peer { violation, .. } => variant(violation),
        tls::Error::Certificate(error) => format!("Certificate{}", variant(error)),
        tls::Error::Local(error) => format!("Local{}", variant(error)),
        other => variant(other),
    }
}

/// The name of a variant, without its fields.
fn variant(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}: ", self.name())?;
        match self {
            Failure::Unimplemented(what) => write!(f, "not implemented: {what}"),
            Failure::Usage(what) | Failure::File(what) | Failure::Socket(what) | Failure::Expectation(what) => {
                f.write_str(what)
            }
            Failure::Framing(what) => f.write_str(what),
            Failure::Tls(error) => error.fmt(f),
            Failure::Records(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<tls::Error> for Failure {
    fn from(error: tls::Error) -> Failure {
        Failure::Tls(error)
    }
}

impl From<tls::record::Error> for Failure {
    fn from(error: tls::record::Error) -> Failure {
        Failure::Records(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Socket(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tls::{Alert, Violation};

    #[test]
    fn each_failure_has_a_name_and_an_exit_code() {
        let peer = tls::Error::Peer { violation: Violation::BadFinished, state: "WAIT_FINISHED" };
        let certificate = x509::Error::Expired { subject: "somebody".to_owned(), not_after: 0, now: 1 };
        for (failure, name, code) in [
            (Failure::Unimplemented("-dtls".to_owned()), "Unimplemented", 89),
            (Failure::Usage("-port".to_owned()), "Usage", 1),
            (peer.clone().into(), "BadFinished", 1),
            (tls::record::Error::Tls(peer).into(), "BadFinished", 1),
            (tls::Error::Certificate(certificate).into(), "CertificateExpired", 1),
            (tls::Error::Local(tls::LocalError::KeysUsedUp).into(), "LocalKeysUsedUp", 1),
            (tls::record::Error::PeerAlert(Alert(40)).into(), "PeerAlert40", 1),
            (tls::record::Error::Truncated.into(), "Truncated", 1),
        ] {
            assert_eq!((failure.name(), failure.exit_code()), (name.to_owned(), code));
            assert!(failure.to_string().starts_with(&format!(":{name}: ")), "{failure}");
        }
    }
}
