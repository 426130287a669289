//! Which files are served to whom: one folder for all, or others for some hosts.

use crate::command::arguments::{Serve, Site};
use crate::command::failure::{Failure, explain};
use posthaste::{Error, Files, Reply, Request, Status};
use std::sync::{Arc, PoisonError, RwLock};

/// The folders, as they were opened last. Clones share them.
#[derive(Clone)]
pub struct Sites {
    current: Arc<RwLock<Arc<Folders>>>,
}

/// What is served at a time.
struct Folders {
    /// For all other hosts.
    default: Option<Files>,
    /// By host, in lower case.
    by_host: Vec<(String, Files)>,
}

impl Sites {
    /// Opens what the arguments name.
    pub fn open(arguments: &Serve) -> Result<Sites, Failure> {
        Ok(Sites { current: Arc::new(RwLock::new(Arc::new(Folders::open(arguments)?))) })
    }

    /// Opens what the arguments name by now. Requests under way keep what they have; if something is of no use, so do all.
    pub fn replace(&self, arguments: &Serve) -> Result<(), Failure> {
        let folders = Folders::open(arguments)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(folders);
        Ok(())
    }

    /// Whether `/` is answered for every host.
    pub fn have_index(&self) -> bool {
        let folders = self.folders();
        folders.default.iter().chain(folders.by_host.iter().map(|(_, files)| files)).all(Files::has_index)
    }

    /// Answers from the folder of the host that is asked for.
    pub async fn serve(&self, request: &Request, reply: Reply) -> Result<(), Error> {
        match self.folders().of(request.authority()) {
            Some(files) => files.serve(request, reply).await,
            None => {
                let text = "there is nothing for this host here\n";
                reply.send((Status::MISDIRECTED_REQUEST.code(), "text/plain; charset=utf-8"), text).await
            }
        }
    }

    fn folders(&self) -> Arc<Folders> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Folders {
    fn open(arguments: &Serve) -> Result<Folders, Failure> {
        let site = &arguments.site;
        let by_host = site.hosts.iter().map(|(host, folder)| Ok((host.to_ascii_lowercase(), open(folder, site)?)));
        let by_host = by_host.collect::<Result<Vec<_>, Failure>>()?;
        let default = match &arguments.folder {
            Some(folder) => Some(open(folder, site)?),
            None if by_host.is_empty() => Some(open(".", site)?),
            None => None,
        };
        Ok(Folders { default, by_host })
    }

    fn of(&self, authority: &str) -> Option<Files> {
        // Most servers have one folder, and need not look whom a request is for.
        let own = if self.by_host.is_empty() { None } else { self.own(authority) };
        own.or(self.default.as_ref()).cloned()
    }

    fn own(&self, authority: &str) -> Option<&Files> {
        let named = http::Authority::from_bytes(authority.as_bytes()).ok()?;
        let host = named.host().trim_end_matches('.');
        self.by_host.iter().find(|(name, _)| name.eq_ignore_ascii_case(host)).map(|(_, files)| files)
    }
}

/// A folder, with all that is said of files.
fn open(folder: &str, site: &Site) -> Result<Files, Failure> {
    let of = |option: &'static str| move |error: Error| Failure::Failed(format!("{option}: {}", explain(&error)));
    let mut files = Files::new(folder)?.dotfiles(site.dotfiles).listing(site.list).precompressed(site.precompressed);
    if let Some(value) = &site.cache_control {
        files = files.cache_control(value).map_err(of("--cache-control"))?;
    }
    for (name, value) in &site.headers {
        files = files.field(name, value).map_err(of("--header"))?;
    }
    for (from, to, code) in &site.redirects {
        let status = Status::new(*code).map_err(|_| Failure::Failed(format!("--redirect: {code} is no status")))?;
        files = files.redirect(from, to, status).map_err(of("--redirect"))?;
    }
    if let Some(file) = &site.fallback {
        files = files.fallback(file).map_err(of("--fallback"))?;
    }
    if let Some(file) = &site.not_found {
        files = files.not_found(file).map_err(of("--not-found"))?;
    }
    Ok(files)
}
