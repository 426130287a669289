//! What is drawn, out of the lines of a qlog file (JSON text sequences, one event to a line).

/// What the sender knew after an acknowledgment or a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds.
    pub time: f64,
    /// Bytes.
    pub congestion_window: f64,
    /// Bytes.
    pub bytes_in_flight: f64,
    /// Bits per second; none in files that were written before it was.
    pub pacing_rate: Option<f64>,
    /// Milliseconds.
    pub smoothed_rtt: f64,
    /// Milliseconds.
    pub latest_rtt: f64,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// In order.
    pub points: Vec<Point>,
    /// When packets were declared lost, in milliseconds.
    pub losses: Vec<f64>,
}

/// Reads the text of a file.
///
/// # Errors
/// Nothing in it tells of a congestion window.
pub fn history(text: &str) -> Result<History, String> {
    let mut history = History::default();
    for line in text.lines() {
        let Some(time) = number(line, "time") else { continue };
        if line.contains("\"name\":\"quic:packet_lost\"") {
            history.losses.push(time);
        } else if line.contains("\"name\":\"quic:recovery_metrics_updated\"") {
            history.points.extend(point(line, time));
        }
    }
    if history.points.len() < 2 {
        return Err("has no two events recovery_metrics_updated: is it qlog of a whole connection?".to_owned());
    }
    Ok(history)
}

fn point(line: &str, time: f64) -> Option<Point> {
    Some(Point {
        time,
        congestion_window: number(line, "congestion_window")?,
        bytes_in_flight: number(line, "bytes_in_flight")?,
        pacing_rate: number(line, "pacing_rate"),
        smoothed_rtt: number(line, "smoothed_rtt")?,
        latest_rtt: number(line, "latest_rtt")?,
    })
}

/// The number with this name. The names that are asked for stand in no text of these events.
fn number(line: &str, name: &str) -> Option<f64> {
    let after = line.split_once(&format!("\"{name}\":"))?.1.trim_start();
    let end = after.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '-' | 'e' | '+')).unwrap_or(after.len());
    after[..end].parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_losses() {
        let metrics = |time| {
            format!(
                "\u{1e}{{\"time\":{time},\"name\":\"quic:recovery_metrics_updated\",\"data\":{{\"smoothed_rtt\":40.5,\"latest_rtt\":41,\
                 \"congestion_window\":12000,\"bytes_in_flight\":2400,\"pacing_rate\":8000}}}}\n"
            )
        };
        let lost = "\u{1e}{\"time\":15.5,\"name\":\"quic:packet_lost\",\"data\":{}}\n";
        let text = format!("{}{lost}{}not qlog\n", metrics("10"), metrics("20.25"));
        let history = history(&text).expect("two points");
        assert_eq!((history.points.len(), &history.losses[..]), (2, &[15.5][..]));
        let point = history.points[1];
        assert_eq!((point.time, point.pacing_rate, point.smoothed_rtt), (20.25, Some(8000.0), 40.5));
    }

    #[test]
    fn what_is_no_qlog_is_refused() {
        for text in ["", "\u{1e}{\"time\":1}\n", "{\"time\":99999e999,\"name\":\"quic:recovery_metrics_updated\"}"] {
            assert!(history(text).is_err(), "{text}");
        }
    }
}
