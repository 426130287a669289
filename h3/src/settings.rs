//! SETTINGS (RFC 9114 section 7.2.4): written from the limits that are enforced, read once.

use crate::config::Config;
use crate::frame::{self, grease, push_header};
use crate::violation::Violation;
use crate::webtransport_settings::WebTransportSettings;
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
    /// How many bytes of dynamic table its decoder keeps at most (RFC 9204 section 3.2.3).
    pub qpack_max_table_capacity: u64,
    /// How many streams may wait at it for insertions (RFC 9204 section 2.1.2).
    pub qpack_blocked_streams: u64,
    /// What it says of WebTransport.
    pub webtransport: WebTransportSettings,
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
        let number = |value: u64| (value > 0).then_some(value);
        let settings = [
            (QPACK_MAX_TABLE_CAPACITY, number(self.qpack_max_table_capacity)),
            (QPACK_BLOCKED_STREAMS, number(self.qpack_blocked_streams)),
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
        for (identifier, value) in self.webtransport.list() {
            push_varint(&mut payload, identifier);
            push_varint(&mut payload, value);
        }
        payload
    }

    /// Whether these are good for all that was sent early under `remembered`. What is not remembered restrained nobody.
    /// RFC 9114 section 7.2.4.2-12, 7.2.4.2-13, RFC 9204 section 3.2.3-3; RFC 9204 s3.2.3: a table may be allowed where none was; else it
    /// stays as large as it was.
    /// RFC 9297 section 2.1.1-6.
    pub(crate) fn keeps(&self, remembered: &PeerSettings) -> Result<(), Violation> {
        let size = |settings: &PeerSettings| settings.max_field_section_size.unwrap_or(u64::MAX);
        let is_kept = (remembered.max_field_section_size.is_none() || size(self) >= size(remembered))
            && (remembered.qpack_max_table_capacity == 0
                || self.qpack_max_table_capacity == remembered.qpack_max_table_capacity)
            && self.qpack_blocked_streams >= remembered.qpack_blocked_streams
            && self.extended_connect >= remembered.extended_connect
            && self.datagrams >= remembered.datagrams
            // draft-ietf-webtrans-http3 section 3.2-11.
            && self.webtransport.keeps(&remembered.webtransport);
        if is_kept { Ok(()) } else { Err(Violation::SettingsReduced) }
    }

    fn apply(&mut self, identifier: u64, value: u64) -> Result<(), Violation> {
        match identifier {
            // RFC 9114 section 7.2.4.1-3: settings of HTTP/2.
            0x00 | 0x02..=0x05 => return Err(Violation::ReservedSetting),
            0x01 => self.qpack_max_table_capacity = value,
            0x06 => self.max_field_section_size = Some(value),
            0x07 => self.qpack_blocked_streams = value,
            0x08 => self.extended_connect = flag(value)?,
            0x33 => self.datagrams = flag(value)?,
            // RFC 9114 section 7.2.4-7, 7.2.4.1-2, 9-1: others are ignored, whatever they say.
            _ => self.webtransport.apply(identifier, value)?,
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
    // RFC 9204 section 3.2.3-3: whoever takes early data says what it said before, because another value is another context.
    setting(QPACK_MAX_TABLE_CAPACITY, VarInt::from_u32(config.limits.qpack_table_capacity));
    setting(QPACK_BLOCKED_STREAMS, VarInt::from_u32(config.limits.qpack_blocked_streams.into()));
    // RFC 8441 s3: only servers are asked, so only servers say it.
    if config.extended_connect && is_server {
        setting(ENABLE_CONNECT_PROTOCOL, VarInt::from_u32(1));
    }
    // RFC 9297 section 2.1.1-1.
    if config.datagrams {
        setting(H3_DATAGRAM, VarInt::from_u32(1));
    }
    // draft-ietf-webtrans-http3 section 3.2-10: they are part of the context of early data, so other limits mean that none is taken.
    for (identifier, value) in config.webtransport.iter().flat_map(WebTransportSettings::list) {
        setting(identifier, value);
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
        let limits = Limits {
            max_field_section_size: 4321,
            qpack_table_capacity: 5000,
            qpack_blocked_streams: 70,
            ..Limits::default()
        };
        let config = Config { limits, extended_connect: true, grease: Some(7), ..Config::default() };
        let mut out = Vec::new();
        push(&mut out, &config, true);
        assert_eq!((out[0], usize::from(out[1])), (4, out.len() - 2));
        let settings = PeerSettings::decode(&out[2..]).unwrap();
        let expected = PeerSettings {
            max_field_section_size: Some(4321),
            extended_connect: true,
            datagrams: false,
            qpack_max_table_capacity: 5000,
            qpack_blocked_streams: 70,
            webtransport: WebTransportSettings::default(),
        };
        assert_eq!(settings, expected);
        let mut out = Vec::new();
        push(&mut out, &config, false);
        assert!(!PeerSettings::decode(&out[2..]).unwrap().extended_connect);
    }

    /// RFC 9114 section 7.2.4.2-5.
    #[test]
    fn what_is_remembered_is_what_was_said() {
        for max_field_section_size in [None, Some(0), Some(70_000)] {
            for flags in 0..8 {
                let settings = PeerSettings {
                    max_field_section_size,
                    extended_connect: flags & 1 != 0,
                    datagrams: flags & 2 != 0,
                    qpack_max_table_capacity: (flags & 4) * 1000,
                    qpack_blocked_streams: (flags & 4) * 100,
                    webtransport: WebTransportSettings {
                        enabled: flags & 1 != 0,
                        max_sessions_13: flags,
                        max_sessions_7: flags * 2,
                        enabled_2: flags & 2 != 0,
                        initial_max_data: flags << 20,
                        initial_max_streams_uni: flags & 3,
                        initial_max_streams_bidi: flags & 6,
                        max_data: 0,
                    },
                };
                assert_eq!(PeerSettings::decode(&settings.encode()), Ok(settings));
            }
        }
        assert!(PeerSettings::default().encode().is_empty());
    }

    /// RFC 9204 section 3.2.3-3; RFC 9204 s3.2.3.
    /// RFC 9297 section 2.1.1-6.
    /// draft-ietf-webtrans-http3 section 3.2-11.
    /// RFC 9114 section 7.2.4.2-12, 7.2.4.2-13: more than was remembered is good, less is not, and neither is nothing.
    #[test]
    fn settings_keep_what_was_promised_or_they_do_not() {
        let remembered = PeerSettings {
            max_field_section_size: Some(100),
            extended_connect: true,
            datagrams: true,
            qpack_max_table_capacity: 100,
            qpack_blocked_streams: 5,
            webtransport: WebTransportSettings {
                initial_max_data: 10,
                initial_max_streams_uni: 10,
                initial_max_streams_bidi: 10,
                ..WebTransportSettings::default()
            },
        };
        let keeps = |settings: PeerSettings| settings.keeps(&remembered).is_ok();
        assert!(keeps(remembered));
        assert!(keeps(PeerSettings { max_field_section_size: Some(101), ..remembered }));
        assert!(keeps(PeerSettings { max_field_section_size: None, ..remembered }), "the default is no limit");
        assert!(!keeps(PeerSettings { max_field_section_size: Some(99), ..remembered }));
        assert!(!keeps(PeerSettings { extended_connect: false, ..remembered }));
        assert!(!keeps(PeerSettings { datagrams: false, ..remembered }));
        // RFC 9204 section 3.2.3-3: exactly as large a table. Section 3.2.3-2: where there was none, there may be one.
        for capacity in [0, 99, 101] {
            assert!(!keeps(PeerSettings { qpack_max_table_capacity: capacity, ..remembered }));
        }
        assert!(!keeps(PeerSettings { qpack_blocked_streams: 4, ..remembered }));
        assert!(keeps(PeerSettings { qpack_blocked_streams: 6, ..remembered }));
        let webtransport = remembered.webtransport;
        for (data, uni, bidi, is_kept) in
            [(10, 10, 11, true), (9, 10, 10, false), (10, 9, 10, false), (10, 10, 9, false)]
        {
            let webtransport = WebTransportSettings {
                initial_max_data: data,
                initial_max_streams_uni: uni,
                initial_max_streams_bidi: bidi,
                ..webtransport
            };
            assert_eq!(keeps(PeerSettings { webtransport, ..remembered }), is_kept, "{webtransport:?}");
        }
        let without = PeerSettings { qpack_max_table_capacity: 0, ..remembered };
        assert!(remembered.keeps(&without).is_ok());
        assert!(!keeps(PeerSettings::default()));
        let nothing = PeerSettings::default();
        assert!(PeerSettings { max_field_section_size: Some(1), ..nothing }.keeps(&nothing).is_ok());
    }

    /// RFC 9114 section 7.2.4.2-8, 7.2.4.2-10.
    /// draft-ietf-webtrans-http3 section 3.2-10.
    #[test]
    fn another_promise_is_another_context() {
        let config = Config::default();
        let limits = Limits { max_field_section_size: 4321, ..Limits::default() };
        let table = Limits { qpack_table_capacity: 64, ..Limits::default() };
        let blocked = Limits { qpack_blocked_streams: 1, ..Limits::default() };
        let others = [limits, table, blocked].map(|limits| Config { limits, ..config.clone() });
        let webtransport = Some(WebTransportSettings { initial_max_data: 9, ..WebTransportSettings::default() });
        let more = [Config { extended_connect: true, ..config.clone() }, Config { webtransport, ..config.clone() }];
        let others = others.into_iter().chain(more);
        for other in others {
            assert_ne!(early_data_context(&other), early_data_context(&config));
        }
        assert_eq!(early_data_context(&Config { grease: Some(9), ..config.clone() }), early_data_context(&config));
    }

    /// RFC 9114 section 7.1-3, 7.2.4-5, 7.2.4.1-3.
    /// draft-ietf-webtrans-http3 section 3.1-1.
    #[test]
    fn breaches() {
        for reserved in [0, 2, 3, 4, 5] {
            assert_eq!(PeerSettings::decode(&[reserved, 1]), Err(Violation::ReservedSetting));
        }
        assert_eq!(PeerSettings::decode(&[6, 1, 6, 1]), Err(Violation::DuplicateSetting));
        assert_eq!(PeerSettings::decode(&[0x21, 1, 0x21, 1]), Err(Violation::DuplicateSetting));
        assert_eq!(PeerSettings::decode(&[8, 2]), Err(Violation::SettingValue));
        // draft-ietf-webtrans-http3 section 3.1-1.
        assert_eq!(PeerSettings::decode(&[0xac, 0x7c, 0xf0, 0x00, 2]), Err(Violation::SettingValue));
        assert_eq!(PeerSettings::decode(&[0x33, 2]), Err(Violation::SettingValue));
        for truncated in [&[6][..], &[0x40], &[6, 0x40], &[6, 1, 7]] {
            assert_eq!(PeerSettings::decode(truncated), Err(Violation::FrameLength));
        }
        assert_eq!(PeerSettings::decode(&[]), Ok(PeerSettings::default()));
    }
}
