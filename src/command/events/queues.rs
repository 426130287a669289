//! `posthaste events queues`: how the queues are.

use crate::command::events::connect::Connected;
use crate::command::failure::Failure;
use crate::command::output;
use json::ObjectWriter;
use posthaste::events::messages::NamespaceFigures;
use std::fmt::Write as _;

/// Prints a line for each namespace and each subscription, or an object of JSON for each namespace.
pub async fn run(connected: &Connected, namespace: Option<&str>, json: bool) -> Result<(), Failure> {
    let description = connected.events.describe(namespace.unwrap_or_default()).await?;
    let mut text = String::new();
    for figures in &description.namespaces {
        if json { as_json(figures, &mut text) } else { as_text(figures, &mut text) }
    }
    if description.namespaces.is_empty() && !json {
        text.push_str("there is no namespace: the first event that is published makes one\n");
    }
    output::print(&text)
}

fn as_text(of: &NamespaceFigures, text: &mut String) {
    let age = of.oldest_age_ms as f64 / 1000.0;
    let bytes = output::bytes(of.bytes as f64);
    let _ = writeln!(
        text,
        "{}: {} events, {bytes}, the oldest {age:.1} s old, the next is {}",
        of.namespace, of.depth, of.next
    );
    for one in &of.subscriptions {
        let _ = writeln!(
            text,
            "  {}: {} pending, {} in flight, {} consumers wait; {} delivered, {} of them again, {} acknowledged, {} dead",
            one.name,
            one.pending,
            one.in_flight,
            one.consumers,
            one.delivered,
            one.redelivered,
            one.acknowledged,
            one.dead
        );
    }
}

fn as_json(of: &NamespaceFigures, text: &mut String) {
    let mut writer = ObjectWriter::begin(text);
    writer.string("namespace", &of.namespace);
    for (name, number) in [
        ("depth", of.depth),
        ("bytes", of.bytes),
        ("first", of.first),
        ("next", of.next),
        ("oldest_age_ms", of.oldest_age_ms),
        ("published", of.published),
        ("duplicates", of.duplicates),
    ] {
        writer.number(name, number);
    }
    writer.array("subscriptions", |list| {
        for one in &of.subscriptions {
            list.object(|writer| {
                writer.string("name", &one.name);
                for (name, number) in [
                    ("pending", one.pending),
                    ("in_flight", one.in_flight),
                    ("consumers", one.consumers),
                    ("delivered", one.delivered),
                    ("redelivered", one.redelivered),
                    ("acknowledged", one.acknowledged),
                    ("dead", one.dead),
                ] {
                    writer.number(name, number);
                }
            });
        }
    });
    writer.end();
    text.push('\n');
}
