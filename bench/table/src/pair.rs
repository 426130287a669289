//! Two builds of ours in turn, before and after a change: what differs between them, and whether the rounds agree.

use crate::result::{Measured, median};
use crate::rows::Row;
use crate::run::measure;
use crate::settings::Settings;
use crate::table;
use harness::measure::Usage;
use harness::work::Work;
use std::path::Path;

/// A change for the worse that is told as such, if the rounds agree about it.
const ALLOWED: f64 = 0.01;

/// A figure of one run.
struct Figure {
    name: &'static str,
    digits: usize,
    /// Whether more of it is better.
    is_gain: bool,
    value: Box<dyn Fn(&Measured) -> f64>,
}

/// Measures and prints one row. The builds change places from round to round: whoever comes second finds another machine.
pub fn measure_row(folder: &Path, settings: &Settings, row: &Row) {
    let [before, after] = &settings.stacks[..] else { return };
    let mut rounds: Vec<[Measured; 2]> = Vec::new();
    for round in 0..row.rounds {
        let run = |stack| measure(folder, settings, (stack, stack), row);
        let results = if round % 2 == 0 {
            run(before).and_then(|one| Ok([one, run(after)?]))
        } else {
            run(after).and_then(|other| Ok([run(before)?, other]))
        };
        match results {
            Ok(results) => rounds.push(results),
            Err(reason) => return table::print_part(&row.name, HEADS, &[("both".to_owned(), Err(reason))]),
        }
    }
    let lines: Vec<_> = figures(row.work).iter().filter_map(|figure| line(figure, &rounds)).collect();
    table::print_part(&row.name, HEADS, &lines);
}

const HEADS: &[&str] = &["before", "after", "after / before", "of single rounds", ""];

/// One figure of both builds; nothing if there is none of it.
fn line(figure: &Figure, rounds: &[[Measured; 2]]) -> Option<(String, Result<Vec<String>, String>)> {
    let [old, new] = [0, 1].map(|build| median(rounds.iter().map(|round| (figure.value)(&round[build]))));
    let mut ratios: Vec<f64> = rounds
        .iter()
        .map(|round| (figure.value)(&round[1]) / (figure.value)(&round[0]))
        .filter(|ratio| ratio.is_finite())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios.first()?, ratios.last()?);
    let ratio = median(ratios.iter().copied());
    let digits = figure.digits;
    let cells = vec![
        format!("{old:.digits$}"),
        format!("{new:.digits$}"),
        format!("{ratio:.3}"),
        format!("{least:.3} to {most:.3}"),
        verdict(figure.is_gain, &ratios).to_owned(),
    ];
    Some((figure.name.to_owned(), Ok(cells)))
}

/// Fewer rounds agree by chance too often.
const ENOUGH: usize = 5;

/// Whether the sorted ratios say that something changed: their median by more than is allowed, and all but one in ten to
/// the same side.
fn verdict(is_gain: bool, ratios: &[f64]) -> &'static str {
    let ratio = median(ratios.iter().copied());
    if (ratio - 1.0).abs() <= ALLOWED {
        return "";
    }
    if ratios.len() < ENOUGH {
        return "few rounds";
    }
    let on_the_side = ratios.iter().filter(|one| (**one > 1.0) == (ratio > 1.0)).count();
    if (ratios.len() - on_the_side) * 10 > ratios.len() {
        return "rounds differ";
    }
    if (ratio > 1.0) == is_gain { "better" } else { "WORSE" }
}

/// What is told of each kind of work.
fn figures(work: Work) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name, digits, is_gain, value: Box<dyn Fn(&Measured) -> f64>| {
        figures.push(Figure { name, digits, is_gain, value });
    };
    let per = move |of: fn(&Measured) -> Usage, what: fn(&Usage) -> u64, units: f64| -> Box<dyn Fn(&Measured) -> f64> {
        Box::new(move |one| what(&of(one)) as f64 / units)
    };
    match work {
        Work::Download(bytes) | Work::Upload(bytes) | Work::Beside { bytes, .. } => {
            let gigabytes = bytes as f64 / 1e9;
            add("Gbit/s", 2, true, Box::new(move |one| gigabytes * 8.0 / one.time));
            add("client, CPU ms/GB", 0, false, per(|one| one.client, |usage| usage.cpu, gigabytes * 1e3));
            add("server, CPU ms/GB", 0, false, per(|one| one.server, |usage| usage.cpu, gigabytes * 1e3));
            add("server, of it kernel", 0, false, per(|one| one.server, |usage| usage.system, gigabytes * 1e3));
            add("client, allocations/MB", 2, false, per(|one| one.client, |usage| usage.allocations, gigabytes * 1e3));
            add("server, allocations/MB", 2, false, per(|one| one.server, |usage| usage.allocations, gigabytes * 1e3));
        }
        Work::Requests { count, .. } | Work::Handshakes { count, .. } | Work::Resumptions { count, .. } => {
            let count = count as f64;
            add("a second", 0, true, Box::new(move |one| count / one.time));
            add("p50 us", 0, false, Box::new(|one| one.latency.0 as f64 / 1e3));
            add("p99 us", 0, false, Box::new(|one| one.latency.1 as f64 / 1e3));
            add("client, CPU us each", 2, false, per(|one| one.client, |usage| usage.cpu, count));
            add("server, CPU us each", 2, false, per(|one| one.server, |usage| usage.cpu, count));
            add("server, of it kernel", 2, false, per(|one| one.server, |usage| usage.system, count));
            add("server, sends each", 2, false, per(|one| one.server, |usage| usage.sends, count));
            add("server, receives each", 2, false, per(|one| one.server, |usage| usage.receives, count));
            add("server, datagrams sent each", 2, false, per(|one| one.server, |usage| usage.sent, count));
            add("client, allocations each", 2, false, per(|one| one.client, |usage| usage.allocations, count));
            add("server, allocations each", 2, false, per(|one| one.server, |usage| usage.allocations, count));
        }
        Work::Idle(count) => {
            let count = count as f64;
            add("client, KiB each", 2, false, per(|one| one.client, |usage| usage.resident, count));
            add("server, KiB each", 2, false, per(|one| one.server, |usage| usage.resident, count));
            add("seconds to open", 2, false, Box::new(|one| one.time));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_change_is_told_where_the_rounds_agree() {
        let seven = |worse: usize| -> Vec<f64> { (0..7).map(|at| if at < worse { 0.95 } else { 1.05 }).collect() };
        assert_eq!(verdict(true, &seven(7)), "WORSE");
        assert_eq!(verdict(false, &seven(7)), "better");
        assert_eq!(verdict(true, &seven(6)), "rounds differ");
        assert_eq!(verdict(true, &seven(0)), "better");
        assert_eq!(verdict(true, &seven(7)[..4]), "few rounds");
        assert_eq!(verdict(true, &[0.991, 0.991, 1.2]), "");
    }
}
