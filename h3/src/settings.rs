//! SETTINGS (RFC 9114 section 7.2.4): written from the limits that are enforced, read once.

use crate::config::Config;
use crate::frame::{self, grease, push_header};
use crate::violation::Violation;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Reader, VarInt};

const QPACK_MAX_TABLE_CAPACITY: VarInt = VarInt::from_u32(0x01);
const MAX_FIELD_SECTION_SIZE: VarInt = VarInt::from_u32(0x06);
const QPACK_BLOCKED_STREAMS: VarInt = VarInt::from_u32(0x07);
const ENABLE_CONNECT_PROTOCOL: VarInt = VarInt::from_u32(0x08);
const H3_DATAGRAM: VarInt = VarInt::from_u32(0x33);

/// The largest SETTINGS frame that is read: room for a hundred settings, of which a dozen exist.
pub(crate) const MAX_LEN: u64 = 2048;

/// What the peer said, or what holds as long as it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PeerSettings {
    /// The largest field section it takes, names, values and 32 bytes for each line. `None` for any.
    pub max_field_section_size: Option<u64>,
    /// Whether it takes extended CONNECT (RFC 9220).
    pub extended_connect: bool,
    /// Whether it takes HTTP datagrams (RFC 9297).
    pub datagrams: bool,
}

impl PeerSettings {
    /// From the payload of a SETTINGS frame.
    pub(crate) fn decode(payload: &[u8]) -> Result<PeerSettings, Violation> {
        let mut settings = PeerSettings::default();
        let mut seen = BTreeSet::new();
        let mut reader = Reader::new(payload);
        while !reader.is_empty() {
            // RFC 9114 section 7.1-3: the settings fill the frame, the last one too.
            let identifier = reader.varint().map_err(|_| Violation::FrameLength)?;
            let value = reader.varint().map_err(|_| Violation::FrameLength)?;
            // RFC 9114 section 7.2.4-5.
            if !seen.insert(identifier) {
                return Err(Violation::DuplicateSetting);
            }
            settings.apply(identifier, value)?;
        }
        Ok(settings)
    }

    /// What a client remembers for early data on a later connection, as the payload of a SETTINGS frame: what differs from what
    /// holds before the first.
    /// RFC 9114 section 7.2.4.2-5.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let flag = |is_set: bool| is_set.then_some(1);
        let settings = [
            (MAX_FIELD_SECTION_SIZE, self.max_field_section_size),
            (ENABLE_CONNECT_PROTOCOL, flag(self.extended_connect)),
            (H3_DATAGRAM, flag(self.datagrams)),
        ];
        for (identifier, value) in settings {
            if let Some(value) = value.and_then(VarInt::new) {
                push_varint(&mut payload, identifier);
                push_varint(&mut payload, value);
            }
        }
        payload
    }

    /// Whether these are good for all that was sent early under `remembered`. What is not remembered restrained nobody.
    /// RFC 9114 section 7.2.4.2-12, 7.2.4.2-13.
    /// RFC 9297 section 2.1.1-6.
    pub(crate) fn keeps(&self, remembered: &PeerSettings) -> Result<(), Violation> {
        let size = |settings: &PeerSettings| settings.max_field_section_size.unwrap_or(u64::MAX);
        let is_kept = (remembered.max_field_section_size.is_none() || size(self) >= size(remembered))
            && self.extended_connect >= remembered.extended_connect
            && self.datagrams >= remembered.datagrams;
        if is_kept { Ok(()) } else { Err(Violation::SettingsReduced) }
    }

    fn apply(&mut self, identifier: u64, value: u64) -> Result<(), Violation> {
        match identifier {
            // RFC 9114 section 7.2.4.1-3: settings of HTTP/2.
            0x00 | 0x02..=0x05 => return Err(Violation::ReservedSetting),
            0x06 => self.max_field_section_size = Some(value),
            0x08 => self.extended_connect = flag(value)?,
            0x33 => self.datagrams = flag(value)?,
            // The QPACK settings allow us a dynamic table, which we do not use; the rest is not known.
            // RFC 9114 section 7.2.4-7, 7.2.4.1-2, 9-1: ignored, whatever they say.
            _ => {}
        }
        Ok(())
    }
}

/// RFC 8441 section 3-1, RFC 9297 section 2.1.1-2.
fn flag(value: u64) -> Result<bool, Violation> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Violation::SettingValue),
    }
}

/// What a server of this configuration promises a client that sends early data: where it is not what it was, none is taken
/// ([`quic::EndpointConfig::early_data_context`]).
/// RFC 9114 section 7.2.4.2-8, 7.2.4.2-10.
pub fn early_data_context(config: &Config) -> Vec<u8> {
    let mut context = Vec::new();
    push(&mut context, &Config { grease: None, ..config.clone() }, true);
    context
}

/// Appends our SETTINGS frame.
/// RFC 9114 section 7.2.4.2-11.
pub(crate) fn push(out: &mut Vec<u8>, config: &Config, is_server: bool) {
    let mut payload = Vec::new();
    let mut setting = |identifier, value| {
        push_varint(&mut payload, identifier);
        push_varint(&mut payload, value);
    };
    let max_size = VarInt::new(config.limits.max_field_section_size).unwrap_or(VarInt::MAX);
    setting(MAX_FIELD_SECTION_SIZE, max_size);
    // Zero is the default of both; sending it helps the reader of a trace.
    setting(QPACK_MAX_TABLE_CAPACITY, VarInt::ZERO);
    setting(QPACK_BLOCKED_STREAMS, VarInt::ZERO);
    // RFC 8441 s3: only servers are asked, so only servers say it.
    if config.extended_connect && is_server {
        setting(ENABLE_CONNECT_PROTOCOL, VarInt::from_u32(1));
    }
    // RFC 9297 section 2.1.1-1.
    if config.datagrams {
        setting(H3_DATAGRAM, VarInt::from_u32(1));
    }
    if let Some(number) = config.grease {
        setting(grease(number), VarInt::from_u32(number));
    }
    push_header(out, frame::SETTINGS, payload.len());
    out.extend_from_slice(&payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    /// RFC 9114 section 7.2.4-7, 7.2.4.1-2, 7.2.4.2-11.
    #[test]
    fn what_is_advertised_is_what_is_enforced() {
        let limits = Limits { max_field_section_size: 4321, ..Limits::default() };
        let config = Config { limits, extended_connect: true, grease: Some(7), ..Config::default() };
        let mut out = Vec::new();
        push(&mut out, &config, true);
        assert_eq!((out[0], usize::from(out[1])), (4, out.len() - 2));
        let settings = PeerSettings::decode(&out[2..]).unwrap();
        let expected = PeerSettings { max_field_section_size: Some(4321), extended_connect: true, datagrams: false };
        assert_eq!(settings, expected);
        let mut out = Vec::new();
        push(&mut out, &config, false);
        assert!(!PeerSettings::decode(&out[2..]).unwrap().extended_connect);
    }

    /// RFC 9114 section 7.2.4.2-5.
    #[test]
    fn what_is_remembered_is_what_was_said() {
        for max_field_section_size in [None, Some(0), Some(70_000)] {
            for flags in 0..4 {
                let (extended_connect, datagrams) = (flags & 1 != 0, flags & 2 != 0);
                let settings = PeerSettings { max_field_section_size, extended_connect, datagrams };
                assert_eq!(PeerSettings::decode(&settings.encode()), Ok(settings));
            }
        }
        assert!(PeerSettings::default().encode().is_empty());
    }

    /// RFC 9297 section 2.1.1-6.
    /// RFC 9114 section 7.2.4.2-12, 7.2.4.2-13: more than was remembered is good, less is not, and neither is nothing.
    #[test]
    fn settings_keep_what_was_promised_or_they_do_not() {
        let remembered = PeerSettings { max_field_section_size: Some(100), extended_connect: true, datagrams: true };
        let keeps = |settings: PeerSettings| settings.keeps(&remembered).is_ok();
        assert!(keeps(remembered));
        assert!(keeps(PeerSettings { max_field_section_size: Some(101), ..remembered }));
        assert!(keeps(PeerSettings { max_field_section_size: None, ..remembered }), "the default is no limit");
        assert!(!keeps(PeerSettings { max_field_section_size: Some(99), ..remembered }));
        assert!(!keeps(PeerSettings { extended_connect: false, ..remembered }));
        assert!(!keeps(PeerSettings { datagrams: false, ..remembered }));
        assert!(!keeps(PeerSettings::default()));
        let nothing = PeerSettings::default();
        assert!(PeerSettings { max_field_section_size: Some(1), ..nothing }.keeps(&nothing).is_ok());
    }

    /// RFC 9114 section 7.2.4.2-8, 7.2.4.2-10.
    #[test]
    fn another_promise_is_another_context() {
        let config = Config::default();
        let limits = Limits { max_field_section_size: 4321, ..Limits::default() };
        let others = [Config { limits, ..config.clone() }, Config { extended_connect: true, ..config.clone() }];
        assert!(others.iter().all(|other| early_data_context(other) != early_data_context(&config)));
        assert_eq!(early_data_context(&Config { grease: Some(9), ..config.clone() }), early_data_context(&config));
    }

    /// RFC 9114 section 7.1-3, 7.2.4-5, 7.2.4.1-3.
    #[test]
    fn breaches() {
        for reserved in [0, 2, 3, 4, 5] {
            assert_eq!(PeerSettings::decode(&[reserved, 1]), Err(Violation::ReservedSetting));
        }
        assert_eq!(PeerSettings::decode(&[6, 1, 6, 1]), Err(Violation::DuplicateSetting));
        assert_eq!(PeerSettings::decode(&[0x21, 1, 0x21, 1]), Err(Violation::DuplicateSetting));
        assert_eq!(PeerSettings::decode(&[8, 2]), Err(Violation::SettingValue));
        assert_eq!(PeerSettings::decode(&[0x33, 2]), Err(Violation::SettingValue));
        for truncated in [&[6][..], &[0x40], &[6, 0x40], &[6, 1, 7]] {
            assert_eq!(PeerSettings::decode(truncated), Err(Violation::FrameLength));
        }
        assert_eq!(PeerSettings::decode(&[]), Ok(PeerSettings::default()));
    }
}
