//! The keys of Initial packets (RFC 9001 section 5.2). They come from the client's first destination connection ID,
//! which any observer on the path can read: they protect against errors and off-path attackers, not against observers.

use crate::protection::keys::{OpenKeys, SealKeys};
use crate::wire::connection_id::ConnectionId;
use crate::wire::version::Version;
use base::Side;
use crypto::{CipherSuite, Secret, hkdf};

/// The secret of each direction: the client's first.
/// RFC 9001 section 5.2-2.
pub fn secrets(suite: &CipherSuite, version: Version, client_destination: ConnectionId) -> (Secret, Secret) {
    let row = version.row().expect("keys are made for a version that is spoken here");
    let [client, server] =
        hkdf::with_extracted(suite.hash, &row.initial_salt, client_destination.as_slice(), |initial| {
            hkdf::expand_label_secrets(suite.hash, initial, [b"client in", b"server in"], &[])
        });
    (client, server)
}

/// The keys for `side`. `suite` is the provider's AES-128-GCM with SHA-256 whatever TLS will choose.
pub fn keys(
    suite: &'static CipherSuite,
    version: Version,
    client_destination: ConnectionId,
    side: Side,
) -> (SealKeys, OpenKeys) {
    let (client, server) = secrets(suite, version, client_destination);
    let (ours, theirs) = match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    };
    (SealKeys::new(suite, version, ours), OpenKeys::new(suite, version, theirs))
}
