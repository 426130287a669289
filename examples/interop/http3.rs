//! The case `http3`: the library's own server and client.

use super::settings::Settings;
use super::{Failure, files};
use posthaste::url::Url;
use posthaste::{Client, Files, Handle, Server};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// How long requests under way may take when the server is told to end.
const DRAIN: Duration = Duration::from_secs(1);
/// No case takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Serves until SIGTERM.
pub async fn serve(handle: &Handle, settings: &Settings) -> Result<(), Failure> {
    let files = Files::new(&settings.www)?;
    let mut builder = Server::builder(settings.identity()?).name("*").hear_signals()?;
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
    server.addresses().iter().for_each(|address| println!("listening on {address}"));
    Ok(server.until_signal(DRAIN).await?)
}

/// Fetches all files at the same time.
pub async fn fetch(handle: &Handle, settings: &Settings) -> Result<(), Failure> {
    let mut builder = Client::builder(settings.roots()?);
    if let Some(key_log) = settings.key_log()? {
        builder = builder.key_log(key_log);
    }
    if let Some(qlog) = settings.qlog()? {
        builder = builder.trace(qlog);
    }
    let client = builder.build(handle);
    let mut under_way = Vec::new();
    for text in &settings.requests {
        let url = Url::parse(text)?;
        let file = files::saved(&settings.downloads, url.path()).ok_or_else(|| format!("{text} names no file"))?;
        under_way.push(handle.spawn(save(client.clone(), text.clone(), file)));
    }
    let fetching = async {
        for fetch in under_way {
            fetch.await.map_err(|_| Failure::from("a download has panicked"))?.map_err(Failure::from)?;
        }
        Ok(())
    };
    let fetched = handle.timeout(PATIENCE, fetching).await;
    client.close().await;
    fetched.map_err(|_| Failure::from(format!("the files did not come within {PATIENCE:?}")))?
}

async fn save(client: Client, url: String, path: PathBuf) -> Result<(), String> {
    let mut response = client.get(&url).send().await.map_err(|error| format!("{url}: {error}"))?;
    if !response.status().is_successful() {
        return Err(format!("{url}: status {}", response.status().code()));
    }
    let mut file = File::create(&path).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    while let Some(bytes) = response.body().chunk().await.map_err(|error| format!("{url}: {error}"))? {
        file.write_all(&bytes).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}
