//! The files of OCSP responses that a server sends with its certificates.

use crate::command::expiry::{BY_FILE, InUse, NOTICES};
use posthaste::{Error, Identity, OcspProblem, date};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// No response is longer. A device that gives bytes without an end is not read for ever.
const MAX_FILE: u64 = 1 << 16;

/// A response that is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    file: String,
    /// The last second of that, since 1970.
    until: u64,
}

impl Sent {
    /// What to say of it.
    pub fn told(&self) -> String {
        format!("{} is sent until {}", self.file, date::plain_date(self.until))
    }

    /// Until when it is good.
    pub fn in_use(&self) -> InUse {
        let what = format!("the OCSP response in {}", self.file);
        InUse { what, remedy: BY_FILE, then: "none is sent", until: self.until, notices: NOTICES }
    }
}

/// Has the response in the file sent with the identity that it is about; if it is of no use, a warning says why.
pub fn staple(file: &str, identities: &mut [Identity]) -> Result<Sent, String> {
    let warning = |why: &str| format!("warning: the OCSP response in {file} is not sent: {why}");
    let response = read(file).map_err(|error| warning(&error.to_string()))?;
    let mut problem = OcspProblem::OtherCertificate;
    for identity in identities {
        match identity.clone().with_ocsp_response(&response) {
            Ok(with_response) => {
                *identity = with_response;
                let until = identity.ocsp_response().and_then(|staple| u64::try_from(staple.next_update()).ok());
                return Ok(Sent { file: file.to_owned(), until: until.unwrap_or_default() });
            }
            // Perhaps it is about one of the others.
            Err(OcspProblem::OtherCertificate) => {}
            Err(other) => problem = other,
        }
    }
    Err(warning(&problem.to_string()))
}

fn read(file: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let failed = |error| Error::File { path: file.into(), action: "read", error: Arc::new(error) };
    File::open(file).and_then(|open| open.take(MAX_FILE).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
