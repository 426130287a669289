//! One script from its first line to its last.

use crate::bytes::{hexadecimal, parse};
use crate::step::Stage;
use base::Side;
use std::collections::VecDeque;

/// Plays a script; gives how many inputs it has.
///
/// # Errors
/// Words that say which line is wrong, what was expected and what came.
pub(crate) fn play(text: &str) -> Result<usize, String> {
    let (mut stage, lines) = begin(text)?;
    let mut came = VecDeque::new();
    let mut last = (0, "nothing");
    let mut inputs = 0;
    for (at, line) in lines {
        if let Some(expected) = line.strip_prefix('>') {
            let expected = canonical(expected.trim()).map_err(|words| format!("line {at}: {words}"))?;
            compare(at, &expected, came.pop_front())?;
            continue;
        }
        nothing_left(last, &came)?;
        came = stage.input(line).map_err(|words| format!("line {at}: {words}"))?.into();
        last = (at, line);
        inputs += 1;
    }
    nothing_left(last, &came)?;
    Ok(inputs)
}

/// The inputs of a script, each with what follows it: to write a script by.
///
/// # Errors
/// Words that say which line is wrong.
pub(crate) fn show(text: &str) -> Result<String, String> {
    let (mut stage, lines) = begin(text)?;
    let mut shown = String::new();
    for (at, line) in lines.into_iter().filter(|(_, line)| !line.starts_with('>')) {
        let came = stage.input(line).map_err(|words| format!("line {at}: {words}"))?;
        let came: String = came.iter().map(|line| format!("> {line}\n")).collect();
        shown.push_str(&format!("{line}\n{came}"));
    }
    Ok(shown)
}

/// A line of a script and its number, counted from 1.
type Line<'a> = (usize, &'a str);

/// The connection that a script is about, and its other lines.
fn begin(text: &str) -> Result<(Stage, Vec<Line<'_>>), String> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let side = match lines.next() {
        Some((_, "client")) => Side::Client,
        Some((_, "server")) => Side::Server,
        Some((at, line)) => return Err(format!("line {at}: {line}: a script begins with client or server")),
        None => return Err("nothing in it: a script begins with client or server".to_owned()),
    };
    Ok((Stage::new(side), lines.collect()))
}

/// The bytes of a line as they are told.
fn canonical(line: &str) -> Result<String, String> {
    let mut words = line.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some("write"), Some(id), Some(bytes)) => Ok(format!("write {id} {}", hexadecimal(&parse(bytes)?))),
        (Some(what @ ("content" | "datagram")), Some(_), _) => {
            Ok(format!("{what} {}", hexadecimal(&parse(&line[what.len()..])?)))
        }
        _ => Ok(line.to_owned()),
    }
}

fn compare(at: usize, expected: &str, came: Option<String>) -> Result<(), String> {
    let Some(came) = came else { return Err(format!("line {at}:\n  expected: {expected}\n  nothing more came")) };
    if came == expected {
        return Ok(());
    }
    let same = came.bytes().zip(expected.bytes()).take_while(|(one, other)| one == other).count();
    let place = " ".repeat(same);
    Err(format!("line {at}:\n  expected: {expected}\n  came:     {came}\n            {place}^ they differ"))
}

fn nothing_left((at, line): Line<'_>, came: &VecDeque<String>) -> Result<(), String> {
    if came.is_empty() {
        return Ok(());
    }
    let came: Vec<String> = came.iter().map(|line| format!("\n  > {line}")).collect();
    Err(format!("line {at}: behind \"{line}\" came what the script does not say:{}", came.concat()))
}
