//! Downloads that are broken off and gone on with: what is kept, and that no two versions of a file are put together.

use crate::answering::{Answering, pause};
use crate::process::{expect, get, text};
use crate::serving::Folder;
use posthaste::{Reply, Request, ResponseHead, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the server has: content, and its tag.
type Version = (&'static str, &'static str);

const ONE: Version = ("the first version of it", "\"one\"");
const TWO: Version = ("THE SECOND VERSION OF IT, LONGER", "\"two\"");

/// Answers with a part from where it is asked, if it is of the version asked for. While `breaks`, after 9 bytes there is nothing more.
fn server(version: Version, breaks: &Arc<AtomicBool>) -> Answering {
    let breaks = breaks.clone();
    Answering::start(move |request: Request, reply: Reply| {
        let breaks = breaks.load(Ordering::SeqCst);
        async move {
            let (content, tag) = version;
            let fields = request.fields();
            let from = fields
                .first_text("range")
                .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
            let is_same = fields.first_text("if-range").is_none_or(|asked| asked == tag);
            let from: usize = from.filter(|_| is_same).unwrap_or(0);
            let of = content.len();
            if from >= of {
                let head = ResponseHead::new(Status::RANGE_NOT_SATISFIABLE)
                    .with_field("content-range", format!("bytes */{of}"))?;
                return reply.send(head, "").await;
            }
            let head = if from == 0 {
                ResponseHead::new(Status::OK)
            } else {
                ResponseHead::new(Status::PARTIAL_CONTENT)
                    .with_field("content-range", format!("bytes {from}-{}/{of}", of - 1))?
            };
            let head = head.with_field("etag", tag)?.with_field("content-length", (of - from).to_string())?;
            let mut writer = reply.start(head)?;
            if breaks {
                writer.write(content[from..from + 9].to_owned()).await?;
                // What was written is to arrive before the end of it.
                pause(Duration::from_millis(200)).await;
                return Ok(());
            }
            writer.write(content[from..].to_owned()).await?;
            writer.finish()
        }
    })
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names = folder.list(".");
    names.sort();
    names
}

#[test]
fn what_was_broken_off_is_gone_on_with() {
    let (folder, breaks) = (Folder::new(), Arc::new(AtomicBool::new(true)));
    let server = server(ONE, &breaks);
    let url = server.url("/x");
    expect(&get(&folder, &["-O", "-C", "-", &url]), 18, &["incomplete after 9 of 23 bytes"]);
    assert_eq!(names(&folder), ["x.part", "x.part-of"]);
    expect(&get(&folder, &["-O", "-C", "-", &url]), 18, &["incomplete after 9 of 14 bytes"]);
    assert_eq!(folder.read("x.part"), &ONE.0.as_bytes()[..18]);
    breaks.store(false, Ordering::SeqCst);
    let output = get(&folder, &["-O", "-C", "-", "-w", "%{http_code} %{size_download}", &url]);
    expect(&output, 0, &[]);
    assert_eq!((text(&output.stdout), text(&folder.read("x"))), ("206 5".into(), ONE.0.into()));
    assert_eq!(names(&folder), ["x"]);
    // It is complete.
    let output = get(&folder, &["-O", "-C", "-", "-w", "%{http_code}", &url]);
    expect(&output, 0, &[]);
    assert_eq!((text(&output.stdout), text(&folder.read("x"))), ("416".into(), ONE.0.into()));
}

/// With `--retry` the next attempt goes on, too.
#[test]
fn an_attempt_goes_on_where_the_one_before_ended() {
    let (folder, breaks) = (Folder::new(), Arc::new(AtomicBool::new(true)));
    let server = server(ONE, &breaks);
    let output = get(&folder, &["-O", "-C", "-", "--retry", "1", "--retry-delay", "0.01", &server.url("/x")]);
    expect(&output, 18, &["9 of 23", "9 of 14"]);
    assert_eq!(folder.read("x.part"), &ONE.0.as_bytes()[..18]);
}

#[test]
fn another_version_begins_anew() {
    let (folder, breaks) = (Folder::new(), Arc::new(AtomicBool::new(true)));
    let first = server(ONE, &breaks);
    expect(&get(&folder, &["-O", "-C", "-", &first.url("/x")]), 18, &[]);
    breaks.store(false, Ordering::SeqCst);
    let second = server(TWO, &breaks);
    // What is kept says of which URL it is.
    let of = format!("{}\n{}\n", second.url("/x"), ONE.1);
    folder.write("x.part-of", of.as_bytes());
    expect(&get(&folder, &["-O", "-C", "-", &second.url("/x")]), 0, &[]);
    assert_eq!((text(&folder.read("x")), names(&folder)), (TWO.0.into(), vec!["x".to_owned()]));
}

#[test]
fn without_it_nothing_is_kept_and_a_file_that_is_there_is_gone_on_with_as_it_is() {
    let (folder, breaks) = (Folder::new(), Arc::new(AtomicBool::new(true)));
    let server = server(ONE, &breaks);
    let url = server.url("/x");
    expect(&get(&folder, &["-O", &url]), 18, &[]);
    assert_eq!(names(&folder), [""; 0]);
    breaks.store(false, Ordering::SeqCst);
    folder.write("x", &ONE.0.as_bytes()[..10]);
    expect(&get(&folder, &["-O", "-C", "-", &url]), 0, &[]);
    assert_eq!(text(&folder.read("x")), ONE.0);
    folder.write("x", &ONE.0.as_bytes()[..10]);
    expect(&get(&folder, &["-O", "-C", "4", &url]), 0, &[]);
    assert_eq!(text(&folder.read("x")), ONE.0);
    let output = get(&folder, &["-C", "4", &url]);
    expect(&output, 0, &[]);
    assert_eq!(text(&output.stdout), ONE.0[4..]);
    // What is kept of the same URL is not what was asked to go on with.
    folder.write("x", &ONE.0.as_bytes()[..10]);
    folder.write("x.part", b"other");
    folder.write("x.part-of", format!("{url}\n{}\n", ONE.1).as_bytes());
    expect(&get(&folder, &["-O", "-C", "4", &url]), 0, &[]);
    assert_eq!((text(&folder.read("x")), names(&folder)), (ONE.0.into(), vec!["x".to_owned()]));
    folder.write("x", b"longer than what the server has by far");
    expect(&get(&folder, &["-O", "-C", "-", &url]), 33, &["it is not the same file"]);
    expect(&get(&folder, &["-o", "y", "-C", "4", &url]), 2, &["y has 0 bytes"]);
    assert_eq!(names(&folder), ["x"]);
}
