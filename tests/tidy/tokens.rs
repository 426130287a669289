//! Rust as a row of tokens: enough to find paths, blocks, items and calls, and nothing that is written in a comment or a string.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Its line, from 1.
    pub(crate) line: usize,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word: a name or a keyword; a raw name without its `r#`.
    Word(String),
    /// One character of punctuation.
    Mark(char),
    /// A number, a string, a character or a lifetime.
    Literal,
}

impl Token {
    /// The word, or nothing.
    pub(crate) fn word(&self) -> &str {
        match &self.kind {
            Kind::Word(word) => word,
            _ => "",
        }
    }

    /// Whether it is this mark.
    pub(crate) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens of a file.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { characters, at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(character) = lexer.peek(0) {
        let line = lexer.line;
        if let Some(kind) = lexer.token(character) {
            tokens.push(Token { kind, line });
        }
    }
    tokens
}

struct Lexer {
    characters: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn step(&mut self) -> Option<char> {
        let character = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(character == '\n');
        Some(character)
    }

    fn token(&mut self, character: char) -> Option<Kind> {
        match (character, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|next| next != '\n') {
                    self.step();
                }
                None
            }
            ('/', Some('*')) => {
                self.block_comment();
                None
            }
            ('r' | 'b' | 'c', _) if self.begins_string() => Some(self.prefixed_string()),
            ('"', _) => Some(self.string()),
            ('\'', _) => Some(self.quote()),
            _ if character.is_alphabetic() || character == '_' => Some(Kind::Word(self.letters())),
            _ if character.is_ascii_digit() => {
                self.letters();
                Some(Kind::Literal)
            }
            _ => {
                self.step();
                (!character.is_whitespace()).then_some(Kind::Mark(character))
            }
        }
    }

    fn letters(&mut self) -> String {
        if self.peek(0) == Some('r') && self.peek(1) == Some('#') {
            self.at += 2;
        }
        let mut word = String::new();
        while let Some(next) = self.peek(0).filter(|next| next.is_alphanumeric() || *next == '_') {
            word.push(next);
            self.step();
        }
        word
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => return,
                _ => {
                    self.step();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// Whether the letters here belong to a string: `b"`, `r#"`, `br"`, `b'`; not a word, and not a raw name.
    fn begins_string(&self) -> bool {
        let mut ahead = 1;
        if self.peek(0) != Some('r') && self.peek(1) == Some('r') {
            ahead = 2;
        }
        let mut hashes = ahead;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        let is_raw = self.peek(ahead - 1) == Some('r');
        match self.peek(hashes) {
            Some('"') => is_raw || hashes == ahead,
            Some('\'') => self.peek(0) == Some('b') && hashes == 1,
            _ => false,
        }
    }

    fn prefixed_string(&mut self) -> Kind {
        let mut is_raw = false;
        while let Some(letter) = self.peek(0).filter(|letter| letter.is_alphabetic()) {
            is_raw |= letter == 'r';
            self.step();
        }
        if self.peek(0) == Some('\'') {
            return self.quote();
        }
        if !is_raw {
            return self.string();
        }
        let mut hashes = 0;
        while self.peek(0) == Some('#') {
            hashes += 1;
            self.step();
        }
        self.step();
        while let Some(character) = self.step() {
            if character == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
        }
        Kind::Literal
    }

    fn string(&mut self) -> Kind {
        self.step();
        while let Some(character) = self.step() {
            match character {
                '\\' => drop(self.step()),
                '"' => break,
                _ => {}
            }
        }
        Kind::Literal
    }

    /// A character or a lifetime.
    fn quote(&mut self) -> Kind {
        self.step();
        if self.peek(0) == Some('\\') {
            self.step();
            self.step();
            while self.step().is_some_and(|character| character != '\'') {}
        } else if self.peek(1) == Some('\'') {
            self.at += 2;
        } else {
            self.letters();
        }
        Kind::Literal
    }
}

/// Where the block that opens at `open` closes: the place of its last token.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('{' | '(' | '[') => depth += 1,
            Kind::Mark('}' | ')' | ']') => {
                depth -= 1;
                if depth == 0 {
                    return place;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// The tokens without what stands under `#[cfg(test)]`: an item, a statement or a block.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut place = 0;
    while place < tokens.len() {
        if is_cfg_test(&tokens[place..]) {
            place = end_of_item(tokens, place);
        } else {
            kept.push(tokens[place].clone());
            place += 1;
        }
    }
    kept
}

fn is_cfg_test(tokens: &[Token]) -> bool {
    let [hash, open, cfg, parenthesis, test, close, end, ..] = tokens else { return false };
    let marks = [(hash, '#'), (open, '['), (parenthesis, '('), (close, ')'), (end, ']')];
    marks.iter().all(|(token, mark)| token.is(*mark)) && cfg.word() == "cfg" && test.word() == "test"
}

/// The place after the item that begins with its attributes.
pub(crate) fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut place = start;
    while tokens.get(place).is_some_and(|token| token.is('#')) {
        place = closing(tokens, place + 1) + 1;
    }
    while let Some(token) = tokens.get(place) {
        match token.kind {
            Kind::Mark(';' | ',') => return place + 1,
            Kind::Mark('{') => return closing(tokens, place) + 1,
            Kind::Mark('(' | '[') => place = closing(tokens, place),
            _ => {}
        }
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().map(|token| token.word().to_owned()).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_words() {
        let text =
            "a // b\n/* c /* d */ e */ f \"g \\\" h\" 'i' '\\'' j r#\"k \" l\"# m b\"n\" b'o' &'p q br\"r\\\" s r#type";
        assert_eq!(words(text), ["a", "f", "j", "m", "q", "s", "type"]);
    }

    #[test]
    fn lines_are_counted_through_strings() {
        let all = tokens("a\n\"b\nc\"\nd");
        assert_eq!(all.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn tests_are_left_out() {
        let text = "fn a() {} #[cfg(test)] mod tests { fn b() {} } #[cfg(test)] #[path = \"x\"] mod c; fn d() {}";
        let kept = without_tests(&tokens(text));
        let words: Vec<&str> = kept.iter().map(Token::word).filter(|word| !word.is_empty()).collect();
        assert_eq!(words, ["fn", "a", "fn", "d"]);
    }
}
