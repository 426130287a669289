//! Whether time depends on secrets: two classes of inputs, measured in random order, whose means Welch's t-test compares.
//!
//! What is public (the key's matrix) is the same in both classes, because time may depend on it.

use crate::samples::Samples;
use std::hint::black_box;
use std::time::Instant;

/// Above this, the two means differ by more than chance explains; the usual bound of such tests.
const BOUND: f64 = 4.5;

/// Inputs that are prepared for each class: in one of equal inputs, as many copies, so that caches say nothing about the class.
const INPUTS: usize = 256;

/// Prints t for each test; a program that ends with 1 has seen a difference.
pub fn run(rounds: u64) {
    let mut samples = Samples::new(3);
    let seed = samples.bytes::<{ ml_kem::SEED_LEN }>();
    let key = ml_kem::DecapsulationKey::from_seed(&seed);
    let published = ml_kem::EncapsulationKey::from_bytes(key.encapsulation_key()).expect("a key");
    let decapsulate = |ciphertext: &[u8; ml_kem::CIPHERTEXT_LEN]| drop(black_box(key.decapsulate(ciphertext)));

    let one_message = samples.bytes::<{ ml_kem::MESSAGE_LEN }>();
    let messages = inputs(|| samples.bytes());
    let (one_ciphertext, _) = published.encapsulate(&one_message);
    let ciphertexts = inputs(|| published.encapsulate(&samples.bytes()).0);
    let rejected = inputs(|| samples.bytes());
    let keys = inputs(|| other_secret(&key, samples.bytes()));
    let one = samples.bytes();
    let one_key = inputs(|| other_secret(&key, one));

    let mut test = Test { samples: Samples::new(4), rounds, differs: false };
    test.run("encapsulate: one message, many", &inputs(|| one_message), &messages, |message| {
        drop(black_box(published.encapsulate(message)));
    });
    test.run("decapsulate: one ciphertext, many", &inputs(|| one_ciphertext), &ciphertexts, decapsulate);
    test.run("decapsulate: accepted, rejected", &ciphertexts, &rejected, decapsulate);
    // A key is where it was made: two copies of it would be two secrets in memory.
    let [one_key, keys] = [&one_key, &keys].map(|keys| keys.iter().collect::<Vec<_>>());
    test.run("decapsulate: one secret key, many", &one_key, &keys, |key| {
        drop(black_box(key.decapsulate(&one_ciphertext)));
    });
    std::process::exit(i32::from(test.differs));
}

fn inputs<T>(make: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(make).take(INPUTS).collect()
}

/// A key with the same public half and another secret one.
fn other_secret(key: &ml_kem::DecapsulationKey, seed: [u8; ml_kem::SEED_LEN]) -> ml_kem::DecapsulationKey {
    let mut bytes = [0; ml_kem::DECAPSULATION_KEY_LEN];
    key.to_bytes(&mut bytes);
    let other = ml_kem::DecapsulationKey::from_seed(&seed);
    let mut other_bytes = [0; ml_kem::DECAPSULATION_KEY_LEN];
    other.to_bytes(&mut other_bytes);
    let secret = ml_kem::DECAPSULATION_KEY_LEN - ml_kem::ENCAPSULATION_KEY_LEN - 64;
    bytes[..secret].copy_from_slice(&other_bytes[..secret]);
    ml_kem::DecapsulationKey::from_bytes(&bytes).expect("the hash covers the public half only")
}

struct Test {
    samples: Samples,
    rounds: u64,
    differs: bool,
}

impl Test {
    fn run<T: Copy>(&mut self, name: &str, first: &[T], second: &[T], operation: impl Fn(&T)) {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            let number = self.samples.number();
            let (class, place) = ((number >> 60 & 1) as usize, (number & 0xff) as usize);
            // A copy, so that all inputs are in one place: what loads eight bytes or more takes longer where they cross a line of the
            // cache, and two copies of the same inputs at different places differ by some nanoseconds.
            let input = if class == 0 { first[place] } else { second[place] };
            let start = Instant::now();
            operation(black_box(&input));
            times[class].push(start.elapsed().as_nanos() as f64);
        }
        // Interrupts make a few measurements long; they are left out by a bound that is the same for both classes.
        let mut all: Vec<f64> = times.concat();
        all.sort_unstable_by(f64::total_cmp);
        let bound = all[all.len() * 9 / 10];
        let [first, second] = times.map(|times| Moments::of(times.into_iter().filter(|time| *time <= bound)));
        let t = (first.mean - second.mean) / (first.error + second.error).sqrt();
        println!("{name:<36} {:>9.1} ns {:>9.1} ns   t = {t:+.2}", first.mean, second.mean);
        self.differs |= t.abs() > BOUND;
    }
}

struct Moments {
    mean: f64,
    /// The variance of the mean.
    error: f64,
}

impl Moments {
    fn of(times: impl Iterator<Item = f64>) -> Moments {
        let times: Vec<f64> = times.collect();
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Moments { mean, error: variance / count }
    }
}
