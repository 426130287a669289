//! The stacks, each a program of its own beside this one.

use std::borrow::Cow;
use std::path::PathBuf;

/// A stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// In the table.
    pub name: &'static str,
    /// On disk: a name beside this program, or a whole path.
    pub program: Cow<'static, str>,
    /// How it is set up.
    pub settings: &'static str,
}

impl Stack {
    /// Where the program is.
    pub fn path(&self) -> Result<PathBuf, String> {
        let here = std::env::current_exe().map_err(|error| error.to_string())?;
        // A whole path takes the place of ours.
        Ok(here.with_file_name(&*self.program))
    }

    /// A build of ours, for a pair.
    pub fn build(name: &'static str, path: &str) -> Stack {
        let path = std::fs::canonicalize(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let path = if path.is_dir() { path.join("bench-ours") } else { path };
        assert!(path.is_file(), "{}: no such program; build bench-ours", path.display());
        let program = path.into_os_string().into_string().expect("a path of UTF-8").into();
        Stack { name, program, settings: "the same program of ours, built from one of two states of the sources" }
    }
}

/// In the order of the table's lines.
pub const ALL: [Stack; 4] = [
    Stack {
        name: "posthaste",
        program: Cow::Borrowed("bench-ours"),
        settings: "defaults, but for 1,000 streams at a time; bare QUIC is quic::Endpoint on runtime::Driver, HTTP/3 the \
                   library's own Server and Client",
    },
    Stack {
        name: "quinn",
        program: Cow::Borrowed("bench-quinn"),
        settings: "quinn 0.11 with h3 0.0.8 and rustls on ring: one thread of tokio, 16 MiB windows, 1452-byte packets from \
                   the first, 1,000 streams at a time",
    },
    Stack {
        name: "s2n",
        program: Cow::Borrowed("bench-s2n"),
        settings: "s2n-quic 1.91 with h3 0.0.8 (an adapter of ours) and s2n-tls on AWS-LC: one thread of tokio, 16 MiB windows \
                   and send buffers, 1452-byte packets from the first, 1,000 streams at a time",
    },
    Stack {
        name: "quiche",
        program: Cow::Borrowed("bench-quiche"),
        settings: "quiche 0.30 with its own HTTP/3 and BoringSSL, on an event loop of ours (no tokio): 16 MiB windows, no \
                   pacing, bodies by reference, 1452-byte packets, 1,000 streams at a time",
    },
];

/// By its name.
pub fn by_name(name: &str) -> Option<&'static Stack> {
    ALL.iter().find(|stack| stack.name == name)
}
