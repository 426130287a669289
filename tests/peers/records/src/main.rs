//! TLS over records with openssl and rustls over TCP, both roles: `peers-records [--list] [--only PATTERN]... [--size MB]`. A
//! cell is `CLIENT>SERVER/CASE`; a line for each, and 0 if all are right. `--speed` measures ours and rustls in memory.

mod blocking;
mod cells;
mod early;
mod foreign;
mod identity;
mod openssl;
mod ours;
mod speed;
mod talk;
mod visits;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut only, mut megabytes, mut lists, mut measures) = (Vec::new(), 100, false, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => lists = true,
            "--speed" => measures = true,
            "--only" => only.push(arguments.next().expect("--only PATTERN")),
            "--size" => megabytes = arguments.next().and_then(|text| text.parse().ok()).expect("--size MB"),
            other => panic!("what is {other}?"),
        }
    }
    let folder = std::env::temp_dir().join(format!("peers-records-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let identity = identity::Identity::make(&folder);
    if measures {
        speed::run(&identity, megabytes);
        let _ = std::fs::remove_dir_all(&folder);
        return ExitCode::SUCCESS;
    }
    let mut failures = 0;
    for (name, cell) in cells::all(megabytes * 1_000_000) {
        if !only.is_empty() && !only.iter().any(|pattern| name.contains(pattern.trim_matches('*'))) {
            continue;
        }
        if lists {
            println!("{name}");
            continue;
        }
        let begin = Instant::now();
        let result = cell(&identity);
        let took = begin.elapsed().as_secs_f64();
        match result {
            Ok(said) => println!("ok    {name} {took:.2} s {said}"),
            Err(error) => {
                failures += 1;
                println!("FAIL  {name} {took:.2} s: {error}");
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    ExitCode::from(u8::from(failures > 0))
}
