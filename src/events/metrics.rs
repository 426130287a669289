//! The figures of a server of events, as Prometheus reads them.

use crate::events::shared::{Inner, locked};
use base::Duration;
use events::delivery::{NamespaceDescription, Operation, Outcome, SubscriptionDescription};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc;

/// How long the store has to say what it holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the store, and waits on this thread for its answer.
pub(super) fn text(inner: &Inner) -> Option<String> {
    let (sender, answers) = mpsc::channel();
    // Who waits no more needs no answer.
    let answer = move |outcome| drop(sender.send(outcome));
    inner.store.submit(Operation::Describe { namespace: None }, Box::new(answer));
    let Ok(Outcome::Description(namespaces)) = answers.recv_timeout(PATIENCE) else { return None };
    let mut text = String::new();
    of_server(inner, &mut text);
    of_namespaces(&namespaces, runtime::clock::unix_millis(), &mut text);
    of_subscriptions(&namespaces, &mut text);
    round_trips(inner, &mut text);
    Some(text)
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP posthaste_events_{name} {help}\n# TYPE posthaste_events_{name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl Display) {
    let _ = writeln!(text, "posthaste_events_{name}{labels} {value}");
}

fn of_server(inner: &Inner, text: &mut String) {
    let counters = &inner.counters;
    let sessions = locked(&inner.sessions).len();
    head(text, "sessions", "gauge", "Sessions at the moment.");
    line(text, "sessions", "", sessions);
    for (name, help, counter) in [
        ("sessions_total", "Sessions that have begun.", &counters.sessions),
        ("early_sessions_total", "Sessions that began with early data, whose pings were answered.", &counters.early),
        (
            "early_sessions_unproven_total",
            "Of these, those whose handshake did not come to its end.",
            &counters.unproven,
        ),
        ("sessions_refused_total", "Sessions that were refused because there were too many.", &counters.refused),
        ("clients_admitted_total", "Clients that have shown who they are.", &counters.authenticated),
        ("clients_denied_total", "Clients that were not let in.", &counters.denied),
        ("rate_limited_total", "Publishes that came too soon.", &counters.limited),
    ] {
        head(text, name, "counter", help);
        line(text, name, "", counter.load(Ordering::Relaxed));
    }
}

/// Names have no characters that a label would have to escape.
fn of_namespaces(namespaces: &[NamespaceDescription], unix_ms: u64, text: &mut String) {
    type Figure = fn(&NamespaceDescription, u64) -> f64;
    let figures: [(&str, &str, &str, Figure); 6] = [
        ("queue_depth", "gauge", "Events that are stored.", |one, _| one.next.saturating_sub(one.first) as f64),
        ("queue_bytes", "gauge", "Bytes of events that are stored.", |one, _| one.bytes as f64),
        ("queue_oldest_age_seconds", "gauge", "How old the oldest event is.", |one, unix_ms| {
            one.oldest_at.map_or(0.0, |at| unix_ms.saturating_sub(at) as f64 / 1000.0)
        }),
        ("published_total", "counter", "Events that were published.", |one, _| one.published as f64),
        ("duplicates_total", "counter", "Publishes of what was there.", |one, _| one.duplicates as f64),
        ("expired_total", "counter", "Events that went by age, size or count.", |one, _| one.expired as f64),
    ];
    for (name, kind, help, figure) in figures {
        head(text, name, kind, help);
        for one in namespaces {
            line(text, name, &format!("{{namespace=\"{}\"}}", one.name), figure(one, unix_ms));
        }
    }
}

fn of_subscriptions(namespaces: &[NamespaceDescription], text: &mut String) {
    type Figure = fn(&SubscriptionDescription) -> u64;
    let figures: [(&str, &str, &str, Figure); 8] = [
        ("subscription_depth", "gauge", "Events that are not acknowledged.", |one| one.depth),
        ("subscription_in_flight", "gauge", "Events that were delivered and are not acknowledged.", |one| {
            one.in_flight
        }),
        ("subscription_consumers", "gauge", "Consumers that wait for events.", |one| one.fetching),
        ("delivered_total", "counter", "Deliveries.", |one| one.delivered),
        ("acknowledged_total", "counter", "Events that were acknowledged.", |one| one.acknowledged),
        ("redelivered_total", "counter", "Deliveries that were not the first of their event.", |one| one.redelivered),
        ("refused_total", "counter", "Deliveries that were refused.", |one| one.refused),
        ("dead_total", "counter", "Events that were delivered too often.", |one| one.dead),
    ];
    for (name, kind, help, figure) in figures {
        head(text, name, kind, help);
        for (namespace, one) in namespaces.iter().flat_map(|of| of.subscriptions.iter().map(move |one| (&of.name, one)))
        {
            let labels = format!("{{namespace=\"{namespace}\",subscription=\"{}\"}}", one.name);
            line(text, name, &labels, figure(one));
        }
    }
}

/// The mean over the sessions that use a namespace.
fn round_trips(inner: &Inner, text: &mut String) {
    let sessions = locked(&inner.sessions);
    let mut by_namespace: BTreeMap<String, (f64, u32)> = BTreeMap::new();
    for figures in sessions.values().map(|mailbox| mailbox.figures()) {
        let Some(round_trip) = figures.round_trip else { continue };
        for namespace in figures.namespaces {
            let (sum, count) = by_namespace.entry(namespace).or_default();
            *sum += round_trip.as_secs_f64();
            *count += 1;
        }
    }
    head(text, "round_trip_seconds", "gauge", "The mean time to the clients of a namespace and back.");
    for (namespace, (sum, count)) in by_namespace {
        line(text, "round_trip_seconds", &format!("{{namespace=\"{namespace}\"}}"), sum / f64::from(count));
    }
}
