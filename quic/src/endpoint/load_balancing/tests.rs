use super::super::id_layout::{IdLayout, IdLayoutError};
use super::super::ids::{IdCodec, Named};
use super::*;
use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
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

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key(hex: &str) -> [u8; 16] {
    bytes(hex).try_into().unwrap()
}

const KEY: &str = "8f95f09245765f80256934e50c66207f";

/// QUIC-LB section 5.4.2.4 and appendix B: the bytes behind the first octet.
#[test]
fn the_vectors_of_the_draft_go_both_ways() {
    for (secret, server, nonce, sealed) in [
        ("fdf726a9893ec05c0632d3956680baf0", "31441a", "9c69c275", "67947d29be054a"),
        (KEY, "ed793a", "ee080dbf", "20b1d07b359d3c"),
        (KEY, "ed793a51d49b8f5fab65", "ee080dbf48", "cc381bc74cb4fbad2823a3d1f8fed2"),
        (KEY, "ed793a51d49b8f5f", "ee080dbf48c0d1e5", "4dd2d05a7b0de9b2b9907afb5ecf8cc3"),
        (KEY, "ed793a51d49b8f5fab", "ee080dbf48c0d1e55d", "5779c9cc86beb3a3a4a3ca96fce4bfe0cdbc"),
    ] {
        let plain = [bytes(server), bytes(nonce)].concat();
        let seal = Seal::new(PROVIDER.initial, &key(secret), plain.len());
        let mut changed = plain.clone();
        seal.encrypt(&mut changed);
        assert_eq!(changed, bytes(sealed), "{server} {nonce}");
        seal.decrypt(&mut changed);
        assert_eq!(changed, plain);
    }
}

/// The provider's cipher and our own make the same of lengths that both can do.
#[test]
fn four_passes_are_the_same_by_either_cipher() {
    let key = key(KEY);
    for len in 4..=10 {
        let short = Permutation::new(PROVIDER.initial, &key, len);
        let long = Permutation::with_own_cipher(&key, len);
        let mut plain = alloc::vec![0; len];
        Lcg(len as u64).fill(&mut plain);
        let (mut one, mut other) = (plain.clone(), plain.clone());
        short.encrypt(&mut one);
        long.encrypt(&mut other);
        assert_eq!(one, other, "{len}");
        long.decrypt(&mut one);
        assert_eq!(one, plain, "{len}");
    }
}

/// Every shape that is possible, with and without a key: what a load balancer reads is the server, what the server reads is the
/// connection.
#[test]
fn every_shape_says_which_server_which_worker_and_which_connection() {
    let secret = Secret::new(&[7; 32]);
    for server_len in 1..=14 {
        for nonce_len in 4..=18 - server_len {
            for is_sealed in [false, true] {
                let server: Vec<u8> = (0..server_len as u8).map(|byte| byte ^ 0x5a).collect();
                let plain = LoadBalancing::new(3, &server, nonce_len).unwrap();
                let balancing = if is_sealed { plain.with_key(&key(KEY)) } else { plain };
                let layout = |worker| {
                    let layout = IdLayout::for_load_balancers(balancing.clone());
                    layout.with_workers(5, worker, secret.clone()).unwrap()
                };
                let mut random = Lcg(server_len as u64);
                let mut writer = IdCodec::new(&layout(4), PROVIDER.initial, &mut random);
                let reader = IdCodec::new(&layout(0), PROVIDER.initial, &mut random);
                let balancer = Balanced::new(&balancing, (0, 1), PROVIDER.initial, &[1; 16], &mut random);
                for index in [0, 1, 65_535, writer.capacity() - 1] {
                    let id = writer.issue(index, &mut random);
                    assert_eq!(
                        (id.len(), id.as_slice()[0]),
                        (server_len + nonce_len + 2, 3 << 5 | (id.len() - 1) as u8)
                    );
                    assert_eq!(reader.read(id.as_slice()), Some(Named { worker: 4, index }));
                    let body = &id.as_slice()[..id.len() - 1];
                    assert_eq!(balancer.open(body).unwrap()[..server_len], server);
                }
            }
        }
    }
}

/// The ID of another server, of another configuration, or chosen by a client.
#[test]
fn what_is_not_ours_names_nobody() {
    let layout = |rotation, server: &[u8]| {
        let balancing = LoadBalancing::new(rotation, server, 8).unwrap().with_key(&key(KEY));
        IdLayout::for_load_balancers(balancing).with_key(Secret::new(&[7; 32]))
    };
    let codec = |layout| IdCodec::new(&layout, PROVIDER.initial, &mut Lcg(9));
    let ours = codec(layout(1, &[1, 2]));
    assert!(ours.read(codec(layout(1, &[1, 2])).issue(3, &mut Lcg(1)).as_slice()).is_some());
    assert_eq!(ours.read(codec(layout(1, &[1, 3])).issue(3, &mut Lcg(1)).as_slice()), None);
    assert_eq!(ours.read(codec(layout(2, &[1, 2])).issue(3, &mut Lcg(1)).as_slice()), None);
    assert_eq!(ours.read(&[0; 12]), None);
    assert_eq!(ours.read(&[]), None);
}

/// QUIC-LB section 9.6: all nonces of a small space come, each once; what follows is found all the same, and is marked as not
/// to be routed.
#[test]
fn no_nonce_comes_twice_and_when_none_is_left_ids_are_unroutable() {
    for is_sealed in [false, true] {
        let plain = LoadBalancing::new(0, &[9], 4).unwrap();
        let balancing = if is_sealed { plain.with_key(&key(KEY)) } else { plain };
        let layout = IdLayout::for_load_balancers(balancing).with_key(Secret::new(&[7; 32]));
        let mut random = Lcg(5);
        let mut codec = IdCodec::new(&layout, PROVIDER.initial, &mut random);
        assert_eq!(codec.capacity(), 1 << 16);
        let mut seen = BTreeSet::new();
        for number in 0..1 << 16 {
            let id = codec.issue(number % 3, &mut random);
            assert_eq!(id.as_slice()[0], 6);
            assert!(seen.insert(id.as_slice()[1..6].to_vec()), "number {number} came before");
        }
        for index in [0, 65_535] {
            let id = codec.issue(index, &mut random);
            assert_eq!(id.as_slice()[0], 0b111 << 5 | 6);
            assert_eq!(codec.read(id.as_slice()), Some(Named { worker: 0, index }));
        }
    }
}

/// Three workers have the same server ID and keys, and no nonce comes from two of them: each has a quarter of them.
#[test]
fn workers_of_a_server_share_its_nonces() {
    let balancing = LoadBalancing::new(0, &[9], 4).unwrap().with_key(&key(KEY));
    let mut seen = BTreeSet::new();
    for worker in 0..3 {
        let layout = IdLayout::for_load_balancers(balancing.clone()).with_workers(3, worker, Secret::new(&[7; 32]));
        let mut random = Lcg(u64::from(worker));
        let mut codec = IdCodec::new(&layout.unwrap(), PROVIDER.initial, &mut random);
        for number in 0..1 << 14 {
            let id = codec.issue(1, &mut random);
            assert_eq!(id.as_slice()[0], 6, "number {number}");
            assert!(seen.insert(id.as_slice()[1..6].to_vec()), "worker {worker}, number {number}");
        }
        assert_eq!(codec.issue(1, &mut random).as_slice()[0] >> 5, 0b111);
    }
}

/// QUIC-LB appendix B.1: without a key the server and the nonce stand as they are. The server's octet comes behind.
#[test]
fn without_a_key_the_server_is_seen() {
    let layout = IdLayout::for_load_balancers(LoadBalancing::new(1, &bytes("350d28b420"), 4).unwrap());
    let id = IdCodec::new(&layout, PROVIDER.initial, &mut Lcg(1)).issue(1, &mut Lcg(2));
    assert_eq!((id.len(), id.as_slice()[0], id.as_slice()[1..6].to_vec()), (11, 0x2a, bytes("350d28b420")));
}

/// QUIC-LB section 5.4: nonces have no observable relation, with a key or without. Two that follow each other differ in about
/// half of their bits.
#[test]
fn nonces_that_follow_each_other_look_like_any_two() {
    let layout = IdLayout::for_load_balancers(LoadBalancing::new(0, &[9], 8).unwrap());
    let mut random = Lcg(5);
    let mut codec = IdCodec::new(&layout, PROVIDER.initial, &mut random);
    let mut differing = 0;
    let mut last = codec.issue(1, &mut random);
    for _ in 0..1000 {
        let next = codec.issue(1, &mut random);
        let pairs = last.as_slice()[2..].iter().zip(&next.as_slice()[2..]);
        differing += pairs.map(|(one, other)| (one ^ other).count_ones()).sum::<u32>();
        last = next;
    }
    // Of 72 bits, 36 in the mean.
    assert!((34_000..38_000).contains(&differing), "{differing}");
}

#[test]
fn what_is_not_possible_says_what_to_do() {
    assert_eq!(LoadBalancing::new(7, &[1], 8).unwrap_err(), LoadBalancingError::Rotation(7));
    for (server, nonce) in [(0, 8), (1, 3), (15, 4), (1, 18), (30, 4), (1, usize::MAX)] {
        let error = LoadBalancing::new(0, &alloc::vec![1; server], nonce).unwrap_err();
        assert_eq!(error, LoadBalancingError::Lengths { server, nonce });
        assert!(error.to_string().ends_with("at most 18"));
    }
    let layout = || IdLayout::for_load_balancers(LoadBalancing::new(0, &[1], 8).unwrap());
    assert_eq!(layout().with_workers(257, 0, Secret::new(&[1])).unwrap_err(), IdLayoutError::Workers(257));
    let shown = alloc::format!("{:?}", LoadBalancing::new(0, &[1], 8).unwrap().with_key(&[0xab; 16]));
    assert!(shown.contains("is_encrypted: true") && !shown.contains("171"), "{shown}");
}
