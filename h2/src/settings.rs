//! SETTINGS (RFC 9113 section 6.5, RFC 8441 section 3, RFC 9218 section 2.1).

use crate::config::Config;
use crate::frame::{MAX_31, MAX_FRAME_LEN};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::Side;

const HEADER_TABLE_SIZE: u16 = 0x1;
const ENABLE_PUSH: u16 = 0x2;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;
const MAX_HEADER_LIST_SIZE: u16 = 0x6;
const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
const NO_RFC7540_PRIORITIES: u16 = 0x9;

/// A stream's window where nothing else was said (RFC 9113 section 6.9.2), and that of the connection.
pub(crate) const DEFAULT_WINDOW: u32 = 65_535;

/// What the peer has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerSettings {
    pub(crate) header_table_size: u32,
    pub(crate) max_concurrent_streams: u32,
    pub(crate) initial_window: u32,
    pub(crate) max_frame_len: usize,
    pub(crate) max_field_section_size: Option<usize>,
    pub(crate) extended_connect: bool,
}

impl Default for PeerSettings {
    fn default() -> PeerSettings {
        PeerSettings {
            header_table_size: hpack::DEFAULT_TABLE_SIZE as u32,
            // RFC 9113 s6.5.2: no limit. Until it is known, as few as every server should take.
            max_concurrent_streams: 100,
            initial_window: DEFAULT_WINDOW,
            max_frame_len: MAX_FRAME_LEN,
            max_field_section_size: None,
            extended_connect: false,
        }
    }
}

impl PeerSettings {
    /// The settings of a frame, in their order. `peer` is the side that says them.
    ///
    /// RFC 9113 section 6.5.2-3, 6.5.2-6, 6.5.2-9, 6.5.2-11, 6.5.2-13, 6.5.3-2, 6.5.3-3.
    pub(crate) fn apply(&mut self, payload: &[u8], peer: Side) -> Result<(), Violation> {
        for setting in payload.chunks_exact(6) {
            let &[id_0, id_1, value_0, value_1, value_2, value_3] = setting else { continue };
            let value = u32::from_be_bytes([value_0, value_1, value_2, value_3]);
            self.apply_one(u16::from_be_bytes([id_0, id_1]), value, peer)?;
        }
        Ok(())
    }

    fn apply_one(&mut self, id: u16, value: u32, peer: Side) -> Result<(), Violation> {
        match id {
            HEADER_TABLE_SIZE => self.header_table_size = value,
            // Servers do not push to servers, and this client allows no pushes.
            ENABLE_PUSH if value > 1 || (value == 1 && peer == Side::Server) => return Err(Violation::SettingValue),
            MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = value,
            INITIAL_WINDOW_SIZE if value > MAX_31 => return Err(Violation::SettingWindow),
            INITIAL_WINDOW_SIZE => self.initial_window = value,
            MAX_FRAME_SIZE if !(MAX_FRAME_LEN as u32..1 << 24).contains(&value) => return Err(Violation::SettingValue),
            MAX_FRAME_SIZE => self.max_frame_len = value as usize,
            MAX_HEADER_LIST_SIZE => self.max_field_section_size = usize::try_from(value).ok(),
            // RFC 8441 section 3-3: it does not go back to 0.
            ENABLE_CONNECT_PROTOCOL if value > 1 || (value == 0 && self.extended_connect) => {
                return Err(Violation::SettingValue);
            }
            ENABLE_CONNECT_PROTOCOL => self.extended_connect = value == 1,
            // RFC 9218 section 2.1-2.
            NO_RFC7540_PRIORITIES if value > 1 => return Err(Violation::SettingValue),
            // RFC 9113 section 5.5-1.
            _ => {}
        }
        Ok(())
    }
}

/// Ours.
pub(crate) fn own(config: &Config, side: Side) -> Vec<u8> {
    let limits = &config.limits;
    let size = u32::try_from(limits.max_field_section_size).unwrap_or(u32::MAX);
    let mut settings: Vec<(u16, u32)> = alloc::vec![
        (INITIAL_WINDOW_SIZE, limits.stream_window),
        (MAX_HEADER_LIST_SIZE, size),
        // RFC 9218 section 2.1-3: with the first SETTINGS or never.
        (NO_RFC7540_PRIORITIES, 1),
    ];
    match side {
        Side::Client => settings.push((ENABLE_PUSH, 0)),
        Side::Server => settings.push((MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams)),
    }
    if side == Side::Server && config.extended_connect {
        settings.push((ENABLE_CONNECT_PROTOCOL, 1));
    }
    settings
        .iter()
        .flat_map(|(id, value)| {
            let ([id_0, id_1], [value_0, value_1, value_2, value_3]) = (id.to_be_bytes(), value.to_be_bytes());
            [id_0, id_1, value_0, value_1, value_2, value_3]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(settings: &mut PeerSettings, id: u16, value: u32, peer: Side) -> Result<(), Violation> {
        let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        settings.apply(&payload, peer)
    }

    /// RFC 9113 section 6.5.2-3, 6.5.2-6, 6.5.2-9, 6.5.2-11, 6.5.2-13, 6.5.3-3.
    #[test]
    fn values_out_of_range_are_refused() {
        for (id, value, peer, expected) in [
            (ENABLE_PUSH, 2, Side::Client, Some(Violation::SettingValue)),
            (ENABLE_PUSH, 1, Side::Client, None),
            (ENABLE_PUSH, 1, Side::Server, Some(Violation::SettingValue)),
            (INITIAL_WINDOW_SIZE, 1 << 31, Side::Client, Some(Violation::SettingWindow)),
            (INITIAL_WINDOW_SIZE, MAX_31, Side::Client, None),
            (MAX_FRAME_SIZE, 16_383, Side::Client, Some(Violation::SettingValue)),
            (MAX_FRAME_SIZE, 1 << 24, Side::Client, Some(Violation::SettingValue)),
            (MAX_FRAME_SIZE, (1 << 24) - 1, Side::Client, None),
            (ENABLE_CONNECT_PROTOCOL, 2, Side::Server, Some(Violation::SettingValue)),
            (NO_RFC7540_PRIORITIES, 2, Side::Client, Some(Violation::SettingValue)),
            (0x7a7a, u32::MAX, Side::Client, None),
        ] {
            assert_eq!(apply(&mut PeerSettings::default(), id, value, peer).err(), expected, "{id} {value}");
        }
        let mut settings = PeerSettings::default();
        apply(&mut settings, ENABLE_CONNECT_PROTOCOL, 1, Side::Server).unwrap();
        assert_eq!(apply(&mut settings, ENABLE_CONNECT_PROTOCOL, 0, Side::Server), Err(Violation::SettingValue));
    }

    #[test]
    fn what_is_advertised_is_what_is_enforced() {
        let mut settings = PeerSettings::default();
        let config = Config { extended_connect: true, ..Config::default() };
        settings.apply(&own(&config, Side::Server), Side::Server).unwrap();
        let limits = config.limits;
        let said = (settings.max_concurrent_streams, settings.initial_window, settings.max_field_section_size);
        let enforced = (limits.max_concurrent_streams, limits.stream_window, Some(limits.max_field_section_size));
        assert_eq!((said, settings.extended_connect, settings.max_frame_len), (enforced, true, MAX_FRAME_LEN));
    }
}
