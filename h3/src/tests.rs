//! Scripts: an input, then exactly the commands and events that must follow. Whatever is left over fails.

mod boot;
mod client_messages;
mod compression;
mod control_stream;
mod data_streams;
mod datagrams;
mod early_answers;
mod load;
mod pair;
mod parting;
mod priorities;
mod script;
mod server_messages;
mod shutdown;
mod slowness;
mod tunnels;
