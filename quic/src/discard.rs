//! Why a packet was dropped silently (RFC 9000 section 12.2 and others).
//!
//! Any host can send a datagram, so a packet that is not authenticated must not change a connection: it is dropped. A
//! breach by the authenticated peer is a different type, `violation::Violation`.

use core::fmt;

macro_rules! discards {
    ($($variant:ident, $text:literal;)*) => {
        /// The reason for dropping a packet, and with it whatever follows in the datagram when its end is not known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Discard {
            $(#[doc = $text] $variant,)*
        }

        impl Discard {
            /// The reason, for humans.
            pub const fn reason(self) -> &'static str {
                match self {
                    $(Discard::$variant => $text,)*
                }
            }
        }
    };
}

discards! {
    // The header cannot be read.
    TooShort, "too short for its header, for header protection, or for the length it claims";
    FixedBit, "the fixed bit is 0";
    ConnectionIdTooLong, "a connection ID of more than 20 bytes";
    VersionList, "a Version Negotiation packet with no version or half of one";
    // The header can be read, but no connection expects this packet.
    WrongConnectionId, "connection IDs of another connection";
    InitialTooSmall, "an Initial packet in a datagram of fewer than 1200 bytes";
    UnexpectedPacketType, "a packet type that this side does not accept now";
    UnexpectedVersionNegotiation, "a Version Negotiation packet that answers nothing or names the version in use";
    UnexpectedRetry, "a Retry that answers nothing, or comes after another packet of the server";
    OtherVersion, "of another version than the one that is in use";
    RetryIntegrity, "a Retry whose integrity tag is not right";
    RetryTokenTooLong, "a Retry with a token that leaves no room for a ClientHello";
    InvalidToken, "an Initial packet with an invalid token";
    OtherAddress, "from another address than the peer's";
    UnusableAddress, "from an address that nothing may be sent to";
    OtherDestination, "to another connection ID than the first packet of the datagram";
    // The packet is not from the peer, or was received before.
    NoKey, "no keys for this packet: not yet, or no longer";
    Undecryptable, "authentication failed";
    KeyPhase, "a key phase without keys for it";
    IntegrityLimit, "authentication failed as often as the integrity limit allows: the connection closes with AEAD_LIMIT_REACHED";
    Duplicate, "a packet number that was received before";
    TooManyUseless, "after too many packets in one datagram that were forged or received before";
}

impl Discard {
    /// Whether it is a try to forge a packet, as far as can be told.
    pub(crate) const fn is_forgery(self) -> bool {
        matches!(self, Discard::Undecryptable | Discard::KeyPhase)
    }
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for Discard {}
