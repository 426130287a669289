use super::super::id_layout::{IdLayoutError, MAX_WORKERS, MIN_LEN};
use super::*;
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use crypto::Secret;
use crypto_ring::PROVIDER;

struct Lcg(u64);

impl Random for Lcg {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

fn key() -> Secret {
    Secret::new(&[7; 32])
}

fn codec(layout: &IdLayout) -> IdCodec {
    IdCodec::new(layout, PROVIDER.initial, &mut Lcg(1))
}

/// RFC 9000 section 10.3.2-2.
#[test]
fn every_layout_says_which_worker_and_which_connection() {
    let mut random = Lcg(2);
    for len in MIN_LEN..=MAX_LEN {
        for workers in [1, 2, 3, 16, 200, 256, 257, MAX_WORKERS] {
            let layout = |worker| IdLayout::new(len).unwrap().with_workers(workers, worker, key()).unwrap();
            let capacity = layout(0).capacity();
            if capacity < 2 {
                continue;
            }
            let reader = codec(&layout(0));
            for worker in [0, 1, workers / 2, workers - 1].into_iter().filter(|worker| *worker < workers) {
                let mut writer = codec(&layout(worker));
                for index in [0, 1, capacity / 2, capacity - 1] {
                    let id = writer.issue(index, &mut random);
                    assert_eq!(id.len(), len);
                    assert_eq!(reader.read(id.as_slice()), Some(Named { worker, index }), "{len} {workers}");
                    assert_eq!(reader.read(&id.as_slice()[1..]), None);
                }
            }
        }
    }
}

/// The longest IDs use all their bytes: a change anywhere in the nonce changes what the rest says.
#[test]
fn all_of_the_nonce_counts() {
    for len in [8, 16, 20] {
        let mut codec = codec(&IdLayout::new(len).unwrap());
        let id = codec.issue(5, &mut Lcg(3));
        for at in 0..len - 3 {
            let mut changed = id.as_slice().to_vec();
            changed[at] ^= 0x10;
            assert_ne!(codec.read(&changed), Some(Named { worker: 0, index: 5 }), "{len}, byte {at}");
        }
        let ids: BTreeSet<_> = (0..1000).map(|seed| codec.issue(5, &mut Lcg(seed))).collect();
        assert_eq!(ids.len(), 1000, "IDs of one connection are all different");
    }
}

/// Who has another key, or another length, reads nothing of use.
/// RFC 9000 section 5.1-1.
#[test]
fn an_id_says_nothing_without_its_key() {
    let mut writer = codec(&IdLayout::default().with_key(key()));
    let others = codec(&IdLayout::default().with_key(Secret::new(&[8; 32])));
    let drawn = codec(&IdLayout::default());
    let same = codec(&IdLayout::default().with_key(key()));
    let mut wrong = 0;
    for seed in 0..100 {
        let id = writer.issue(77, &mut Lcg(seed));
        assert_eq!(same.read(id.as_slice()).unwrap().index, 77);
        wrong += usize::from(others.read(id.as_slice()).unwrap().index == 77);
        wrong += usize::from(drawn.read(id.as_slice()).unwrap().index == 77);
    }
    assert_eq!(wrong, 0);
}

/// An ID that names no worker there is, is nobody's.
#[test]
fn a_worker_beyond_the_last_is_nobody() {
    let reader = codec(&IdLayout::default().with_workers(3, 0, key()).unwrap());
    let mut writer = codec(&IdLayout::default().with_workers(4, 3, key()).unwrap());
    let id = writer.issue(1, &mut Lcg(1));
    assert_eq!(reader.read(id.as_slice()), None);
}

#[test]
fn what_is_not_possible_says_what_to_do() {
    for len in [0, 3, 21, 255] {
        assert_eq!(IdLayout::new(len).unwrap_err(), IdLayoutError::Length(len));
    }
    let layout = || IdLayout::new(4).unwrap();
    assert_eq!(layout().with_workers(0, 0, key()).unwrap_err(), IdLayoutError::Workers(0));
    assert_eq!(layout().with_workers(1 << 17, 0, key()).unwrap_err(), IdLayoutError::Workers(1 << 17));
    let error = layout().with_workers(2, 2, key()).unwrap_err();
    assert_eq!(error, IdLayoutError::Worker { number: 2, workers: 2 });
    assert_eq!(layout().capacity(), 1 << 16);
    let error = layout().check_capacity(100_000).unwrap_err();
    assert_eq!(error, IdLayoutError::Capacity { capacity: 65_536, connections: 100_000 });
    assert!(error.to_string().ends_with("make the IDs longer, or lower max_connections"));
    assert_eq!(layout().check_capacity(65_536), Ok(()));
    // With eight bytes there is room for both: all connections, and all workers.
    let layout = IdLayout::default().with_workers(MAX_WORKERS, 9, key()).unwrap();
    assert_eq!((layout.len(), layout.capacity()), (8, 1 << 24));
}
