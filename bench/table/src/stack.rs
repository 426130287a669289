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
pub const ALL: [Stack; 2] = [
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
];

/// By its name.
pub fn by_name(name: &str) -> Option<&'static Stack> {
    ALL.iter().find(|stack| stack.name == name)
}
