//! A client's first packet: what is known of it, what is decided, and how a connection begins (RFC 9000 sections 5.2.2, 7,
//! 8.1).

use super::accept::{HandshakeIds, early_data_promise, transport_parameters};
use super::admission::{AddressValidation, Admission, Incoming};
use super::answers::{self, Answered};
use super::handshakes::Begun;
use super::networks::Network;
use super::new_token;
use super::table::Endpoint;
use super::token::{Client, Shown};
use crate::config::MIN_DATAGRAM_SIZE;
use crate::connection::{Connection, NewConnection};
use crate::turn::Turn;
use crate::version_negotiation;
use crate::violation::TransportErrorCode;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::header::Long;
use crate::wire::transport_parameters::TransportParameters;
use crate::wire::version::{Version, Versions};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Datagram, Instant, Side};
use tls::{AnswerParameters, AnsweredParameters};

/// A first packet that may begin a connection.
struct First {
    incoming: Incoming,
    network: Network,
    /// What the client sent its very first packet to, if it comes back with the token of a Retry packet.
    original_destination: Option<ConnectionId>,
}

impl First {
    const fn answered(&self) -> Answered {
        let Incoming { version, destination, source, .. } = self.incoming;
        Answered { version, destination, source }
    }
}

impl<T: Default> Endpoint<T> {
    /// A client's first packet: decides what becomes of it.
    pub(super) fn admit(&mut self, now: Instant, datagram: Datagram<'_>, long: &Long) {
        // RFC 9000 section 14.1-4: too small a datagram is no first packet.
        if self.config.server.is_none() || datagram.payload.len() < MIN_DATAGRAM_SIZE {
            return;
        }
        let network = Network::of(datagram.four_tuple.remote.ip());
        // A full table drops before any key is derived, unless the application decides.
        if self.is_accepting && self.config.on_incoming.is_none() && self.is_crowded(network) {
            self.strangers.at_limits += 1;
            return;
        }
        let token = datagram.payload.get(long.token.clone()).expect("a header ends in its datagram");
        // RFC 9000 section 8.1.3-14: looked at before anything is decided.
        let client = Client { remote: datagram.four_tuple.remote, version: long.version };
        let shown = self.tokens.look_at(now, token, client, long.destination);
        let original_destination = match shown {
            Shown::Retried { original_destination } => Some(original_destination),
            Shown::Nothing | Shown::Invalid => None,
        };
        // RFC 9000 s7.2: too short an ID is not a client's own choice.
        if shown == Shown::Nothing && long.destination.len() < 8 {
            return;
        }
        let incoming = Incoming {
            four_tuple: datagram.four_tuple,
            version: long.version,
            destination: long.destination,
            source: long.source,
            is_validated: original_destination.is_some() || self.takes_token(token, client),
            size: datagram.payload.len(),
            open: self.slots.occupied(),
            handshaking: self.handshakes.all(),
            handshaking_of_network: self.handshakes.of(network),
        };
        let first = First { incoming, network, original_destination };
        if shown == Shown::Invalid {
            return self.refuse_token(&first);
        }
        match self.decide(&incoming) {
            Admission::Retry if !incoming.is_validated => self.retry(now, &first),
            Admission::Accept | Admission::Retry => self.accept(now, datagram, &first),
            Admission::Refuse => self.refuse(now, &first, "no new connections are accepted"),
            Admission::Ignore => self.strangers.ignored += 1,
        }
    }

    /// Whether the token is of an earlier connection from the same address, and was not taken before. From now on it was, whatever
    /// becomes of this first packet: a client that has to send another shows the same token in vain, and is one that has shown
    /// nothing.
    /// RFC 9000 section 8.1.3-15, 8.1.4-5.
    fn takes_token(&mut self, token: &[u8], client: Client) -> bool {
        let Some(policy) = self.config.tokens.as_ref().filter(|_| token.first() == Some(&new_token::NEW)) else {
            return false;
        };
        let known = policy.open(&mut *self.random, token, client.remote, client.version);
        let is_taken = known.is_some_and(|known| policy.take(&known));
        self.token_counts.taken += u64::from(is_taken);
        self.token_counts.refused += u64::from(!is_taken);
        is_taken
    }

    /// What the application says goes, except that it accepts within the limits, and whom the address validation lets in.
    fn decide(&self, incoming: &Incoming) -> Admission {
        let admission = match &self.config.on_incoming {
            // RFC 9000 s5.2.2: a server that takes no new connections says so, and the client need not wait for a
            // timeout.
            _ if self.is_silent => Admission::Ignore,
            _ if !self.is_accepting => Admission::Refuse,
            Some(on_incoming) => on_incoming(incoming),
            None => Admission::Accept,
        };
        let must_show = !incoming.is_validated && self.asks_for_addresses();
        if admission == Admission::Accept && must_show { Admission::Retry } else { admission }
    }

    /// Whether a client has to show now that it receives what is sent to its address. There is no use in asking where no
    /// connection could begin.
    fn asks_for_addresses(&self) -> bool {
        let most = self.config.max_unvalidated.min(self.config.max_handshaking.div_ceil(2));
        let is_asked = match self.config.address_validation {
            AddressValidation::Always => true,
            AddressValidation::UnderLoad => self.handshakes.unvalidated() >= most,
            AddressValidation::Never => false,
        };
        is_asked && !self.is_full()
    }

    /// Whether this server takes early data.
    pub(super) fn takes_early_data(&self) -> bool {
        let tickets = self.config.server.as_ref().and_then(|server| server.tickets.as_ref());
        tickets.is_some_and(|tickets| tickets.dangerous_accept_early_data_that_may_be_replayed.is_some())
    }

    /// Whether there are as many connections as there may be.
    const fn is_full(&self) -> bool {
        self.slots.occupied() >= self.config.max_connections
    }

    /// Whether there are as many handshakes as there may be, in total or of this network.
    fn is_crowded(&self, network: Network) -> bool {
        self.handshakes.all() >= self.config.max_handshaking
            || self.handshakes.of(network) >= self.config.max_handshaking_per_network
    }

    /// RFC 9000 section 5.2.2: a client is told that no connection begins. A flood of first packets must not buy an answer each.
    fn refuse(&mut self, now: Instant, first: &First, reason: &'static str) {
        if self.replies.may_refuse(now) {
            self.answer_with_close(first, TransportErrorCode::CONNECTION_REFUSED, reason);
            self.strangers.refused += 1;
        } else {
            self.strangers.unanswered += 1;
        }
    }

    /// RFC 9000 s8.1.2: a client takes no second Retry packet, so one with a bad token of a first one is told at once.
    fn refuse_token(&mut self, first: &First) {
        if self.may_answer() {
            self.answer_with_close(first, TransportErrorCode::INVALID_TOKEN, "the token is invalid or expired");
            self.strangers.invalid_tokens += 1;
        }
    }

    /// Whether another answer may wait to be sent. Asked before any work is done for it.
    fn may_answer(&mut self) -> bool {
        let has_room = self.replies.has_room();
        self.strangers.unanswered += u64::from(!has_room);
        has_room
    }

    fn answer_with_close(&mut self, first: &First, code: TransportErrorCode, reason: &'static str) {
        let answer = answers::close(self.config.provider.initial, &first.answered(), code, reason);
        self.replies.push(first.incoming.four_tuple, answer);
    }

    /// RFC 9000 s8.1.2: the client is asked to come back. Nothing of it is kept.
    /// RFC 9000 section 17.2.5.1-5: one packet for one datagram.
    fn retry(&mut self, now: Instant, first: &First) {
        let Incoming { four_tuple, destination, version, .. } = first.incoming;
        if !self.may_answer() {
            return;
        }
        // RFC 9000 section 17.2.5.1-1: another ID than the client's. It looks like any ID of ours, and belongs to no
        // connection.
        let retry_source = self.ids.issue(0, &mut *self.random);
        let client = Client { remote: four_tuple.remote, version };
        let token = self.tokens.issue(now, &mut *self.random, client, destination, retry_source);
        let [random] = base::random::array(&mut *self.random);
        let suite = self.config.provider.initial;
        let answer = answers::retry(suite, &first.answered(), random, retry_source, &token);
        self.replies.push(four_tuple, answer);
        self.strangers.retried += 1;
    }

    /// The ID that goes with the preferred address, if there is one: another than the connection's first.
    fn preferred_id(&mut self, index: u32, first: ConnectionId) -> Option<(ConnectionId, ResetToken)> {
        if self.config.connection.preferred_address.is_empty() {
            return None;
        }
        loop {
            let id = self.ids.issue(index, &mut *self.random);
            if id != first {
                return Some((id, self.reset_token(&id)));
            }
        }
    }

    /// RFC 9000 section 7: a connection begins, if the packet is what it seems to be.
    fn accept(&mut self, now: Instant, datagram: Datagram<'_>, first: &First) {
        let Incoming { destination, source, .. } = first.incoming;
        if self.is_crowded(first.network) {
            self.strangers.at_limits += 1;
            return;
        }
        let Some(index) = self.reserve() else {
            return self.refuse(now, first, "the server has as many connections as it may have");
        };
        let tls = self.config.server.clone().expect("first packets come to servers only");
        let local = self.ids.issue(index, &mut *self.random);
        let ids = HandshakeIds {
            original_destination: first.original_destination.unwrap_or(destination),
            retry_source: first.original_destination.map(|_| destination),
            local,
            reset_token: Some(self.reset_token(&local)),
            preferred: self.preferred_id(index, local),
        };
        let config = self.config.connection.clone();
        let receive_share = self.receive_memory.begin(config.streams.max_data);
        let parameters = transport_parameters(&config, Side::Server, &ids, &receive_share);
        let takes_early_data = self.takes_early_data();
        let promise = takes_early_data.then(|| early_data_promise(&parameters, &self.config.early_data_context));
        let version = first.incoming.version;
        let answer = answer(parameters, config.versions, version, self.grease());
        let session = tls::quic::server_of(tls, version.0, promise.as_deref(), answer);
        let mut connection = Connection::new(
            now,
            NewConnection {
                side: Side::Server,
                config,
                session,
                initial_suite: self.config.provider.initial,
                version: first.incoming.version,
                follows_negotiation: false,
                token: Vec::new(),
                original_destination: ids.original_destination,
                retry_source: ids.retry_source,
                local_id: local,
                preferred_id: ids.preferred,
                // RFC 9000 section 7.2-5.
                peer_id: source,
                four_tuple: datagram.four_tuple,
                is_validated: first.incoming.is_validated,
                send_memory: self.send_memory.clone(),
                receive_share,
            },
        );
        connection.begin_early_data(now, takes_early_data);
        let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
        let four_tuple = datagram.four_tuple;
        connection.receive(&mut turn, datagram);
        if connection.stats().packets_received == 0 {
            // Nothing in it could be opened: no connection has begun, and nothing is kept.
            self.slots.give_back(index);
            return;
        }
        // RFC 9000 section 5.2.2-6: its early data may have come before.
        for mut early in self.early.take(now, destination, four_tuple) {
            connection.receive(&mut turn, early.borrow());
        }
        self.strangers.accepted += 1;
        let begun = Begun { network: Some(first.network), is_validated: first.incoming.is_validated };
        self.begin(index, connection, begun, Some(destination));
    }
}

/// What a server says of itself to a client whose first flight is of version `first_flight`: it depends on what the client says,
/// because the version that the connection goes on with does.
fn answer(
    mut parameters: TransportParameters,
    versions: Versions,
    first_flight: Version,
    grease: Option<u64>,
) -> AnswerParameters {
    AnswerParameters(Box::new(move |client: &[u8]| {
        // What cannot be read ends the connection, when it is read there.
        let client =
            TransportParameters::decode(client, Side::Client).ok().and_then(|client| client.version_information);
        let version = version_negotiation::negotiated(&versions, first_flight, client.as_ref());
        let information = version_negotiation::information(Side::Server, &versions, version, grease);
        parameters.version_information = Some(information);
        AnsweredParameters { parameters: parameters.encode(Side::Server, grease), version: version.0 }
    }))
}
