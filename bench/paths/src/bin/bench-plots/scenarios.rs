//! The standard paths: a clean one, one that loses, one that reorders, one that is silent for ten seconds, one with a short queue.

use bench_paths::{Cell, Control, ours};

/// One path and who sends over it.
pub struct Scenario {
    name: &'static str,
    words: &'static str,
    control: Control,
    cell: Cell,
    /// Milliseconds.
    outage: Option<(u64, u64)>,
    end: u64,
}

/// With each congestion control.
pub fn all() -> Vec<Scenario> {
    let clean = Cell { rate: 10, round_trip: 50, queue: 100, loss: 0.0, reordering: 0.0 };
    let mut all = Vec::new();
    for control in [Control::Cubic, Control::Bbr] {
        let mut add = |name, words, cell, outage, end| all.push(Scenario { name, words, control, cell, outage, end });
        add("clean", "a queue of one round trip", clean, None, 15_000);
        add("loss", "1 % lost", Cell { loss: 1.0, ..clean }, None, 15_000);
        add("reordering", "5 % late by up to 12.5 ms", Cell { reordering: 5.0, ..clean }, None, 15_000);
        add("black-hole", "nothing arrives from 5 s to 15 s", clean, Some((5000, 15_000)), 25_000);
        add("narrow-queue", "a queue of a quarter of a round trip", Cell { queue: 25, ..clean }, None, 15_000);
    }
    all
}

impl Scenario {
    /// Of the drawing.
    pub fn file_name(&self) -> String {
        format!("{}-{}.svg", self.control_name().to_lowercase(), self.name)
    }

    /// In words.
    pub fn title(&self) -> String {
        let Cell { rate, round_trip, .. } = self.cell;
        format!("{}: {rate} Mbit/s, {round_trip} ms, {}", self.control_name(), self.words)
    }

    fn control_name(&self) -> &'static str {
        match self.control {
            Control::Cubic => "CUBIC",
            Control::Bbr => "BBR",
        }
    }

    /// What the server's tracer has written.
    pub fn qlog(&self) -> Result<String, String> {
        let folder = std::env::temp_dir().join(format!("bench-plots-{}-{}", std::process::id(), self.file_name()));
        let run = ours::qlog(1, &self.cell, self.control, self.outage, self.end, &folder);
        let text = run.and_then(|file| {
            std::fs::read_to_string(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
        });
        // What cannot be removed from the folder for temporary files is no reason to draw nothing.
        let _ = std::fs::remove_dir_all(&folder);
        text
    }
}
