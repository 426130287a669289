//! How the commands get to a server of events.

use crate::command::arguments::EventsClient;
use crate::command::failure::Failure;
use crate::command::interruption::Interruption;
use crate::command::{output, trust};
use posthaste::events::{ClientConfig, ErrorCode, EventClient, EventClientEvent, EventError};
use posthaste::{Client, Handle, Identity, WebTransportLimits};

/// The variables that stand in for options.
const CLIENT: &str = "POSTHASTE_EVENTS_CLIENT";
const TOKEN: &str = "POSTHASTE_EVENTS_TOKEN";
/// Bytes of a file of a token, at most.
const MAX_TOKEN_FILE: u64 = 4096;

/// A client that the server has let in.
pub struct Connected {
    pub events: EventClient,
    pub handle: Handle,
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Failure {
        match error.code {
            ErrorCode::Unauthenticated => Failure::Failed(format!(
                "{error}\n  --client NAME and --token-file FILE, or {CLIENT} and {TOKEN}, say who this is"
            )),
            _ => Failure::Failed(error.to_string()),
        }
    }
}

/// Who the client says that it is.
pub fn config(arguments: &EventsClient) -> Result<ClientConfig, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let client = arguments.client.clone().or_else(|| variable(CLIENT));
    let client = client.ok_or_else(|| Failure::Usage(format!("who is it? --client NAME, or {CLIENT}, says so")))?;
    let token = match &arguments.token_file {
        Some(file) => read_token(file)?,
        None => variable(TOKEN).unwrap_or_default(),
    };
    if token.is_empty() && arguments.identity.is_none() {
        let text = format!(
            "{client} has no token: --token-file FILE or {TOKEN} has it, or --cert and --key show a certificate"
        );
        return Err(Failure::Usage(text));
    }
    let mut config = ClientConfig::new(client, token);
    config.agent = concat!("posthaste/", env!("CARGO_PKG_VERSION")).to_owned();
    Ok(config)
}

fn read_token(file: &str) -> Result<String, Failure> {
    let failed = |error: &std::io::Error| Failure::Failed(format!("{file} could not be read: {error}"));
    let length = std::fs::metadata(file).map_err(|error| failed(&error))?.len();
    if length > MAX_TOKEN_FILE {
        return Err(Failure::Failed(format!("{file} has {length} bytes: that is no token")));
    }
    Ok(std::fs::read_to_string(file).map_err(|error| failed(&error))?.trim().to_owned())
}

/// What connections are made by.
pub fn client(arguments: &EventsClient, handle: &Handle) -> Result<Client, Failure> {
    let mut builder = Client::builder(trust::roots(&arguments.trust)?).webtransport(&WebTransportLimits::default());
    if let Some(pair) = &arguments.identity {
        builder = builder.identity(&Identity::from_pem_files(&pair.certificate, &pair.key)?);
    }
    Ok(builder.build(handle))
}

/// Begins to connect, and tells on standard error what happens to the connection.
pub fn begin(arguments: &EventsClient, client: &Client, handle: &Handle) -> Result<EventClient, Failure> {
    let is_silent = arguments.silent;
    let tell = move |event: &EventClientEvent| match event {
        EventClientEvent::Disconnected { reason, retry_in } if !is_silent => {
            let seconds = retry_in.as_secs_f64();
            output::report(&format!("not connected: {reason}; again in {seconds:.1} s"));
        }
        // Too much at once is the way of the server to slow a client down.
        EventClientEvent::HeldBack { code, reason } if !is_silent && *code != ErrorCode::Limit => {
            output::report(&format!("not stored yet: {reason}; it is tried again until it is"));
        }
        EventClientEvent::GoingAway(reason) if !is_silent => output::report(&format!("the server goes away: {reason}")),
        _ => {}
    };
    let events = EventClient::connect_with_log(client, &arguments.url, config(arguments)?, handle, tell);
    events.map_err(|error| Failure::Usage(error.to_string()))
}

/// Runs a task with a client, and ends the client in good order, also where a signal ends the task.
pub fn with(arguments: &EventsClient, task: impl AsyncFnOnce(Connected) -> Result<(), Failure>) -> Result<(), Failure> {
    posthaste::run(|handle| async move {
        let mut interruption = Interruption::new(&handle)?;
        let client = client(arguments, &handle)?;
        let events = begin(arguments, &client, &handle)?;
        // A first attempt that fails is told: nobody waits for a server that is not there.
        interruption.unless(events.connected()).await??;
        let connected = Connected { events: events.clone(), handle };
        let result = interruption.unless(task(connected)).await;
        let closed = events.close(arguments.timeout).await;
        client.close().await;
        // Whoever interrupts a publisher learns too what is not stored.
        if let (Err(_), Err(error)) = (&result, &closed) {
            output::report(&error.to_string());
        }
        result??;
        Ok(closed?)
    })?
}
