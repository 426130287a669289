//! `posthaste events`: a server of events, and its clients.

mod bench;
mod check;
mod connect;
mod inject;
mod json;
mod queues;
mod serve;
mod show;

use crate::command::arguments::{Events, EventsClient, Task};
use crate::command::events::connect::Connected;
use crate::command::failure::Failure;

/// Does what the command line asks for.
pub fn run(events: Events) -> Result<(), Failure> {
    match events {
        Events::Serve(arguments) => serve::run(&arguments),
        Events::Check { client, registry } => check::run(client.as_ref(), registry.as_deref()),
        Events::Token { client, namespace, rights } => check::token(&client, &namespace, &rights),
        Events::Client(client, Task::Bench(bench)) => bench::run(&client, &bench),
        Events::Client(client, task) => {
            connect::with(&client, async |connected| run_task(&connected, &client, task).await)
        }
    }
}

async fn run_task(connected: &Connected, client: &EventsClient, task: Task) -> Result<(), Failure> {
    match task {
        Task::Inject { namespace, files, text } => {
            inject::run(connected, &namespace, &files, text.as_deref(), client.silent).await
        }
        Task::Tail { namespace, follow, from, count, subscription } => {
            let wanted = show::Wanted { namespace, from, count };
            match (subscription, follow) {
                (Some(name), _) => show::consume(connected, &wanted, &name).await,
                (None, true) => show::follow(connected, &wanted).await,
                (None, false) => show::stored(connected, &wanted).await,
            }
        }
        Task::Replay { namespace, from, count, to } => {
            let wanted = show::Wanted { namespace, from: Some(from), count };
            match to {
                Some(to) => show::copy(connected, &wanted, &to).await,
                None => show::stored(connected, &wanted).await,
            }
        }
        Task::Queues { namespace, json } => queues::run(connected, namespace.as_deref(), json).await,
        Task::Bench(_) => Ok(()), // has clients of its own
    }
}
