//! A server that follows one of an older build, which speaks an older form of what two servers say to each other.
#![cfg(target_os = "linux")]

use crate::plain::PATIENCE;
use posthaste::{Error, Identity, Reply, Request, Server};
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::sync::{Arc, Mutex};

/// Bytes before the payload in a message of the first form: a mark, and two addresses of 23 bytes.
const HEAD: usize = 47;

/// What the server before this one says when it is asked for its ports: nothing but its byte, or also the number of a form.
fn predecessor(listener: UnixListener, says: &'static [u8]) -> std::thread::JoinHandle<u8> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(says).unwrap();
        let mut taken = [0];
        stream.read_exact(&mut taken).unwrap();
        taken[0]
    })
}

/// The older server is taken over, whoever runs the new one is told of its age, and it is given back what is for its clients, one
/// datagram in each message.
#[test]
fn r10_a_server_of_an_older_build_is_taken_over_and_given_back_what_it_understands() -> Result<(), Error> {
    // Free a moment ago, on an address that no other test has.
    let port = UdpSocket::bind("127.0.0.9:0").unwrap().local_addr().unwrap().port();
    let name = SocketAddr::from_abstract_name(format!("posthaste/ends/{port}/0")).unwrap();
    let older = UnixDatagram::bind_addr(&name).unwrap();
    older.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = std::env::temp_dir().join(format!("posthaste-takeover-older-{}", std::process::id()));
    let _none = std::fs::remove_file(&path);
    let asked = predecessor(UnixListener::bind(&path).unwrap(), b"o");
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    let address = format!("127.0.0.9:{port}").parse().unwrap();
    let workers = Server::builder(Identity::development(&[])?)
        .listen(address)
        .takeover(&path)
        .on_event(move |event| events.lock().unwrap().push(event.to_string()))
        .start_workers(1, async |_: Request, reply: Reply| reply.send(200, "").await)?;
    assert_eq!(asked.join().unwrap(), b't');
    let client = UdpSocket::bind("127.0.0.9:0").unwrap();
    let packet = [0x47; 60];
    client.send_to(&packet, address).unwrap();
    let mut message = [0; 1000];
    let len = loop {
        // What is empty asks whether it is there.
        let len = older.recv(&mut message).unwrap();
        if len > 0 {
            break len;
        }
    };
    assert_eq!((len, &message[HEAD..len]), (HEAD + packet.len(), &packet[..]));
    // Told before anything is received.
    let told = told.lock().unwrap().clone();
    assert!(told.len() == 1 && told[0].contains("of an older build"), "{told:?}");
    workers.close();
    workers.join()?;
    let _gone = std::fs::remove_file(&path);
    Ok(())
}
