//! Writing DER, also such that no honest writer would.

/// An element of these parts, one after the other.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length @ 0x80..=0xff => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

/// Of the contents of an OBJECT IDENTIFIER.
pub fn identifier(contents: &[u8]) -> Vec<u8> {
    element(6, &[contents])
}

/// A common name in this type of text.
pub fn name(tag: u8, text: &str) -> Vec<u8> {
    let attribute = sequence(&[&identifier(&[0x55, 4, 3]), &element(tag, &[text.as_bytes()])]);
    sequence(&[&element(0x31, &[&attribute])])
}

/// An extension of 2.5.29, or of any other identifier.
pub fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&identifier(id), flag, &element(4, &[value])])
}

/// A moment, in the form that its year wants (RFC 5280 section 4.1.2.5).
pub fn time(seconds: i64) -> Vec<u8> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (mut year, mut rest) = (1970, days);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while rest >= 365 + i64::from(is_leap(year)) {
        rest -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    let tail = format!("{month:02}{:02}{:02}{:02}{:02}Z", rest + 1, second / 3600, second / 60 % 60, second % 60);
    match year {
        1950..2050 => element(0x17, &[format!("{:02}{tail}", year % 100).as_bytes()]),
        _ => element(0x18, &[format!("{year:04}{tail}").as_bytes()]),
    }
}
