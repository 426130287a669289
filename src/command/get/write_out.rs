//! What `--write-out` prints: a text with variables of the transfer in it.

use crate::command::get::record::{Record, http_version};
use std::time::Duration;

/// What is printed, and where.
#[derive(Debug, PartialEq, Default)]
pub struct Written {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
}

impl Written {
    fn push(&mut self, is_err: bool, text: &str) {
        let place = if is_err { &mut self.err } else { &mut self.out };
        place.push_str(text);
    }
}

/// `format` with the values of `record`. What is no variable stays as it is.
pub fn written(format: &str, record: &Record) -> Written {
    let mut written = Written::default();
    let mut is_err = false;
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        let (before, special) = rest.split_at(at);
        let (text, left) = next(special, record, &mut is_err, &mut written, before);
        written.push(is_err, &text);
        rest = left;
    }
    written.push(is_err, rest);
    written
}

/// The text of what `special` begins with, and what is left behind it.
fn next<'a>(
    special: &'a str,
    record: &Record,
    is_err: &mut bool,
    written: &mut Written,
    before: &str,
) -> (String, &'a str) {
    written.push(*is_err, before);
    for (escape, text) in [("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\\\", "\\"), ("%%", "%")] {
        if let Some(left) = special.strip_prefix(escape) {
            return (text.to_owned(), left);
        }
    }
    if let Some((name, left)) = special.strip_prefix("%header{").and_then(|rest| rest.split_once('}')) {
        return (record.fields.first_text(name).unwrap_or_default().to_owned(), left);
    }
    let variable = special.strip_prefix("%{").and_then(|rest| rest.split_once('}')).and_then(|(name, left)| {
        match name {
            "stderr" => *is_err = true,
            "stdout" => *is_err = false,
            name => return Some((value(record, name)?, left)),
        }
        Some((String::new(), left))
    });
    variable.unwrap_or_else(|| {
        let (one, left) = special.split_at(1);
        (one.to_owned(), left)
    })
}

fn value(record: &Record, name: &str) -> Option<String> {
    let seconds = |time: Option<Duration>| format!("{:.6}", time.unwrap_or_default().as_secs_f64());
    let phases = &record.phases;
    Some(match name {
        "http_code" | "response_code" => format!("{:03}", record.status.unwrap_or(0)),
        "http_version" => record.http_version.map_or("0", http_version).to_owned(),
        "scheme" => "https".to_owned(),
        "url" => record.url.clone(),
        "url_effective" => record.url_effective.clone(),
        "redirect_url" => record.fields.first_text("location").unwrap_or_default().to_owned(),
        "method" => record.method.clone(),
        "size_download" => record.downloaded.to_string(),
        "size_upload" => record.uploaded.to_string(),
        "speed_download" => format!("{:.0}", record.speed(record.downloaded)),
        "speed_upload" => format!("{:.0}", record.speed(record.uploaded)),
        "time_namelookup" => seconds(phases.looked_up),
        "time_connect" | "time_appconnect" => seconds(phases.connected),
        "time_pretransfer" => seconds(phases.asked),
        "time_starttransfer" => seconds(phases.answered),
        "time_total" => seconds(Some(phases.ended)),
        "num_redirects" => record.redirects.to_string(),
        "num_retries" => record.retries.to_string(),
        "num_headers" => record.fields.len().to_string(),
        "remote_ip" => record.remote.map(|remote| remote.ip().to_string()).unwrap_or_default(),
        "remote_port" => record.remote.map_or(0, |remote| remote.port()).to_string(),
        "content_type" => record.fields.first_text("content-type").unwrap_or_default().to_owned(),
        "filename_effective" => record.file.clone().unwrap_or_default(),
        "exitcode" => record.problem.as_ref().map_or(0, |problem| problem.status).to_string(),
        "errormsg" => record.problem.as_ref().map(|problem| problem.text.clone()).unwrap_or_default(),
        "json" => record.json().trim_end().to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_their_values_and_the_rest_stays() {
        let mut record = Record::new("https://a/x", "PUT");
        record.status = Some(204);
        record.downloaded = 500;
        record.phases.ended = Duration::from_millis(250);
        record.fields.push("x-y", "value").unwrap();
        for (format, expected) in [
            ("%{http_code}\\n", "204\n"),
            ("%{method} %{url} %{size_download} %{speed_download}", "PUT https://a/x 500 2000"),
            ("%{time_total}s\\t%{time_connect}", "0.250000s\t0.000000"),
            ("100%% %{unknown} % %{ %{http_code", "100% %{unknown} % %{ %{http_code"),
            ("%header{x-y} %header{X-Y}|%header{none}|%header{x", "value value||%header{x"),
            ("ä\\\\n\\x", "ä\\n\\x"),
            ("", ""),
        ] {
            let found = written(format, &record);
            assert_eq!((found.out.as_str(), found.err.as_str()), (expected, ""), "{format}");
        }
        let found = written("a%{stderr}b%{http_code}%{stdout}c", &record);
        assert_eq!(found, Written { out: "ac".into(), err: "b204".into() });
        record.status = None;
        assert_eq!(written("%{http_code} %{http_version}", &record).out, "000 0");
    }
}
