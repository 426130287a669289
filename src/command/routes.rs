//! Which requests are passed on to servers behind this one.

use crate::command::arguments::Serve;
use crate::command::failure::Failure;
use posthaste::{Backend, BackendHost, Error, Forwarded, Method, Request, ReverseProxy, ReverseProxyLimits};
use std::sync::Arc;

/// Paths with those who answer for them. Clones share their connections.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// The longest path first.
    routes: Arc<[(String, ReverseProxy)]>,
}

impl Routes {
    /// Those that the arguments name.
    pub fn of(arguments: &Serve) -> Result<Routes, Failure> {
        let passing = &arguments.passing;
        let mut limits = ReverseProxyLimits::default();
        if let Some(timeout) = passing.timeout {
            (limits.first_byte, limits.idle) = (timeout, timeout);
        }
        let forwarded = if passing.append_forwarded { Forwarded::Append } else { Forwarded::Replace };
        let host = if passing.backend_host { BackendHost::OfBackend } else { BackendHost::OfClient };
        let mut routes = Vec::new();
        for route in &passing.routes {
            let backends = route.backends.iter().map(|text| text.parse()).collect::<Result<Vec<Backend>, Error>>();
            let backends = backends.map_err(|error| Failure::Usage(format!("--proxy {}: {error}", route.path)))?;
            let proxy = ReverseProxy::new(backends).limits(limits).forwarded(forwarded).host(host);
            let proxy = if passing.strip { proxy.strip(&route.path) } else { proxy };
            routes.push((route.path.clone(), proxy));
        }
        routes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Ok(Routes { routes: routes.into() })
    }

    /// Whether there is one for everything.
    pub fn have_root(&self) -> bool {
        self.routes.iter().any(|(path, _)| path == "/")
    }

    /// Who answers the request, if it is somebody behind this server.
    pub fn find(&self, request: &Request) -> Option<&ReverseProxy> {
        if *request.method() == Method::Connect && request.protocol().is_none() {
            return None;
        }
        let path = request.path();
        let is_for = |prefix: &str| {
            let rest = path.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.routes.iter().find(|(prefix, _)| is_for(prefix)).map(|(_, proxy)| proxy)
    }
}
