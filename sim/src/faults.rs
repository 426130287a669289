//! Links with faults drawn from a seed, for tests that run over many seeds.

use crate::link::LinkConfig;
use crate::random::SeededRandom;
use base::Duration;

/// A link with some faults, each of which half of all links have, and none so bad that nothing gets through: loss and
/// corruption stay below 10 % each, the MTU is never less than QUIC's 1200 bytes, and a queue holds at least 16 KiB.
pub fn draw_faults(random: &mut SeededRandom) -> LinkConfig {
    let mut config = LinkConfig::new(Duration::from_micros(100 + random.below(150_000)));
    // Each draw happens whether it counts or not, so that links of neighbouring seeds have nothing in common.
    let mut some = |most: u64| {
        let (happens, value) = (random.chance(0.5), random.below(most));
        if happens { value } else { 0 }
    };
    let mut probability = |percent: u64| some(percent * 1000) as f64 / 100_000.0;
    config.loss = probability(10);
    config.duplication = probability(10);
    config.reorder = probability(20);
    config.corruption = probability(10);
    config.marking = probability(20);
    config.reorder_by = Duration::from_micros(some(50_000));
    config.rate = Some(some(10_000_000)).filter(|rate| *rate > 0).map(|rate| rate + 20_000);
    config.queue = 16_384 + some(262_144) as usize;
    config.mtu = 1200 + some(300) as usize;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_usable_and_differ() {
        let draw = |seed| draw_faults(&mut SeededRandom::new(seed));
        for seed in 0..1000 {
            let config = draw(seed);
            assert_eq!(config, draw(seed));
            assert_ne!(config, draw(seed + 1));
            assert!(config.loss < 0.1 && config.corruption < 0.1 && config.mtu >= 1200 && config.queue >= 16_384);
            assert!(config.rate.is_none_or(|rate| rate >= 20_000));
        }
        assert!((300..700).contains(&(0..1000).filter(|seed| draw(*seed).loss == 0.0).count()));
    }
}
