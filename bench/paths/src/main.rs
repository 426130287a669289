//! Goodput of ours and of quinn-proto over the same simulated paths, in a terminal.
//!
//! `bench-paths [SEEDS] [rate,...] [round trip,...] [queue,...] [fault,...] [control,...]`: the table of goodput. Seeds of each cell,
//! megabits a second, milliseconds, hundredths of what is under way, hundredths of loss or `late`, `cubic` or `bbr`. With `--features s2n`
//! s2n-quic is in it. `bench-paths only STACK ...`: the same of one of them.
//! `bench-paths watch STACK CONTROL RATE ROUND-TRIP QUEUE LOSS LATE MILLISECONDS [SEED]`: one path, as the sender sees it.
//! `bench-paths qlog FOLDER CONTROL RATE ROUND-TRIP QUEUE LOSS LATE MILLISECONDS [SEED]`: what the sender of such a path writes.
//! `bench-paths goals FIRST LAST [RATE-AT-MOST [LOSS]]`: what transfers of ours are held to; each seed is a path, 384 are all of them.
//! With hundredths of loss only the paths that lose so much, and each of them is named.
//! `bench-paths seeds FIRST LAST [STEP]`: each seed is a path of its own; every byte is checked, and the worst are named.
//! `bench-paths bytes FIRST LAST [STEP]`: the same paths, ours alone: whether every byte is right, and the least goodput.
//! `bench-paths fairness CONTROL RATE ROUND-TRIP QUEUE SEEDS [BEGIN,...]`: what two connections make of one path, of ours and of
//! quinn-proto. The second begins after so many milliseconds, 2,000 unless that is said.
//! `bench-paths ideal RATE ROUND-TRIP QUEUE [BEGIN,... [TOGETHER [BURST]]]`: what CUBIC by itself would make of it, with HyStart++ and
//! without, if so many packets are acknowledged together at most (1) and what is due in so many milliseconds may leave at once (1).
//! `bench-paths two CONTROL RATE ROUND-TRIP QUEUE MILLISECONDS UNTIL [SEED [BEGIN]]`: the same in the course of time.

use bench_paths::table::Table;
use bench_paths::{Cell, Control, goals, ideal, ours, quinn};
use std::collections::BTreeMap;

fn list(text: Option<String>, otherwise: &[u64]) -> Vec<u64> {
    text.map_or(otherwise.to_vec(), |text| text.split(',').map(|number| number.parse().expect("a number")).collect())
}

/// `watch STACK CONTROL RATE ROUND-TRIP QUEUE LOSS LATE MILLISECONDS [SEED]`: one path, as the sender sees it.
fn watch(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let hundredths = |index: usize| arguments[index].parse::<f64>().expect("hundredths");
    let cell = Cell {
        rate: number(2),
        round_trip: number(3),
        queue: number(4),
        loss: hundredths(5),
        reordering: hundredths(6),
    };
    let control = Control::parse(&arguments[1]);
    let seed = if arguments.len() > 8 { number(8) } else { 1 };
    let watch = if arguments[0] == "quinn" { quinn::watch } else { ours::watch };
    watch(seed, &cell, control, number(7));
}

/// `fairness CONTROL RATE ROUND-TRIP QUEUE SEEDS [BEGIN,...]`: what two connections make of one path.
fn fairness(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let cell = Cell { rate: number(1), round_trip: number(2), queue: number(3), loss: 0.0, reordering: 0.0 };
    let control = Control::parse(&arguments[0]);
    let begins = list(arguments.get(5).cloned(), &[2000]);
    for (name, run) in
        [("ours", ours::fairness as fn(u64, &Cell, Control, u64) -> (f64, f64)), ("quinn", quinn::fairness)]
    {
        let of = |begin: u64| (1..=number(4)).map(move |seed| run(seed, &cell, control, begin));
        let all: Vec<(f64, f64)> = begins.iter().copied().flat_map(of).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let least = all.iter().map(|(index, _)| *index).fold(1.0, f64::min);
        let (index, used) = (mean(|one| one.0), mean(|one| one.1));
        println!("{}: {name}: index {index:.3}, least {least:.3}, used {used:.3}", arguments.join(" "));
    }
}

/// `ideal RATE ROUND-TRIP QUEUE [BEGIN,... [TOGETHER [BURST]]]`: what CUBIC by itself would make of a path that two connections share.
fn look_at_ideal(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let cell = Cell { rate: number(0), round_trip: number(1), queue: number(2), loss: 0.0, reordering: 0.0 };
    let begins = list(arguments.get(3).cloned(), &[2000]);
    let together = if arguments.len() > 4 { number(4) as usize } else { 1 };
    let burst = if arguments.len() > 5 { number(5) as f64 / 1000.0 } else { 0.001 };
    for (name, uses_hystart) in [("with HyStart++", true), ("without", false)] {
        let manner = ideal::Manner { uses_hystart, together, burst };
        let all: Vec<(f64, f64)> = begins.iter().map(|begin| ideal::fairness(&cell, *begin, manner)).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let least = all.iter().map(|(index, _)| *index).fold(1.0, f64::min);
        let (index, used) = (mean(|one| one.0), mean(|one| one.1));
        println!("{}: {name}: index {index:.3}, least {least:.3}, used {used:.3}", arguments.join(" "));
    }
}

/// `qlog FOLDER CONTROL RATE ROUND-TRIP QUEUE LOSS LATE MILLISECONDS [SEED]`: what the sender of such a path writes.
fn qlog(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let hundredths = |index: usize| arguments[index].parse::<f64>().expect("hundredths");
    let (rate, round_trip, queue) = (number(2), number(3), number(4));
    let cell = Cell { rate, round_trip, queue, loss: hundredths(5), reordering: hundredths(6) };
    let seed = if arguments.len() > 8 { number(8) } else { 1 };
    let control = Control::parse(&arguments[1]);
    match ours::qlog(seed, &cell, control, None, number(7), std::path::Path::new(&arguments[0])) {
        Ok(file) => println!("{}", file.display()),
        Err(words) => panic!("{words}"),
    }
}

/// `goals FIRST LAST [RATE-AT-MOST [LOSS]]`: which goals are missed where.
fn look_at_goals(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let most = if arguments.len() > 2 { number(2) } else { u64::MAX };
    let loss = arguments.get(3).map(|text| text.parse::<f64>().expect("hundredths"));
    let is_asked = |cell: &Cell| cell.rate <= most && loss.is_none_or(|loss| cell.loss == loss);
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for seed in (number(0)..=number(1)).filter(|seed| is_asked(&goals::cell(*seed))) {
        for control in [Control::Cubic, Control::Bbr] {
            for verdict in goals::judge(seed, control) {
                let (met, all) = counts.entry(verdict.goal).or_default();
                *met += u64::from(verdict.is_met);
                *all += 1;
                if !verdict.is_met || loss.is_some() {
                    let verb = if verdict.is_met { "met" } else { "missed" };
                    println!("{verb}: {}: {}", verdict.goal, verdict.words);
                }
            }
        }
    }
    for (goal, (met, all)) in counts {
        println!("{met} of {all}: {goal}");
    }
}

/// `two CONTROL RATE ROUND-TRIP QUEUE MILLISECONDS UNTIL [SEED [BEGIN]]`: two connections on one path in the course of time.
fn two(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let cell = Cell { rate: number(1), round_trip: number(2), queue: number(3), loss: 0.0, reordering: 0.0 };
    let seed = if arguments.len() > 6 { number(6) } else { 1 };
    let begin = if arguments.len() > 7 { number(7) } else { 2000 };
    ours::watch_two(seed, &cell, Control::parse(&arguments[0]), begin, number(4), number(5));
}

/// `bytes FIRST LAST [STEP]`: the paths of `seeds`, ours alone. A byte that is wrong ends the program.
fn bytes(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let step = if arguments.len() > 2 { number(2) } else { 1 };
    for control in [Control::Cubic, Control::Bbr] {
        let seeds = (number(0)..=number(1)).step_by(usize::try_from(step).expect("a step"));
        let shares: Vec<(f64, u64)> = seeds.map(|seed| (ours::run(seed, &cell_of(seed), control), seed)).collect();
        let least = shares.iter().min_by(|one, other| one.0.total_cmp(&other.0)).expect("a seed");
        let (share, seed) = least;
        println!(
            "{control:?}: {} paths, each byte right; least {share:.3}: seed {seed}, {:?}",
            shares.len(),
            cell_of(*seed)
        );
    }
}

/// `seeds FIRST LAST [STEP]`: each seed is a path of its own, out of a grid, for both congestion controls. Every byte is checked.
fn seeds(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let step = if arguments.len() > 2 { number(2) } else { 1 };
    let mut rows: Vec<(f64, String)> = Vec::new();
    for seed in (number(0)..=number(1)).step_by(usize::try_from(step).expect("a step")) {
        let cell = cell_of(seed);
        for control in [Control::Cubic, Control::Bbr] {
            // What quinn-proto has for BBR is its first version, which does not react to losses: CUBIC is what both are held against.
            let (ours, theirs) = (ours::run(seed, &cell, control), quinn::run(seed, &cell, Control::Cubic));
            rows.push((ours / theirs, format!("{control:?} {cell:?} seed {seed}: {ours:.3} beside {theirs:.3}")));
        }
    }
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    for control in ["Cubic", "Bbr"] {
        let ratios: Vec<f64> = rows.iter().filter(|row| row.1.starts_with(control)).map(|row| row.0).collect();
        let at = |hundredths: usize| ratios[(ratios.len() - 1) * hundredths / 100];
        let below = ratios.iter().filter(|ratio| **ratio < 0.99).count();
        println!(
            "{control}: {} paths, {below} below; ratio: least {:.2}, 10 in 100 {:.2}, median {:.2}, 90 in 100 {:.2}",
            ratios.len(),
            at(0),
            at(10),
            at(50),
            at(90)
        );
    }
    rows.iter().take(12).for_each(|(ratio, words)| println!("{ratio:.2} {words}"));
}

/// One path of the grid: all of 360 come in turn.
fn cell_of(seed: u64) -> Cell {
    let mut rest = seed;
    let mut pick = |of: &[u64]| {
        let picked = of[(rest % of.len() as u64) as usize];
        rest /= of.len() as u64;
        picked
    };
    let (rate, round_trip) = (pick(&[10, 50]), pick(&[20, 80, 200, 600]));
    let (queue, loss, reordering) = (pick(&[25, 100, 400]), pick(&[0, 5, 10, 20, 50]), pick(&[0, 0, 5]));
    Cell { rate, round_trip, queue, loss: loss as f64 / 10.0, reordering: reordering as f64 }
}

fn main() {
    let all: Vec<String> = std::env::args().skip(1).collect();
    if all.first().is_some_and(|first| first == "watch") {
        return watch(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "fairness") {
        return fairness(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "ideal") {
        return look_at_ideal(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "qlog") {
        return qlog(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "goals") {
        return look_at_goals(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "two") {
        return two(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "bytes") {
        return bytes(&all[1..]);
    }
    if all.first().is_some_and(|first| first == "seeds") {
        return seeds(&all[1..]);
    }
    let (only, rest) = match all.first() {
        Some(first) if first == "only" => (all.get(1).cloned(), &all[2.min(all.len())..]),
        _ => (None, &all[..]),
    };
    table(rest.to_vec(), only).print();
}

/// `[SEEDS] [rate,...] [round trip,...] [queue,...] [fault,...] [control,...]`: what is not said is the whole grid.
fn table(all: Vec<String>, only: Option<String>) -> Table {
    let mut arguments = all.into_iter();
    let seeds = arguments.next().map_or(3, |text| text.parse().expect("a number of seeds"));
    let rates = list(arguments.next(), &[10, 50, 200, 1000]);
    let round_trips = list(arguments.next(), &[20, 80, 200, 600]);
    let queues = list(arguments.next(), &[25, 100, 400]);
    let faults = arguments.next().unwrap_or_else(|| "0,0.5,1,2,5,late".to_owned());
    let fault = |text: &str| match text {
        "late" => (0.0, 5.0),
        _ => (text.parse().expect("hundredths of loss, or: late"), 0.0),
    };
    let controls = arguments.next().unwrap_or_else(|| "cubic,bbr".to_owned());
    Table {
        seeds,
        rates,
        round_trips,
        queues,
        faults: faults.split(',').map(fault).collect(),
        controls: controls.split(',').map(Control::parse).collect(),
        only,
    }
}
