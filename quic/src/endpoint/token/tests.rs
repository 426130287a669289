use super::*;
use crypto_ring::PROVIDER;

const LIFETIME: Duration = Duration::from_secs(10);

struct Counter(u8);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

fn tokens(secret: u8) -> Tokens {
    Tokens::new(PROVIDER.initial, Secret::new(&[secret; 32]), LIFETIME)
}

fn id(byte: u8, len: usize) -> ConnectionId {
    ConnectionId::new(&[byte; 20][..len]).unwrap()
}

fn remote(text: &str) -> Client {
    Client { remote: text.parse().unwrap(), version: Version::V1 }
}

const CLIENT: &str = "192.0.2.1:5000";
const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

#[test]
fn what_comes_back_is_what_was_given_for_ids_of_every_length() {
    let tokens = tokens(1);
    for len in 0..=20 {
        let (original_destination, source) = (id(3, len), id(4, 20 - len));
        for client in [CLIENT, "[2001:db8::1]:5000", "[::ffff:192.0.2.1]:5000"] {
            let token = tokens.issue(NOW, &mut Counter(0), remote(client), original_destination, source);
            assert_eq!(token.len(), TOKEN_LEN);
            let shown = tokens.look_at(NOW, &token, remote(client), source);
            assert_eq!(shown, Shown::Retried { original_destination });
        }
    }
    // A socket for both families shows IPv4 addresses in either way.
    let token = tokens.issue(NOW, &mut Counter(0), remote(CLIENT), id(3, 8), id(4, 8));
    let shown = tokens.look_at(NOW, &token, remote("[::ffff:192.0.2.1]:5000"), id(4, 8));
    assert!(matches!(shown, Shown::Retried { .. }));
}

/// RFC 9000 section 8.1.1-1, 8.1.3-14, 8.1.4-2.
#[test]
fn a_token_of_which_anything_is_changed_or_cut_is_refused() {
    let tokens = tokens(1);
    let token = tokens.issue(NOW, &mut Counter(0), remote(CLIENT), id(3, 8), id(4, 8));
    let look_at = |token: &[u8]| tokens.look_at(NOW, token, remote(CLIENT), id(4, 8));
    assert!(matches!(look_at(&token), Shown::Retried { .. }));
    for len in 1..token.len() {
        assert_eq!(look_at(&token[..len]), Shown::Invalid, "{len} bytes");
    }
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut changed = token.clone();
            changed[at] ^= 1 << bit;
            // The first byte says that it is a token of ours at all.
            assert_eq!(
                look_at(&changed),
                if at == 0 { Shown::Nothing } else { Shown::Invalid },
                "byte {at}, bit {bit}"
            );
        }
    }
    assert_eq!(look_at(&[&token[..], &[0]].concat()), Shown::Invalid);
    assert_eq!(look_at(&[]), Shown::Nothing);
}

/// RFC 9000 section 8.1.4-6.
/// RFC 9369 section 4.1-3, 5-2.
#[test]
fn a_token_is_good_for_one_client_one_attempt_one_endpoint_and_a_short_time() {
    let tokens = tokens(1);
    let token = tokens.issue(NOW, &mut Counter(0), remote(CLIENT), id(3, 8), id(4, 8));
    let good = Shown::Retried { original_destination: id(3, 8) };
    for (client, destination, at, expected) in [
        (CLIENT, id(4, 8), NOW, good),
        ("192.0.2.2:5000", id(4, 8), NOW, Shown::Invalid),
        ("192.0.2.1:5001", id(4, 8), NOW, Shown::Invalid),
        ("[2001:db8::1]:5000", id(4, 8), NOW, Shown::Invalid),
        (CLIENT, id(5, 8), NOW, Shown::Invalid),
        (CLIENT, id(4, 9), NOW, Shown::Invalid),
        (CLIENT, id(3, 8), NOW, Shown::Invalid),
        (CLIENT, id(4, 8), NOW + LIFETIME, good),
        (CLIENT, id(4, 8), NOW + LIFETIME + Duration::from_nanos(1), Shown::Invalid),
        (CLIENT, id(4, 8), NOW - Duration::from_millis(1), good),
        (CLIENT, id(4, 8), NOW - LIFETIME - Duration::from_nanos(1), Shown::Invalid),
    ] {
        assert_eq!(tokens.look_at(at, &token, remote(client), destination), expected, "{client} {destination} {at:?}");
    }
    let in_version_2 = Client { version: Version::V2, ..remote(CLIENT) };
    assert_eq!(tokens.look_at(NOW, &token, in_version_2, id(4, 8)), Shown::Invalid);
    let others = self::tokens(2);
    assert_eq!(others.look_at(NOW, &token, remote(CLIENT), id(4, 8)), Shown::Invalid);
}

/// RFC 9000 section 8.1.4-1.
#[test]
fn no_two_tokens_are_alike() {
    let tokens = tokens(1);
    let mut random = Counter(0);
    let [one, two] = [(); 2].map(|()| tokens.issue(NOW, &mut random, remote(CLIENT), id(3, 8), id(4, 8)));
    let same = one.iter().zip(&two).filter(|(one, two)| one == two).count();
    assert!(same < 8, "{same} bytes are the same: the kind, and a few by chance");
}
