use super::*;
use std::net::UdpSocket as StdUdpSocket;
use std::os::fd::AsFd;

use crate::sys::refusal::{Call, refuse};
use crate::udp::{UdpOptions, UdpSocket};

const STEERING: Steering =
    Steering { id_len: 9, workers: 3, keys: [0x9e37_79b9, 0x7f4a_7c15, 0xf39c_c060, 0x5ced_c835] };

/// Three sockets that share an address, in order.
fn workers() -> Vec<UdpSocket> {
    let options = UdpOptions { reuse_port: true, coalesce: false, ..UdpOptions::default() };
    let first = UdpSocket::bind(([127, 0, 0, 1], 0).into()).unwrap();
    first.spread().unwrap();
    let address = first.local_address();
    let others = (1..3).map(|_| UdpSocket::bind_with(address, &options).unwrap());
    core::iter::once(first).chain(others).collect()
}

/// A packet of the worker: a short header, its ID, and something.
fn packet(number: u8, worker: u32) -> [u8; 20] {
    let mut packet = [number; 20];
    packet[0] = 0x40;
    packet[1] = number.wrapping_mul(31);
    packet[4] = worker as u8;
    STEERING.name(worker, &mut packet[1..10]);
    packet
}

/// What came to each socket. Loopback delivers before a send returns.
fn arrived(sockets: &[UdpSocket]) -> Vec<Vec<Vec<u8>>> {
    let mut batch = crate::udp::ReceiveBatch::new();
    let mut all = Vec::new();
    for socket in sockets {
        let mut own = Vec::new();
        while socket.receive(&mut batch).is_ok() {
            while let Some(message) = batch.next_message() {
                own.extend(message.datagrams().map(|datagram| datagram.payload.to_vec()));
            }
        }
        all.push(own);
    }
    all
}

#[test]
fn each_worker_gets_its_own_packets_wherever_they_come_from() {
    let sockets = workers();
    steer(sockets[0].as_fd(), &STEERING).unwrap();
    let address = sockets[0].local_address();
    for number in 0..60 {
        // Another address each time.
        let client = StdUdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&packet(number, u32::from(number) % 3), address).unwrap();
    }
    for (worker, own) in arrived(&sockets).iter().enumerate() {
        assert_eq!(own.len(), 20, "worker {worker}");
        assert!(own.iter().all(|packet| STEERING.worker(&packet[1..10]) == Some(worker as u32)));
    }
}

/// Long headers, packets that are too short for an ID, and such as name no worker: as without a program, so that all of one
/// address come to one socket.
#[test]
fn what_names_no_worker_goes_by_addresses() {
    let sockets = workers();
    steer(sockets[0].as_fd(), &STEERING).unwrap();
    let address = sockets[0].local_address();
    let mut strangers = vec![vec![0x40], vec![0x40; 9], vec![]];
    for number in 0..20 {
        let mut long = packet(number, u32::from(number) % 3);
        long[0] = 0xc0;
        strangers.push(long.to_vec());
        let mut nobody = packet(number, 0);
        STEERING.name(3 + u32::from(number), &mut nobody[1..10]);
        strangers.push(nobody.to_vec());
    }
    let mut used = [false; 3];
    for _ in 0..20 {
        let client = StdUdpSocket::bind("127.0.0.1:0").unwrap();
        for stranger in &strangers {
            client.send_to(stranger, address).unwrap();
        }
        let counts: Vec<usize> = arrived(&sockets).iter().map(Vec::len).collect();
        let at = counts.iter().position(|count| *count > 0).unwrap();
        // The empty datagram is nothing to anybody.
        assert_eq!(counts.iter().sum::<usize>(), counts[at]);
        assert_eq!(counts[at], strangers.len() - 1);
        used[at] = true;
    }
    assert!(used.iter().filter(|used| **used).count() > 1, "twenty addresses are spread");
}

/// A socket that shares its address with nobody, and a system that refuses.
#[test]
fn a_refusal_is_told() {
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).unwrap();
    refuse(Call::Option, 1, 1);
    assert_eq!(steer(socket.as_fd(), &STEERING).unwrap_err().raw_os_error(), Some(1));
}
