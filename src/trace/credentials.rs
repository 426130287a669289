//! What a trace does not tell.

use std::borrow::Cow;

/// Fields whose values are credentials. A trace tells their length and nothing else.
const CREDENTIALS: [&[u8]; 5] =
    [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"authentication-info"];

/// A field line as it may be shown.
pub(super) fn hidden<'a>((name, value): (&'a [u8], &'a [u8])) -> (&'a [u8], Cow<'a, [u8]>) {
    if CREDENTIALS.contains(&name) {
        (name, format!("({} bytes)", value.len()).into_bytes().into())
    } else {
        (name, value.into())
    }
}
