//! The settings by which both ends say that they know WebTransport (draft-ietf-webtrans-http3 section 9.2, and earlier drafts),
//! and how much of it they take.
//!
//! HTTP/3 knows no more of it: where this side says any, streams that belong to a request are handed to whoever knows sessions.

use crate::violation::Violation;
use alloc::vec::Vec;
use base::VarInt;

/// The draft of 2026: SETTINGS_WT_ENABLED.
const ENABLED: u64 = 0x2c7c_f000;
/// Drafts from 13 on: SETTINGS_WT_MAX_SESSIONS.
const MAX_SESSIONS_13: u64 = 0x14e9_cd29;
/// Drafts from 7 on: SETTINGS_WEBTRANSPORT_MAX_SESSIONS.
const MAX_SESSIONS_7: u64 = 0xc671_706a;
/// Drafts from 2 on: SETTINGS_ENABLE_WEBTRANSPORT.
const ENABLE_2: u64 = 0x2b60_3742;
const INITIAL_MAX_DATA: u64 = 0x2b61;
const INITIAL_MAX_STREAMS_UNI: u64 = 0x2b64;
const INITIAL_MAX_STREAMS_BIDI: u64 = 0x2b65;

/// What one end says of WebTransport. All zero, or false: it knows none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebTransportSettings {
    /// It knows `webtransport-h3` (draft-ietf-webtrans-http3 section 3.1).
    pub enabled: bool,
    /// How many sessions it takes by drafts 13 and later.
    pub max_sessions_13: u64,
    /// How many sessions it takes by drafts 7 and later.
    pub max_sessions_7: u64,
    /// It knows drafts 2 to 6.
    pub enabled_2: bool,
    /// First limit on the bytes that the other end sends on the streams of a session (section 5.5.3).
    pub initial_max_data: u64,
    /// First limit on the unidirectional streams that the other end opens in a session (section 5.5.1).
    pub initial_max_streams_uni: u64,
    /// The same, of bidirectional streams (section 5.5.2).
    pub initial_max_streams_bidi: u64,
    /// How far this side lets the limit on bytes grow beyond the first. It is not said, and nothing is known of the other end's.
    pub max_data: u64,
}

impl WebTransportSettings {
    /// Whether this end wants the flow control of sessions (section 5.1).
    pub const fn wants_flow_control(&self) -> bool {
        self.initial_max_data > 0 || self.initial_max_streams_uni > 0 || self.initial_max_streams_bidi > 0
    }

    /// What is to be said, in the order of the identifiers.
    pub(crate) fn list(&self) -> Vec<(VarInt, VarInt)> {
        let all = [
            (INITIAL_MAX_DATA, self.initial_max_data),
            (INITIAL_MAX_STREAMS_UNI, self.initial_max_streams_uni),
            (INITIAL_MAX_STREAMS_BIDI, self.initial_max_streams_bidi),
            (MAX_SESSIONS_13, self.max_sessions_13),
            (ENABLE_2, u64::from(self.enabled_2)),
            (ENABLED, u64::from(self.enabled)),
            (MAX_SESSIONS_7, self.max_sessions_7),
        ];
        let said = all.into_iter().filter(|(_, value)| *value > 0);
        said.filter_map(|(identifier, value)| Some((VarInt::new(identifier)?, VarInt::new(value)?))).collect()
    }

    /// A setting has come; nothing happens if it is none of these.
    pub(crate) fn apply(&mut self, identifier: u64, value: u64) -> Result<(), Violation> {
        match identifier {
            // draft-ietf-webtrans-http3 section 3.1-1.
            ENABLED if value > 1 => return Err(Violation::SettingValue),
            ENABLED => self.enabled = value == 1,
            MAX_SESSIONS_13 => self.max_sessions_13 = value,
            MAX_SESSIONS_7 => self.max_sessions_7 = value,
            ENABLE_2 => self.enabled_2 = value == 1,
            INITIAL_MAX_DATA => self.initial_max_data = value,
            INITIAL_MAX_STREAMS_UNI => self.initial_max_streams_uni = value,
            INITIAL_MAX_STREAMS_BIDI => self.initial_max_streams_bidi = value,
            _ => {}
        }
        Ok(())
    }

    /// Whether these are good for what was begun under `remembered`.
    pub(crate) const fn keeps(&self, remembered: &WebTransportSettings) -> bool {
        self.initial_max_data >= remembered.initial_max_data
            && self.initial_max_streams_uni >= remembered.initial_max_streams_uni
            && self.initial_max_streams_bidi >= remembered.initial_max_streams_bidi
    }
}
