use super::{Sponge, round_constants, sha3_256, sha3_512};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn long_hash(parts: &[&[u8]]) -> Vec<u8> {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    sha3_512(parts, &mut first, &mut second);
    [first, second].concat()
}

fn output<const RATE: usize>(parts: &[&[u8]], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    Sponge::<RATE>::extendable(parts).squeeze(&mut out);
    out
}

#[test]
fn the_digests_that_are_published() {
    for (message, short, long, shake_128, shake_256) in [
        (
            &b""[..],
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6\
             15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
            "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
            "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f",
        ),
        (
            b"abc",
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
             10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8",
            "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739",
        ),
    ] {
        assert_eq!(hex(&sha3_256(&[message])), short);
        assert_eq!(hex(&long_hash(&[message])), long);
        assert_eq!(hex(&output::<168>(&[message], 32)), shake_128);
        assert_eq!(hex(&output::<136>(&[message], 32)), shake_256);
    }
    let million = sha3_256(&[&vec![b'a'; 1_000_000]]);
    assert_eq!(hex(&million), "5c8875ae474a3634ba4fd55ec85bffd661f32aca75c6d699d0cdcb6c115891c1");
}

/// Messages of 0 to 410 bytes, outputs of 600: several blocks of every rate, and every place within one. What is compared is
/// the digest of all of them together, as another implementation gave it.
#[test]
fn messages_and_outputs_of_every_length() {
    let message: Vec<u8> = (0..410u32).map(|i| (i * 7 + 3) as u8).collect();
    let all = |function: &dyn Fn(&[u8]) -> Vec<u8>| {
        let outputs: Vec<u8> = (0..=410).flat_map(|len| function(&message[..len])).collect();
        hex(&sha3_256(&[&outputs]))
    };
    let short = all(&|message| sha3_256(&[message]).to_vec());
    assert_eq!(short, "10d75ca0093b09d28eeb3a9909802c3c179fd42b1a720113ee2b1b1c6207b67c");
    let long = all(&|message| long_hash(&[message]));
    assert_eq!(long, "a026ee7c20186d853dfb8e887aea9264a495b13d75d1d5762edf4970376908a1");
    let shake_128 = all(&|message| output::<168>(&[message], 600));
    assert_eq!(shake_128, "1fe8cd36eafa108851402d2170b3cea4a36b84ce64041991160c057a4be720ae");
    let shake_256 = all(&|message| output::<136>(&[message], 600));
    assert_eq!(shake_256, "46926db292f59c15aa12ed015abb3c4a53157a22af1f05bd16ce28494fa0c69d");
}

#[test]
fn parts_and_blocks_make_no_difference() {
    let message: Vec<u8> = (0..=255).collect();
    for at in 0..=message.len() {
        let (first, second) = message.split_at(at);
        assert_eq!(sha3_256(&[first, &[], second]), sha3_256(&[&message]));
    }
    let whole = output::<168>(&[&message], 5 * 168);
    let mut stream = Sponge::<168>::extendable(&[&message]);
    for expected in whole.chunks(168) {
        let mut block = [0; 168];
        stream.squeeze_block(&mut block);
        assert_eq!(block, expected);
    }
}

/// FIPS 202 names the first and the last of them in its examples.
#[test]
fn the_round_constants() {
    let constants = round_constants();
    assert_eq!(constants[..3], [0x1, 0x8082, 0x8000_0000_0000_808a]);
    assert_eq!(constants[23], 0x8000_0000_8000_8008);
}
