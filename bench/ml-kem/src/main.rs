//! ML-KEM-768 alone: `bench-ml-kem speed`, how long each operation takes beside another implementation; `compare [rounds=N]`,
//! whether both give the same keys, ciphertexts and secrets; `timing [rounds=N]`, whether time tells anything about secrets.

mod compare;
mod samples;
mod speed;
mod timing;

fn main() {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let rounds = words.find_map(|word| word.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok()));
    match task.as_str() {
        "speed" => speed::run(rounds.unwrap_or(20_000)),
        "compare" => compare::run(rounds.unwrap_or(100_000)),
        "timing" => timing::run(rounds.unwrap_or(100_000)),
        _ => {
            eprintln!("usage: bench-ml-kem speed|compare|timing [rounds=N]");
            std::process::exit(2);
        }
    }
}
