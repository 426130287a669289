//! Which trailers are passed on: those that mean something behind the content (RFC 9110 section 6.5).

use http::Fields;
use http::message_rules::{check_trailer_duties, check_trailers};

/// Those that may stand behind content; nothing if there are none.
///
/// RFC 9110 section 6.5.1-1.
pub(super) fn passed(fields: Fields) -> Option<Fields> {
    let is_allowed = |fields: &Fields| check_trailers(fields).is_ok() && check_trailer_duties(fields).is_ok();
    if is_allowed(&fields) {
        return Some(fields).filter(|fields| !fields.is_empty());
    }
    let mut kept = Fields::new();
    for (name, value) in fields.iter() {
        let mut one = Fields::new();
        let is_kept = one.push(name, value).is_ok() && is_allowed(&one) && kept.push(name, value).is_ok();
        debug_assert!(is_kept || !is_allowed(&one), "what was read can be written");
    }
    Some(kept).filter(|kept| !kept.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_late_is_left_out() {
        let fields = |names: &[&str]| {
            let mut fields = Fields::new();
            names.iter().for_each(|name| fields.push(name, "1").unwrap());
            fields
        };
        assert_eq!(passed(fields(&["x-sum", "server-timing"])), Some(fields(&["x-sum", "server-timing"])));
        assert_eq!(passed(fields(&["set-cookie", "x-sum", "content-length"])), Some(fields(&["x-sum"])));
        assert_eq!(passed(fields(&["set-cookie"])), None);
        assert_eq!(passed(fields(&[])), None);
    }
}
