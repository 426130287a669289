//! The client of `hq-interop`.

use super::Failure;
use super::case::{Case, Connections};
use super::download::{Downloads, Outcome, Wanted};
use super::link::{Link, tell};
use super::settings::Settings;
use super::{files, transport};
use base::{FourTuple, VarInt};
use posthaste::url::Url;
use posthaste::{Handle, KeyLog, MemoryTickets};
use quic::{ConnectionHandle, EndpointConfig, Stats, Version};
use runtime::UdpSocket;
use runtime::udp::source_address;
use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tls::EarlyData;

/// No case takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Fetches all that is asked for.
pub async fn run(handle: &Handle, settings: &Settings, case: &Case) -> Result<(), Failure> {
    let urls = settings.requests.iter().map(|text| Url::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let client = Client::new(handle, settings, case, urls.first().ok_or("REQUESTS names no URL")?)?;
    let mut wanted = urls.iter().map(|url| wanted(settings, url)).collect::<Result<VecDeque<_>, _>>()?;
    let fetching = async {
        while !wanted.is_empty() {
            let count = match case.connections {
                Connections::One => wanted.len(),
                Connections::Each => 1,
                Connections::Resumed => {
                    if wanted.len() == urls.len() {
                        1
                    } else {
                        wanted.len()
                    }
                }
            };
            let is_second = wanted.len() < urls.len();
            let ended = client.fetch(wanted.drain(..count).collect()).await?;
            let Ended { stats, early_data } = ended;
            if case.connections == Connections::Resumed && is_second && !stats.is_resumed {
                return Err("the second connection is not resumed".into());
            }
            if case.early_data && is_second && early_data != EarlyData::Accepted {
                return Err(format!("early data: {early_data:?}").into());
            }
            if case.version_2 && stats.version != Version::V2 {
                return Err(format!("the connection stayed with version {}", stats.version).into());
            }
        }
        Ok(())
    };
    let fetched = handle.timeout(PATIENCE, fetching).await;
    fetched.map_err(|_| Failure::from(format!("the files did not come within {PATIENCE:?}")))?
}

fn wanted(settings: &Settings, url: &Url) -> Result<Wanted, Failure> {
    let name = || format!("{} names no file", url.path());
    let file = files::saved(&settings.downloads, url.path()).ok_or_else(name)?;
    Ok(Wanted { path: url.path().to_owned(), file })
}

/// What is known of a connection when all its files are there.
struct Ended {
    stats: Stats,
    early_data: EarlyData,
}

/// An endpoint, and the server that it goes to.
struct Client {
    link: Link<Downloads>,
    tls: Arc<tls::ClientConfig>,
    name: x509::ServerName,
    four_tuple: FourTuple,
    updates_keys: bool,
    handle: Handle,
}

impl Client {
    fn new(handle: &Handle, settings: &Settings, case: &Case, server: &Url) -> Result<Client, Failure> {
        let remote = (server.host(), server.port())
            .to_socket_addrs()
            .map_err(|error| format!("{}: {error}", server.host()))?
            .next()
            .ok_or_else(|| format!("{} has no address", server.host()))?;
        let any: SocketAddr = if remote.is_ipv4() { "0.0.0.0:0".parse()? } else { "[::]:0".parse()? };
        let socket = UdpSocket::bind(any)?;
        let local = SocketAddr::new(source_address(remote)?, socket.local_address().port());
        let provider = transport::provider(case);
        let mut tls = tls::ClientConfig::new(
            provider,
            settings.verification()?,
            vec![transport::HQ.to_vec()],
            Arc::new(transport::Clock),
        );
        tls.key_log = settings.key_log()?.map(|file| Arc::new(file) as Arc<dyn KeyLog>);
        if case.connections == Connections::Resumed {
            tls.tickets = Some(Arc::new(MemoryTickets::default()));
            tls.dangerous_offer_early_data_that_may_be_replayed = case.early_data;
        }
        let qlog = settings.qlog()?;
        let config = EndpointConfig::new(provider, transport::config(case, qlog.is_some()), None);
        Ok(Client {
            link: Link::start(handle, vec![socket], config, qlog)?,
            tls: Arc::new(tls),
            name: x509::ServerName::parse(server.host())?,
            four_tuple: FourTuple { local, remote },
            updates_keys: case.updates_keys,
            handle: handle.clone(),
        })
    }

    /// Fetches some files on a connection of their own; gives what is known of it then.
    async fn fetch(&self, files: VecDeque<Wanted>) -> Result<Ended, Failure> {
        let outcome = Outcome::default();
        let connection = self.begin(Downloads::new(files, self.updates_keys, outcome.clone()))?;
        self.link.until(|| outcome.borrow_mut().take()).await?;
        let ended = self.end(connection).ok_or("the connection is gone")?;
        self.link.driver.flushed().await;
        Ok(ended)
    }

    fn begin(&self, downloads: Downloads) -> Result<ConnectionHandle, Failure> {
        let mut endpoint = self.link.endpoint.borrow_mut();
        let now = self.handle.read_clock();
        let connection = endpoint.connect(now, self.tls.clone(), self.name.clone(), self.four_tuple)?;
        if let Some(value) = endpoint.value_mut(connection) {
            *value = downloads;
        }
        // Early data goes with the first packets.
        tell(&mut *endpoint);
        self.link.driver.notify();
        Ok(connection)
    }

    fn end(&self, connection: ConnectionHandle) -> Option<Ended> {
        let mut endpoint = self.link.endpoint.borrow_mut();
        let connection = endpoint.connection_mut(connection)?;
        let ended = Ended { stats: connection.stats(), early_data: connection.early_data() };
        connection.close(self.handle.read_clock(), VarInt::from_u32(0), b"all files are here");
        Some(ended)
    }
}
