//! HTTP/3, which is the case `http3`, and any other with a peer that speaks nothing else: the library's own server and client.

use super::case::{Case, Connections};
use super::settings::Settings;
use super::{Failure, files, transport};
use posthaste::url::Url;
use posthaste::{AddressValidation, Client, Files, Handle, MemoryTickets, Server};
use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long requests under way may take when the server is told to end.
const DRAIN: Duration = Duration::from_secs(1);
/// No case takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Serves until SIGTERM.
pub async fn serve(handle: &Handle, settings: &Settings, case: &Case) -> Result<(), Failure> {
    let files = Files::new(&settings.www)?;
    let mut builder =
        Server::builder(settings.identity()?).name("*").hear_signals()?.provider(transport::provider(case));
    if case.retries {
        builder = builder.address_validation(AddressValidation::Always);
    }
    if let Some(address) = settings.prefer {
        builder = builder.preferred_address(address);
    }
    for address in &settings.listen {
        builder = builder.listen(*address);
    }
    if let Some(key_log) = settings.key_log()? {
        builder = builder.key_log(key_log);
    }
    if let Some(qlog) = settings.qlog()? {
        builder = builder.trace(qlog);
    }
    let server = builder.start(handle, move |request, reply| {
        let files = files.clone();
        async move { files.serve(&request, reply).await }
    })?;
    super::tell_addresses(server.addresses());
    Ok(server.until_signal(DRAIN).await?)
}

/// Fetches all files, those of one connection at the same time.
pub async fn fetch(handle: &Handle, settings: &Settings, case: &Case) -> Result<(), Failure> {
    let tickets = Arc::new(MemoryTickets::default());
    let (first, all) = (settings.requests.len().min(1), settings.requests.len());
    let groups: Vec<&[String]> = match case.connections {
        Connections::One => settings.requests.chunks(all.max(1)).collect(),
        Connections::Each => settings.requests.chunks(1).collect(),
        Connections::Resumed => vec![&settings.requests[..first], &settings.requests[first..]],
    };
    for (number, urls) in groups.into_iter().enumerate() {
        let client = client(handle, settings, case, tickets.clone())?;
        let fetched = handle.timeout(PATIENCE, fetch_group(handle, settings, case, &client, urls)).await;
        let is_resumed = client.connections().iter().all(|(_, stats)| stats.is_resumed);
        client.close().await;
        fetched.map_err(|_| format!("the files did not come within {PATIENCE:?}"))??;
        if case.connections == Connections::Resumed && number > 0 && !is_resumed {
            return Err("the second connection is not resumed".into());
        }
    }
    Ok(())
}

/// A client with no connection yet.
fn client(handle: &Handle, settings: &Settings, case: &Case, tickets: Arc<MemoryTickets>) -> Result<Client, Failure> {
    let builder = Client::builder(settings.roots()?).connect_timeout(PATIENCE).ticket_store(tickets);
    let mut builder = builder.provider(transport::provider(case));
    if let Some(key_log) = settings.key_log()? {
        builder = builder.key_log(key_log);
    }
    if let Some(qlog) = settings.qlog()? {
        builder = builder.trace(qlog);
    }
    Ok(builder.build(handle))
}

async fn fetch_group(
    handle: &Handle,
    settings: &Settings,
    case: &Case,
    client: &Client,
    urls: &[String],
) -> Result<(), Failure> {
    let updates_keys = Rc::new(Cell::new(case.updates_keys));
    let mut under_way = Vec::new();
    for text in urls {
        let url = Url::parse(text)?;
        let file = files::saved(&settings.downloads, url.path()).ok_or_else(|| format!("{text} names no file"))?;
        under_way.push(handle.spawn(save(client.clone(), text.clone(), file, updates_keys.clone())));
    }
    for fetch in under_way {
        fetch.await.map_err(|_| Failure::from("a download has panicked"))?.map_err(Failure::from)?;
    }
    Ok(())
}

/// The keys are updated when the first file begins to come, if they are to be.
async fn save(client: Client, url: String, path: PathBuf, updates_keys: Rc<Cell<bool>>) -> Result<(), String> {
    let mut response = client.get(&url).send().await.map_err(|error| format!("{url}: {error}"))?;
    if !response.status().is_successful() {
        return Err(format!("{url}: status {}", response.status().code()));
    }
    if updates_keys.take() && client.update_keys() != 1 {
        return Err(format!("{url}: there is no connection whose keys could be updated"));
    }
    let mut file = File::create(&path).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    while let Some(bytes) = response.body().chunk().await.map_err(|error| format!("{url}: {error}"))? {
        file.write_all(&bytes).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}
