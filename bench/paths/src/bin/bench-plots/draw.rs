//! A drawing of three panels above each other, with one axis of time. Colors follow the reader's theme.

use crate::read::{History, Point};
use std::fmt::Write;

/// Of the drawing, and of what is left for words around a panel.
const WIDTH: f64 = 860.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 44.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 40.0;
/// Two units of width have one value each for the least and the largest: what is between cannot be seen.
const BUCKET: f64 = 2.0;

const STYLE: &str = "<style>\
    svg{background:#fff}\
    text{font:12px system-ui,sans-serif;fill:#333}\
    .t{font-size:14px;font-weight:600}\
    .g{stroke:#ddd;stroke-width:1}\
    .l{stroke:#c62828;stroke-width:1;opacity:.55}\
    path{fill:none;stroke-width:1.4}\
    .a{stroke:#1f5fbf}.b{stroke:#d98200}\
    text.a{stroke:none;fill:#1f5fbf}text.b{stroke:none;fill:#d98200}text.l{stroke:none;fill:#c62828;opacity:1}\
    @media(prefers-color-scheme:dark){\
    svg{background:#14171b}text{fill:#ccc}.g{stroke:#333a42}\
    .a{stroke:#78aefc}.b{stroke:#ffb74d}.l{stroke:#ff8a80}\
    text.a{fill:#78aefc}text.b{fill:#ffb74d}text.l{fill:#ff8a80}}\
    </style>";

/// One line of a panel.
struct Series {
    name: &'static str,
    class: char,
    of: fn(&Point) -> Option<f64>,
}

/// One panel: what its values are divided by to be in the unit.
struct Panel {
    unit: &'static str,
    divisor: f64,
    series: [Option<Series>; 2],
    has_losses: bool,
}

fn panels() -> [Panel; 3] {
    let series = |name, class, of| Some(Series { name, class, of });
    [
        Panel {
            unit: "kB",
            divisor: 1000.0,
            series: [
                series("congestion window", 'a', |point| Some(point.congestion_window)),
                series("bytes in flight", 'b', |point| Some(point.bytes_in_flight)),
            ],
            has_losses: true,
        },
        Panel {
            unit: "Mbit/s",
            divisor: 1_000_000.0,
            series: [series("pacing rate", 'a', |point| point.pacing_rate), None],
            has_losses: false,
        },
        Panel {
            unit: "ms",
            divisor: 1.0,
            series: [
                series("latest round trip", 'b', |point| Some(point.latest_rtt)),
                series("smoothed round trip", 'a', |point| Some(point.smoothed_rtt)),
            ],
            has_losses: false,
        },
    ]
}

/// The whole drawing.
pub fn svg(title: &str, history: &History) -> String {
    let height = TOP + 3.0 * (PANEL + GAP) + 6.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">{STYLE}\n\
         <text class=\"t\" x=\"{LEFT}\" y=\"20\">{}</text>\n",
        escaped(title)
    );
    let end = history.points.last().map_or(1.0, |point| point.time).max(1.0);
    for (index, panel) in panels().iter().enumerate() {
        let top = TOP + index as f64 * (PANEL + GAP);
        draw_panel(&mut svg, panel, history, top, end);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_panel(svg: &mut String, panel: &Panel, history: &History, top: f64, end: f64) {
    let series: Vec<&Series> = panel.series.iter().flatten().collect();
    let all = |series: &&Series| history.points.iter().filter_map(series.of).fold(0.0, f64::max) / panel.divisor;
    let (step, most) = scale(series.iter().map(all).fold(0.0, f64::max));
    let y = |value: f64| top + PANEL - PANEL * value / most;
    let x = |time: f64| LEFT + (WIDTH - LEFT - RIGHT) * time / end;
    let mut line = 0.0;
    while line <= most + step / 2.0 {
        let at = y(line);
        let _ = write!(svg, "<line class=\"g\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            label(line)
        );
        line += step;
    }
    let (step, most_time) = (scale(end / 1000.0).0, end / 1000.0);
    let mut second = 0.0;
    while second <= most_time {
        let (at, under) = (x(second * 1000.0), top + PANEL);
        let _ = write!(svg, "<line class=\"g\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{under}\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{} s</text>",
            under + 16.0,
            label(second)
        );
        second += step;
    }
    if panel.has_losses {
        draw_losses(svg, &history.losses, top, x);
    }
    let mut words = LEFT;
    let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{}</text>", top - 8.0, panel.unit);
    for series in series {
        let points =
            history.points.iter().filter_map(|point| Some((x(point.time), y((series.of)(point)? / panel.divisor))));
        let _ = writeln!(svg, "<path class=\"{}\" d=\"{}\"/>", series.class, path(points));
        let _ =
            writeln!(svg, "<text class=\"{}\" x=\"{words}\" y=\"{}\">{}</text>", series.class, top - 8.0, series.name);
        words += 8.0 * series.name.len() as f64;
    }
    if panel.has_losses && !history.losses.is_empty() {
        let count = history.losses.len();
        let _ = writeln!(svg, "<text class=\"l\" x=\"{words}\" y=\"{}\">packets lost: {count}</text>", top - 8.0);
    }
}

/// A mark at the foot of the panel for each two units of width in which something was lost.
fn draw_losses(svg: &mut String, losses: &[f64], top: f64, x: impl Fn(f64) -> f64) {
    let mut last = f64::MIN;
    for at in losses.iter().map(|time| x(*time)).filter(|at| *at <= WIDTH - RIGHT) {
        if at >= last + BUCKET {
            let foot = top + PANEL;
            let _ =
                write!(svg, "<line class=\"l\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{foot}\"/>", foot - 9.0);
            last = at;
        }
    }
    svg.push('\n');
}

/// Steps through the points, of which no more are kept than can be seen.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    let mut bucket: Option<(f64, f64, f64, f64)> = None;
    let mut flush = |(at, first, least, most): (f64, f64, f64, f64)| {
        // First what came first, so that a line that rises and one that falls look like it.
        let (one, other) = if (first - least).abs() < (first - most).abs() { (least, most) } else { (most, least) };
        // A value holds until the next one.
        let begin = if path.is_empty() { format!("M{at:.0} {one:.1}") } else { format!("H{at:.0}V{one:.1}") };
        path.push_str(&begin);
        if (one - other).abs() >= 0.1 {
            let _ = write!(path, "V{other:.1}");
        }
    };
    for (x, y) in points {
        match &mut bucket {
            Some((at, _, least, most)) if x < *at + BUCKET => (*least, *most) = (least.min(y), most.max(y)),
            _ => {
                bucket.replace((x, y, y, y)).into_iter().for_each(&mut flush);
            }
        }
    }
    bucket.into_iter().for_each(flush);
    path
}

/// A round step for four to eight lines up to `most`, and where the axis ends.
fn scale(most: f64) -> (f64, f64) {
    let most = most.max(0.001);
    let mut step = 10f64.powf((most / 4.0).log10().floor());
    while most / step > 8.0 {
        step *= if most / step > 40.0 {
            10.0
        } else if most / step > 16.0 {
            5.0
        } else {
            2.0
        };
    }
    (step, (most / step).ceil() * step)
}

fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, expected) in [
            (0.7, (0.1, 0.7)),
            (9.0, (2.0, 10.0)),
            (13.0, (2.0, 14.0)),
            (100.0, (20.0, 100.0)),
            (950.0, (200.0, 1000.0)),
        ] {
            let (step, end) = scale(most);
            assert!((step - expected.0).abs() < 1e-9 && (end - expected.1).abs() < 1e-9, "{most}: {step} {end}");
        }
    }

    #[test]
    fn a_drawing_is_small_however_long_the_file_is_and_keeps_its_peaks() {
        let point = |index: u32| Point {
            time: f64::from(index) / 10.0,
            congestion_window: if index == 77_777 { 9_000_000.0 } else { 100_000.0 },
            bytes_in_flight: f64::from(index % 1000) * 50.0,
            pacing_rate: Some(1e7),
            smoothed_rtt: 40.0,
            latest_rtt: 40.0 + f64::from(index % 7),
        };
        let history = History { points: (0..200_000).map(point).collect(), losses: (0..9999).map(f64::from).collect() };
        let svg = svg("a < b", &history);
        assert!(svg.len() < 60_000, "{}", svg.len());
        assert!(svg.contains("a &lt; b") && svg.contains(&format!("V{TOP:.1}")), "the peak is the top of the panel");
    }
}
