//! The stacks, each a program of its own beside this one.

/// A stack.
pub struct Stack {
    /// In the table.
    pub name: &'static str,
    /// On disk.
    pub program: &'static str,
    /// How it is set up.
    pub settings: &'static str,
}

/// In the order of the table's lines.
pub const ALL: [Stack; 4] = [
    Stack {
        name: "posthaste",
        program: "bench-ours",
        settings: "defaults, but for 1,000 streams at a time; bare QUIC is quic::Endpoint on runtime::Driver, HTTP/3 the \
                   library's own Server and Client",
    },
    Stack {
        name: "quinn",
        program: "bench-quinn",
        settings: "quinn 0.11 with h3 0.0.8 and rustls on ring: one thread of tokio, 16 MiB windows, 1452-byte packets from \
                   the first, 1,000 streams at a time",
    },
    Stack {
        name: "s2n",
        program: "bench-s2n",
        settings: "s2n-quic 1.91 with h3 0.0.8 (an adapter of ours) and s2n-tls on AWS-LC: one thread of tokio, 16 MiB windows \
                   and send buffers, 1452-byte packets from the first, 1,000 streams at a time",
    },
    Stack {
        name: "quiche",
        program: "bench-quiche",
        settings: "quiche 0.30 with its own HTTP/3 and BoringSSL, on an event loop of ours (no tokio): 16 MiB windows, no \
                   pacing, bodies by reference, 1452-byte packets, 1,000 streams at a time",
    },
];

/// By its name.
pub fn by_name(name: &str) -> Option<&'static Stack> {
    ALL.iter().find(|stack| stack.name == name)
}
