//! DNS names as bytes: syntax (RFC 5280 section 4.2.1.6 by way of RFC 1034 section 3.5) and the comparison of a presented
//! name with a wanted one (RFC 9525 section 6.3).

/// RFC 1035 s2.3.4, less the two bytes that only the wire form has.
const MAX_NAME: usize = 253;
/// RFC 1035 s2.3.4.
const MAX_LABEL: usize = 63;

/// Whether `name` can be asked for. Underscores are accepted: such hosts exist.
pub(crate) fn is_reference_name(name: &[u8]) -> bool {
    has_name_syntax(name)
}

/// Whether `name` is what a dNSName may hold: letters, digits, hyphens and underscores, possibly under a whole-label
/// wildcard.
/// RFC 5280 section 4.2.1.6-12, 4.2.1.6-13, 7.2-12.
pub(crate) fn is_presented_name(name: &[u8]) -> bool {
    match name.strip_prefix(b"*.") {
        // One label below the root is a registry: no authority may certify all of it.
        Some(base) => base.contains(&b'.') && has_name_syntax(base),
        None => has_name_syntax(name),
    }
}

/// Whether a certificate of ours may hold `name`: RFC 5280 s4.2.1.6 has no underscores, and what is made keeps to it.
pub(crate) fn is_issued_name(name: &[u8]) -> bool {
    is_presented_name(name) && !name.contains(&b'_')
}

/// Whether `name` is what a name constraint may hold: a plain name; one after a dot, which stands for what is below the
/// name; or nothing at all, which is every name.
pub(crate) fn is_constraint(name: &[u8]) -> bool {
    name.is_empty() || has_name_syntax(name.strip_prefix(b".").unwrap_or(name))
}

/// Whether the presented name covers the wanted one. Both have been checked for syntax.
/// RFC 5280 section 7.2-8.
pub(crate) fn matches(presented: &[u8], wanted: &[u8]) -> bool {
    if !is_presented_name(presented) {
        return false;
    }
    match presented.strip_prefix(b"*.") {
        // RFC 9525 s6.3: the wildcard is the whole left-most label and stands for exactly one.
        Some(base) => split_first_label(wanted).is_some_and(|rest| rest.eq_ignore_ascii_case(base)),
        None => presented.eq_ignore_ascii_case(wanted),
    }
}

/// Whether `name` is `subtree` or below it (RFC 5280 s4.2.1.10).
/// RFC 5280 section 7.2-9.
pub(crate) fn is_within(name: &[u8], subtree: &[u8]) -> bool {
    if subtree.is_empty() {
        return true;
    }
    let Some(split) = name.len().checked_sub(subtree.len()) else { return false };
    let Some((above, tail)) = name.split_at_checked(split) else { return false };
    tail.eq_ignore_ascii_case(subtree) && above.last().is_none_or(|byte| *byte == b'.')
}

/// What follows the first label, if anything does.
pub(crate) fn split_first_label(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().position(|byte| *byte == b'.')?;
    name.get(dot + 1..)
}

fn has_name_syntax(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > MAX_NAME {
        return false;
    }
    let is_label = |label: &[u8]| {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=MAX_LABEL).contains(&label.len())
            && label.iter().all(allowed)
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    };
    // A last label of digits would be taken for an address by some reader of the name (RFC 9525 s6.2 keeps them apart).
    let last_is_number = name.rsplit(|byte| *byte == b'.').next().is_some_and(is_number);
    name.split(|byte| *byte == b'.').all(is_label) && !last_is_number
}

fn is_number(label: &[u8]) -> bool {
    let digits = match label {
        [b'0', b'x' | b'X', hexadecimal @ ..] => return hexadecimal.iter().all(u8::is_ascii_hexdigit),
        decimal => decimal,
    };
    digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1035 section 2.3.4, as text: 253 bytes, of 63 at most between dots.
    #[test]
    fn names_have_a_length() {
        let label = |length: usize| "a".repeat(length);
        let name = |last: usize| alloc::format!("{0}.{0}.{0}.{1}", label(63), label(last));
        for (name, want) in [(name(61), true), (name(62), false), (label(63), true), (label(64), false)] {
            assert_eq!(matches(name.as_bytes(), name.as_bytes()), want, "{} bytes", name.len());
        }
    }

    /// RFC 5280 section 7.2-8.
    #[test]
    fn the_table_of_matches() {
        for (presented, wanted, want) in [
            ("example.com", "example.com", true),
            ("EXAMPLE.com", "example.com", true),
            ("example.com", "www.example.com", false),
            ("www.example.com", "example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a_b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.b.example.com", "a.b.example.com", true),
            ("w*.example.com", "www.example.com", false),
            ("*w.example.com", "www.example.com", false),
            ("www.*.com", "www.example.com", false),
            ("*.*.com", "www.example.com", false),
            ("*", "localhost", false),
            ("*.", "localhost", false),
            ("*.com", "example.com", false),
            ("", "localhost", false),
            (".example.com", "www.example.com", false),
            ("example.com.", "example.com", false),
            ("example.com\0.evil.example", "example.com", false),
            ("exa mple.com", "exa mple.com", false),
            ("xn--*.example.com", "xn--628h.example.com", false),
            ("a_b.example.com", "a_b.example.com", true),
            ("_a.example.com", "_A.example.com", true),
            ("*.a_b.example.com", "w.a_b.example.com", true),
            ("a_b.example.com", "a-b.example.com", false),
            ("192.0.2.1", "192.0.2.1", false),
        ] {
            assert_eq!(matches(presented.as_bytes(), wanted.as_bytes()), want, "{presented} for {wanted}");
        }
    }

    /// RFC 5280 section 7.2-9.
    #[test]
    fn the_table_of_subtrees() {
        for (name, subtree, want) in [
            ("example.com", "example.com", true),
            ("a.b.Example.com", "example.COM", true),
            ("badexample.com", "example.com", false),
            ("example.com", "a.example.com", false),
            ("example.com", "com", true),
            ("example.com", "", true),
        ] {
            assert_eq!(is_within(name.as_bytes(), subtree.as_bytes()), want, "{name} in {subtree}");
        }
    }
}
