//! The options of `posthaste serve` about certificates that it gets by itself.

use super::parser::{Arguments, Usage};

/// Certificates by ACME.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Acme {
    /// The names that the certificate is for; none if no certificate is got.
    pub names: Vec<String>,
    /// The directory of the authority; that of Let's Encrypt if it is not said.
    pub directory: Option<String>,
    /// Mail addresses for the authority.
    pub contacts: Vec<String>,
    /// Where account and certificate are kept.
    pub state: Option<String>,
    /// The certificates that vouch for the authority's own server; the system's if it is not said.
    pub roots: Option<String>,
}

impl Acme {
    /// Takes one option and its value; false if there is none of this name here.
    pub(super) fn option(
        &mut self,
        flag: &str,
        inline: Option<&str>,
        arguments: &mut Arguments<'_>,
    ) -> Result<bool, Usage> {
        match flag {
            "--acme" => self.names.push(arguments.value(flag, inline)?),
            "--acme-directory" => self.directory = Some(arguments.value(flag, inline)?),
            "--acme-contact" => self.contacts.push(arguments.value(flag, inline)?),
            "--acme-state" => self.state = Some(arguments.value(flag, inline)?),
            "--acme-ca" => self.roots = Some(arguments.value(flag, inline)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What only makes sense together.
    pub(super) fn check(&self, has_certificate: bool, has_client_ca: bool) -> Result<(), Usage> {
        if self.names.is_empty() {
            let is_set = *self != Acme::default();
            let words = "--acme-directory, --acme-contact, --acme-state and --acme-ca need --acme NAME, the name to get a certificate for";
            return if is_set { Err(Usage(words.into())) } else { Ok(()) };
        }
        if self.state.is_none() {
            return Err(Usage("--acme needs --acme-state DIR, where the account and the certificate are kept".into()));
        }
        if has_certificate {
            return Err(Usage("--acme and --cert exclude each other: the certificate is got, or it is given".into()));
        }
        if has_client_ca {
            return Err(Usage("--acme and --client-ca cannot be used together yet: give --cert and --key".into()));
        }
        if let Some(wrong) = self.contacts.iter().find(|contact| !contact.contains('@') || contact.contains(':')) {
            return Err(Usage(format!("--acme-contact is a mail address, such as admin@example.org, not {wrong:?}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_says_what_to_do() {
        let named = Acme { names: vec!["a.example".into()], state: Some("s".into()), ..Acme::default() };
        assert!(named.check(false, false).is_ok() && Acme::default().check(true, true).is_ok());
        let contact = |text: &str| Acme { contacts: vec![text.into()], ..named.clone() };
        assert!(contact("a@b").check(false, false).is_ok());
        for (acme, has_certificate, has_client_ca, words) in [
            (Acme { names: Vec::new(), ..named.clone() }, false, false, "need --acme NAME"),
            (Acme { state: None, ..named.clone() }, false, false, "needs --acme-state"),
            (named.clone(), true, false, "exclude each other"),
            (named.clone(), false, true, "cannot be used together"),
            (contact("mailto:a@b"), false, false, "a mail address"),
            (contact("a"), false, false, "a mail address"),
        ] {
            let Usage(text) = acme.check(has_certificate, has_client_ca).unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }
}
