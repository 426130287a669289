//! An authority in memory: it checks what real ones check, and answers as it is told to.

use crate::{Answer, Request};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use crypto::signature::BoxedSigningKey;
use crypto::{
    KeyKind, PrivateKeyFormat, PublicKeyAlgorithm, SecretBytes, SignatureAlgorithm, SignatureScheme, SigningFailed,
    SigningKey,
};
use crypto_ring::PROVIDER;
use json::Value;
use rustls_pki_types::CertificateDer;
use x509::IssueRequest;

pub(super) const BASE: &str = "https://acme.test";

/// Sees each request first, with its number from 0, and may answer in the authority's place.
type Intercept = Box<dyn FnMut(usize, &Request) -> Option<Answer>>;

pub(super) struct Authority {
    /// Method and path of every request.
    pub(super) log: Vec<String>,
    /// Every answer that was given.
    pub(super) answers: Vec<Answer>,
    pub(super) intercept: Intercept,
    /// How often an authorization is looked at until it is valid.
    pub(super) looks: usize,
    /// Authorizations are valid from the beginning.
    pub(super) knows_us: bool,
    /// The last payload that came to each path.
    pub(super) payloads: BTreeMap<String, String>,
    pub(super) challenges: Vec<&'static str>,
    nonces: BTreeSet<String>,
    count: usize,
    account: Option<Value>,
    names: Vec<String>,
    responded: BTreeSet<usize>,
    authority: (CertificateDer<'static>, BoxedSigningKey),
    issued: Option<String>,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let key = (PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
        let request = request(&["Test authority"], true);
        let identity = x509::issue::self_signed(&PROVIDER, &key, &request).unwrap();
        Authority {
            log: Vec::new(),
            answers: Vec::new(),
            intercept: Box::new(|_, _| None),
            looks: 2,
            knows_us: false,
            payloads: BTreeMap::new(),
            challenges: vec!["dns-01", "http-01", "tls-alpn-01"],
            nonces: BTreeSet::new(),
            count: 0,
            account: None,
            names: Vec::new(),
            responded: BTreeSet::new(),
            authority: (identity.certificate, load(&identity.key_pkcs8)),
            issued: None,
        }
    }

    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        let path = request.url.strip_prefix(BASE).unwrap_or(&request.url).to_owned();
        let number = self.log.len();
        self.log.push(format!("{} {path}", request.method));
        let mut answer = match (self.intercept)(number, request) {
            Some(answer) => answer,
            None => self.own_answer(request, &path),
        };
        if answer.nonce.is_none() && answer.status != 0 && path != "/directory" {
            let nonce = self.fresh_nonce();
            answer.nonce = Some(nonce);
        }
        self.answers.push(answer.clone());
        answer
    }

    fn fresh_nonce(&mut self) -> String {
        self.count += 1;
        let nonce = format!("nonce-{}", self.count);
        self.nonces.insert(nonce.clone());
        nonce
    }

    fn own_answer(&mut self, request: &Request, path: &str) -> Answer {
        match (request.method, path) {
            ("GET", "/directory") => return ok(200, None, &directory()),
            ("HEAD", "/nonce") => return Answer { status: 200, ..Answer::default() },
            ("POST", _) => {}
            other => panic!("{other:?}"),
        }
        let payload = match self.opened(request, path) {
            Ok(payload) => payload,
            Err(problem) => return problem,
        };
        self.payloads.insert(path.to_owned(), payload.clone());
        let (kind, number) = path[1..].split_once('/').unwrap_or((&path[1..], "0"));
        let number: usize = number.parse().unwrap();
        match kind {
            "account" => ok(201, Some("/account/1"), &Value::object([("status", "valid".into())])),
            "order" if number == 0 => {
                let order = json::parse(payload.as_bytes()).unwrap();
                let names = order.get("identifiers").unwrap().as_array().unwrap().iter();
                self.names = names.map(|name| name.get("value").unwrap().as_str().unwrap().to_owned()).collect();
                ok(201, Some("/order/1"), &self.order())
            }
            "order" => ok(200, None, &self.order()),
            "authorization" if number == 0 || number > self.names.len() => problem(404, "malformed", "what order?"),
            "certificate" if self.issued.is_none() => problem(404, "malformed", "what order?"),
            "authorization" => {
                assert_eq!(payload, "");
                ok(200, None, &self.authorization(number))
            }
            "challenge" => {
                assert_eq!(payload, "{}");
                self.responded.insert(number);
                ok(200, None, &Value::object([("status", "processing".into())]))
            }
            "finalize" => {
                let csr = json::parse(payload.as_bytes()).unwrap();
                self.issue(&decode(csr.get("csr").unwrap().as_str().unwrap()));
                ok(200, None, &self.order())
            }
            "certificate" => {
                Answer { status: 200, body: self.issued.clone().unwrap().into_bytes(), ..Answer::default() }
            }
            other => panic!("{other}"),
        }
    }

    /// What was signed, if by the right key, with a nonce that is good once, and for this URL.
    fn opened(&mut self, request: &Request, path: &str) -> Result<String, Answer> {
        let body = json::parse(request.body.as_bytes()).unwrap();
        let part = |name| body.get(name).and_then(Value::as_str).unwrap();
        let header = json::parse(&decode(part("protected"))).unwrap();
        assert_eq!(header.get("alg").and_then(Value::as_str), Some("ES256"));
        assert_eq!(header.get("url").and_then(Value::as_str), Some(request.url.as_str()));
        if !self.nonces.remove(header.get("nonce").and_then(Value::as_str).unwrap()) {
            return Err(problem(400, "badNonce", "that nonce is none"));
        }
        let key = match (header.get("jwk"), header.get("kid").and_then(Value::as_str)) {
            (Some(key), None) => {
                assert_eq!(path, "/account");
                self.account = Some(key.clone());
                key.clone()
            }
            (None, Some(account)) => {
                assert_eq!(account, format!("{BASE}/account/1"));
                match &self.account {
                    Some(key) => key.clone(),
                    None => return Err(problem(400, "accountDoesNotExist", "who is that?")),
                }
            }
            other => panic!("{other:?}"),
        };
        let coordinate = |name| decode(key.get(name).unwrap().as_str().unwrap());
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let signed = format!("{}.{}", part("protected"), part("payload"));
        let verifier = PROVIDER.verifier(PublicKeyAlgorithm::EcP256, SignatureAlgorithm::EcdsaSha256).unwrap();
        verifier.verify(&point, signed.as_bytes(), &as_der(&decode(part("signature")))).unwrap();
        Ok(String::from_utf8(decode(part("payload"))).unwrap())
    }

    fn is_valid(&self, number: usize) -> bool {
        let looked = self.log.iter().filter(|line| **line == format!("POST /authorization/{number}")).count();
        self.knows_us || (self.responded.contains(&number) && looked > self.looks)
    }

    fn order(&self) -> Value {
        let is_valid = (0..self.names.len()).all(|number| self.is_valid(number + 1));
        let status = if self.issued.is_some() {
            "valid"
        } else if is_valid {
            "ready"
        } else {
            "pending"
        };
        let authorizations: Vec<String> =
            (0..self.names.len()).map(|number| format!("{BASE}/authorization/{}", number + 1)).collect();
        let mut order = json::Object::new();
        order.insert("status", status);
        order.insert("authorizations", authorizations);
        order.insert("finalize", format!("{BASE}/finalize/1"));
        if self.issued.is_some() {
            order.insert("certificate", format!("{BASE}/certificate/1"));
        }
        order.into()
    }

    fn authorization(&self, number: usize) -> Value {
        let status = if self.is_valid(number) { "valid" } else { "pending" };
        let challenges: Vec<Value> = self.challenges.iter().map(|kind| challenge(kind, number)).collect();
        let name = self.names[number - 1].as_str();
        Value::object([
            ("status", status.into()),
            ("identifier", Value::object([("type", "dns".into()), ("value", name.into())])),
            ("challenges", challenges.into()),
        ])
    }

    /// Certifies the key of a request.
    fn issue(&mut self, csr: &[u8]) {
        // The end of a public key's beginning: P-256, and a BIT STRING of 66 bytes.
        let mark = [0x03, 0x01, 0x07, 0x03, 0x42, 0x00];
        let at = csr.windows(mark.len()).position(|part| part == mark).expect("a key on P-256") + mark.len();
        let key = PublicOnly(csr[at..at + 65].to_vec());
        for name in &self.names {
            assert!(csr.windows(name.len()).any(|part| part == name.as_bytes()), "{name} is asked for");
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.issued = Some(self.certify(&key, &names));
    }

    pub(super) fn certify(&self, key: &dyn SigningKey, names: &[&str]) -> String {
        let (authority, authority_key) = &self.authority;
        let leaf = x509::issue::issued_by(&PROVIDER, authority, &**authority_key, key, &request(names, false)).unwrap();
        [&leaf, authority].map(|der| pem(der)).concat()
    }
}

pub(super) fn load(pkcs8: &SecretBytes) -> BoxedSigningKey {
    (PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, pkcs8).unwrap()
}

fn request(names: &[&str], is_authority: bool) -> IssueRequest {
    IssueRequest {
        names: names.iter().map(ToString::to_string).collect(),
        not_before_unix: 1_000_000,
        lifetime_seconds: 90 * 86_400,
        serial: [7; 16],
        is_authority,
    }
}

fn challenge(kind: &str, number: usize) -> Value {
    Value::object([
        ("type", kind.into()),
        ("url", format!("{BASE}/challenge/{number}").into()),
        ("token", format!("token_{kind}-{number}").into()),
        ("status", "pending".into()),
    ])
}

pub(super) fn directory() -> Value {
    Value::object([
        ("newNonce", format!("{BASE}/nonce").into()),
        ("newAccount", format!("{BASE}/account").into()),
        ("newOrder", format!("{BASE}/order").into()),
        ("renewalInfo", format!("{BASE}/renewal").into()),
        ("meta", Value::object([("termsOfService", "https://acme.test/terms".into())])),
    ])
}

pub(super) fn ok(status: u16, location: Option<&str>, body: &Value) -> Answer {
    let location = location.map(|path| [BASE, path].concat());
    Answer { status, location, body: body.to_string().into_bytes(), ..Answer::default() }
}

pub(super) fn problem(status: u16, kind: &str, detail: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    ok(status, None, &Value::object([("type", kind.into()), ("detail", detail.into())]))
}

/// A key of which only the public half is known.
struct PublicOnly(Vec<u8>);

impl SigningKey for PublicOnly {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        PublicKeyAlgorithm::EcP256
    }

    fn public_key(&self) -> &[u8] {
        &self.0
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[]
    }

    fn sign(&self, _scheme: SignatureScheme, _message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        Err(SigningFailed)
    }
}

/// The reverse of base64url, character by character.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for character in text.bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            other => panic!("{other} is no base64url"),
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

/// Two numbers of 32 bytes as a SEQUENCE of two INTEGERs.
pub(super) fn as_der(fixed: &[u8]) -> Vec<u8> {
    assert_eq!(fixed.len(), 64);
    let integer = |number: &[u8]| {
        let mut digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        if digits.first().is_none_or(|byte| byte & 0x80 != 0) {
            digits.insert(0, 0);
        }
        [vec![2, digits.len() as u8], digits].concat()
    };
    let numbers = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [vec![0x30, numbers.len() as u8], numbers].concat()
}

fn pem(der: &[u8]) -> String {
    // Whoever reads it takes lines of any length.
    let mut text = crate::base64url::encode(der).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
