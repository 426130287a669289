//! Which version a connection is of (RFC 9368): what each side says of its versions in its transport parameters, what a server
//! makes of that, and what shows that nobody on the way has had a hand in it.

use crate::violation::Violation;
use crate::wire::transport_parameters::VersionInformation;
use crate::wire::version::{Version, Versions};
use alloc::vec::Vec;
use base::Side;

/// What `side` says of its versions on a connection of version `chosen`: what a client's first flight could be turned into, or all
/// that a server speaks. `grease` is random and makes a reserved version, so that peers stay used to unknown ones.
/// RFC 9368 section 3-1, 3-2.
/// RFC 9369 section 4-2.
pub(crate) fn information(side: Side, versions: &Versions, chosen: Version, grease: Option<u64>) -> VersionInformation {
    let can_be = |version: &Version| side == Side::Server || chosen.is_compatible_with(*version);
    let mut available: Vec<Version> = versions.as_slice().iter().copied().filter(can_be).collect();
    // RFC 9368 section 3-5.
    available.extend(grease.map(|random| Version::reserved(random as u32)));
    VersionInformation { chosen, available }
}

/// What a server goes on with, whose client's first flight is of version `first_flight`: the best of its own that the flight can
/// be turned into, as far as the client says so.
/// RFC 9368 section 2.3-1.
pub(crate) fn negotiated(versions: &Versions, first_flight: Version, client: Option<&VersionInformation>) -> Version {
    let Some(client) = client else { return first_flight };
    let is_offered = |version| client.available.contains(&version) && first_flight.is_compatible_with(version);
    versions.best(is_offered).unwrap_or(first_flight)
}

/// What a client says of its versions, to a server that has its first flight in version `first_flight`. A client may say
/// nothing: then it knows of no other version.
/// RFC 9368 section 4-8, 4-9, 4-10.
pub(crate) fn check_client(first_flight: Version, client: Option<&VersionInformation>) -> Result<(), Violation> {
    match client {
        Some(client) if client.chosen != first_flight => Err(Violation::VersionNegotiation),
        _ => Ok(()),
    }
}

/// What a client has seen of the versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Of its first flight.
    pub(crate) first_flight: Version,
    /// A Version Negotiation packet made it choose that.
    pub(crate) follows_negotiation: bool,
    /// What the server's packets are of.
    pub(crate) negotiated: Version,
}

impl Attempt {
    /// What the server says of its versions, now that nobody can change it any more.
    /// RFC 9368 section 4-12, 4-13, 4-14, 4-15, 4-16, 4-17, 4-18, 8-1.
    pub(crate) fn check_server(
        &self,
        versions: &Versions,
        server: Option<&VersionInformation>,
    ) -> Result<(), Violation> {
        let Attempt { first_flight, follows_negotiation, negotiated } = *self;
        // RFC 9368 s8: a server that speaks version 1 and nothing else need not know of any of this.
        let of_version_1 = VersionInformation { chosen: Version::V1, available: alloc::vec![Version::V1] };
        let server = match server {
            None if follows_negotiation && first_flight == Version::V1 => &of_version_1,
            None if !follows_negotiation && negotiated == first_flight => return Ok(()),
            None => return Err(Violation::VersionNegotiation),
            Some(server) => server,
        };
        if server.chosen != negotiated || !versions.contains(negotiated) {
            return Err(Violation::VersionNegotiation);
        }
        if !follows_negotiation {
            return Ok(());
        }
        // Had the list been the server's own, the client would have begun with the same, or with what the server made of it.
        let best = versions.best_of(&[&server.available[..], &[negotiated]].concat());
        let is_same = best == Some(first_flight) || best == Some(negotiated);
        if is_same && !server.available.is_empty() { Ok(()) } else { Err(Violation::VersionNegotiation) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: Version = Version::V1;
    const V2: Version = Version::V2;
    const WRONG: Result<(), Violation> = Err(Violation::VersionNegotiation);

    fn versions(versions: &[Version]) -> Versions {
        Versions::new(versions).unwrap()
    }

    fn says(chosen: Version, available: &[Version]) -> VersionInformation {
        VersionInformation { chosen, available: available.to_vec() }
    }

    /// RFC 9368 section 3-2, 3-5.
    #[test]
    fn a_client_says_what_its_flight_can_become_and_a_server_what_it_speaks() {
        for side in [Side::Client, Side::Server] {
            assert_eq!(information(side, &versions(&[V2, V1]), V1, None), says(V1, &[V2, V1]));
            let greased = information(side, &versions(&[V1]), V1, Some(7));
            assert_eq!((greased.available.len(), greased.available.last()), (2, Some(&Version(0x0a0a_0a0a))));
        }
    }

    /// RFC 9368 section 2.3-1.
    #[test]
    fn a_server_goes_on_with_the_best_of_its_own_that_the_client_has() {
        let both = says(V1, &[V1, V2]);
        assert_eq!(negotiated(&versions(&[V2, V1]), V1, Some(&both)), V2);
        assert_eq!(negotiated(&versions(&[V1, V2]), V1, Some(&both)), V1);
        assert_eq!(negotiated(&versions(&[V2, V1]), V1, Some(&says(V1, &[V1, Version(0x1a2a_3a4a)]))), V1);
        assert_eq!(negotiated(&versions(&[V2, V1]), V1, None), V1, "a client that says nothing has one");
        assert_eq!(negotiated(&versions(&[V1]), V1, Some(&says(V1, &[V2, V1]))), V1);
    }

    /// RFC 9368 section 4-8, 4-9, 4-10.
    #[test]
    fn a_client_has_chosen_what_it_sends() {
        assert_eq!(check_client(V1, None), Ok(()));
        assert_eq!(check_client(V1, Some(&says(V1, &[V1]))), Ok(()));
        assert_eq!(check_client(V1, Some(&says(V2, &[V1, V2]))), WRONG);
        assert_eq!(check_client(V2, Some(&says(V1, &[V1, V2]))), WRONG);
    }

    /// RFC 9368 section 4-12, 4-13, 4-18.
    #[test]
    fn a_server_has_chosen_what_it_sends() {
        let both = versions(&[V1, V2]);
        let plain = Attempt { first_flight: V1, follows_negotiation: false, negotiated: V1 };
        let moved = Attempt { negotiated: V2, ..plain };
        assert_eq!(plain.check_server(&both, None), Ok(()));
        assert_eq!(plain.check_server(&both, Some(&says(V1, &[]))), Ok(()));
        assert_eq!(plain.check_server(&both, Some(&says(V2, &[V1, V2]))), WRONG, "a packet in version 2 was held back");
        assert_eq!(moved.check_server(&both, None), WRONG, "a forged header moved the client");
        assert_eq!(moved.check_server(&both, Some(&says(V1, &[V1]))), WRONG);
        assert_eq!(moved.check_server(&both, Some(&says(V2, &[V2]))), Ok(()));
        assert_eq!(moved.check_server(&versions(&[V1]), Some(&says(V2, &[V2]))), WRONG);
    }

    /// RFC 9368 section 4-14, 4-15, 4-16, 4-17, 8-1.
    #[test]
    fn a15_a_list_that_was_forged_is_found_out() {
        let both = versions(&[V2, V1]);
        let attempt = Attempt { first_flight: V1, follows_negotiation: true, negotiated: V1 };
        assert_eq!(attempt.check_server(&both, Some(&says(V1, &[V1]))), Ok(()), "an old server");
        assert_eq!(attempt.check_server(&both, None), Ok(()), "a still older one");
        assert_eq!(attempt.check_server(&both, Some(&says(V1, &[V1, V2]))), WRONG, "it speaks the better one");
        assert_eq!(attempt.check_server(&both, Some(&says(V1, &[]))), WRONG);
        let to_second = Attempt { first_flight: V2, follows_negotiation: true, negotiated: V2 };
        assert_eq!(to_second.check_server(&both, None), WRONG);
        assert_eq!(to_second.check_server(&both, Some(&says(V2, &[V2]))), Ok(()));
        let raised = Attempt { negotiated: V2, ..attempt };
        assert_eq!(
            raised.check_server(&both, Some(&says(V2, &[V1, V2]))),
            Ok(()),
            "the server has made the best of it"
        );
    }
}
