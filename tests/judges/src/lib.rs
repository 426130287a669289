//! Chains of certificates, spoiled at random and signed again, judged here and by rustls-webpki. Where the two disagree, the
//! disagreement is of a class that has a reason.

pub mod chains;
pub mod der;
pub mod judges;
pub mod keys;
pub mod random;
pub mod spoil;

use judges::Evidence;
use keys::Key;
use random::Random;

/// The chain of a number: spoiled once to three times, or not at all. Also the kinds of what was done to it. `plainly`: the same
/// chain, but all names are spelled alike.
pub fn spoiled(
    keys: &[Key],
    scenes: &[chains::Scene],
    seed: u64,
    number: u64,
    plainly: bool,
) -> (Evidence, Vec<&'static str>) {
    let mut random = Random::new(seed.wrapping_mul(1 << 32).wrapping_add(number));
    let mut scene = random.one_of(scenes).clone();
    scene.spells_plainly = plainly;
    let mut done = Vec::new();
    for _ in 0..random.below(4).max(random.below(2)) {
        let (kind, spoil) = random.one_of(spoil::KINDS);
        // Without certificates there is nothing left to spoil.
        if !scene.chain.is_empty() {
            spoil(&mut scene, &mut random, keys);
            done.push(*kind);
        }
    }
    let sign = |drafts: &[chains::Draft]| drafts.iter().map(|draft| draft.der(keys)).collect();
    let evidence = Evidence {
        anchors: sign(&scene.anchors),
        chain: sign(&scene.chain),
        name: scene.name.to_owned(),
        now: scene.now as u64,
        max_chain_depth: None,
    };
    (evidence, done)
}

/// A chain that somebody else made, of which bytes are changed, certificates are cut, or the order is another.
pub fn scratched(good: &[Evidence], seed: u64, number: u64) -> Evidence {
    let mut random = Random::new(!seed.wrapping_mul(1 << 32).wrapping_add(number));
    let good = random.one_of(good);
    let mut chain = good.chain.clone();
    for _ in 0..1 + random.below(2) {
        let (one, other) = (random.below(chain.len()), random.below(chain.len()));
        match random.below(8) {
            0 => chain.swap(one, other),
            1 => {
                let length = random.below(chain[one].len());
                chain[one].truncate(length);
            }
            2 => chain.push(chain[one].clone()),
            _ => {
                let at = random.below(chain[one].len().max(1));
                if let Some(byte) = chain[one].get_mut(at) {
                    *byte = random.byte();
                }
            }
        }
    }
    Evidence { anchors: good.anchors.clone(), chain, name: good.name.clone(), ..*good }
}
