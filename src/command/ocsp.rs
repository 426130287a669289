//! The files of OCSP responses that a server sends with its certificates.

use posthaste::{Error, Identity, OcspProblem, date};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// No response is longer. A device that gives bytes without an end is not read for ever.
const MAX_FILE: u64 = 1 << 16;

/// Has the response in the file sent with the identity that it is about. Gives what to say of that; if it is of no use, a warning.
pub fn staple(file: &str, identities: &mut [Identity]) -> Result<String, String> {
    let warning = |why: &str| format!("warning: the OCSP response in {file} is not sent: {why}");
    let response = read(file).map_err(|error| warning(&error.to_string()))?;
    let mut problem = OcspProblem::OtherCertificate;
    for identity in identities {
        match identity.clone().with_ocsp_response(&response) {
            Ok(with_response) => {
                *identity = with_response;
                let until = identity.ocsp_response().and_then(|staple| u64::try_from(staple.next_update()).ok());
                return Ok(format!("{file} is sent until {}", until.map_or_else(String::new, date::plain_date)));
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
