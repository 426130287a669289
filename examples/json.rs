//! JSON in and out: a list of notes that is kept in memory, with an answer for each thing that a request can have wrong.
//!
//! `cargo run --example json`; it prints a command to try.

mod common;

use posthaste::json::Value;
use posthaste::{Error, Identity, Method, Reply, Request, Server};
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes of one note in its request.
const MAX_NOTE: usize = 4096;
/// Notes that are kept.
const MAX_NOTES: usize = 1000;

type Notes = Rc<RefCell<Vec<String>>>;

pub(crate) fn main() -> Result<(), Error> {
    let notes = Notes::default();
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/ --json '{\"text\": \"buy tea\"}'"))
        .run(move |request, reply| answer(request, reply, notes.clone()))
}

pub(crate) async fn answer(mut request: Request, reply: Reply, notes: Notes) -> Result<(), Error> {
    if *request.method() != Method::Post {
        let all = Value::object([("notes", notes.borrow().clone().into())]);
        return reply.json(200, &all).await;
    }
    let note = match request.json(MAX_NOTE).await {
        Ok(note) => note,
        // 400, 413 or 415, with the line and the column of what is wrong.
        Err(error) => return refuse(reply, error.status(), &error.to_string()).await,
    };
    let Some(text) = note.get("text").and_then(Value::as_str) else {
        return refuse(reply, 422, "a note has a member `text`, which is a string").await;
    };
    if notes.borrow().len() == MAX_NOTES {
        return refuse(reply, 507, "there are as many notes as are kept").await;
    }
    notes.borrow_mut().push(text.to_owned());
    let count = notes.borrow().len();
    reply.json(201, &Value::object([("count", count.into())])).await
}

/// As RFC 9457 has it.
async fn refuse(reply: Reply, status: u16, detail: &str) -> Result<(), Error> {
    let problem = Value::object([("status", status.into()), ("detail", detail.into())]);
    reply.json((status, "application/problem+json"), &problem).await
}
