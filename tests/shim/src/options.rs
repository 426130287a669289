//! What the flags of one connection say.

/// What one connection is to be, to do and to expect. The defaults are those of the contract.
#[derive(Clone, Debug)]
pub struct Options {
    // Where the runner is.
    pub port: u16,
    pub is_ipv6: bool,
    pub shim_id: u64,
    // What is played.
    pub is_server: bool,
    pub is_quic: bool,
    pub resume_count: u32,
    pub is_async: bool,
    pub is_handshaker_question: bool,
    pub waits_for_debugger: bool,
    // Identity and trust. The first identity stands for the flags outside of any credential.
    pub identities: Vec<IdentityFiles>,
    /// Whether identities are numbered by `-new-x509-credential`.
    pub has_credentials: bool,
    pub host_name: Option<String>,
    pub verifies_peer: bool,
    pub refuses_peer: bool,
    pub requires_client_certificate: bool,
    pub client_authorities: Option<Vec<Vec<u8>>>,
    // What is offered and accepted.
    pub groups: Vec<u16>,
    pub verified_schemes: Vec<u16>,
    pub cipher_suites: Vec<u16>,
    pub advertised_protocols: Vec<Vec<u8>>,
    pub selected_protocol: Option<Vec<u8>>,
    pub declines_protocol: bool,
    pub refuses_protocol: bool,
    pub requests_ocsp_response: bool,
    pub transport_parameters: Vec<u8>,
    pub has_tickets: bool,
    pub has_early_data: bool,
    pub early_data_context: Vec<u8>,
    pub resumption_delay_seconds: u64,
    // What is done with the connection.
    pub writes_first: bool,
    pub first_write: Vec<u8>,
    pub first_write_count: u32,
    pub shuts_down: bool,
    pub checks_close_notify: bool,
    pub read_size: usize,
    pub updates_keys: bool,
    pub updates_keys_before_read: bool,
    pub writes_many_sizes: bool,
    pub exports_between_reads: bool,
    pub exported_len: usize,
    pub export_label: Vec<u8>,
    pub export_context: Vec<u8>,
    // What has to be true of it.
    pub expected: Expected,
}

/// The files of one identity.
#[derive(Clone, Debug, Default)]
pub struct IdentityFiles {
    pub certificates: Option<Vec<u8>>,
    pub key: Option<Vec<u8>>,
    /// The schemes that its key signs with, best first; empty: all that it can.
    pub schemes: Vec<u16>,
}

/// What has to be true of a connection. `None` and `false` expect nothing.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub version: Option<u16>,
    pub protocol: Option<Vec<u8>>,
    pub server_name: Option<Vec<u8>>,
    pub no_server_name: bool,
    pub group: Option<u16>,
    pub cipher_suite: Option<u16>,
    pub signature_scheme: Option<u16>,
    pub retry: Option<bool>,
    pub session_miss: bool,
    pub no_session: bool,
    pub early_data_accepted: bool,
    pub early_data_refused: bool,
    pub no_early_data_offer: bool,
    pub transport_parameters: Option<Vec<u8>>,
    pub peer_certificates: Option<Vec<u8>>,
    pub no_peer_certificate: bool,
    pub ocsp_response: Option<Vec<u8>>,
    pub credential: Option<i32>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            is_ipv6: false,
            shim_id: 0,
            is_server: false,
            is_quic: false,
            resume_count: 0,
            is_async: false,
            is_handshaker_question: false,
            waits_for_debugger: false,
            identities: vec![IdentityFiles::default()],
            has_credentials: false,
            host_name: None,
            verifies_peer: false,
            refuses_peer: false,
            requires_client_certificate: false,
            client_authorities: None,
            groups: Vec::new(),
            verified_schemes: Vec::new(),
            cipher_suites: Vec::new(),
            advertised_protocols: Vec::new(),
            selected_protocol: None,
            declines_protocol: false,
            refuses_protocol: false,
            requests_ocsp_response: false,
            transport_parameters: Vec::new(),
            has_tickets: true,
            has_early_data: false,
            early_data_context: Vec::new(),
            resumption_delay_seconds: 0,
            writes_first: false,
            first_write: b"hello".to_vec(),
            first_write_count: 1,
            shuts_down: false,
            checks_close_notify: false,
            read_size: 512,
            updates_keys: false,
            updates_keys_before_read: false,
            writes_many_sizes: false,
            exports_between_reads: false,
            exported_len: 0,
            export_label: Vec::new(),
            export_context: Vec::new(),
            expected: Expected::default(),
        }
    }
}
