//! The cases of the interop runner, and what each asks of an end beside moving files.

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// What is spoken over QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `GET /path` on a stream, answered by the bare file: `hq-interop`.
    Hq,
    /// HTTP/3: `h3`.
    Http3,
}

/// How a client spreads its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// All on one.
    One,
    /// Each on one of its own, one after the other.
    Each,
    /// The first on one, the others on a second that is resumed by a ticket of the first.
    Resumed,
}

/// One case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub protocol: Protocol,
    pub connections: Connections,
    /// A server answers each first packet with Retry.
    pub retries: bool,
    /// A client offers no other cipher suite than TLS_CHACHA20_POLY1305_SHA256.
    pub only_chacha20: bool,
    /// A client has the keys updated while its files come.
    pub updates_keys: bool,
    /// Packets are marked ECT, and marks are told.
    pub marks: bool,
    /// Files are asked for in early data.
    pub early_data: bool,
    /// A server takes clients from version 1 to version 2.
    pub version_2: bool,
    /// A client begins with windows that do not hold a file.
    pub small_windows: bool,
    /// A server has an address that it prefers.
    pub needs_preferred: bool,
}

const HANDSHAKE: Case = Case {
    protocol: Protocol::Hq,
    connections: Connections::One,
    retries: false,
    only_chacha20: false,
    updates_keys: false,
    marks: false,
    early_data: false,
    version_2: false,
    small_windows: false,
    needs_preferred: false,
};

impl Case {
    /// The case of this name; `None` if it is not supported in this role.
    pub fn find(role: Role, name: &str) -> Option<Case> {
        let case = match name {
            "handshake" | "longrtt" | "multiplexing" | "ipv6" => HANDSHAKE,
            "transfer" | "blackhole" | "amplificationlimit" | "transferloss" | "transfercorruption" | "rebind-port"
            | "rebind-addr" | "goodput" | "crosstraffic" => Case { small_windows: name == "transfer", ..HANDSHAKE },
            "chacha20" => Case { only_chacha20: true, ..HANDSHAKE },
            "retry" => Case { retries: true, ..HANDSHAKE },
            "resumption" => Case { connections: Connections::Resumed, ..HANDSHAKE },
            "zerortt" => Case { connections: Connections::Resumed, early_data: true, ..HANDSHAKE },
            "v2" => Case { version_2: true, ..HANDSHAKE },
            "multiconnect" | "handshakeloss" | "handshakecorruption" => {
                Case { connections: Connections::Each, ..HANDSHAKE }
            }
            "keyupdate" => Case { updates_keys: role == Role::Client, ..HANDSHAKE },
            "ecn" => Case { marks: true, ..HANDSHAKE },
            "http3" => Case { protocol: Protocol::Http3, ..HANDSHAKE },
            // A client goes to its server's preferred address by itself; a server has to be told of one.
            "connectionmigration" => Case { needs_preferred: role == Role::Server, ..HANDSHAKE },
            _ => return None,
        };
        Some(case)
    }
}
