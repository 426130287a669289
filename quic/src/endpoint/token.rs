//! Tokens of Retry packets (RFC 9000 sections 8.1.2 to 8.1.4): what a server has to know again when the client comes back,
//! carried by the client, so that nothing is kept between the two.
//!
//! A token is a byte that tells its kind, a salt, and sealed under a key made of the endpoint's secret and that salt: the
//! time at which it was issued and the connection ID that the client sent its first packet to. The seal covers as well what
//! the client shows by itself when it comes back: its address, the connection ID that the Retry packet gave it, and the version of
//! QUIC, which it must not change (RFC 9369 section 4.1). So a
//! token is good for that client, that attempt and a short time. It can be shown more than once in that time, always to the
//! same ID: while the connection that it began lives, its packets go there.

use crate::wire::connection_id::ConnectionId;
use crate::wire::version::Version;
use alloc::vec::Vec;
use base::{Duration, Instant, Random, Reader, Writer};
use core::net::{IpAddr, SocketAddr};
use crypto::aead::{NONCE_LEN, TAG_LEN};
use crypto::{AeadKey, CipherSuite, Secret, hkdf};

/// What the token of a Retry packet begins with (section 8.1.1: a server can tell how its tokens were given).
/// RFC 9000 section 8.1.1-1.
const RETRY: u8 = 1;
const SALT_LEN: usize = 16;
/// The time, and a connection ID with its length.
const CONTENT_LEN: usize = 8 + 1 + ConnectionId::MAX_LEN;
/// Kind, address family, address, port, version, and a connection ID with its length.
const BOUND_LEN: usize = 1 + 1 + 16 + 2 + 4 + 1 + ConnectionId::MAX_LEN;
/// Bytes of every token.
const TOKEN_LEN: usize = 1 + SALT_LEN + CONTENT_LEN + TAG_LEN;
const MAX_KEY_LEN: usize = 32;

/// Makes and reads tokens.
pub(super) struct Tokens {
    suite: &'static CipherSuite,
    secret: Secret,
    lifetime: Duration,
}

/// Who sent a first packet, as far as it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// Where it came from.
    pub(super) remote: SocketAddr,
    /// Of which version it is.
    pub(super) version: Version,
}

/// What the token of an Initial packet comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// There is none, or none of ours: the client's address is as unknown as before (section 8.1.3).
    Nothing,
    /// It is ours: the client received our Retry packet at the address it sends from.
    Retried {
        /// What the client sent its first packet to, before the Retry packet.
        original_destination: ConnectionId,
    },
    /// It says that it is of a Retry packet of ours, and it is not, or not any more, or not for this client.
    Invalid,
}

impl Tokens {
    /// Tokens under `secret`, each good for `lifetime`.
    pub(super) const fn new(suite: &'static CipherSuite, secret: Secret, lifetime: Duration) -> Tokens {
        Tokens { suite, secret, lifetime }
    }

    /// The token for a client whose first packet was sent to `original_destination`, and who is to send the next
    /// one to `retry_source`.
    /// RFC 9000 section 8.1.4-1, 8.1.4-2.
    pub(super) fn issue(
        &self,
        now: Instant,
        random: &mut dyn Random,
        client: Client,
        original_destination: ConnectionId,
        retry_source: ConnectionId,
    ) -> Vec<u8> {
        let salt = base::random::array(random);
        let mut content = content(now, original_destination);
        let (key, nonce) = self.key(&salt);
        let tag = key.seal(nonce, &bound(client, retry_source), &mut content).expect("a token is short");
        let mut token = Vec::with_capacity(TOKEN_LEN);
        token.push(RETRY);
        token.extend_from_slice(&salt);
        token.extend_from_slice(&content);
        token.extend_from_slice(&tag);
        token
    }

    /// What the token comes to of an Initial packet of this client, sent to `destination`.
    /// RFC 9369 section 4.1-3, 5-2.
    pub(super) fn look_at(&self, now: Instant, token: &[u8], client: Client, destination: ConnectionId) -> Shown {
        if token.first() != Some(&RETRY) {
            return Shown::Nothing;
        }
        match self.open(now, token, client, destination) {
            Some(original_destination) => Shown::Retried { original_destination },
            None => Shown::Invalid,
        }
    }

    /// RFC 9000 section 8.1.4-6.
    fn open(&self, now: Instant, token: &[u8], client: Client, destination: ConnectionId) -> Option<ConnectionId> {
        let token: &[u8; TOKEN_LEN] = token.try_into().ok()?;
        let mut reader = Reader::new(token);
        reader.u8().ok()?;
        let (key, nonce) = self.key(&reader.array().ok()?);
        let mut sealed = reader.array::<{ CONTENT_LEN + TAG_LEN }>().ok()?;
        key.open(nonce, &bound(client, destination), &mut sealed).ok()?;
        let mut content = Reader::new(&sealed);
        let issued = Instant::from_nanos(content.u64().ok()?);
        let original_destination = ConnectionId::new(content.u8_prefixed().ok()?)?;
        // The endpoints of one host share their clock, and the worker that reads may be a moment behind the one that wrote.
        let age = (now - issued).max(issued - now);
        (age <= self.lifetime).then_some(original_destination)
    }

    /// A key and a nonce that are used for one token. With as many salts as there are, no number of tokens wears the secret
    /// out (RFC 9001 section 6.6 is about one key).
    fn key(&self, salt: &[u8; SALT_LEN]) -> (alloc::boxed::Box<dyn AeadKey>, [u8; NONCE_LEN]) {
        let mut bytes = [0; MAX_KEY_LEN + NONCE_LEN];
        hkdf::expand_label(self.suite.hash, &self.secret, b"retry token", salt, &mut bytes);
        let (key, rest) = bytes.split_at(self.suite.aead.key_len());
        let nonce = *rest.first_chunk().expect("there is room for a nonce behind the longest key");
        let key = self.suite.aead.key(key);
        crypto::secret::wipe(&mut bytes);
        (key, nonce)
    }
}

fn content(now: Instant, original_destination: ConnectionId) -> [u8; CONTENT_LEN] {
    let mut content = [0; CONTENT_LEN];
    let mut writer = Writer::new(&mut content);
    let written = writer.u64(now.as_nanos()).and_then(|()| prefixed(&mut writer, original_destination));
    written.expect("there is room for the longest connection ID");
    content
}

/// What the seal covers and the token does not hold.
fn bound(client: Client, retry_source: ConnectionId) -> [u8; BOUND_LEN] {
    let Client { remote, version } = client;
    let mut bound = [0; BOUND_LEN];
    let mut writer = Writer::new(&mut bound);
    let (family, address) = match remote.ip().to_canonical() {
        IpAddr::V4(address) => (4, address.to_ipv6_mapped().octets()),
        IpAddr::V6(address) => (6, address.octets()),
    };
    let version = version.0.to_be_bytes();
    let written = [&[RETRY, family][..], &address[..], &remote.port().to_be_bytes()[..], &version[..]]
        .into_iter()
        .try_for_each(|part| writer.bytes(part))
        .and_then(|()| prefixed(&mut writer, retry_source));
    written.expect("there is room for an address and the longest connection ID");
    bound
}

fn prefixed(writer: &mut Writer<'_>, id: ConnectionId) -> Result<(), base::Full> {
    writer.u8(id.len() as u8)?;
    writer.bytes(id.as_slice())
}

#[cfg(test)]
mod tests;
