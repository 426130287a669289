//! Peers that send all they may and leave the first byte of each stream out.

use super::*;

const FIRST: u64 = 4 << 10;
const CEILING: u64 = 128 << 10;
const GROWTH: u64 = 1000 * FIRST;
const BUDGET: u64 = GROWTH + 1000 * FIRST;

fn config() -> StreamsConfig {
    StreamsConfig {
        max_data: FIRST,
        max_stream_data_uni: FIRST,
        max_stream_window: CEILING,
        max_connection_window: CEILING,
        ..StreamsConfig::default()
    }
}

fn connect(memory: &ReceiveMemory) -> Streams {
    let mut server = Streams::new(Side::Server, shared(&config()), SendMemory::new(1 << 20), memory.begin(FIRST));
    server.set_peer_limits(&parameters(&StreamsConfig::default()));
    server
}

/// One who is read as fast as it sends, for as long as its window grows. Its first stream.
fn be_fast(server: &mut Streams) {
    let mut offset = server.receive_credit.received();
    for _ in 0..100 {
        receive(server, 2, offset, &[1; 1 << 10], false).unwrap();
        offset += 1 << 10;
        while let Ok(Read::Data(_)) = server.read(id(2), 1 << 20) {}
    }
}

/// Uses all that it may, on other streams, of which each misses its first byte.
fn leave_holes(server: &mut Streams) {
    for stream in (6..).step_by(4) {
        let left = server.receive_credit.limit() - server.receive_credit.received();
        if left < 2 {
            break;
        }
        let count = left.min(FIRST) - 1;
        receive(server, stream, 1, &alloc::vec![1; count as usize], false).unwrap();
    }
    let over = server.receive_credit.limit() - server.receive_credit.received() + 1;
    let last = 4 * (server.config.streams.max_streams_uni - 1) + 2;
    let refused = receive(server, last, 0, &alloc::vec![1; over as usize], false);
    assert_eq!(refused, Err(Violation::ConnectionFlowControl), "what is advertised is what is enforced");
}

/// A thousand of them, who all were fast before, hold the budget: not a thousand large windows.
#[test]
fn r1_peers_that_leave_holes_are_held_within_a_budget() {
    let memory = ReceiveMemory::new(BUDGET);
    let mut servers: Vec<Streams> = (0..1000).map(|_| connect(&memory)).collect();
    servers.iter_mut().for_each(be_fast);
    assert_eq!(servers[0].receive_credit.window(), CEILING, "while there is room, a fast one has all it can use");
    servers.iter_mut().for_each(leave_holes);
    let held: Vec<u64> = servers.iter().map(Streams::buffered).collect();
    let all = held.iter().sum::<u64>();
    assert!(all <= BUDGET, "{all}");
    assert!(all > GROWTH / 2 + 1000 * (FIRST - FIRST / 16), "{all}: it is used");
    assert!(held.iter().all(|held| *held >= FIRST - FIRST / 16), "each has its first window");
    assert!(memory.allowed() <= BUDGET);
    // Whoever goes makes room.
    servers.drain(..500);
    let mut newcomer = connect(&memory);
    be_fast(&mut newcomer);
    assert!(newcomer.receive_credit.window() > FIRST);
    drop((servers, newcomer));
    assert_eq!(memory.allowed(), 0);
}

/// Who had the budget alone gives way to another that is as fast.
#[test]
fn r1_a_large_window_gives_way_to_others() {
    let memory = ReceiveMemory::new(CEILING);
    let (mut one, mut other) = (connect(&memory), connect(&memory));
    be_fast(&mut one);
    let alone = one.receive_credit.window();
    assert_eq!(alone, (CEILING - FIRST) / 2);
    for _ in 0..20 {
        be_fast(&mut other);
        be_fast(&mut one);
    }
    let (one, other) = (one.receive_credit.window(), other.receive_credit.window());
    assert!(one < alone && one.abs_diff(other) < CEILING / 16, "{one} and {other}");
}
