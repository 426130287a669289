//! How long the operations take, ours and another implementation's in turn.

use crate::samples::Samples;
use ml_kem::{DecapsulationKey, EncapsulationKey, MESSAGE_LEN, SEED_LEN};
use rustcrypto::kem::Decapsulate;
use rustcrypto::ml_kem_768::DecapsulationKey as OtherKey;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds that are timed together.
const BATCH: u64 = 50;

/// Prints a table of the medians and of the quickest batches, in microseconds.
pub fn run(rounds: u64) {
    let mut samples = Samples::new(2);
    let (seed, message) = (samples.bytes::<SEED_LEN>(), samples.bytes::<MESSAGE_LEN>());
    let key = DecapsulationKey::from_seed(&seed);
    let (ciphertext, _) = EncapsulationKey::from_bytes(key.encapsulation_key()).expect("a key").encapsulate(&message);
    let other = OtherKey::from_seed(seed.into());
    let encapsulate = || {
        let key = EncapsulationKey::from_bytes(black_box(key.encapsulation_key())).expect("a key");
        drop(black_box(key.encapsulate(black_box(&message))));
    };
    println!("{:<28} {:>8} {:>8}", "microseconds", "median", "least");
    let operations: [(&str, &dyn Fn()); 6] = [
        ("key", &|| drop(black_box(DecapsulationKey::from_seed(black_box(&seed))))),
        ("encapsulate, key checked", &encapsulate),
        ("decapsulate", &|| drop(black_box(key.decapsulate(black_box(&ciphertext))))),
        ("key, RustCrypto", &|| {
            drop(black_box(OtherKey::from_seed(black_box(seed).into())));
        }),
        ("encapsulate, RustCrypto", &|| {
            black_box(other.encapsulation_key().encapsulate_deterministic(&black_box(message).into()));
        }),
        ("decapsulate, RustCrypto", &|| {
            black_box(other.decapsulate(&black_box(ciphertext).into()));
        }),
    ];
    let mut times = vec![Vec::new(); operations.len()];
    for _ in 0..rounds.div_ceil(BATCH) {
        for ((_, operation), times) in operations.iter().zip(&mut times) {
            let start = Instant::now();
            (0..BATCH).for_each(|_| operation());
            times.push(start.elapsed());
        }
    }
    for ((name, _), mut times) in operations.iter().zip(times) {
        times.sort_unstable();
        let each = |batch: Duration| batch.as_secs_f64() * 1e6 / BATCH as f64;
        println!("{name:<28} {:>8.2} {:>8.2}", each(times[times.len() / 2]), each(times[0]));
    }
}
