//! What a certificate is checked for: to authenticate a server, or a client (RFC 5280 section 4.2.1.12).

use crate::error::Rule;
use crate::extensions::ExtendedKeyUsage;

/// Whose certificate the chain begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server's, found by its name.
    Server,
    /// A client's, which says itself whose it is.
    Client,
}

impl Purpose {
    /// Whether the purpose itself is named.
    pub(crate) fn is_named_in(self, usage: ExtendedKeyUsage) -> bool {
        match self {
            Purpose::Server => usage.server_authentication,
            Purpose::Client => usage.client_authentication,
        }
    }

    /// Whether a certificate with these purposes may be the first of a chain. A server's is for servers by name, and not for
    /// anything (Baseline Requirements section 7.1.2.7.10). Those requirements are about servers: what else a client's is for
    /// does no harm.
    pub(crate) fn fits(self, usage: ExtendedKeyUsage) -> bool {
        self.is_named_in(usage) && (self == Purpose::Client || !usage.any)
    }

    /// The rule that a certificate without the purpose breaks.
    pub(crate) fn usage_rule(self) -> Rule {
        match self {
            Purpose::Server => Rule::ExtendedKeyUsage,
            Purpose::Client => Rule::ClientKeyUsage,
        }
    }

    /// The rule that an authority's certificate breaks where it is the first of a chain.
    pub(crate) fn authority_rule(self) -> Rule {
        match self {
            Purpose::Server => Rule::AuthorityAsServer,
            Purpose::Client => Rule::AuthorityAsClient,
        }
    }
}
