//! Who may do what: clients, their tokens and their rights, from a file or from the environment.
//!
//! A file has one grant in a line: `CLIENT NAMESPACE RIGHTS TOKEN`. `#` begins a comment. NAMESPACE is one, or `*` for all. RIGHTS are
//! some of `publish`, `fetch` and `admin`, with commas between them, or `all`. TOKEN is `sha256:` and the SHA-256 of the token in 64
//! hexadecimal digits, or `plain:` and the token itself, or `certificate:` and the SHA-256 of the certificate that the client shows in the
//! handshake, with an empty token. A client may have several lines, with the same token or others.
//!
//! The variable `H3X_REGISTRY` has the form `CLIENT:{NAMESPACE}={TOKEN}`, also without braces, with commas between grants of all rights.

use crate::delivery::is_name;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use crypto::Hash;

/// Bytes of a token, at most.
pub(crate) const MAX_TOKEN: usize = 512;
/// Bytes of a token, at least: fewer could be guessed.
pub(crate) const MIN_TOKEN: usize = 8;
/// Grants of a registry, at most.
pub(crate) const MAX_GRANTS: usize = 100_000;

/// What a client may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Publish.
    pub publish: bool,
    /// Subscribe, fetch, acknowledge and read.
    pub fetch: bool,
    /// See the figures.
    pub admin: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Rights = Rights { publish: true, fetch: true, admin: true };

    fn parse(text: &str) -> Result<Rights, String> {
        let mut rights = Rights::default();
        for word in text.split(',') {
            match word {
                "publish" => rights.publish = true,
                "fetch" => rights.fetch = true,
                "admin" => rights.admin = true,
                "all" => rights = Rights::ALL,
                other => return Err(format!("{other:?} is no right; those are publish, fetch, admin and all")),
            }
        }
        Ok(rights)
    }

    fn join(self, other: Rights) -> Rights {
        Rights {
            publish: self.publish || other.publish,
            fetch: self.fetch || other.fetch,
            admin: self.admin || other.admin,
        }
    }
}

/// What a client may do where: of each namespace, or `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    by_namespace: BTreeMap<String, Rights>,
}

impl Grants {
    /// What may be done in a namespace.
    pub fn of(&self, namespace: &str) -> Rights {
        let of = |name: &str| self.by_namespace.get(name).copied().unwrap_or_default();
        if namespace == "*" { of("*") } else { of(namespace).join(of("*")) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_namespace.is_empty()
    }

    /// Each namespace with its rights.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Rights)> {
        self.by_namespace.iter().map(|(name, rights)| (name.as_str(), *rights))
    }

    /// Only these namespaces. `None` if there is one among them without any right.
    fn narrowed(&self, namespaces: &[String]) -> Option<Grants> {
        let mut narrowed = Grants::default();
        for namespace in namespaces {
            let rights = self.of(namespace);
            if rights == Rights::default() {
                return None;
            }
            narrowed.by_namespace.insert(namespace.clone(), rights);
        }
        Some(narrowed)
    }

    fn add(&mut self, namespace: &str, rights: Rights) {
        let there = self.by_namespace.entry(namespace.to_string()).or_default();
        *there = there.join(rights);
    }
}

/// A line of a registry that is none, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl core::error::Error for RegistryError {}

/// Why a client is not let in. It does not say which of the two it was that did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such client, or this is not its token.
    Unknown,
    /// It has no right in one of the namespaces that it named.
    Namespace,
}

/// The SHA-256 of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    ///
    /// # Panics
    /// The hash function has another length than SHA-256.
    pub fn of(token: &str, sha256: &dyn Hash) -> TokenHash {
        TokenHash::of_bytes(token.as_bytes(), sha256)
    }

    /// Of what shows who a client is without a token: the DER of its certificate.
    ///
    /// # Panics
    /// As for [`TokenHash::of`].
    pub fn of_bytes(bytes: &[u8], sha256: &dyn Hash) -> TokenHash {
        assert_eq!(sha256.output_len(), 32, "tokens are kept by their SHA-256");
        let mut hash = [0; 32];
        hash.copy_from_slice(&sha256.digest(&[bytes]));
        TokenHash(hash)
    }

    /// As a registry's file has it.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

struct Grant {
    namespace: String,
    rights: Rights,
    hash: TokenHash,
}

/// Clients and what they may do. Of tokens there are only hashes.
#[derive(Default)]
pub struct Registry {
    clients: BTreeMap<String, Vec<Grant>>,
}

impl Registry {
    /// From a file. `sha256` is the hash function of the provider in use.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str, sha256: &dyn Hash) -> Result<Registry, RegistryError> {
        let mut registry = Registry::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |problem| RegistryError { line: number + 1, problem };
            registry.take_line(line, sha256).map_err(at)?;
            registry.check_size().map_err(at)?;
        }
        Ok(registry)
    }

    /// From a variable of the environment: `CLIENT:{NAMESPACE}={TOKEN}`, with commas between several.
    ///
    /// # Errors
    /// The first grant that is none; `line` is its place, from 1.
    pub fn parse_variable(text: &str, sha256: &dyn Hash) -> Result<Registry, RegistryError> {
        let mut registry = Registry::default();
        for (number, grant) in text.split([',', '\n']).map(str::trim).enumerate().filter(|(_, grant)| !grant.is_empty())
        {
            let at = |problem| RegistryError { line: number + 1, problem };
            let form = || at("a grant has the form CLIENT:{NAMESPACE}={TOKEN}".into());
            let (client, rest) = grant.split_once(':').ok_or_else(form)?;
            let (namespace, token) = rest.split_once('=').ok_or_else(form)?;
            let bare = |text| {
                let inner = str::strip_prefix(text, '{').and_then(|text| text.strip_suffix('}'));
                inner.unwrap_or(text).to_string()
            };
            let hash = hash_of_plain(&bare(token), sha256).map_err(at)?;
            registry.add(client.trim(), &bare(namespace), Rights::ALL, hash).map_err(at)?;
            registry.check_size().map_err(at)?;
        }
        Ok(registry)
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Lets a client in: what it may do in the namespaces that it names, or in all of its own if it names none. All grants of the client
    /// are compared in constant time, and an unknown client takes as long as one with one grant.
    ///
    /// # Errors
    /// It is not let in.
    pub fn admit(&self, client: &str, token: &TokenHash, namespaces: &[String]) -> Result<Grants, Denied> {
        let mut grants = Grants::default();
        let nobody = [Grant { namespace: String::new(), rights: Rights::default(), hash: TokenHash([0; 32]) }];
        let known = self.clients.get(client);
        for grant in known.map_or(&nobody[..], Vec::as_slice) {
            let is_equal = crypto::constant_time::equal(&grant.hash.0, &token.0);
            if is_equal && known.is_some() {
                grants.add(&grant.namespace, grant.rights);
            }
        }
        match (grants.is_empty(), namespaces.is_empty()) {
            (true, _) => Err(Denied::Unknown),
            (false, true) => Ok(grants),
            (false, false) => grants.narrowed(namespaces).ok_or(Denied::Namespace),
        }
    }

    fn take_line(&mut self, line: &str, sha256: &dyn Hash) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [client, namespace, rights, token] = words[..] else {
            return Err(format!("a grant is CLIENT NAMESPACE RIGHTS TOKEN; here are {} words", words.len()));
        };
        let rights = Rights::parse(rights)?;
        let hash = match token.split_once(':') {
            Some(("sha256" | "certificate", digits)) => hash_of_digits(digits)?,
            Some(("plain", token)) => hash_of_plain(token, sha256)?,
            _ => return Err("a token is sha256:HEX, plain:TOKEN or certificate:HEX".into()),
        };
        self.add(client, namespace, rights, hash)
    }

    fn add(&mut self, client: &str, namespace: &str, rights: Rights, hash: TokenHash) -> Result<(), String> {
        check_name("client", client)?;
        if namespace != "*" {
            check_name("namespace", namespace)?;
        }
        let grants = self.clients.entry(client.to_string()).or_default();
        grants.push(Grant { namespace: namespace.to_string(), rights, hash });
        Ok(())
    }

    fn check_size(&self) -> Result<(), String> {
        let grants: usize = self.clients.values().map(Vec::len).sum::<usize>();
        if grants > MAX_GRANTS { Err(format!("more than {MAX_GRANTS} grants")) } else { Ok(()) }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("clients", &self.clients.len()).finish_non_exhaustive()
    }
}

/// Whether this is a name of a client or a namespace. `what` is for the message.
fn check_name(what: &str, name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    let problem = "1 to 128 letters, digits, - _ and ., not . at first";
    Err(format!("{name:?} is no name of a {what}: {problem}"))
}

fn hash_of_digits(digits: &str) -> Result<TokenHash, String> {
    let problem = || "sha256: and certificate: are followed by 64 hexadecimal digits".to_string();
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(problem());
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        let two = digits.get(2 * place..2 * place + 2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        *byte = two.and_then(|two| u8::from_str_radix(two, 16).ok()).ok_or_else(problem)?;
    }
    Ok(TokenHash(hash))
}

fn hash_of_plain(token: &str, sha256: &dyn Hash) -> Result<TokenHash, String> {
    if !(MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) {
        return Err(format!("a token has from {MIN_TOKEN} to {MAX_TOKEN} bytes, not {}", token.len()));
    }
    Ok(TokenHash::of(token, sha256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use crypto_ring::hash::SHA256;

    fn admit(registry: &Registry, client: &str, token: &str, namespaces: &[&str]) -> Result<Grants, Denied> {
        let namespaces: Vec<String> = namespaces.iter().map(|name| name.to_string()).collect();
        registry.admit(client, &TokenHash::of(token, SHA256), &namespaces)
    }

    #[test]
    fn a_file_has_a_grant_in_a_line() {
        let text = "# who may what\n\n\
             shop orders publish plain:correct-horse\n\
             bill orders fetch,admin sha256:0D9E1B1A6A4C7C1D1F1B5B6D0D9E1B1A6A4C7C1D1F1B5B6D0D9E1B1A6A4C7C1D\n\
             shop returns all plain:correct-horse\n\
             root * admin plain:battery-staple\n";
        let registry = Registry::parse(text, SHA256).unwrap();
        assert_eq!(registry.len(), 3);
        let shop = admit(&registry, "shop", "correct-horse", &[]).unwrap();
        assert_eq!(shop.of("orders"), Rights { publish: true, ..Rights::default() });
        assert_eq!(shop.of("returns"), Rights::ALL);
        assert_eq!(shop.of("others"), Rights::default());
        assert_eq!(shop.of("*"), Rights::default());
        let narrow = admit(&registry, "shop", "correct-horse", &["orders"]).unwrap();
        assert_eq!(narrow.of("returns"), Rights::default());
        assert_eq!(admit(&registry, "shop", "correct-horse", &["orders", "other"]), Err(Denied::Namespace));
        let root = admit(&registry, "root", "battery-staple", &[]).unwrap();
        assert!(root.of("anything").admin && !root.of("anything").fetch);
    }

    #[test]
    fn who_is_not_known_is_not_let_in() {
        let registry = Registry::parse("a x all plain:12345678", SHA256).unwrap();
        for (client, token) in [("a", "12345679"), ("a", ""), ("b", "12345678"), ("", ""), ("a", "1234567")] {
            assert_eq!(admit(&registry, client, token, &[]), Err(Denied::Unknown), "{client} {token}");
        }
        assert_eq!(admit(&Registry::default(), "a", "12345678", &[]), Err(Denied::Unknown));
    }

    #[test]
    fn a_client_has_several_tokens_each_with_its_own_rights() {
        let text = "a x fetch plain:first-token\na y fetch plain:second-token\n";
        let registry = Registry::parse(text, SHA256).unwrap();
        assert!(!admit(&registry, "a", "first-token", &[]).unwrap().of("y").fetch);
        assert!(admit(&registry, "a", "second-token", &[]).unwrap().of("y").fetch);
    }

    #[test]
    fn the_variable_has_clients_namespaces_and_tokens() {
        let registry = Registry::parse_variable("a:{x}={secret-1}, b:y=secret-2,", SHA256).unwrap();
        assert_eq!(admit(&registry, "a", "secret-1", &[]).unwrap().of("x"), Rights::ALL);
        assert_eq!(admit(&registry, "b", "secret-2", &["y"]).unwrap().of("y"), Rights::ALL);
        assert_eq!(admit(&registry, "b", "secret-2", &["x"]), Err(Denied::Namespace));
        for (text, part) in [
            ("a", "the form"),
            ("a:x", "the form"),
            ("a:x=short", "from 8 to 512"),
            ("a b:x=12345678", "is no name of a"),
            ("a:=12345678", "is no name of a"),
        ] {
            let error = Registry::parse_variable(text, SHA256).unwrap_err();
            assert!(error.problem.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_told_by_its_number() {
        let long = "x".repeat(129);
        let of_long = alloc::format!("{long} x all plain:12345678");
        let table = vec![
            ("a x all", "here are 3 words"),
            ("a x some plain:12345678", "\"some\" is no right"),
            ("a x all 12345678", "sha256:HEX, plain:TOKEN"),
            ("a x all sha256:12", "64 hexadecimal digits"),
            ("a x all sha256:+111111111111111111111111111111111111111111111111111111111111111", "64 hexadecimal"),
            ("a x all plain:1234567", "from 8 to 512"),
            ("a x! all plain:12345678", "is no name of a"),
            (of_long.as_str(), "is no name of a"),
        ];
        for (line, part) in table {
            let error = Registry::parse(&alloc::format!("\n{line}\n"), SHA256).unwrap_err();
            assert!(error.line == 2 && error.problem.contains(part), "{line}: {error}");
        }
    }
}
