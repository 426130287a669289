//! Chains as honest authorities make them, field by field, so that every field can be spoiled and signed again.

use crate::der::{element, extension, identifier, name, sequence, time};
use crate::keys::Key;

/// The time in all scenes.
pub const NOW: i64 = 1_795_000_000;

pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
pub const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
pub const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 14];
pub const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 35];
pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub const POLICIES: &[u8] = &[0x55, 0x1d, 32];
pub const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub const CLIENT: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

/// A certificate in the making. Each field is a whole element.
#[derive(Clone)]
pub struct Draft {
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    /// Instead of that of the key that signs.
    pub algorithm: Option<Vec<u8>>,
    pub issuer: Vec<u8>,
    pub life: [Vec<u8>; 2],
    pub subject: Vec<u8>,
    pub key: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
    /// Which key signs.
    pub signer: usize,
    /// Bytes of what is signed that are changed before: where, and to what.
    pub patches: Vec<(usize, u8)>,
    /// Bytes that are changed afterwards.
    pub late_patches: Vec<(usize, u8)>,
    /// How many bytes are left, if not all.
    pub cut: Option<usize>,
}

/// What a server sends, whom its client trusts, and for which name.
#[derive(Clone)]
pub struct Scene {
    pub anchors: Vec<Draft>,
    /// The server's own first.
    pub chain: Vec<Draft>,
    pub name: &'static str,
    pub now: i64,
    /// Names that are spelled otherwise are spelled as in all other certificates instead.
    pub spells_plainly: bool,
}

impl Draft {
    fn new(subject: &str, own: usize, issuer: &str, signer: usize, keys: &[Key]) -> Draft {
        let identifier_of = |key: usize| [key as u8; 20];
        let authority_key = sequence(&[&element(0x80, &[&identifier_of(signer)])]);
        Draft {
            version: element(0xa0, &[&element(2, &[&[2]])]),
            serial: element(2, &[&[1 + own as u8, 7]]),
            algorithm: None,
            issuer: name(0x0c, issuer),
            life: [time(NOW - 1000), time(NOW + 1000)],
            subject: name(0x0c, subject),
            key: keys[own].public.clone(),
            extensions: vec![
                extension(SUBJECT_KEY, false, &element(4, &[&identifier_of(own)])),
                extension(AUTHORITY_KEY, false, &authority_key),
            ],
            signer,
            patches: Vec::new(),
            late_patches: Vec::new(),
            cut: None,
        }
    }

    fn with(mut self, id: &[u8], critical: bool, value: &[u8]) -> Draft {
        self.extensions.push(extension(id, critical, value));
        self
    }

    fn authority(subject: &str, own: usize, issuer: &str, signer: usize, keys: &[Key]) -> Draft {
        Draft::new(subject, own, issuer, signer, keys).with(BASIC_CONSTRAINTS, true, &sequence(&[&[1, 1, 0xff]])).with(
            KEY_USAGE,
            true,
            &element(3, &[&[1, 6]]),
        )
    }

    fn server(names: &[&[u8]], own: usize, issuer: &str, signer: usize, keys: &[Key]) -> Draft {
        Draft::new("server", own, issuer, signer, keys)
            .with(BASIC_CONSTRAINTS, true, &sequence(&[]))
            .with(KEY_USAGE, true, &element(3, &[&[7, 0x80]]))
            .with(EXTENDED_KEY_USAGE, false, &sequence(&[&identifier(SERVER)]))
            .with(ALTERNATIVE_NAME, false, &sequence(&[&names.concat()]))
    }

    /// The certificate.
    pub fn der(&self, keys: &[Key]) -> Vec<u8> {
        let key = &keys[self.signer];
        let algorithm = self.algorithm.as_ref().unwrap_or(&key.algorithm);
        let extensions = sequence(&[&self.extensions.concat()]);
        let extensions = if self.extensions.is_empty() { Vec::new() } else { element(0xa3, &[&extensions]) };
        let life = sequence(&[&self.life.concat()]);
        let fields =
            [&self.version, &self.serial, algorithm, &self.issuer, &life, &self.subject, &self.key, &extensions];
        let mut body = sequence(&fields.map(Vec::as_slice));
        patch(&mut body, &self.patches);
        let signature = element(3, &[&[0], &key.sign(&body)]);
        let mut der = sequence(&[&body, algorithm, &signature]);
        // Of the signature only what every signature has, so that no outcome depends on how long it is.
        let head = body.len() + algorithm.len() + 60;
        patch(&mut der[..head], &self.late_patches);
        der.truncate(self.cut.map_or(usize::MAX, |cut| cut % head));
        der
    }
}

fn patch(bytes: &mut [u8], patches: &[(usize, u8)]) {
    for (at, value) in patches {
        let at = at % bytes.len();
        bytes[at] = *value;
    }
}

/// A dNSName.
pub fn dns(name: &str) -> Vec<u8> {
    element(0x82, &[name.as_bytes()])
}

/// An iPAddress, or a range of them.
pub fn address(bytes: &[u8]) -> Vec<u8> {
    element(0x87, &[bytes])
}

/// nameConstraints that permit some subtrees and exclude some.
pub fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let list = |tag, names: &[Vec<u8>]| {
        let subtrees: Vec<Vec<u8>> = names.iter().map(|name| sequence(&[name])).collect();
        if names.is_empty() { Vec::new() } else { element(tag, &[&subtrees.concat()]) }
    };
    sequence(&[&list(0xa0, permitted), &list(0xa1, excluded)])
}

/// Every scene is good as it is.
pub fn scenes(keys: &[Key]) -> Vec<Scene> {
    let names = |names: &[&str]| names.iter().flat_map(|name| dns(name)).collect::<Vec<u8>>();
    let plain = names(&["www.example.com", "*.example.org"]);
    let scene =
        |anchors: Vec<Draft>, chain: Vec<Draft>, name| Scene { anchors, chain, name, now: NOW, spells_plainly: false };
    let root = |own| Draft::authority("root", own, "root", own, keys);
    let purposes = sequence(&[&identifier(SERVER), &identifier(CLIENT)]);
    let policy = sequence(&[&sequence(&[&identifier(&[0x67, 0x81, 0x0c, 1, 2, 1])])]);
    let limits =
        constraints(&[dns("example.com"), address(&[192, 0, 2, 0, 255, 255, 255, 0])], &[dns("secret.example.com")]);
    let one = |signer| {
        let none_below = sequence(&[&[1, 1, 0xff, 2, 1, 0]]);
        let mut one = Draft::authority("one", 3, "root", signer, keys);
        one.extensions[2] = extension(BASIC_CONSTRAINTS, true, &none_below);
        one.with(EXTENDED_KEY_USAGE, false, &purposes).with(POLICIES, false, &policy)
    };
    let two = Draft::authority("two", 4, "one", 3, keys).with(NAME_CONSTRAINTS, true, &limits);
    let long_one = Draft::authority("one", 3, "root", 0, keys);
    let inside = [names(&["www.example.com"]), address(&[192, 0, 2, 7])].concat();
    vec![
        scene(vec![root(5)], vec![Draft::server(&[&plain], 6, "root", 5, keys)], "www.example.com"),
        scene(vec![root(0)], vec![Draft::server(&[&plain], 6, "one", 3, keys), one(0)], "www.example.org"),
        scene(vec![root(1)], vec![Draft::server(&[&plain], 2, "one", 3, keys), one(1)], "www.example.com"),
        scene(
            vec![root(0)],
            vec![Draft::server(&[&inside], 6, "two", 4, keys), two.clone(), long_one.clone()],
            "192.0.2.7",
        ),
        scene(
            vec![root(0)],
            vec![Draft::server(&[&inside], 6, "two", 4, keys), long_one.clone(), two],
            "www.example.com",
        ),
        // Two roots and an authority that both certified, one of them long ago.
        scene(
            vec![root(5), Draft::authority("other", 7, "other", 7, keys)],
            vec![
                Draft::server(&[&plain], 6, "one", 3, keys),
                Draft { life: [time(NOW - 9000), time(NOW - 5000)], ..Draft::authority("one", 3, "root", 5, keys) },
                Draft::authority("one", 3, "other", 7, keys),
                root(5),
            ],
            "www.example.com",
        ),
    ]
}
