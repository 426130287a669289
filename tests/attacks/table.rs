//! Every row of the catalogue: what guards against it, and where that is shown. From it docs/threat-model.md gets its table.

use crate::guards::entries;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How many rows each letter has.
const LETTERS: [(char, u8); 10] =
    [('p', 24), ('s', 20), ('m', 21), ('q', 9), ('x', 10), ('c', 16), ('a', 16), ('t', 19), ('r', 14), ('u', 4)];

/// A row: its id, what is tried, the file that guards, and tests outside of this folder or beside those in it.
pub(crate) type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

pub(crate) const ROWS: &[Row] = &[
    ("p1", "frames of unknown types", "quic/src/wire/frame/decode.rs", &[]),
    (
        "p2",
        "transport parameters cut, repeated, out of range",
        "quic/src/wire/transport_parameters.rs",
        &[
            "quic/src/wire/transport_parameters/tests.rs::p2_version_information_has_whole_versions_none_of_them_0_and_a_clients_own_among_them",
        ],
    ),
    ("p3", "a frame type cut short", "quic/src/wire/frame/decode.rs", &[]),
    (
        "p4",
        "tokens that were never issued",
        "quic/src/wire/header.rs",
        &[
            "quic/src/endpoint/new_token/tests.rs::p4_a_token_that_is_cut_or_changed_is_none",
            "tests/attacks/tokens.rs::p4_pieces_of_tokens_are_none",
        ],
    ),
    ("p5", "Retry packets of every length", "quic/src/wire/header.rs", &[]),
    ("p6", "a datagram of thousands of packets", "quic/src/connection/coalesced.rs", &[]),
    ("p7", "ACK ranges below zero", "quic/src/wire/frame/ack.rs", &[]),
    (
        "p8",
        "segments and datagrams of no bytes",
        "runtime/src/sys/linux/message.rs",
        &[
            "runtime/src/sys/linux/message.rs::a_segment_size_that_cannot_be_used_means_one_datagram",
            "runtime/src/udp/tests.rs::empty_datagrams_are_taken_in_but_not_given_out",
        ],
    ),
    ("p9", "more padding than a counter holds", "quic/src/wire/frame/decode.rs", &[]),
    (
        "p10",
        "parameters larger than a log's buffer",
        "base/src/journal.rs",
        &[
            "src/trace/tests.rs::p10_a_trace_of_the_largest_values_is_bounded_and_whole",
            "json/src/tests.rs::objects_and_arrays_are_written_from_front_to_back",
            "base/src/journal.rs::what_finds_no_room_is_counted_and_told_with_the_next_record",
            "quic/tests/trace.rs::what_nobody_pulls_is_bounded_and_counted",
        ],
    ),
    ("p11", "codes beyond 62 bits", "base/src/varint.rs", &[]),
    (
        "p12",
        "header-protection samples of ones",
        "crypto-ring/src/header_protection.rs",
        &["crypto-ring/src/header_protection.rs::a_sample_of_all_ones_is_like_any_other"],
    ),
    ("p13", "huge indices and lengths of QPACK", "qpack/src/prefix_integer.rs", &[]),
    ("p14", "every short input to QPACK", "qpack/src/decoder.rs", &[]),
    ("p15", "literals longer than the remaining input", "qpack/src/string.rs", &[]),
    ("p16", "frame headers cut at every byte", "h3/src/frame_reader.rs", &[]),
    ("p17", "session tickets in fragments", "tls/src/inbox.rs", &[]),
    (
        "p18",
        "a ClientHello in fragments and out of order",
        "tls/src/inbox.rs",
        &["tls/src/record/tests/handshake.rs::p18_a_client_hello_in_records_of_any_length"],
    ),
    (
        "p19",
        "handshake messages as large as can be",
        "tls/src/inbox.rs",
        &["tls/src/record/tests/limits.rs::p19_a_message_is_refused_at_its_header_however_many_records_it_takes"],
    ),
    ("p20", "certificates with empty, absent, unknown fields", "x509/src/der.rs", &[]),
    ("p21", "reserved and unknown types of HTTP/3", "h3/src/control_stream.rs", &[]),
    (
        "p22",
        "socket addresses cast from raw memory",
        "runtime/src/sys/linux/address.rs",
        &["tests/tidy.rs::p22_addresses_are_never_cast"],
    ),
    (
        "p23",
        "sizes whose sum wraps",
        "base/src/writer.rs",
        &["tests/tidy.rs::p23_arithmetic_is_checked_in_every_build"],
    ),
    ("p24", "offsets that cross 2^31 and 2^32", "quic/src/crypto_stream.rs", &[]),
    ("s1", "frames of a discarded packet number space", "quic/src/connection/dispatch.rs", &[]),
    ("s2", "HANDSHAKE_DONE too early", "quic/src/wire/frame/allowed.rs", &[]),
    (
        "s3",
        "path probes lost, acknowledged, retired",
        "quic/src/recovery.rs",
        &["quic/tests/migration/scripted.rs::s3_probes_are_lost_acknowledged_and_retired_in_every_order"],
    ),
    (
        "s4",
        "a Retry, its answer twice, then any decision",
        "quic/src/endpoint/settle.rs",
        &["tests/attacks/tokens.rs::s4_whatever_follows_a_token_leaves_nothing_behind"],
    ),
    (
        "s5",
        "migration without a spare connection ID",
        "quic/src/connection/paths.rs",
        &["quic/tests/migration/scripted.rs::s5_a_move_without_a_spare_id_waits_for_one"],
    ),
    (
        "s6",
        "retirement of the connection IDs of all paths at once",
        "quic/src/connection/paths.rs",
        &["quic/tests/migration/scripted.rs::s6_ids_asked_back_on_the_way"],
    ),
    (
        "s7",
        "a stream that ends while its request is being answered",
        "src/exchange/mailbox.rs",
        &["tests/library/handlers.rs::a_handler_ends_when_its_client_gives_up"],
    ),
    (
        "s8",
        "NEW_TOKEN to a server, or empty",
        "quic/src/connection/dispatch.rs",
        &["quic/tests/injection/violations.rs::every_violation_closes_with_its_code_and_frame_type"],
    ),
    ("s9", "STOP_SENDING with STREAM", "quic/src/stream/streams.rs", &[]),
    ("s10", "Version Negotiation to a server", "quic/src/endpoint/strangers.rs", &[]),
    ("s11", "Version Negotiation that answers nothing", "quic/src/connection/coalesced.rs", &[]),
    ("s12", "critical streams opened twice or closed", "h3/src/critical_streams.rs", &[]),
    ("s13", "events after the end of a stream", "h3/src/connection/input.rs", &[]),
    ("s14", "Initial packets that fail at each step", "quic/src/endpoint/admit.rs", &[]),
    ("s15", "a replayed key update", "quic/src/protection/keys.rs", &[]),
    (
        "s16",
        "an alert at each step",
        "quic/src/connection/dispatch.rs",
        &[
            "tls/src/session/tests.rs::an_alert_record_ends_the_handshake_at_once",
            "tls/src/record/tests/handshake.rs::s16_alerts_at_each_step",
            "tls/src/record/tests/handshake.rs::every_flight_cut_at_every_byte_waits_and_then_is_truncated",
            "tls/src/record/tests/closing.rs::an_end_without_close_notify_is_told_as_truncation",
        ],
    ),
    ("s17", "packets after the close", "quic/src/lifecycle.rs", &[]),
    (
        "s18",
        "retirement of all connection IDs",
        "quic/src/connection_ids/local.rs",
        &["quic/tests/injection/ids.rs::retired_ids_are_replaced"],
    ),
    (
        "s19",
        "packets of discarded spaces",
        "quic/src/protection/levels.rs",
        &["tls/src/session/tests.rs::every_message_in_every_state_at_every_level"],
    ),
    (
        "s20",
        "handshake messages after a change of keys",
        "tls/src/session.rs",
        &["tls/src/record/tests/states.rs::s20_messages_do_not_span_a_change_of_keys"],
    ),
    ("m1", "retirements never acknowledged", "quic/src/connection_ids/peer.rs", &[]),
    ("m2", "path challenges without end", "quic/src/path/validation.rs", &[]),
    ("m3", "CRYPTO far ahead or without end", "quic/src/crypto_stream.rs", &[]),
    ("m4", "a byte at every other offset", "quic/src/stream/reassembly.rs", &[]),
    ("m5", "stream data in the worst order", "quic/src/stream/reassembly.rs", &[]),
    ("m6", "credit granted for received rather than consumed data", "quic/src/credit.rs", &[]),
    ("m7", "streams that the application does not read", "quic/src/credit.rs", &[]),
    ("m8", "more data than the connection's limit", "quic/src/stream/receive.rs", &[]),
    ("m9", "acknowledgments never acknowledged", "quic/src/recovery/sent_packets.rs", &[]),
    ("m10", "small frames in large packets", "quic/src/stream/reassembly.rs", &[]),
    ("m11", "floods of Initial packets from forged addresses", "quic/src/endpoint/admit.rs", &[]),
    ("m12", "coalesced garbage", "quic/src/connection/coalesced.rs", &[]),
    (
        "m13",
        "a new port for every packet",
        "quic/src/path/others.rs",
        &[
            "quic/tests/migration/scripted.rs::m13_a_new_address_with_every_packet_costs_a_few_places",
            "quic/tests/migration/scripted.rs::m13_a_peer_that_moves_and_never_acknowledges_costs_little",
        ],
    ),
    ("m14", "an hour at a fixed load", "quic/src/turn.rs", &["examples/soak/main.rs::main"]),
    ("m15", "streams over the limit", "quic/src/stream/limits.rs", &[]),
    ("m16", "streams with a gap that is never filled", "quic/src/stream/reassembly.rs", &[]),
    ("m17", "large declared lengths of HTTP/3 frames", "h3/src/request_stream.rs", &[]),
    (
        "m18",
        "large declared lengths of capsules",
        "http/src/capsule.rs",
        &["webtransport/src/capsules.rs::m18_closes_that_are_too_long_or_malformed"],
    ),
    (
        "m19",
        "streams of sessions that are never removed from a map",
        "webtransport/src/sessions/ending.rs",
        &[
            "webtransport/tests/sessions.rs::m19_streams_of_every_kind_are_echoed_and_leave_nothing_behind",
            "webtransport/tests/rogues.rs::m19_streams_that_are_given_up_before_they_are_taken_are_not_kept",
        ],
    ),
    (
        "m20",
        "a close that waits for credit",
        "webtransport/src/sessions/calls.rs",
        &["webtransport/tests/sessions.rs::m20_a_close_waits_for_nobody"],
    ),
    ("m21", "empty frames without end", "h3/src/budget.rs", &[]),
    ("q1", "field sections that expand (decompression bombs)", "qpack/src/decoder.rs", &[]),
    (
        "q2",
        "insertions that never come to their end",
        "qpack/src/encoder_stream.rs",
        &["qpack/src/encoder_stream/tests.rs::what_is_too_large_is_refused_by_its_length"],
    ),
    ("q3", "continuation bytes without end", "qpack/src/prefix_integer.rs", &[]),
    (
        "q4",
        "sections never acknowledged",
        "qpack/src/outstanding.rs",
        &["qpack/src/dynamic_encoder/tests.rs::a_peer_that_never_acknowledges_costs_a_bounded_amount"],
    ),
    (
        "q5",
        "sections that wait for insertions",
        "h3/src/exchange.rs",
        &["h3/src/tests/compression.rs::bytes_of_sections_that_wait_are_counted"],
    ),
    (
        "q6",
        "interim responses that the application does not read",
        "src/exchange/mailbox.rs",
        &[
            "tests/attacks/c.rs::c6_messages_and_frames_without_end",
            "src/exchange/mailbox.rs::interim_responses_that_nobody_reads_are_few",
        ],
    ),
    (
        "q7",
        "the dynamic table at its wrap-around",
        "qpack/src/dynamic_table.rs",
        &["qpack/src/dynamic_table.rs::random_operations_leave_what_the_naive_table_has"],
    ),
    (
        "q8",
        "a decoder stream that the peer does not read",
        "h3/src/connection/instructions.rs",
        &["h3/src/tests/compression.rs::acknowledgments_that_are_not_taken_end_the_connection"],
    ),
    ("q9", "high bytes in names", "http/src/characters.rs", &[]),
    ("x1", "invalid field names", "http/src/message_rules/rules.rs", &[]),
    ("x2", "control bytes in values", "http/src/characters.rs", &[]),
    ("x3", "content-length on every way to end", "http/src/message_rules/content_length.rs", &[]),
    ("x4", "content that differs from the declared length", "h3/src/body.rs", &[]),
    ("x5", ":authority and Host that differ", "http/src/message_rules/request_decoder.rs", &[]),
    ("x6", "fields of HTTP/1 connections", "http/src/message_rules/rules.rs", &[]),
    ("x7", "ambiguous content-length values", "http/src/message_rules/rules.rs", &[]),
    (
        "x8",
        "bytes forwarded before the final response",
        "src/proxy.rs",
        &["tests/tunnels/proxy.rs::x8_nothing_goes_to_a_target_before_it_is_accepted"],
    ),
    ("x9", "path traversal out of the served folder", "src/files/path.rs", &["src/files/path.rs::all_else_is_nothing"]),
    (
        "x10",
        "use of an address that is not validated",
        "quic/src/path/paths.rs",
        &["quic/tests/migration/scripted.rs::a10_the_application_sees_an_address_only_when_it_is_proved"],
    ),
    ("c1", "range counts of ACK", "quic/src/wire/frame/ack.rs", &[]),
    (
        "c2",
        "connection IDs chosen to collide",
        "quic/src/endpoint/admit.rs",
        &["tests/tidy.rs::c2_no_table_hashes_what_a_peer_chose"],
    ),
    ("c3", "floods at a full table", "quic/src/endpoint/admit.rs", &[]),
    ("c4", "requests cancelled at once", "h3/src/budget.rs", &[]),
    ("c5", "stream resets that the client provokes", "h3/src/budget.rs", &[]),
    ("c6", "messages without end", "h3/src/budget.rs", &[]),
    (
        "c7",
        "key updates without end",
        "quic/src/protection/one_rtt.rs",
        &[
            "quic/tests/injection/violations.rs::every_violation_closes_with_its_code_and_frame_type",
            "quic/tests/injection/violations.rs::what_tls_refuses_closes_with_its_alert",
            "tls/src/record/tests/updates.rs::c7_a_flood_of_updates_without_data",
            "tls/src/record/tests/updates.rs::many_requests_have_one_answer",
        ],
    ),
    ("c8", "parameters of 0, 1 and the most", "quic/src/connection_ids/local.rs", &[]),
    (
        "c9",
        "many authorities with the same name",
        "x509/src/budget.rs",
        &[
            "x509/src/chain/tests.rs::look_alike_authorities_end_in_an_error_soon",
            "x509/src/chain/tests/webs.rs::ways_without_number_have_a_limit",
            "x509/src/chain/tests/webs.rs::a_web_is_crossed_by_the_shortest_way",
        ],
    ),
    (
        "c10",
        "giant RSA keys",
        "x509/src/algorithm.rs",
        &[
            "x509/src/algorithm/tests.rs::c10_rsa_keys_of_accepted_lengths_only",
            "crypto-ring/src/signature/tests.rs::c10_rsa_sizes_are_counted_in_bits",
        ],
    ),
    (
        "c11",
        "a certificate with ten thousand names",
        "x509/src/budget.rs",
        &["x509/src/chain/tests.rs::comparing_names_with_constraints_has_a_limit"],
    ),
    (
        "c12",
        "endless empty datagrams",
        "runtime/src/driver.rs",
        &["runtime/src/driver/tests.rs::empty_datagrams_starve_nobody"],
    ),
    (
        "c13",
        "ACK ranges over a long history",
        "quic/src/recovery/sent_packets.rs",
        &["quic/src/recovery/tests.rs::a_long_history_costs_nothing"],
    ),
    ("c14", "slow handshakes", "quic/src/endpoint/admit.rs", &[]),
    (
        "c15",
        "timers under load",
        "runtime/src/driver.rs",
        &[
            "runtime/src/driver/tests.rs::a_deadline_comes_while_datagrams_never_stop",
            "runtime/src/driver/tests.rs::a_deadline_waits_for_no_more_datagrams_than_a_turn_takes_in",
        ],
    ),
    (
        "c16",
        "costly chains of certificates from strangers",
        "x509/src/chain.rs",
        &["x509/src/chain/tests.rs::c16_the_names_of_a_client_are_compared_less_often_than_those_of_a_server"],
    ),
    (
        "a1",
        "random tokens from forged addresses",
        "quic/src/path/amplification.rs",
        &["tests/attacks/p.rs::p4_a_token_nobody_gave_is_none"],
    ),
    ("a2", "the anti-amplification limit, counted in datagrams", "quic/src/path/amplification.rs", &[]),
    (
        "a3",
        "migration to a forged address",
        "quic/src/path/amplification.rs",
        &[
            "quic/tests/migration/scripted.rs::a3_an_address_without_proof_gets_three_times_what_came_from_it",
            "quic/tests/handshake.rs::a3_copies_of_the_handshake_draw_nothing_away",
            "quic/tests/migration/scripted.rs::a3_a_packet_that_is_copied_to_the_preferred_address_draws_nothing_away",
        ],
    ),
    (
        "a4",
        "packets to multicast and broadcast addresses",
        "runtime/src/sys/linux/message.rs",
        &["runtime/src/udp/tests.rs::what_was_sent_to_everybody_is_never_given_out"],
    ),
    (
        "a5",
        "connection IDs that are too short or too long",
        "quic/src/endpoint/admit.rs",
        &["quic/src/wire/header/tests.rs::a5_ids_longer_than_20_bytes_are_not_of_version_1"],
    ),
    (
        "a6",
        "stateless reset tokens that are stale or empty",
        "quic/src/connection_ids/peer.rs",
        &["quic/src/connection_ids/peer/tests.rs::a6_only_tokens_of_ids_in_use_reset"],
    ),
    ("a7", "reset tokens made from public values", "quic/src/connection_ids/stateless_reset.rs", &[]),
    ("a8", "unlimited stateless resets", "quic/src/endpoint/reply.rs", &[]),
    (
        "a9",
        "forged messages about a small MTU",
        "quic/src/path/mtu.rs",
        &["quic/src/path/mtu.rs::a9_hints_never_shrink_what_is_known_to_arrive"],
    ),
    (
        "a10",
        "requests from a new address",
        "quic/src/path/paths.rs",
        &["quic/tests/migration/scripted.rs::a10_the_application_sees_an_address_only_when_it_is_proved"],
    ),
    (
        "a11",
        "acknowledgments of what was not sent",
        "quic/src/recovery.rs",
        &["quic/src/recovery/delivery_rate.rs::a11_a_heap_of_acknowledgments_is_no_rate"],
    ),
    ("a12", "forged connection IDs in the handshake", "quic/src/wire_identity.rs", &[]),
    (
        "a13",
        "replayed address validation tokens",
        "quic/src/endpoint/used_tokens.rs",
        &[
            "tests/attacks/tokens.rs::a13_a_token_of_an_earlier_connection_is_taken_once_and_nowhere_else",
            "quic/src/endpoint/used_tokens.rs::a13_a_token_is_taken_once_and_a_fresh_one_always",
            "quic/src/endpoint/used_tokens.rs::a13_a_full_memory_takes_none_until_old_ones_are_forgotten",
            "quic/src/endpoint/used_tokens.rs::a13_tokens_from_before_a_restart_are_not_taken",
            "quic/src/endpoint/new_token/tests.rs::a13_a_token_is_good_for_one_address_one_version_and_servers_with_its_key",
            "quic/src/endpoint/new_token/tests.rs::a13_a_token_is_taken_once_and_in_its_time",
            "quic/tests/address_tokens.rs::a13_tokens_are_not_taken_while_there_is_no_room_to_remember_them",
        ],
    ),
    (
        "a14",
        "limits of the AEAD",
        "quic/src/protection/keys.rs",
        &[
            "quic/src/protection/tests.rs::a14_no_packet_is_sealed_beyond_the_confidentiality_limit",
            "quic/tests/transfer.rs::a14_an_application_of_either_side_has_the_keys_updated_at_any_time",
        ],
    ),
    (
        "a15",
        "downgrades",
        "tls/src/message/server_hello.rs",
        &[
            "tls/src/message/server_hello/tests.rs::older_versions_and_their_disguises",
            "tls/src/session/tests/client_refuses.rs::retries",
            "tls/src/session/tests/client_refuses.rs::after_a_retry",
            "quic/src/version_negotiation.rs::a15_a_list_that_was_forged_is_found_out",
            "quic/tests/versions.rs::a15_a_forged_list_of_versions_ends_the_connection_it_leads_to",
        ],
    ),
    (
        "a16",
        "requests for acknowledgments of any size and number",
        "quic/src/acknowledgment/requested.rs",
        &[
            "quic/src/acknowledgment/requested/tests.rs::without_a_reordering_threshold_no_disorder_is_told_but_before_it_is_forgotten",
        ],
    ),
    (
        "t1",
        "a server that presents another server's identity",
        "x509/src/chain.rs",
        &["x509/src/chain/tests.rs::the_table_of_rules_for_a_server"],
    ),
    (
        "t2",
        "no certificate or no signature",
        "tls/src/proof.rs",
        &[
            "tls/src/session/tests/client_refuses.rs::no_message_can_be_left_out",
            "tls/src/session/tests/client_authentication.rs::a_certificate_without_its_key_is_worth_nothing",
        ],
    ),
    (
        "t3",
        "checks that only one carrier makes",
        "tls/src/client/wait_certificate_verify.rs",
        &["tests/attacks/carriers.rs::t3_both_carriers_give_the_same_verdicts"],
    ),
    (
        "t4",
        "client policies by name",
        "src/server/authorities.rs",
        &[
            "src/server/authorities.rs::t4_a_host_that_asks_for_certificates_is_not_reached_by_way_of_one_that_does_not",
            "tests/clients.rs::t4_names_that_ask_are_not_reached_over_connections_that_were_not_asked",
            "tls/src/session/tests/client_authentication.rs::the_name_decides_what_is_asked",
            "tls/src/session/tests/client_authentication.rs::the_table_of_questions_and_answers",
            "tls/src/resolver/tests.rs::client_authentication_goes_by_the_closest_name",
            "tls/src/session/tests/tickets_and_trust.rs::who_was_not_asked_does_not_come_back_where_clients_are_asked",
            "tls/src/session/tests/tickets_and_trust.rs::who_has_shown_a_certificate_comes_back_as_who_it_is",
            "tls/src/session/tests/tickets_and_trust.rs::who_has_declined_comes_back_as_nobody",
            "tls/src/session/tests/tickets_and_trust.rs::who_is_not_believed_any_more_does_not_come_back_with_a_ticket",
            "tls/src/session/tests/tickets_and_trust.rs::tickets_are_kept_by_what_the_client_may_show",
        ],
    ),
    (
        "t5",
        "session tickets of another host",
        "tls/src/ticket_content.rs",
        &[
            "tls/src/session/tests/resumption.rs::t5_a_ticket_is_good_for_one_name_protocol_identity_and_generation",
            "tls/src/session/tests/resumption.rs::t5_a_name_that_the_server_does_not_have_is_refused_with_a_ticket_too",
            "tls/src/session/tests/resumption.rs::t5_a_changed_ticket_is_an_unknown_one",
        ],
    ),
    (
        "t6",
        "early data from an unvalidated address",
        "src/exchange/request.rs",
        &[
            "quic/tests/early_data.rs::t6_early_data_comes_from_an_address_that_is_not_validated",
            "tests/library/early_data.rs::t6_a_handler_waits_for_the_proof_or_answers_too_early",
        ],
    ),
    (
        "t7",
        "early data to an impostor",
        "tls/src/client/resumption.rs",
        &[
            "tls/src/session/tests/early_data.rs::early_data_is_off_unless_both_sides_and_the_carrier_want_it",
            "tls/src/session/tests/resumption.rs::a_ticket_dies_with_the_certificate",
            "tls/src/session/tests/resumption.rs::a_stolen_ticket_without_its_secret_is_refused",
            "quic/tests/early_data.rs::t7_both_sides_have_to_want_it",
            "tests/library/early_data.rs::t7_each_side_and_each_request_has_a_switch",
        ],
    ),
    (
        "t8",
        "a replayed first flight",
        "tls/src/replay_filter.rs",
        &[
            "tls/src/replay_filter.rs::t8_a_ticket_counts_once_as_long_as_it_could_be_fresh",
            "tls/src/replay_filter.rs::t8_nothing_counts_before_a_window_has_passed_since_the_start",
            "tls/src/replay_filter.rs::t8_a_full_table_refuses_and_takes_nothing_twice",
            "tls/src/replay_filter.rs::t8_a_clock_that_is_set_back_forgets_nothing",
            "tls/src/session/tests/early_data.rs::t8_a_first_flight_that_is_sent_again_is_refused",
            "tls/src/session/tests/early_data.rs::t8_a_ticket_whose_age_is_not_what_it_says_gets_no_early_data",
            "tls/src/session/tests/early_data.rs::t8_what_is_remembered_is_what_was_verified",
            "tls/src/session/tests/early_data.rs::t8_a_sibling_resumes_and_takes_no_early_data",
            "quic/tests/early_data.rs::t8_a_first_flight_that_is_sent_again_is_not_taken_as_early_data",
            "h3/tests/early_data.rs::t8_safe_requests_go_early_and_others_wait",
            "src/server/handler.rs::t8_what_is_not_safe_is_not_given_to_a_handler_before_the_proof",
            "tests/library/early_data.rs::t8_only_safe_requests_that_ask_for_it_go_early",
            "events/src/tests/early.rs::t8_a_server_answers_early_pings_and_holds_back_the_rest",
            "events/src/tests/early.rs::t8_a_flight_that_comes_again_does_nothing_but_be_answered_by_pongs",
            "events/src/tests/early.rs::t8_what_is_no_frame_is_refused_when_its_sender_is_known",
            "events/src/tests/early.rs::t8_a_client_sends_nothing_but_a_ping_before_the_handshake_is_complete",
            "tests/event_early.rs::t8_nothing_but_a_ping_is_in_early_data",
            "tests/event_early.rs::t8_what_else_comes_early_waits_for_the_handshake",
            "tests/event_early.rs::t8_a_first_flight_that_is_sent_again_is_answered_by_no_session",
        ],
    ),
    ("t9", "identities that leak outside an encrypted ClientHello", "", &[]),
    ("t10", "control bytes in text", "quic/src/error.rs", &["x509/src/text.rs::peer_text_is_escaped_and_bounded"]),
    (
        "t11",
        "name constraints",
        "x509/src/constraints.rs",
        &["x509/src/chain/tests.rs::t11_the_table_of_name_constraints"],
    ),
    (
        "t12",
        "revocation lists out of scope",
        "x509/src/distribution_point.rs",
        &[
            "x509/src/revocation/tests.rs::t12_the_table_of_scopes",
            "x509/src/revocation/tests.rs::t12_lists_of_other_kinds_are_refused_by_name",
            "x509/src/revocation/tests.rs::a_revoked_certificate_is_refused_and_one_that_nobody_speaks_for_as_well",
            "tests/clients.rs::t12_what_was_revoked_is_refused_by_either_side",
        ],
    ),
    (
        "t13",
        "Finished and binders of every length",
        "tls/src/proof.rs",
        &[
            "tls/src/session/tests/client_refuses.rs::a_finished_of_every_length_for_every_suite",
            "tls/src/session/tests/server_refuses.rs::a_finished_of_every_length_for_every_suite",
            "tls/src/message/client_hello/tests.rs::binders_of_every_length",
            "tls/src/session/tests/resumption.rs::t13_a_binder_of_any_other_length_or_value_is_refused",
        ],
    ),
    ("t14", "NUL in names", "x509/src/dns.rs", &["x509/src/dns.rs::the_table_of_matches"]),
    (
        "t15",
        "plaintext of a forged packet left in a buffer",
        "crypto-ring/src/aead.rs",
        &["crypto-ring/src/aead/tests.rs::whatever_is_changed_is_refused_and_wiped"],
    ),
    (
        "t16",
        "tags of zero length, and timing of their comparison",
        "crypto-ring/src/aead.rs",
        &["tests/tidy.rs::t16_secrets_are_compared_in_constant_time"],
    ),
    (
        "t17",
        "primitives in constant time",
        "ml-kem/src/compression.rs",
        &[
            "tests/tidy.rs::t17_nothing_secret_is_divided_or_branched_on",
            "ml-kem/src/mechanism/tests.rs::a_changed_ciphertext_gives_another_secret",
            "ml-kem/src/mechanism/tests.rs::any_difference_takes_the_other_secret",
        ],
    ),
    (
        "t18",
        "a public key that does not match the private key",
        "crypto/src/signature.rs",
        &["crypto-ring/src/signing_key/tests.rs::t18_every_format_loads_and_signs"],
    ),
    (
        "t19",
        "hybrid key shares of every length",
        "crypto-ring/src/hybrid.rs",
        &[
            "tls/src/session/tests/groups.rs::t19_hybrid_shares_of_every_length",
            "crypto-ring/src/hybrid/tests.rs::t19_shares_of_any_other_length_are_bad",
            "crypto-ring/src/hybrid/tests.rs::t19_a_key_that_is_not_reduced_is_bad",
            "ml-kem/src/mechanism/tests.rs::every_coefficient_that_is_not_below_q_is_rejected",
        ],
    ),
    (
        "r1",
        "readers that give no credit, and senders that leave holes",
        "quic/src/stream/send_window.rs",
        &[
            "quic/tests/slow_readers.rs::r1_readers_that_do_not_read_cost_the_sender_nothing_that_they_gave_no_credit_for",
            "quic/src/stream/streams/tests/writers.rs::r1_connections_share_a_budget_and_none_of_them_is_starved",
            "quic/src/stream/streams/tests/holes.rs::r1_peers_that_leave_holes_are_held_within_a_budget",
            "quic/src/stream/streams/tests/holes.rs::r1_a_large_window_gives_way_to_others",
            "quic/tests/transfer.rs::r1_a_window_grows_as_far_as_the_endpoint_has_memory",
        ],
    ),
    (
        "r2",
        "a path that narrows in the middle of a transfer",
        "quic/src/recovery.rs",
        &[
            "quic/tests/narrowing.rs::r2_a_download_over_a_path_that_narrows",
            "quic/tests/narrowing.rs::r2_an_upload_over_a_path_that_narrows",
            "quic/tests/narrowing.rs::r2_many_small_answers_over_a_path_that_narrows",
            "quic/tests/narrowing.rs::r2_many_small_questions_over_a_path_that_narrows",
            "quic/tests/narrowing.rs::r2_a_keep_alive_does_not_keep_a_connection_in_which_nothing_is_acknowledged",
        ],
    ),
    (
        "r3",
        "a flood of first packets from forged addresses",
        "quic/src/endpoint/admit.rs",
        &[
            "quic/tests/floods.rs::r3_honest_clients_get_in_within_a_second_under_a_flood_of_forged_first_packets",
            "quic/tests/floods.rs::r3_a_forged_first_packet_costs_a_retry_and_leaves_nothing",
            "tests/floods.rs::r3_honest_clients_get_in_while_the_command_is_flooded",
        ],
    ),
    (
        "r4",
        "heads and bodies that never end",
        "h3/src/connection/slowness.rs",
        &[
            "h3/src/tests/slowness.rs::r4_a_head_that_is_cut_anywhere_ends_after_ten_seconds",
            "h3/src/tests/slowness.rs::r4_a_head_that_drips_ends_after_ten_seconds",
            "h3/src/tests/slowness.rs::r4_slow_heads_without_end_end_the_connection",
            "h3/tests/slowness.rs::r4_heads_cut_at_every_byte_and_pings_end_by_the_time_limits",
            "h3/tests/slowness.rs::r4_a_connection_without_a_request_ends_whatever_it_pings",
        ],
    ),
    (
        "r5",
        "files that are exchanged while they are opened",
        "runtime/src/folder.rs",
        &[
            "runtime/src/folder/tests.rs::r5_what_is_swapped_while_it_is_opened_neither_leads_out_nor_blocks",
            "tests/files.rs::r5_what_is_swapped_while_it_is_asked_for_neither_leads_out_nor_blocks",
        ],
    ),
    (
        "r6",
        "requests for files that are reset at once",
        "quic/src/stream/send_window.rs",
        &[
            "tests/library.rs::r6_an_answer_that_is_given_up_costs_what_can_be_sent_of_it",
            "tests/library.rs::r6_after_many_answers_that_were_given_up_little_is_made_of_the_next",
            "quic/src/stream/streams/tests/writers.rs::r6_who_gives_up_more_than_it_takes_has_little_made_ahead",
        ],
    ),
    (
        "r7",
        "responses stopped while uploads stay open",
        "h3/src/body.rs",
        &[
            "h3/src/tests/early_answers.rs::r7_trailers_in_part_after_the_question_are_charged",
            "h3/src/tests/early_answers.rs::r7_what_comes_after_the_question_is_read_up_to_a_number",
            "h3/src/tests/early_answers.rs::r7_what_does_not_come_after_the_question_is_awaited_for_a_time",
            "h3/src/tests/server_messages.rs::r7_a_stopped_response_stops_the_upload_in_turn",
            "h3/src/tests/server_messages.rs::r7_an_upload_that_nobody_reads_is_stopped_at_once",
            "h3/src/tests/server_messages.rs::r7_of_requests_that_never_end_few_are_waited_for",
            "tests/library.rs::r7_uploads_end_with_the_responses_that_nobody_wants",
        ],
    ),
    (
        "r8",
        "a port that changes again and again",
        "quic/src/recovery.rs",
        &[
            "quic/src/recovery/tests.rs::r8_another_port_keeps_the_window_and_counts_nothing_of_the_one_before",
            "quic/tests/migration/rebinding.rs::r8_a_window_does_not_outgrow_a_path_whose_port_changes_again_and_again",
        ],
    ),
    (
        "r9",
        "a peak of memory that is kept",
        "quic/src/endpoint/slots.rs",
        &[
            "quic/src/endpoint/slots.rs::r9_free_places_at_the_end_are_given_up_unless_a_queue_names_them",
            "quic/tests/slow_readers.rs::r9_places_of_connections_that_are_gone_are_given_back",
            "runtime/tests/memory.rs::r9_memory_below_what_is_still_used_goes_back",
        ],
    ),
    (
        "r10",
        "a draining server that holds its port in silence",
        "src/server/builder/start.rs",
        &[
            "tests/ends/drain.rs::r10_a_newcomer_is_refused_at_once_while_a_request_is_stuck",
            "tests/ends/drain.rs::r10_a_successor_binds_and_serves_while_a_request_is_stuck",
            "tests/ends/drain.rs::r10_a_successor_of_several_workers_binds_and_serves_while_a_request_is_stuck",
            "tests/ends/processes.rs::r10_a_process_that_ends_refuses_and_its_successor_binds",
        ],
    ),
    (
        "r11",
        "a server that was killed and cannot reset its connections",
        "src/server/policy.rs",
        &[
            "tests/ends/restart.rs::r11_a_server_that_was_killed_and_started_again_resets_its_clients_at_once",
            "tests/ends/restart.rs::r11_a_client_of_a_killed_server_goes_on_with_the_next",
        ],
    ),
    (
        "r12",
        "a first flight of a server that is lost again and again",
        "quic/src/connection/probe.rs",
        &[
            "quic/tests/handshake.rs::r12_a_lost_flight_costs_one_timeout_and_no_round_trip_more",
            "quic/tests/handshake.rs::r12_every_probe_carries_initial_and_handshake_packets",
            "quic/tests/injection/handshake.rs::r12_a_peer_that_repeats_itself_is_sent_the_flight_a_few_times",
        ],
    ),
    (
        "r13",
        "expectations that nobody answers",
        "src/exchange/body.rs",
        &[
            "tests/library/duties.rs::r13_a_client_that_waits_gets_100_when_the_handler_reads",
            "tests/library/duties.rs::r13_a_client_that_waits_is_refused_without_its_content",
        ],
    ),
    (
        "r14",
        "If-Range with a date that is weak",
        "http/src/conditions/range.rs",
        &[
            "http/src/conditions/range.rs::r14_a_date_within_its_own_second_is_weak",
            "tests/library/origin.rs::r14_a_date_of_this_second_gets_the_whole_file",
        ],
    ),
    (
        "u1",
        "redirects in circles, and to where HTTP/3 is not",
        "src/client/request.rs",
        &["tests/client/redirects.rs::u1_circles_and_places_that_are_not_https_end_with_an_error"],
    ),
    (
        "u2",
        "a redirect that asks for credentials of another origin",
        "src/client/redirect.rs",
        &["tests/client/redirects.rs::u2_what_is_for_one_origin_is_not_told_to_another"],
    ),
    (
        "u3",
        "alternative services without end, or of somebody else",
        "src/client/alt_svc.rs",
        &[
            "src/client/alt_svc.rs::u3_what_is_kept_has_a_bound",
            "tests/client/alternatives.rs::u3_an_alternative_that_is_none_costs_nothing_but_time",
        ],
    ),
    (
        "u4",
        "a server that answers never, or not to the end",
        "src/exchange/patience.rs",
        &["tests/client/timeouts.rs::u4_each_timeout_ends_the_wait_that_it_is_for"],
    ),
];

/// What rows wait for: the feature, how its files would be called, the rows.
pub(crate) const WAITING: &[(&str, &[&str], &[&str])] =
    &[("Encrypted ClientHello", &["encrypted_client_hello", "src/ech.rs", "src/ech/"], &["t9"])];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The tests of this folder by the row they are named after.
fn named() -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (letter, _) in LETTERS {
        let path = format!("tests/attacks/{letter}.rs");
        let text = fs::read_to_string(root().join(&path)).unwrap();
        // What is known to fail shows nothing.
        for (at, _) in text.match_indices("#[test]\nfn ") {
            let name: String = text[at + 11..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let row = name.split('_').next().unwrap().to_owned();
            assert!(row.starts_with(letter) && row[1..].parse::<u8>().is_ok(), "{name} in {path} is of no row");
            out.entry(row).or_default().push(format!("{path}::{name}"));
        }
    }
    out
}

/// The tests of a row: those of this folder, and those of other places.
pub(crate) fn tests_of(id: &str) -> Vec<String> {
    let row = ROWS.iter().find(|row| row.0 == id).unwrap();
    let own = named().remove(id).unwrap_or_default();
    own.into_iter().chain(row.3.iter().map(|test| (*test).to_owned())).collect()
}

#[test]
fn every_row_is_shown_or_waits_for_what_is_not_there() {
    let named = named();
    let ids: Vec<String> =
        LETTERS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}"))).collect();
    assert_eq!(ROWS.iter().map(|row| row.0).collect::<Vec<_>>(), ids);
    assert!(named.keys().all(|row| ids.contains(row)), "{named:?}");
    for (id, what, guard, tests) in ROWS {
        let waits = WAITING.iter().find(|(.., rows)| rows.contains(id));
        let is_shown = named.contains_key(*id) || !tests.is_empty();
        assert!(is_shown != waits.is_some(), "{id}, {what}: shown {is_shown}, waits {waits:?}");
        assert_eq!(guard.is_empty(), waits.is_some(), "{id} has a guard");
        assert!(guard.is_empty() || root().join(guard).is_file(), "{id}: {guard} is not there");
        for test in *tests {
            let (path, name) = test.split_once("::").unwrap();
            let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{id}: {path}: {error}"));
            let at = text.find(&format!("fn {name}()")).unwrap_or_else(|| panic!("{id}: {test} is not there"));
            // A command is no test, but it is there to be run.
            let is_test = text[..at].trim_end().ends_with(']') || name == "main";
            assert!(is_test, "{id}: {test} is no test");
        }
    }
}

#[test]
fn no_row_waits_for_a_feature_that_is_there() {
    let mut files = Vec::new();
    collect(root(), &mut files);
    assert!(files.len() > 300, "{}", files.len());
    for (feature, marks, rows) in WAITING {
        let found = files.iter().find(|file| marks.iter().any(|mark| file.contains(mark)));
        assert!(found.is_none(), "{feature} is there ({}): {rows:?} can be shown", found.unwrap());
    }
}

/// Rust files of the product and its tests, from the root on, with slashes. Foreign stacks have adapters of their own.
fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "state", "bench", "fuzz", "peers"].contains(&name) {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"));
        }
    }
}

/// What is said of all guards, before the table.
fn what_was_taken_out() -> String {
    let entries = entries();
    let rows: BTreeSet<&str> = entries.iter().filter(|entry| !entry.edits.is_empty()).map(|e| e.row.as_str()).collect();
    let (count, waiting) = (rows.len(), WAITING.iter().map(|(.., rows)| rows.len()).sum::<usize>());
    let mut text = format!(
        "\nFor {count} rows the guards are taken out of the product, one after the other, by\n\
         [`tests/mutants/guards`](../tests/mutants/guards), and each test of the row fails without its guard; what is taken out\n\
         is in [`guards.txt`](../tests/mutants/guards.txt). {waiting} rows wait for a feature. For these nothing can be taken out:\n\n"
    );
    for entry in entries.iter().filter(|entry| !entry.reason.is_empty()) {
        writeln!(text, "- {}: {}", entry.row.to_uppercase(), entry.reason.join(" ")).unwrap();
    }
    text
}

/// What stands before the table in docs/threat-model.md.
const MARK: &str = "<!-- The rest of this page is written by tests/attacks/table.rs. -->";

#[test]
fn the_threat_model_has_this_table() {
    let mut table = what_was_taken_out();
    table += "\n| row | what is tried | guard | shown by |\n|----|----|----|----|\n";
    for (id, what, guard, _) in ROWS {
        let shown: Vec<String> = tests_of(id)
            .iter()
            .map(|test| {
                let (path, name) = test.split_once("::").unwrap();
                format!("[`{name}`](../{path})")
            })
            .collect();
        let waits = WAITING.iter().find(|(.., rows)| rows.contains(id));
        let shown = waits.map_or_else(|| shown.join("<br>"), |(feature, ..)| format!("waits for {feature}"));
        let guard = if guard.is_empty() { String::new() } else { format!("[`{guard}`](../{guard})") };
        writeln!(table, "| {} | {what} | {guard} | {shown} |", id.to_uppercase()).unwrap();
    }
    let path = root().join("docs/threat-model.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once(MARK).expect("the mark of the table");
    let expected = format!("{head}{MARK}\n{table}");
    if std::env::var_os("POSTHASTE_WRITE_THREAT_MODEL").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        let advice = "run: POSTHASTE_WRITE_THREAT_MODEL=1 cargo test --test attacks table";
        assert!(page == expected, "docs/threat-model.md does not say what is tested; {advice}");
    }
}
