//! The pre_shared_key extension (RFC 9846 section 4.3.11): identities of pre-shared keys, here tickets, and a binder for each.

use crate::message::extension::whole;
use crate::message::framing::push_u16_block;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Full, Reader};

/// psk_dhe_ke, the mode in which a key exchange renews the secrets (RFC 9846 section 4.3.9). The other mode is not supported.
pub(crate) const PSK_DHE_KE: u8 = 1;

/// What a client offers: one identity at least, and as many binders.
#[derive(Clone, Copy, Debug)]
pub struct PreSharedKeys<'a> {
    identities: &'a [u8],
    binders: &'a [u8],
}

/// One identity, and the binder that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreSharedKey<'a> {
    /// The ticket.
    pub identity: &'a [u8],
    /// Its age in milliseconds, plus the number that hides it (RFC 9846 section 4.3.11.1).
    pub obfuscated_age: u32,
    /// The proof that the client has the key, not yet verified.
    pub binder: &'a [u8],
}

impl<'a> PreSharedKeys<'a> {
    /// Reads the data of the extension.
    pub fn decode(data: &'a [u8]) -> Result<PreSharedKeys<'a>, Violation> {
        let (identities, binders) = whole(data, |reader| Ok((reader.u16_prefixed()?, reader.u16_prefixed()?)))?;
        let count = count_identities(identities)?;
        if count == count_binders(binders)? {
            Ok(PreSharedKeys { identities, binders })
        } else {
            Err(Violation::PreSharedKeyBinders)
        }
    }

    /// The keys in order. Both lists were found whole and of one length.
    pub fn iter(&self) -> impl Iterator<Item = PreSharedKey<'a>> + use<'a> {
        let (mut identities, mut binders) = (Reader::new(self.identities), Reader::new(self.binders));
        core::iter::from_fn(move || {
            Some(PreSharedKey {
                identity: identities.u16_prefixed().ok()?,
                obfuscated_age: identities.u32().ok()?,
                binder: binders.u8_prefixed().ok()?,
            })
        })
    }

    /// How many bytes at the end of the ClientHello no binder covers: the list of binders with its length.
    pub fn binders_len(&self) -> usize {
        2 + self.binders.len()
    }
}

fn count_identities(identities: &[u8]) -> Result<usize, Violation> {
    let (mut reader, mut count) = (Reader::new(identities), 0);
    while !reader.is_empty() {
        if reader.u16_prefixed()?.is_empty() {
            return Err(Violation::Malformed);
        }
        reader.u32()?;
        count += 1;
    }
    if count == 0 { Err(Violation::Malformed) } else { Ok(count) }
}

/// RFC 9846 section 4.3.11: a binder has 32 to 255 bytes.
fn count_binders(binders: &[u8]) -> Result<usize, Violation> {
    let (mut reader, mut count) = (Reader::new(binders), 0);
    while !reader.is_empty() {
        if reader.u8_prefixed()?.len() < 32 {
            return Err(Violation::Malformed);
        }
        count += 1;
    }
    if count == 0 { Err(Violation::Malformed) } else { Ok(count) }
}

/// What a client of ours offers: one ticket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfferedTicket<'a> {
    /// The ticket.
    pub identity: &'a [u8],
    /// Its age in milliseconds, plus the number that hides it.
    pub obfuscated_age: u32,
    /// Bytes of the binder: those of the hash.
    pub binder_len: u8,
}

impl OfferedTicket<'_> {
    /// Appends the data of the extension, with zeros in place of the binder, which covers all before it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), Full> {
        push_u16_block(out, |out| {
            base::writer::push_u16_prefixed(out, |out| out.extend_from_slice(self.identity))?;
            out.extend_from_slice(&self.obfuscated_age.to_be_bytes());
            Ok(())
        })?;
        push_u16_block(out, |out| {
            out.push(self.binder_len);
            out.extend(core::iter::repeat_n(0, usize::from(self.binder_len)));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn data(identities: &[(&[u8], u32)], binders: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        push_u16_block(&mut out, |out| {
            identities.iter().try_for_each(|(identity, age)| {
                base::writer::push_u16_prefixed(out, |out| out.extend_from_slice(identity))?;
                out.extend_from_slice(&age.to_be_bytes());
                Ok(())
            })
        })
        .unwrap();
        push_u16_block(&mut out, |out| {
            binders.iter().try_for_each(|len| base::writer::push_u8_prefixed(out, |out| out.extend(vec![7; *len])))
        })
        .unwrap();
        out
    }

    #[test]
    fn identities_and_binders_belong_together() {
        let bytes = data(&[(b"one", 1), (b"second", u32::MAX)], &[32, 48]);
        let keys = PreSharedKeys::decode(&bytes).unwrap();
        let found: Vec<_> = keys.iter().map(|key| (key.identity, key.obfuscated_age, key.binder.len())).collect();
        assert_eq!(found, [(&b"one"[..], 1, 32), (b"second", u32::MAX, 48)]);
        assert_eq!(keys.binders_len(), 2 + 33 + 49);
        for (identities, binders, violation) in [
            (&[][..], &[32][..], Violation::Malformed),
            (&[(&b"a"[..], 0)][..], &[], Violation::Malformed),
            (&[(&b""[..], 0)], &[32], Violation::Malformed),
            (&[(&b"a"[..], 0)], &[31], Violation::Malformed),
            (&[(&b"a"[..], 0)], &[0], Violation::Malformed),
            (&[(&b"a"[..], 0)], &[32, 32], Violation::PreSharedKeyBinders),
            (&[(&b"a"[..], 0), (b"b", 0)], &[32], Violation::PreSharedKeyBinders),
        ] {
            assert_eq!(PreSharedKeys::decode(&data(identities, binders)).err(), Some(violation), "{identities:?}");
        }
    }

    #[test]
    fn no_truncation_parses_and_no_change_panics() {
        let bytes = data(&[(b"ticket", 5)], &[32]);
        for end in 0..bytes.len() {
            assert_eq!(PreSharedKeys::decode(&bytes[..end]).err(), Some(Violation::Malformed), "{end}");
        }
        for position in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[position] = value;
                if let Ok(keys) = PreSharedKeys::decode(&changed) {
                    assert!(keys.iter().count() > 0);
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let offered = OfferedTicket { identity: b"ticket", obfuscated_age: 0xfedc_ba98, binder_len: 48 };
        offered.encode(&mut bytes).unwrap();
        let keys = PreSharedKeys::decode(&bytes).unwrap();
        let expected = PreSharedKey { identity: b"ticket", obfuscated_age: 0xfedc_ba98, binder: &[0; 48] };
        assert_eq!(keys.iter().collect::<Vec<_>>(), [expected]);
        assert_eq!(keys.binders_len(), 2 + 1 + 48);
    }
}
