//! Secrets are gone from the heap when what used them is: private keys, and traffic secrets with all that is made of them.
//! An allocator looks into each block when it is freed (`adversary::remains`). One test, because the heap is all threads'.

#[path = "support/tls_configs.rs"]
mod tls_configs;

use adversary::remains::{self, freed, held, watch};
use base::Instant;
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes, hkdf};
use posthaste::{Client, Error, Handle, Identity, KeyLog, Reply, Request, Roots, Server, Status, Tickets};
use std::sync::Arc;
use tls::record::{Connection, Received, Settings};
use tls::records::KeyUpdate;

#[global_allocator]
static HEAP: remains::Watching = remains::Watching;

#[test]
fn secrets_are_gone_from_the_heap_when_what_used_them_is() {
    the_allocator_finds_what_is_left();
    private_keys();
    ticket_keys();
    traffic_secrets().expect("a connection");
    record_secrets();
}

/// What is not wiped is found, in blocks that are held and in blocks that are freed, or the rest would show nothing.
fn the_allocator_finds_what_is_left() {
    let secret = [0x5e; 32];
    watch(&secret);
    let plain = secret.to_vec();
    assert_eq!((held(), freed()), (1, 0));
    drop(plain);
    assert_eq!((held(), freed()), (0, 1));
    let wiped = SecretBytes::new(&secret);
    assert_eq!(held(), 1);
    drop(wiped);
    assert_eq!((held(), freed()), (0, 1));
}

/// Keys are loaded from their bytes, and as a server reads them from files; then all are dropped.
fn private_keys() {
    let before = freed();
    for kind in [KeyKind::EcP256, KeyKind::Ed25519] {
        let (one, other) = (made(kind), made(kind));
        assert_eq!(held(), 2, "the bytes of the two keys");
        let loaded = [one.load(), other.load()];
        assert_eq!(held(), 2, "ring holds numbers that it made of them");
        // Which are what differs from key to key.
        let watched = remains::watched();
        remains::watch_difference(&*loaded[0], &*loaded[1], &[&one.certificate[..], &other.certificate].concat());
        assert!(remains::watched() >= watched + 2, "{}", remains::watched() - watched);
        assert_eq!(held(), 3, "the numbers of the first");
        drop(loaded);
        assert_eq!((held(), freed()), (2, before), "{kind:?}");
        let identity = one.through_files();
        assert_eq!(held(), 3, "the numbers are made again, and nothing of the file is left");
        drop(identity);
        drop((one, other));
        assert_eq!((held(), freed()), (0, before), "{kind:?}");
    }
}

/// Ticket keys are gone when others take their place, and when nobody has them any more.
fn ticket_keys() {
    let before = freed();
    let secrets: [[u8; 32]; 2] = std::array::from_fn(|_| base::random::array(&mut crypto_ring::SystemRandom::new()));
    secrets.iter().for_each(|secret| watch(secret));
    let tickets = Tickets::shared(&secrets[..1]).expect("keys");
    let clone = tickets.clone();
    assert_eq!((held(), freed()), (1, before));
    clone.set_keys(&secrets).expect("keys");
    assert_eq!((held(), freed()), (2, before));
    drop((tickets, clone));
    assert_eq!((held(), freed()), (0, before));
}

/// A certificate and its key, which is nowhere in the test but here.
struct Made {
    certificate: Vec<u8>,
    key: SecretBytes,
}

fn made(kind: KeyKind) -> Made {
    let provider = crypto_ring::provider();
    let key = (provider.generate_key)(kind).expect("a key");
    // The private number stands at the same place in every key of a kind.
    watch(&key[if kind == KeyKind::EcP256 { 36 } else { 16 }..]);
    let request = x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: 1_700_000_000,
        lifetime_seconds: 1 << 30,
        serial: [7; 16],
        is_authority: false,
    };
    let made = x509::issue::self_signed(&provider, &key, &request).expect("a certificate");
    Made { certificate: made.certificate.to_vec(), key: made.key_pkcs8 }
}

impl Made {
    fn load(&self) -> Box<dyn crypto::SigningKey> {
        (crypto_ring::PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &self.key).expect("a key")
    }

    /// Written, and read again; the text is looked for, too.
    fn through_files(&self) -> Identity {
        let name = |what: &str| std::env::temp_dir().join(format!("posthaste-secrets-{}-{what}", std::process::id()));
        let (certificate, key) = (name("certificate.pem"), name("key.pem"));
        std::fs::write(&certificate, &*pem("CERTIFICATE", &self.certificate)).expect("a file");
        let text = pem("PRIVATE KEY", &self.key);
        // The middle of it: the beginning is the same in all keys.
        watch(&text[text.len() / 2..]);
        std::fs::write(&key, &*text).expect("a file");
        drop(text);
        let identity = Identity::from_pem_files(&certificate, &key).expect("an identity");
        let _ = (std::fs::remove_file(&certificate), std::fs::remove_file(&key));
        identity
    }
}

/// PEM in memory that is wiped.
fn pem(label: &str, der: &[u8]) -> SecretBytes {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    SecretBytes::with_capacity(der.len() * 2 + 200, |out| {
        out.extend(format!("-----BEGIN {label}-----\n").bytes());
        for chunk in der.chunks(3) {
            let bits = (0..3).fold(0, |bits, index| bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
            let digit = |index: usize| ALPHABET[(bits >> (18 - 6 * index) & 63) as usize];
            out.extend((0..4).map(|index| if index > chunk.len() { b'=' } else { digit(index) }));
        }
        out.extend(format!("\n-----END {label}-----\n").bytes());
    })
}

/// Told of each secret, from which it makes what QUIC makes.
struct Watcher;

impl KeyLog for Watcher {
    fn log(&self, _: &str, _: &[u8; 32], secret: &[u8]) {
        watch(secret);
        let hash = crypto_ring::PROVIDER.initial.hash;
        let secret = crypto::Secret::new(secret);
        for label in [&b"quic key"[..], b"quic hp"] {
            let mut key = [0; 16];
            hkdf::expand_label(hash, &secret, label, &[], &mut key);
            watch(&key);
        }
        let next = hkdf::expand_label_secret(hash, &secret, b"quic ku", &[]);
        watch(next.as_bytes());
    }
}

/// A request over a connection, on real sockets.
fn traffic_secrets() -> Result<(), Error> {
    let before = (remains::watched(), freed());
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .key_log(Watcher)
            .start(&handle, |_: Request, reply: Reply| reply.send(Status::OK, "hello"))?;
        let client = Client::builder(roots).key_log(Watcher).build(&handle);
        let mut response = client.get(&format!("https://localhost:{}/", server.addresses()[0].port())).send().await?;
        assert_eq!(response.body().read_to_end(100).await?, b"hello");
        // Four secrets, with two keys and a successor of each.
        assert_eq!(remains::watched() - before.0, 16);
        assert!(held() >= 4, "both sides hold their keys: {}", held());
        client.close().await;
        server.shutdown(std::time::Duration::from_secs(5)).await?;
        Ok::<(), Error>(())
    })??;
    assert_eq!((held(), freed()), (0, before.1));
    Ok(())
}

/// Told of each secret, from which it makes what records make.
struct RecordsWatcher;

impl KeyLog for RecordsWatcher {
    fn log(&self, _: &str, _: &[u8; 32], secret: &[u8]) {
        watch(secret);
        let hash = crypto_ring::PROVIDER.initial.hash;
        let secret = crypto::Secret::new(secret);
        let mut key = [0; 16];
        hkdf::expand_label(hash, &secret, b"key", &[], &mut key);
        watch(&key);
        let next = hkdf::expand_label_secret(hash, &secret, b"traffic upd", &[]);
        watch(next.as_bytes());
    }
}

/// Connections over records that both sides have closed, that failed, and that were cut: nothing is left of their secrets, though
/// the connections are still there.
fn record_secrets() {
    for way in 0..3 {
        let before = (remains::watched(), freed());
        let (client, server) = tls_configs::configs();
        let (mut client, mut server) = ((*client).clone(), (*server).clone());
        let watcher: Arc<dyn KeyLog> = Arc::new(RecordsWatcher);
        (client.key_log, server.key_log) = (Some(watcher.clone()), Some(watcher));
        let (settings, now, random) = (Settings::default(), Instant::ZERO, &mut crypto_ring::SystemRandom::new());
        let name = x509::ServerName::parse(tls_configs::NAME).expect("a name");
        let client = Connection::client(Arc::new(client), name, &settings, now, random).expect("a client");
        let mut ends = [client, Connection::server(Arc::new(server), &settings, now)];
        carry(&mut ends);
        assert!(ends.iter().all(Connection::is_complete));
        // Four secrets, which each side is told of, with a key and a successor of each.
        assert_eq!(remains::watched() - before.0, 12);
        assert!(held() >= 4, "both sides hold their keys: {}", held());
        ends[0].update_keys(KeyUpdate::Requested).expect("it may write");
        carry(&mut ends);
        match way {
            0 => ends.each_mut().into_iter().for_each(Connection::close),
            1 => drop(ends[0].receive(&mut [23, 3, 3, 0, 1, 0], random).expect_err("a bad record")),
            _ => ends.each_mut().into_iter().for_each(Connection::on_reset),
        }
        carry(&mut ends);
        assert_eq!((held(), freed()), (0, before.1), "way {way}");
        drop(ends);
        assert_eq!((held(), freed()), (0, before.1), "way {way}");
    }
}

/// Carries what the layer has to say both ways.
fn carry(ends: &mut [Connection; 2]) {
    let mut wire = [0; 10_000];
    for number in 0..8 {
        let [one, other] = ends;
        let (from, to) = if number % 2 == 0 { (one, other) } else { (other, one) };
        let len = from.transmit(&mut wire);
        let mut at = 0;
        while at < len {
            match to.receive(&mut wire[at..len], &mut crypto_ring::SystemRandom::new()) {
                Ok(Received::Taken(taken) | Received::End(taken)) => at += taken,
                Ok(Received::Data { taken, .. } | Received::EarlyData { taken, .. }) => at += taken,
                Ok(Received::Incomplete) | Err(_) => break,
            }
        }
    }
}
