//! What a run has counted, and the report of it: for people, and as JSON for programs.

use crate::command::failure::explain;
use crate::command::load::histogram::Histogram;
use crate::command::output::bytes;
use posthaste::Error;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Why an answer is not complete.
pub enum Trouble {
    /// The library says so.
    Failed(Error),
    /// Nothing came of it for so long.
    Silent(Duration),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Failed(error)
    }
}

impl Trouble {
    /// In words, and what to do.
    pub fn explain(&self) -> String {
        match self {
            Trouble::Failed(error) => explain(error),
            Trouble::Silent(patience) => format!(
                "nothing came of an answer for {} s\n  is the server reached, stuck, or slow by intention? --timeout SECONDS waits \
                 longer",
                patience.as_secs_f64()
            ),
        }
    }

    /// What errors of its kind are counted under.
    fn kind(&self) -> &'static str {
        let Trouble::Failed(error) = self else { return "silent for too long" };
        match error {
            Error::Resolve { .. } => "name not found",
            Error::Refused { .. } => "connection refused",
            Error::NoAnswer { .. } | Error::NotInTime { .. } | Error::Unreachable { .. } | Error::NoRoute { .. } => {
                "not reached"
            }
            Error::Certificate { .. } => "certificate refused",
            Error::Closed { .. } => "connection lost",
            Error::GoingAway | Error::ShutDown => "connection closed",
            Error::Reset { .. } => "request broken off by the server",
            Error::Stopped { .. } => "body not wanted",
            Error::Malformed { .. } | Error::Breach { .. } => "answer against the rules",
            Error::System(_) => "refused by the system",
            _ => "others",
        }
    }
}

/// What has been counted.
pub struct Tally {
    /// How long answers took.
    pub latencies: Histogram,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<&'static str, u64>,
    first_error: Option<String>,
    /// Moves to another port.
    pub moves: u64,
    failed_moves: u64,
    first_failed_move: Option<String>,
    /// Requests that were not sent, because nothing succeeded any more.
    pub given_up: u64,
    /// Requests that were to begin, and did not in time, because none was free to make them.
    pub missed: u64,
    /// How late the latest request was begun that was to begin at a given time.
    pub latest: Duration,
}

/// What a run was to be.
pub struct Terms {
    /// How long it took.
    pub elapsed: Duration,
    /// Requests in a second that were asked for.
    pub rate: Option<f64>,
    /// Connections.
    pub connections: usize,
    /// Requests under way at a time.
    pub concurrency: usize,
}

/// Percentiles that are told.
const PERCENTILES: [f64; 8] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];
/// Lines of the histogram, and the longest bar.
const LINES: u64 = 12;
const BAR: u64 = 40;

impl Tally {
    /// Nothing yet.
    pub fn new() -> Tally {
        Tally {
            latencies: Histogram::new(),
            bytes: 0,
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            first_error: None,
            moves: 0,
            failed_moves: 0,
            first_failed_move: None,
            given_up: 0,
            missed: 0,
            latest: Duration::ZERO,
        }
    }

    /// An answer was complete.
    pub fn on_answer(&mut self, status: u16, bytes: u64, took: Duration) {
        self.latencies.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.bytes += bytes;
        *self.statuses.entry(status).or_default() += 1;
    }

    /// An answer was not.
    pub fn on_trouble(&mut self, trouble: &Trouble) {
        *self.errors.entry(trouble.kind()).or_default() += 1;
        self.first_error.get_or_insert_with(|| trouble.explain());
    }

    /// A connection did not move.
    pub fn on_failed_move(&mut self, error: &Error) {
        self.failed_moves += 1;
        self.first_failed_move.get_or_insert_with(|| explain(error));
    }

    /// Answers that were not complete.
    pub fn errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Answers that were no success.
    pub fn not_successful(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| !(200..300).contains(*status)).map(|(_, count)| count).sum()
    }

    /// Whether anything was not as it was to be.
    pub fn has_failed(&self) -> bool {
        self.errors() + self.not_successful() + self.given_up + self.failed_moves > 0
    }

    /// For people.
    pub fn text(&self, terms: &Terms) -> String {
        let seconds = terms.elapsed.as_secs_f64().max(1e-9);
        let answers = self.latencies.total();
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{answers} answers in {seconds:.2} s: {:.0} requests/s, {}/s",
            answers as f64 / seconds,
            bytes(self.bytes as f64 / seconds)
        );
        if answers > 0 {
            let at = |percent| milliseconds(self.latencies.percentile(percent));
            let longest = milliseconds(self.latencies.longest());
            let _ = writeln!(text, "latency p50 {}, p90 {}, p99 {}, longest {longest}", at(50.0), at(90.0), at(99.0));
        }
        let _ = writeln!(text, "errors {}, not 2xx {}", self.errors(), self.not_successful());
        self.write_rest(&mut text, terms);
        if answers > 0 {
            self.write_distribution(&mut text);
        }
        text
    }

    fn write_rest(&self, text: &mut String, terms: &Terms) {
        if let Some(rate) = terms.rate {
            let late = milliseconds(u64::try_from(self.latest.as_micros()).unwrap_or(u64::MAX));
            let _ = writeln!(text, "rate asked for {rate} requests/s; the latest was begun {late} after its time");
        }
        if self.missed > 0 {
            let _ = writeln!(
                text,
                "not begun in time: {} requests, for want of --concurrency: add them to the slowest",
                self.missed
            );
        }
        if self.given_up > 0 {
            let _ = writeln!(text, "given up: {} requests were not sent, since no answer came any more", self.given_up);
        }
        if self.moves + self.failed_moves > 0 {
            let _ = writeln!(text, "moves to another port {}, failed {}", self.moves, self.failed_moves);
        }
        if let Some(error) = &self.first_failed_move {
            let _ = writeln!(text, "first failed move: {error}");
        }
        for (kind, count) in &self.errors {
            let _ = writeln!(text, "error {kind}: {count}");
        }
        if let Some(error) = &self.first_error {
            let _ = writeln!(text, "first error: {error}");
        }
        if self.statuses.len() > 1 || self.not_successful() > 0 {
            for (status, count) in &self.statuses {
                let _ = writeln!(text, "status {status}: {count}");
            }
        }
    }

    fn write_distribution(&self, text: &mut String) {
        let latencies = &self.latencies;
        let _ = write!(
            text,
            "\nlatency shortest {}, mean {}",
            milliseconds(latencies.shortest()),
            milliseconds(latencies.mean())
        );
        for percent in PERCENTILES {
            let _ = write!(text, ", p{percent} {}", milliseconds(latencies.percentile(percent)));
        }
        text.push('\n');
        let bounds = bounds(latencies);
        let counts = latencies.between(&bounds);
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        for (bound, count) in bounds.iter().zip(&counts) {
            let filled = (count * BAR).div_ceil(most);
            let bar = "#".repeat(usize::try_from(filled).unwrap_or(0));
            let _ = writeln!(text, "{:>12} |{bar:<40} {count}", milliseconds(*bound));
        }
    }

    /// For programs: one object.
    pub fn json(&self, terms: &Terms) -> String {
        let seconds = terms.elapsed.as_secs_f64().max(1e-9);
        let latencies = &self.latencies;
        let list = |pairs: Vec<String>| pairs.join(",");
        let percentiles =
            PERCENTILES.iter().map(|percent| format!("\"p{percent}\":{}", latencies.percentile(*percent)));
        let statuses = self.statuses.iter().map(|(status, count)| format!("\"{status}\":{count}"));
        let errors = self.errors.iter().map(|(kind, count)| format!("\"{kind}\":{count}"));
        let bounds = if latencies.total() > 0 { bounds(latencies) } else { Vec::new() };
        let counts = latencies.between(&bounds);
        let bars = bounds.iter().zip(counts).map(|(bound, count)| format!("{{\"up_to\":{bound},\"count\":{count}}}"));
        let rate = terms.rate.map_or("null".to_owned(), |rate| rate.to_string());
        format!(
            "{{\"answers\":{},\"seconds\":{seconds:.6},\"requests_per_second\":{:.3},\"bytes\":{},\"bytes_per_second\":{:.0},\
             \"rate_asked_for\":{rate},\"latest_begin_us\":{},\"connections\":{},\"concurrency\":{},\
             \"latency_us\":{{\"shortest\":{},\"mean\":{},\"longest\":{},{}}},\"histogram\":[{}],\
             \"statuses\":{{{}}},\"errors\":{{{}}},\"given_up\":{},\"missed\":{},\"moves\":{},\"failed_moves\":{}}}\n",
            latencies.total(),
            latencies.total() as f64 / seconds,
            self.bytes,
            self.bytes as f64 / seconds,
            self.latest.as_micros(),
            terms.connections,
            terms.concurrency,
            latencies.shortest(),
            latencies.mean(),
            latencies.longest(),
            list(percentiles.collect()),
            list(bars.collect()),
            list(statuses.collect()),
            list(errors.collect()),
            self.given_up,
            self.missed,
            self.moves,
            self.failed_moves,
        )
    }
}

/// Ends of the lines of a histogram: even steps up to where nearly all are, and one for the rest.
fn bounds(latencies: &Histogram) -> Vec<u64> {
    let (first, last) = (latencies.shortest(), latencies.percentile(99.0).max(latencies.shortest() + 1));
    let step = (last - first).div_ceil(LINES - 1).max(1);
    let mut bounds: Vec<u64> = (1..LINES).map(|line| first + step * line).collect();
    bounds.retain(|bound| *bound < latencies.longest());
    bounds.push(latencies.longest());
    bounds
}

fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms { elapsed: Duration::from_secs(2), rate: Some(50.0), connections: 1, concurrency: 2 }
    }

    fn tally() -> Tally {
        let mut tally = Tally::new();
        for number in 1..=100u64 {
            let status = if number == 100 { 404 } else { 200 };
            tally.on_answer(status, 10, Duration::from_millis(number));
        }
        tally.on_trouble(&Trouble::Silent(Duration::from_secs(1)));
        tally.on_trouble(&Trouble::Failed(Error::GoingAway));
        tally.on_trouble(&Trouble::Failed(Error::GoingAway));
        tally
    }

    #[test]
    fn people_are_told_what_counts_first() {
        let text = tally().text(&terms());
        for part in [
            "100 answers in 2.00 s: 50 requests/s, 500 B/s\nlatency p50 50.",
            "errors 3, not 2xx 1\n",
            "rate asked for 50 requests/s",
            "error connection closed: 2\nerror silent for too long: 1\nfirst error: nothing came",
            "status 200: 99\nstatus 404: 1\n",
            ", p99.9 100.00 ms\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let bars = text.lines().filter(|line| line.contains(" ms |#"));
        let counted: u64 = bars.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
        assert_eq!(counted, 100, "{text}");
        let empty = Tally::new();
        assert!(empty.text(&terms()).starts_with("0 answers") && !empty.has_failed());
    }

    #[test]
    fn programs_get_json() {
        for tally in [tally(), Tally::new()] {
            let value: serde_json::Value = serde_json::from_str(&tally.json(&terms())).unwrap();
            assert_eq!(value["answers"], tally.latencies.total());
            assert_eq!(value["rate_asked_for"], 50.0);
            let bars = value["histogram"].as_array().unwrap();
            let counted: u64 = bars.iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
            assert_eq!(counted, tally.latencies.total());
        }
        let value: serde_json::Value = serde_json::from_str(&tally().json(&terms())).unwrap();
        assert_eq!((&value["errors"]["connection closed"], &value["statuses"]["404"]), (&2.into(), &1.into()));
        assert_eq!(value["latency_us"]["longest"], 100_000);
    }
}
