//! Settings as JetStream has them: configurations of streams and consumers.

use super::names;
use super::problem::Problem;
use base::Duration;
use events::broker::{Overflow, QueueSettings};
use events::delivery::{Backoff, Start, SubscriptionId, SubscriptionSettings};
use json::{ObjectWriter, Value};

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(i64::MAX as u64).min(i64::MAX as u64)
}

/// The configuration of a namespace's stream.
pub(super) fn stream(namespace: &str, queue: &QueueSettings, replicas: u32) -> String {
    let mut text = String::new();
    let mut object = ObjectWriter::begin(&mut text);
    object.string("name", names::stream(namespace));
    object.strings("subjects", &[&names::subject(namespace)]);
    object.string("retention", "limits");
    object.string("storage", "file");
    object.number("num_replicas", replicas);
    object.number("max_msgs", queue.max_events.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX)));
    object.number("max_bytes", queue.max_bytes.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX)));
    object.number("max_age", queue.max_age.map_or(0, nanoseconds));
    object.string("discard", if queue.overflow == Overflow::Refuse { "new" } else { "old" });
    // JetStream wants it to be no longer than events are kept.
    let window = queue.max_age.map_or(queue.duplicate_window, |age| age.min(queue.duplicate_window));
    object.number("duplicate_window", nanoseconds(window));
    object.end();
    text
}

/// The configuration of a subscription's consumer. What JetStream has no field for is in its description.
pub(super) fn consumer(id: &SubscriptionId, settings: &SubscriptionSettings) -> String {
    let mut text = String::new();
    let mut object = ObjectWriter::begin(&mut text);
    object.string("stream_name", names::stream(&id.namespace));
    object.object("config", |config| {
        config.string("durable_name", names::encode(&id.name));
        config.string("description", describe(settings));
        config.string("ack_policy", "explicit");
        config.number("ack_wait", nanoseconds(settings.acknowledgment_deadline));
        config.number("max_deliver", -1);
        // JetStream has no order by key: one at a time is an order too.
        config.number("max_ack_pending", if settings.is_ordered_by_key { 1 } else { settings.max_in_flight });
        start(config, settings.start);
    });
    object.end();
    text
}

/// Where to begin.
pub(super) fn start(config: &mut ObjectWriter<'_>, start: Start) {
    match start {
        Start::Earliest => config.string("deliver_policy", "all"),
        Start::Latest => config.string("deliver_policy", "new"),
        Start::Sequence(0 | 1) => config.string("deliver_policy", "all"),
        Start::Sequence(sequence) => {
            config.string("deliver_policy", "by_start_sequence");
            config.number("opt_start_seq", sequence);
        }
        Start::Time(time) => {
            config.string("deliver_policy", "by_start_time");
            config.string("opt_start_time", timestamp(time));
        }
    }
}

/// RFC 3339, of milliseconds since 1970.
fn timestamp(unix_ms: u64) -> String {
    let (days, in_day) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Days in eras of 400 years that begin with March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", in_day % 1000)
}

fn describe(settings: &SubscriptionSettings) -> String {
    let mut text = String::new();
    let mut object = ObjectWriter::begin(&mut text);
    object.number("max_in_flight", settings.max_in_flight);
    object.number("acknowledgment_deadline", nanoseconds(settings.acknowledgment_deadline));
    object.number("backoff_first", nanoseconds(settings.backoff.first));
    object.number("backoff_most", nanoseconds(settings.backoff.most));
    object.number("max_deliveries", settings.max_deliveries.unwrap_or(0));
    object.string("dead_letter", settings.dead_letter.as_deref().unwrap_or(""));
    object.truth("is_ordered_by_key", settings.is_ordered_by_key);
    object.end();
    text
}

/// The settings that a consumer was made with, from its configuration.
pub(super) fn read(config: &Value) -> Result<SubscriptionSettings, Problem> {
    let strange = || Problem::Strange("a consumer that was not made by Posthaste".to_owned());
    let text = config.get("description").and_then(Value::as_str).ok_or_else(strange)?;
    let value = json::parse(text.as_bytes()).map_err(|_| strange())?;
    let number = |name: &str| value.get(name).and_then(Value::as_u64).ok_or_else(strange);
    let small = |name: &str| u32::try_from(number(name)?).map_err(|_| strange());
    let time = |name: &str| number(name).map(Duration::from_nanos);
    let dead_letter = value.get("dead_letter").and_then(Value::as_str).filter(|name| !name.is_empty());
    Ok(SubscriptionSettings {
        start: Start::Earliest,
        max_in_flight: small("max_in_flight")?,
        acknowledgment_deadline: time("acknowledgment_deadline")?,
        backoff: Backoff { first: time("backoff_first")?, most: time("backoff_most")? },
        max_deliveries: Some(small("max_deliveries")?).filter(|most| *most > 0),
        dead_letter: dead_letter.map(str::to_owned),
        is_ordered_by_key: value.get("is_ordered_by_key").and_then(Value::as_bool).ok_or_else(strange)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_from_a_consumer() {
        let settings = SubscriptionSettings {
            max_in_flight: 7,
            backoff: Backoff { first: Duration::from_millis(3), most: Duration::from_secs(9) },
            max_deliveries: Some(4),
            dead_letter: Some("dead.ones".into()),
            is_ordered_by_key: true,
            ..SubscriptionSettings::default()
        };
        let id = SubscriptionId { namespace: "a.b".into(), name: "s".into() };
        for one in [settings, SubscriptionSettings::default()] {
            let value = json::parse(consumer(&id, &one).as_bytes()).unwrap();
            assert_eq!(read(value.get("config").unwrap()), Ok(one));
        }
        assert!(read(&Value::object([("description", Value::from("by hand"))])).is_err());
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(time), text);
        }
    }
}
