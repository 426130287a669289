//! What the environment says.

use super::Failure;
use super::case::{Case, Connections, Protocol, Role};
use posthaste::trace::Qlog;
use posthaste::{Identity, KeyLogFile, Roots};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tls::ServerVerification;
use x509::RootStore;

/// Whom clients believe.
const AUTHORITY: &str = "ca.pem";
/// The most bytes of qlog: a case moves no more than 25 MiB.
const QLOG: u64 = 256 << 20;
/// The runner's port.
const LISTEN: &str = "[::]:443";

/// The environment, read once.
#[derive(Debug)]
pub struct Settings {
    pub role: Role,
    pub case: String,
    /// A client's URLs.
    pub requests: Vec<String>,
    /// Where a server's files are.
    pub www: PathBuf,
    /// Where a client's go.
    pub downloads: PathBuf,
    certs: PathBuf,
    key_log: Option<PathBuf>,
    qlog: Option<PathBuf>,
    /// Where a server listens.
    pub listen: Vec<SocketAddr>,
    /// Where it would rather be reached.
    pub prefer: Option<SocketAddr>,
    trusts_any: bool,
    speaks_http3: bool,
}

impl Settings {
    /// Reads the variables that `variable` gives.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Failure> {
        let given = |name: &str| variable(name).filter(|text| !text.is_empty());
        let folder = |name: &str, default: &str| PathBuf::from(given(name).unwrap_or_else(|| default.into()));
        let words = |name: &str| -> Vec<String> {
            given(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let role = match given("ROLE").as_deref() {
            Some("client") => Role::Client,
            Some("server") => Role::Server,
            other => return Err(format!("ROLE is {other:?}: client or server").into()),
        };
        let mut settings = Settings {
            role,
            case: given("TESTCASE").ok_or("TESTCASE does not say which case to run")?,
            requests: words("REQUESTS"),
            www: folder("WWW", "/www"),
            downloads: folder("DOWNLOADS", "/downloads"),
            certs: folder("CERTS", "/certs"),
            key_log: given("SSLKEYLOGFILE").map(PathBuf::from),
            qlog: given("QLOGDIR").map(PathBuf::from),
            listen: Vec::new(),
            prefer: None,
            trusts_any: false,
            speaks_http3: false,
        };
        let parameters = if role == Role::Client { "CLIENT_PARAMS" } else { "SERVER_PARAMS" };
        words(parameters).iter().try_for_each(|word| settings.take_parameter(parameters, word))?;
        if settings.listen.is_empty() {
            settings.listen.push(LISTEN.parse()?);
        }
        Ok(settings)
    }

    fn take_parameter(&mut self, variable: &str, word: &str) -> Result<(), Failure> {
        match (self.role, word.split_once('=')) {
            (Role::Server, Some((name @ ("listen" | "prefer"), address))) => {
                let address =
                    address.parse().map_err(|_| format!("{variable}: {address:?} is no address with a port"))?;
                match name {
                    "listen" => self.listen.push(address),
                    _ => self.prefer = Some(address),
                }
            }
            (Role::Client, Some(("trust", "any"))) => self.trusts_any = true,
            (_, Some(("protocol", "h3"))) => self.speaks_http3 = true,
            _ => return Err(format!("{variable}: {word:?} is not known here").into()),
        }
        Ok(())
    }

    /// The case as it is to be run here; `None` if it cannot be.
    pub fn adapt(&self, case: Case) -> Option<Case> {
        // The library gives a client ten seconds for a handshake, which is not enough where much is lost.
        let is_slow = self.role == Role::Server && case.connections == Connections::Each;
        let is_possible = !self.speaks_http3 || !(case.early_data || case.version_2 || is_slow);
        let protocol = if self.speaks_http3 { Protocol::Http3 } else { case.protocol };
        (is_possible && (!case.needs_preferred || self.prefer.is_some())).then_some(Case { protocol, ..case })
    }

    /// A server's certificates and key.
    pub fn identity(&self) -> Result<Identity, Failure> {
        Ok(Identity::from_pem_files(self.certs.join("cert.pem"), self.certs.join("priv.key"))?)
    }

    /// Whom a client believes, as TLS takes it.
    pub fn verification(&self) -> Result<ServerVerification, Failure> {
        let Some(pem) = self.authority()? else { return Ok(ServerVerification::DangerousAcceptAny) };
        let mut store = RootStore::new();
        store.add_pem(&pem).map_err(|error| format!("{AUTHORITY} cannot be used: {error}"))?;
        Ok(ServerVerification::Roots(Arc::new(store)))
    }

    /// The same, as the library takes it.
    pub fn roots(&self) -> Result<Roots, Failure> {
        let pem = self.authority()?;
        Ok(pem.map_or_else(|| Ok(Roots::dangerous_accept_any()), |pem| Roots::from_pem(&pem))?)
    }

    /// The certificate of the authority. Where it is missing nothing can be verified.
    fn authority(&self) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.certs.join(AUTHORITY);
        if self.trusts_any || !file.is_file() {
            eprintln!("interop: the server's certificate is not verified");
            return Ok(None);
        }
        Ok(Some(std::fs::read(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?))
    }

    /// Where TLS secrets go, if anywhere.
    pub fn key_log(&self) -> Result<Option<KeyLogFile>, Failure> {
        Ok(self.key_log.as_ref().map(KeyLogFile::open).transpose()?)
    }

    /// Where records of connections go, if anywhere.
    pub fn qlog(&self) -> Result<Option<Qlog>, Failure> {
        let qlog = self.qlog.as_ref().map(Qlog::open).transpose()?;
        Ok(qlog.map(|qlog| qlog.max_bytes(QLOG)))
    }
}
