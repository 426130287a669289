//! What can go wrong with a chain: one change of one kind at a time, drawn at random.

use crate::chains::{self, Draft, NOW, Scene};
use crate::der::{element, extension, identifier, name, sequence, time};
use crate::keys::Key;
use crate::random::Random;

/// The kinds of changes, for reports.
pub const KINDS: &[(&str, fn(&mut Scene, &mut Random, &[Key]))] = &[
    ("byte of what is signed", signed_byte),
    ("byte of an extension", extension_byte),
    ("byte after signing", any_byte),
    ("extension removed", |scene, random, _| {
        let draft = any(scene, random);
        if let Some(at) = place(&draft.extensions, random) {
            draft.extensions.remove(at);
        }
    }),
    ("extension repeated", |scene, random, _| {
        let draft = any(scene, random);
        if let Some(at) = place(&draft.extensions, random) {
            let (again, to) = (draft.extensions[at].clone(), random.below(draft.extensions.len() + 1));
            draft.extensions.insert(to, again);
        }
    }),
    ("extensions in another order", |scene, random, _| {
        let draft = any(scene, random);
        if let (Some(one), Some(other)) = (place(&draft.extensions, random), place(&draft.extensions, random)) {
            draft.extensions.swap(one, other);
        }
    }),
    ("extension of another kind or value", other_extension),
    ("extension of another certificate", foreign_extension),
    ("life moved", life),
    ("names swapped", names),
    ("name spelled otherwise", spelling),
    ("signed by somebody else", |scene, random, keys| any(scene, random).signer = random.below(keys.len())),
    ("key of somebody else", |scene, random, keys| any(scene, random).key = random.one_of(keys).public.clone()),
    ("key of another kind", other_key),
    ("another signature algorithm", |scene, random, keys| {
        any(scene, random).algorithm = Some(random.one_of(keys).algorithm.clone());
    }),
    ("serial number", |scene, random, _| {
        let serials: [&[u8]; 6] = [&[0], &[0x80], &[1; 20], &[1; 21], &[], &[0, 1]];
        any(scene, random).serial = element(2, &[*random.one_of(&serials)]);
    }),
    ("version", |scene, random, _| {
        let versions = [vec![], element(2, &[&[0]]), element(2, &[&[1]]), element(2, &[&[3]])];
        let version = random.one_of(&versions);
        any(scene, random).version = if version.is_empty() { vec![] } else { element(0xa0, &[version]) };
    }),
    ("certificates in another order, repeated or missing", chain),
    ("other anchors", anchors),
    ("another name is wanted", |scene, random, _| {
        let wanted = [
            "www.example.com",
            "example.com",
            "a.www.example.com",
            "www.example.org",
            "example.org",
            "WWW.Example.Com",
            "secret.example.com",
            "192.0.2.7",
            "192.0.2.8",
            "2001:db8::1",
            "www.example.com.",
        ];
        scene.name = *random.one_of(&wanted);
    }),
    ("another time", |scene, random, _| scene.now = NOW + random.one_of(&[-1001, -1000, -999, 999, 1000, 1001, 9000])),
    ("cut", |scene, random, _| any(scene, random).cut = Some(random.below(4096))),
];

fn any<'a>(scene: &'a mut Scene, random: &mut Random) -> &'a mut Draft {
    let count = scene.chain.len();
    // Anchors are spoiled less often: nobody sends them.
    match random.below(4 * count + scene.anchors.len()) {
        place if place < 4 * count => &mut scene.chain[place / 4],
        place => &mut scene.anchors[place - 4 * count],
    }
}

fn place<T>(list: &[T], random: &mut Random) -> Option<usize> {
    (!list.is_empty()).then(|| random.below(list.len()))
}

fn changed(value: u8, random: &mut Random) -> u8 {
    match random.below(3) {
        0 => value ^ 1 << random.below(8),
        1 => value.wrapping_add(*random.one_of(&[1, 0xff])),
        _ => random.byte(),
    }
}

fn signed_byte(scene: &mut Scene, random: &mut Random, keys: &[Key]) {
    let draft = any(scene, random);
    let (at, der) = (random.below(1 << 20), draft.der(keys));
    let value = changed(der[at % der.len()], random);
    draft.patches.push((at, value));
}

fn any_byte(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let patch = (random.below(1 << 20), random.byte());
    any(scene, random).late_patches.push(patch);
}

fn extension_byte(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let draft = any(scene, random);
    let Some(at) = place(&draft.extensions, random) else { return };
    let extension = &mut draft.extensions[at];
    let at = random.below(extension.len());
    extension[at] = changed(extension[at], random);
}

fn other_extension(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let bits = |bits: &[u8]| element(3, &[bits]);
    let purposes = |list: &[&[u8]]| sequence(&[&list.iter().flat_map(|id| identifier(id)).collect::<Vec<u8>>()]);
    let names = |list: &[Vec<u8>]| sequence(&[&list.concat()]);
    let kinds = [
        (
            chains::BASIC_CONSTRAINTS,
            vec![
                sequence(&[]),
                sequence(&[&[1, 1, 0xff]]),
                sequence(&[&[1, 1, 0xff, 2, 1, 0]]),
                sequence(&[&[1, 1, 0]]),
            ],
        ),
        (
            chains::KEY_USAGE,
            vec![bits(&[7, 0x80]), bits(&[2, 4]), bits(&[1, 6]), bits(&[5, 0x20]), bits(&[0, 0x80]), bits(&[0])],
        ),
        (
            chains::EXTENDED_KEY_USAGE,
            vec![
                purposes(&[chains::SERVER]),
                purposes(&[chains::CLIENT]),
                purposes(&[&[0x55, 0x1d, 37, 0]]),
                purposes(&[]),
            ],
        ),
        (
            chains::ALTERNATIVE_NAME,
            vec![
                names(&[chains::dns("www.example.com")]),
                names(&[chains::dns("*.example.com")]),
                names(&[chains::dns("*")]),
                names(&[chains::dns("w*.example.com")]),
                names(&[chains::dns("www.example.com.")]),
                names(&[]),
                names(&[chains::address(&[192, 0, 2, 7])]),
                names(&[chains::address(&[192, 0, 2])]),
                names(&[element(0x86, &[b"https://www.example.com/"]), chains::dns("www.example.com")]),
                names(&[element(0x81, &[b"a@example.com"]), chains::dns("www.example.com")]),
                names(&[element(0xa4, &[&name(0x0c, "server")]), chains::dns("www.example.com")]),
                names(&[chains::dns("secret.example.com"), chains::dns("www.example.com")]),
            ],
        ),
        (
            chains::NAME_CONSTRAINTS,
            vec![
                chains::constraints(&[chains::dns("example.com")], &[]),
                chains::constraints(&[], &[chains::dns("example.com")]),
                chains::constraints(&[chains::dns(".example.com")], &[]),
                chains::constraints(&[chains::dns("")], &[]),
                chains::constraints(&[], &[chains::dns("www.example.com")]),
                chains::constraints(&[], &[chains::dns("*.example.com")]),
                chains::constraints(&[chains::address(&[192, 0, 2, 0, 255, 255, 255, 0])], &[]),
                chains::constraints(&[chains::address(&[192, 0, 2, 0, 255, 0, 255, 0])], &[]),
                chains::constraints(&[element(0x81, &[b"example.com"])], &[]),
                chains::constraints(&[], &[element(0x86, &[b"example.com"])]),
                chains::constraints(&[element(0xa4, &[&name(0x0c, "server")])], &[]),
                chains::constraints(&[], &[]),
            ],
        ),
        (&[0x55, 0x1d, 36][..], vec![sequence(&[]), sequence(&[&element(0x80, &[&[0]])])]),
        (&[0x2a, 3][..], vec![vec![]]),
    ];
    let (id, values) = random.one_of(&kinds);
    let value = random.one_of(values).clone();
    let made = extension(id, random.below(2) == 0, &value);
    let draft = any(scene, random);
    let same = draft.extensions.iter().position(|old| old[2..].starts_with(&identifier(id)));
    match same {
        Some(at) => draft.extensions[at] = made,
        None => draft.extensions.push(made),
    }
}

fn foreign_extension(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let list = any(scene, random).extensions.clone();
    let Some(from) = place(&list, random) else { return };
    let draft = any(scene, random);
    match place(&draft.extensions, random) {
        Some(at) if random.below(2) == 0 => draft.extensions[at] = list[from].clone(),
        _ => draft.extensions.push(list[from].clone()),
    }
}

fn life(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let lives = [
        [time(NOW - 9000), time(NOW - 1)],
        [time(NOW + 1), time(NOW + 9000)],
        [time(NOW), time(NOW)],
        [time(NOW + 9000), time(NOW - 9000)],
        [time(NOW - 9000), element(0x18, &[b"20490101000000Z"])],
        [time(NOW - 9000), element(0x18, &[b"99991231235959Z"])],
        [element(0x17, &[b"2001010000Z"]), time(NOW + 9000)],
        [time(NOW - 9000), element(0x17, &[b"300101000000+0100"])],
    ];
    any(scene, random).life = random.one_of(&lives).clone();
}

fn names(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let other = any(scene, random);
    let (subject, issuer) = (other.subject.clone(), other.issuer.clone());
    let draft = any(scene, random);
    match random.below(5) {
        0 => std::mem::swap(&mut draft.subject, &mut draft.issuer),
        1 => draft.subject = subject,
        2 => draft.issuer = issuer,
        3 => draft.subject = sequence(&[]),
        _ => draft.subject = name(0x0c, *random.one_of(&["WWW.example.com", "www.example.com", "other.example"])),
    }
}

fn spelling(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let texts = ["one", "ONE", " one ", "root", "Root", "two"];
    let (text, tag) = (*random.one_of(&texts), *random.one_of(&[0x0c, 0x13, 0x16, 0x14, 0x1e]));
    let plain = name(0x0c, &text.trim().to_lowercase());
    let spelled = if scene.spells_plainly && tag != 0x1e { plain } else { name(tag, text) };
    let draft = any(scene, random);
    let field = if random.below(2) == 0 { &mut draft.subject } else { &mut draft.issuer };
    *field = spelled;
}

fn other_key(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let curve = |curve: &[u8], point: usize| {
        let kind = sequence(&[&identifier(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), &identifier(curve)]);
        sequence(&[&kind, &element(3, &[&[0, 4], &vec![7; point]])])
    };
    let rsa = |bytes: usize, exponent: &[u8]| {
        let kind = sequence(&[&identifier(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), &element(5, &[])]);
        let numbers = sequence(&[&element(2, &[&[0], &vec![0xff; bytes]]), &element(2, &[exponent])]);
        sequence(&[&kind, &element(3, &[&[0], &numbers])])
    };
    let keys = [
        curve(&[0x2b, 0x81, 4, 0, 35], 132),
        curve(&[0x2b, 0x81, 4, 0, 34], 64),
        curve(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], 63),
        rsa(128, &[1, 0, 1]),
        rsa(256, &[1]),
        rsa(256, &[2]),
        rsa(2048, &[1, 0, 1]),
    ];
    any(scene, random).key = random.one_of(&keys).clone();
}

fn chain(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let count = scene.chain.len();
    let (one, other) = (random.below(count), random.below(count));
    match random.below(4) {
        0 => scene.chain.swap(one, other),
        1 if count > 1 => drop(scene.chain.remove(one)),
        2 => scene.chain.insert(other, scene.chain[one].clone()),
        _ => scene.chain.push(scene.chain[one].clone()),
    }
}

fn anchors(scene: &mut Scene, random: &mut Random, _: &[Key]) {
    let sent = random.one_of(&scene.chain).clone();
    match random.below(3) {
        0 if !scene.anchors.is_empty() => drop(scene.anchors.remove(0)),
        1 => scene.anchors = vec![sent],
        _ => scene.anchors.push(sent),
    }
}
