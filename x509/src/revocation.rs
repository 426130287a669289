//! Whether certificates have been revoked, by lists that the application gives (RFC 5280 section 6.3).

use crate::budget::Budget;
use crate::certificate::Certificate;
use crate::der::tag;
use crate::distribution_point::ALL_REASONS;
use crate::error::Error;
use crate::fingerprint::number_of;
use crate::revocation_list::{ListSummary, RevocationList};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use crypto::Provider;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;

/// Revocation lists, and what is done with them. A certificate that a current list has is refused in any case.
#[derive(Clone, Debug, Default)]
pub struct Revocation {
    lists: Vec<RevocationList>,
    /// Whether the first certificate of a chain alone is looked up. Default false: all but the trust anchor are.
    pub only_end_certificate: bool,
    /// Whether a certificate is accepted for which no list speaks that is current and signed by its issuer. Default false: it is
    /// refused, because whoever can keep a list away could otherwise make revoked certificates good.
    pub accepts_unknown: bool,
}

impl Revocation {
    /// No lists: with these defaults every certificate is refused.
    pub fn new() -> Revocation {
        Revocation::default()
    }

    /// Adds one list. Its signature is checked when a certificate of its issuer is, because only then its key is known.
    ///
    /// # Errors
    /// It cannot be read; or it is an indirect or a delta list, or has a critical extension that is not known.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), Error> {
        self.lists.push(RevocationList::read(der)?);
        Ok(())
    }

    /// Adds all lists of a PEM text ("X509 CRL") or none of them; gives their number.
    ///
    /// # Errors
    /// As for [`Revocation::add_der`]; the text holds none, or is damaged.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<usize, Error> {
        let sections: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        let sections = sections.map_err(|_| Error::Pem("a section is damaged"))?;
        if sections.is_empty() {
            return Err(Error::Pem("there is no revocation list"));
        }
        let lists = sections.iter().map(|der| RevocationList::read(der)).collect::<Result<Vec<_>, Error>>()?;
        self.lists.extend(lists);
        Ok(sections.len())
    }

    /// Adds what a file holds: lists in PEM, or one in DER, as authorities publish them; gives their number.
    ///
    /// # Errors
    /// As for [`Revocation::add_pem`] and [`Revocation::add_der`].
    pub fn add_file_content(&mut self, content: &[u8]) -> Result<usize, Error> {
        if content.first() == Some(&tag::SEQUENCE) {
            return self.add_der(content).map(|()| 1);
        }
        self.add_pem(content)
    }

    /// What the lists are, in the order in which they were added.
    pub fn summaries(&self) -> impl Iterator<Item = ListSummary> + '_ {
        self.lists.iter().map(RevocationList::summary)
    }

    /// Whether there is a list, of whatever time, by the authority whose certificate this is.
    pub fn has_list_by(&self, authority: &Certificate<'_>) -> bool {
        let name = authority.subject().canonical();
        self.lists.iter().any(|list| list.is_by(&name))
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Another number for other lists, or another way to use them; never that of no check at all.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut bytes = alloc::vec![u8::from(self.only_end_certificate), u8::from(self.accepts_unknown)];
        bytes.extend(self.lists.iter().flat_map(|list| list.fingerprint().to_be_bytes()));
        number_of(&bytes) | 1
    }

    /// Checks a path that is valid otherwise, from the first certificate to the anchor.
    pub(crate) fn check(
        &self,
        provider: &Provider,
        path: &[&Certificate<'_>],
        now: i64,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let all = path.iter().zip(path.iter().skip(1));
        let looked_up = if self.only_end_certificate { 1 } else { path.len() };
        for (certificate, issuer) in all.take(looked_up) {
            match self.check_one(provider, certificate, issuer, now, budget) {
                Err(Error::RevocationUnknown { .. }) if self.accepts_unknown => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// RFC 5280 section 6.3.3.
    /// RFC 5280 section 6.3-1, 6.3.3-1, 8-9.
    fn check_one(
        &self,
        provider: &Provider,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        now: i64,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        let (name, points) = (certificate.issuer().canonical(), certificate.distribution_points()?);
        // What is still to be known, and the best reason why it is not.
        let (mut known, mut why) = (0, String::from("no revocation list of its issuer speaks for it"));
        for list in self.lists.iter().filter(|list| list.is_by(&name)) {
            let reasons = list.reasons_for(certificate, &points);
            if reasons == 0 {
                continue;
            }
            if let Some(staleness) = list.staleness(now) {
                why = alloc::format!("the revocation list of its issuer {staleness}");
                continue;
            }
            // RFC 5280 section 6.3.3 (f): the issuer's own path is valid, or this one would not be looked at.
            if issuer.extensions().key_usage.is_some_and(|usage| !usage.revocation_list_signing) {
                why = "its issuer may not sign revocation lists: keyUsage without cRLSign".to_string();
                continue;
            }
            budget.spend_signature(issuer.spki_der().len())?;
            if !list.check_signature(provider, issuer)? {
                why = "the revocation list of its issuer is not signed by its issuer's key".to_string();
                continue;
            }
            if let Some(entry) = list.entry(certificate.serial_number()) {
                let subject = certificate.label();
                return Err(Error::Revoked { subject, date: entry.date, reason: reason(entry.reason) });
            }
            known |= reasons;
        }
        if known & ALL_REASONS == ALL_REASONS {
            return Ok(());
        }
        if known != 0 {
            why = "the revocation lists of its issuer speak for some reasons only".to_string();
        }
        Err(Error::RevocationUnknown { subject: certificate.label(), issuer: certificate.issuer().written(), why })
    }
}

/// RFC 5280 section 5.3.1.
fn reason(code: u8) -> &'static str {
    match code {
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => "unspecified",
    }
}

#[cfg(test)]
mod tests;
