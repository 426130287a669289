//! What one connection's sessions may hold, and what is said of it in the settings: the same values.

use h3::WebTransportSettings;

/// Limits of the sessions of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sessions at a time. 16: a browser has one for each page that asks, and more of one origin are a mistake of its application.
    pub max_sessions: usize,
    /// Unidirectional streams that the other end may have open in a session. 100, as in HTTP/3.
    pub max_streams_uni: u64,
    /// Bidirectional streams that the other end may have open in a session. 100: a client that opens more waits for others to end.
    pub max_streams_bidi: u64,
    /// Bytes that the other end may at first have sent on the streams of a session and that were not read, at most `max_data`. 256 KiB:
    /// what each session of a connection may hold of it without having shown that it is read.
    pub initial_max_data: u64,
    /// How far that grows for a session that is read: to what the connection's own window has grown to, and no further than this. 16 MiB:
    /// what a path of 1 Gbit/s and 130 ms holds. All sessions of a connection together have at most four times this.
    pub max_data: u64,
    /// Streams of sessions that are not there yet, on one connection: of more the newest is refused. 64: what a client may open in
    /// one flight with its request.
    pub max_early_streams: usize,
    /// Bytes that may have come on those: the stream with which there are more is refused. 256 KiB, as for a session that has begun.
    pub max_early_data: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_sessions: 16,
            max_streams_uni: 100,
            max_streams_bidi: 100,
            initial_max_data: 256 << 10,
            max_data: 16 << 20,
            max_early_streams: 64,
            max_early_data: 256 << 10,
        }
    }
}

impl From<&WebTransportSettings> for Config {
    /// The limits that HTTP/3 was told to say.
    fn from(settings: &WebTransportSettings) -> Config {
        Config {
            max_sessions: usize::try_from(settings.max_sessions_13).unwrap_or(usize::MAX),
            max_streams_uni: settings.initial_max_streams_uni,
            max_streams_bidi: settings.initial_max_streams_bidi,
            initial_max_data: settings.initial_max_data,
            max_data: settings.max_data.max(settings.initial_max_data),
            ..Config::default()
        }
    }
}

impl Config {
    /// What HTTP/3 has to say of it ([`h3::Config::webtransport`]).
    ///
    /// draft-ietf-webtrans-http3 section 3.1-3, 7.1-1, 5.1-1.
    pub const fn settings(&self) -> WebTransportSettings {
        WebTransportSettings {
            enabled: true,
            max_sessions_13: self.max_sessions as u64,
            max_sessions_7: self.max_sessions as u64,
            enabled_2: true,
            initial_max_data: if self.initial_max_data < self.max_data { self.initial_max_data } else { self.max_data },
            initial_max_streams_uni: self.max_streams_uni,
            initial_max_streams_bidi: self.max_streams_bidi,
            max_data: self.max_data,
        }
    }
}
