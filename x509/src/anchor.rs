//! What is demanded of a trust anchor. It is trusted by choice, so that only what path validation takes from it counts: a
//! name, a key, and what it says about their use (RFC 5280 sections 6.1.1 (d) and 6.2). Its signature, serial number, issuer,
//! key identifiers and the encodings of all those are nobody's promise and are not looked at.

use crate::certificate::Certificate;
use crate::error::{Error, Rule};
use crate::profile::{check_authority_usage, check_critical_extensions, check_usage, demand};
use crate::purpose::Purpose;

/// Whether the anchor may vouch for others. Its time, the length of paths below it and its name constraints count as well:
/// they need to know the path.
pub(crate) fn check(anchor: &Certificate<'_>, purpose: Purpose) -> Result<(), Error> {
    // What is critical and not understood may be a limit to what it vouches for.
    check_critical_extensions(anchor)?;
    demand(anchor, is_authority(anchor), Rule::NotAnAuthority)?;
    check_authority_usage(anchor, purpose)?;
    anchor.subject_public_key().map(|_| ())
}

/// Whether it is of any use: as an authority for servers or clients, or as the certificate of one of them that is trusted by
/// itself. What is refused is refused as an authority for servers, which most are meant to be.
pub(crate) fn check_either(anchor: &Certificate<'_>) -> Result<(), Error> {
    anchor.subject_public_key()?;
    let extensions = anchor.extensions();
    let is_server = || extensions.subject_alternative_name.is_some() && check_usage(anchor, Purpose::Server).is_ok();
    // A client's certificate may have no subjectAltName, so that its purpose has to say that it is one.
    let names_clients = extensions.extended_key_usage.is_some_and(|usage| Purpose::Client.is_named_in(usage));
    let is_client = || names_clients && check_usage(anchor, Purpose::Client).is_ok();
    match check(anchor, Purpose::Server) {
        Err(_) if is_server() || is_client() || check(anchor, Purpose::Client).is_ok() => Ok(()),
        verdict => verdict,
    }
}

/// Versions before 3 cannot say it. Such a certificate has no subjectAltName either, so that nobody can have meant it as a
/// server's: who trusts one that issued itself trusts an authority.
fn is_authority(anchor: &Certificate<'_>) -> bool {
    match anchor.extensions().basic_constraints {
        Some(basic) => basic.is_authority,
        None => anchor.version() < 3 && anchor.is_self_issued(),
    }
}
