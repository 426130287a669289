//! How a client's connection begins, and begins again when the server answers that it does not speak the version (RFC 9368
//! section 2.1): in the same place, under the same handle, so that the layer above hears nothing of it.

use super::accept::{HandshakeIds, transport_parameters};
use super::attempt::Attempt;
use super::table::Endpoint;
use super::token_store::MAX_TOKEN_LEN;
use crate::connection::{Connection, NewConnection};
use crate::version_negotiation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::version::Version;
use base::{FourTuple, Instant, Side};

/// What the first flight of an attempt is.
#[derive(Clone, Copy)]
pub(super) struct FirstFlight {
    pub(super) version: Version,
    /// A Version Negotiation packet has named it.
    pub(super) follows_negotiation: bool,
    pub(super) four_tuple: FourTuple,
}

impl<T> Endpoint<T> {
    /// What the first flight is of: as configured, or a version that the server went on with before, if there is a ticket of that
    /// one and of no other. If the server does not speak it any more, it says so.
    pub(super) fn first_version(&self, attempt: &Attempt) -> Version {
        let versions = &self.config.connection.versions;
        let first = versions.first_flight();
        let [_, _, ..] = versions.as_slice() else { return first };
        let resumes = |version: &Version| tls::quic::has_ticket(&attempt.tls, &attempt.name, version.0);
        let all = [first].into_iter().chain(versions.as_slice().iter().copied());
        all.into_iter().find(resumes).unwrap_or(first)
    }

    /// A connection in a place that was reserved. Its fate is told by its events.
    pub(super) fn attempt(
        &mut self,
        now: Instant,
        index: u32,
        attempt: &Attempt,
        first: FirstFlight,
    ) -> Result<Connection, tls::Error> {
        let FirstFlight { version, follows_negotiation, four_tuple } = first;
        // RFC 9000 section 7.2-1: at least eight unpredictable bytes.
        let original_destination =
            ConnectionId::new(&base::random::array::<8>(&mut *self.random)).expect("an ID may have eight bytes");
        let local_id = self.ids.issue(index, &mut *self.random);
        let config = self.config.connection.clone();
        let ids = HandshakeIds {
            original_destination,
            retry_source: None,
            local: local_id,
            reset_token: None,
            preferred: None,
        };
        let receive_share = self.receive_memory.begin(config.streams.max_data);
        let mut parameters = transport_parameters(&config, Side::Client, &ids, &receive_share);
        let grease = self.grease();
        // RFC 9369 section 4-2.
        let versions = version_negotiation::information(Side::Client, &config.versions, version, grease);
        parameters.version_information = Some(versions);
        let parameters = parameters.encode(Side::Client, grease);
        let recorded = config.trace.map(|_| parameters.clone());
        let (tls, name) = (attempt.tls.clone(), attempt.name.clone());
        let session =
            tls::quic::client_of(tls, name, parameters, version.0, attempt.offers_early_data, &mut *self.random)?;
        // RFC 9000 section 8.1.3-2, 8.1.3-9, 8.1.3-10, 8.1.3-13.
        let store = self.config.token_store.as_ref();
        let token = store.and_then(|store| store.take(&attempt.token_origin(version)));
        let token = token.filter(|token| token.len() <= MAX_TOKEN_LEN);
        self.token_counts.shown += u64::from(token.is_some());
        let mut connection = Connection::new(
            now,
            NewConnection {
                side: Side::Client,
                config,
                session,
                initial_suite: self.config.provider.initial,
                version,
                follows_negotiation,
                token: token.unwrap_or_default(),
                original_destination,
                retry_source: None,
                local_id,
                preferred_id: None,
                peer_id: original_destination,
                four_tuple,
                is_validated: true,
                send_memory: self.send_memory.clone(),
                receive_share,
            },
        );
        connection.begin_early_data(now, false);
        connection.trace_own_parameters(now, recorded.as_deref());
        Ok(connection)
    }

    /// The server of the connection in a place does not speak the version of its first flight: tickets of that version would only
    /// have the next first flights be of it as well. A connection that has sent early data cannot begin again, so without this
    /// each ticket would cost one that fails.
    pub(super) fn forget_tickets_of_no_use(&self, index: u32) {
        let slot = self.slots.get(index);
        let refused = slot.connection.as_ref().and_then(|connection| connection.refused_version());
        if let (Some(version), Some(attempt)) = (refused, &slot.attempt) {
            tls::quic::forget_tickets(&attempt.tls, &attempt.name, version.0);
        }
    }

    /// The server of the connection in a place speaks another version of ours: the attempt is replaced by one in that, if there can
    /// be one.
    /// RFC 9368 section 2.1-5.
    pub(super) fn begin_again(&mut self, index: u32, now: Instant, version: Version) {
        let slot = self.slots.get(index);
        let (Some(attempt), Some(before)) = (slot.attempt.clone(), slot.connection.as_ref()) else { return };
        let first = FirstFlight { version, follows_negotiation: true, four_tuple: before.four_tuple() };
        // If there is none, the connection ends as it was about to.
        let Ok(mut connection) = self.attempt(now, index, &attempt, first) else { return };
        if let Some(before) = &mut self.slots.get_mut(index).connection {
            connection.take_over_trace(now, before);
            **before = connection;
        }
    }
}
