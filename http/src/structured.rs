//! Dictionaries of structured fields (RFC 8941 section 3.2), as far as anything here asks: whole numbers and booleans are told,
//! everything else is only checked for its form.

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole number of at most 15 digits.
    Integer(i64),
    /// A boolean, or a member that stands alone and so is true.
    Boolean(bool),
    /// A string, a token, a decimal, bytes, or an inner list.
    Other,
}

/// Tells each member of a dictionary. `None` if it is none, which is known at its end only.
pub(crate) fn dictionary(value: &[u8], mut tell: impl FnMut(&[u8], Item)) -> Option<()> {
    let mut input = Input { rest: value };
    input.skip(b" ");
    while !input.rest.is_empty() {
        let key = input.key()?;
        let item = if input.take(b'=') { input.member()? } else { Item::Boolean(true) };
        input.parameters()?;
        tell(key, item);
        input.skip(b" \t");
        if input.rest.is_empty() {
            break;
        }
        if !input.take(b',') {
            return None;
        }
        input.skip(b" \t");
        if input.rest.is_empty() {
            return None;
        }
    }
    Some(())
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn skip(&mut self, bytes: &[u8]) {
        let count = self.rest.iter().take_while(|byte| bytes.contains(byte)).count();
        self.advance(count);
    }

    fn advance(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.advance(1);
        }
        is_next
    }

    fn while_in(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.rest.iter().take_while(|byte| is_in(**byte)).count();
        self.advance(count)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        self.rest.first().filter(|byte| byte.is_ascii_lowercase() || **byte == b'*')?;
        Some(self.while_in(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)))
    }

    /// What stands behind a key: one item or an inner list of them.
    fn member(&mut self) -> Option<Item> {
        if !self.take(b'(') {
            return self.item();
        }
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            self.rest.first().filter(|byte| matches!(byte, b' ' | b')'))?;
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    fn item(&mut self) -> Option<Item> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'?' => {
                self.advance(1);
                let value = if self.take(b'1') { true } else { self.take(b'0').then_some(false)? };
                Some(Item::Boolean(value))
            }
            b'"' => self.string(),
            b':' => {
                self.advance(1);
                self.while_in(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.take(b':').then_some(Item::Other)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.while_in(|byte| crate::characters::is_token(&[byte]) || b":/".contains(&byte));
                Some(Item::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let sign = if self.take(b'-') { -1 } else { 1 };
        let digits = self.while_in(|byte| byte.is_ascii_digit());
        let is_decimal = self.take(b'.');
        if is_decimal {
            let fraction = self.while_in(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
            return fits.then_some(Item::Other);
        }
        if !(1..=15).contains(&digits.len()) {
            return None;
        }
        let value = digits.iter().fold(0, |value: i64, digit| value * 10 + i64::from(digit - b'0'));
        Some(Item::Integer(sign * value))
    }

    fn string(&mut self) -> Option<Item> {
        self.advance(1);
        loop {
            match *self.advance(1).first()? {
                b'"' => return Some(Item::Other),
                b'\\' => drop(self.advance(1).first().filter(|byte| matches!(byte, b'"' | b'\\'))?),
                0x20..=0x7e => {}
                _ => return None,
            }
        }
    }
}
