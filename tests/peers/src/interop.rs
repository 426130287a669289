//! What the endpoints for the interop cases share: the variables by which they are told what to do.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// The exit code for a case that an endpoint does not support.
pub const NOT_SUPPORTED: u8 = 127;

/// The environment.
pub struct Contract {
    /// Whether it is a client.
    pub is_client: bool,
    /// The name of the case.
    pub case: String,
    /// Where a server's files are.
    pub www: PathBuf,
    /// Where certificates and the key are.
    pub certs: PathBuf,
    /// Where a server listens.
    pub listen: Option<SocketAddr>,
    downloads: PathBuf,
    requests: Vec<String>,
}

/// One file that is asked for.
pub struct Url {
    /// All of it.
    pub text: String,
    /// The server's name.
    pub host: String,
    /// Where the server is.
    pub address: SocketAddr,
    /// What it is asked for.
    pub path: String,
}

impl Contract {
    /// Reads the variables.
    pub fn read() -> Contract {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let listen = variable("SERVER_PARAMS");
        let listen = listen.split_whitespace().find_map(|word| word.strip_prefix("listen=")?.parse().ok());
        Contract {
            is_client: variable("ROLE") == "client",
            case: variable("TESTCASE"),
            www: variable("WWW").into(),
            certs: variable("CERTS").into(),
            listen,
            downloads: variable("DOWNLOADS").into(),
            requests: variable("REQUESTS").split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// What is spoken.
    pub fn protocol(&self) -> &'static str {
        if self.case == "http3" { "h3" } else { "hq-interop" }
    }

    /// The files that a client is to fetch, at least one.
    pub fn urls(&self) -> Result<Vec<Url>, String> {
        let urls: Option<Vec<Url>> = self.requests.iter().map(|text| url(text)).collect();
        urls.filter(|urls| !urls.is_empty()).ok_or_else(|| format!("REQUESTS is {:?}", self.requests))
    }

    /// Where a file goes.
    pub fn saved(&self, path: &str) -> PathBuf {
        self.downloads.join(path.trim_start_matches('/'))
    }
}

fn url(text: &str) -> Option<Url> {
    let (authority, path) = text.strip_prefix("https://")?.split_once('/')?;
    let (host, port) = authority.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let address = (host.as_str(), port.parse().ok()?).to_socket_addrs().ok()?.next()?;
    Some(Url { text: text.to_owned(), host, address, path: format!("/{path}") })
}

/// The file that a path names: one in the folder itself.
pub fn answer_path(folder: &Path, path: &str) -> Option<PathBuf> {
    let name = path.strip_prefix('/')?;
    (!name.contains(['/', '\\']) && !name.starts_with('.')).then(|| folder.join(name))
}
