//! The data path alone, in turn with the stacks.

use crate::settings::Settings;
use std::process::Command;

/// One run of it.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Of payload.
    pub gigabits: f64,
    /// Seconds of processor time for a gigabyte.
    pub client: f64,
    pub server: f64,
    /// Datagrams.
    pub each_send: f64,
    pub each_receive: f64,
}

/// Milliseconds of one run.
const LENGTH: &str = "500";

/// Runs it, with the client as the receiver or as the sender.
pub fn run(settings: &Settings, client_sends: bool) -> Result<Limit, String> {
    let (client, server) = settings.cores;
    let (sender, receiver) = if client_sends { (client, server) } else { (server, client) };
    let path = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("bench-limit");
    let output = Command::new(path).args([&sender.to_string(), &receiver.to_string(), LENGTH]).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [gigabits, receiver, sender, each_send, each_receive, lost] = numbers[..] else {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    };
    if lost > 0.0 {
        eprintln!("the limit lost {lost} packets");
    }
    let (client, server) = if client_sends { (sender, receiver) } else { (receiver, sender) };
    Ok(Limit { gigabits, client, server, each_send, each_receive })
}
