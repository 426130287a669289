//! One certificate: from the directory of an authority to the chain that it gives (RFC 8555 section 7).

use crate::base64url;
use crate::error::Error;
use crate::exchange::{Answer, Request};
use crate::jws::{AccountKey, Signer};
use crate::messages::{Authorization, Directory, Order, Status, account_is_over, checked_url, object};
use crate::problem::{Problem, shown};
use crate::proof::{Kind, Proof};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Duration, Instant};
use crypto::signature::BoxedSigningKey;
use crypto::{KeyKind, PrivateKeyFormat, Provider, SecretBytes};
use json::Value;
use x509::Certificate;
use x509::general_name::GeneralName;

/// How often a request is sent again because the authority cannot be reached or fails.
const MAX_TRIES: u32 = 4;
/// How often in a row a nonce may be no good (RFC 8555 section 6.5).
const MAX_BAD_NONCES: u32 = 8;
/// The longest wait between two looks at something that is not ready, if the authority names none.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The URL of the authority's directory.
    pub directory: String,
    /// The names that the certificate is to have.
    pub names: Vec<String>,
    /// Mail addresses at which the authority may write to whoever runs the server.
    pub contacts: Vec<String>,
    /// The proofs that can be given, best first.
    pub kinds: Vec<Kind>,
    /// The certificate that is to be replaced ([`certificate_id`](crate::certificate_id)), if the authority takes note of that.
    pub replaces: Option<String>,
    /// How long all of it may take.
    pub patience: Duration,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Action {
    /// This is to be sent; then [`Issuance::on_answer`] or [`Issuance::on_failure`].
    Ask(Request),
    /// Nothing before then.
    Wait(Instant),
    /// These are to be put where the authority looks; then [`Issuance::shown`].
    Show(Vec<Proof>),
    /// It is over.
    Done(Result<Issued, Error>),
}

/// A certificate, and its key.
#[derive(Debug)]
pub struct Issued {
    /// Leaf first, as PEM.
    pub chain_pem: Vec<u8>,
    /// PKCS #8.
    pub key_pkcs8: SecretBytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Directory,
    Account,
    Order,
    Authorization(usize),
    Show,
    Respond(usize),
    Check(usize),
    Finalize,
    CheckOrder,
    Certificate,
}

/// What is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nonce,
    Step,
}

/// A name that has to be shown.
#[derive(Debug)]
struct Pending {
    authorization: String,
    challenge: String,
    proof: Proof,
}

/// A certificate that is being got. Sans-I/O: whoever drives it does what [`Issuance::poll`] says, one thing after the other.
#[derive(Debug)]
pub struct Issuance {
    wanted: Wanted,
    account_key: AccountKey,
    /// The URL of the account.
    account: Option<String>,
    is_registered_anew: bool,
    key: CertificateKey,
    directory: Option<Directory>,
    nonce: Option<String>,
    step: Step,
    sent: Option<Sent>,
    /// Nothing is sent before.
    not_before: Instant,
    deadline: Option<Instant>,
    order: Option<(String, Order)>,
    pending: Vec<Pending>,
    tries: u32,
    bad_nonces: u32,
    looks: u32,
    outcome: Option<Result<Issued, Error>>,
}

struct CertificateKey {
    pkcs8: SecretBytes,
    key: BoxedSigningKey,
}

impl core::fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CertificateKey").finish_non_exhaustive()
    }
}

impl Issuance {
    /// Begins, with the account of this key, whose URL is known or not. The certificate gets a key of its own, which is new.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(
        provider: &Provider,
        wanted: Wanted,
        account_key: AccountKey,
        account: Option<String>,
    ) -> Result<Issuance, Error> {
        let no_key = |_| Error::Own("no key can be made");
        let pkcs8 = (provider.generate_key)(KeyKind::EcP256).map_err(no_key)?;
        let key = (provider.load_key)(PrivateKeyFormat::Pkcs8, &pkcs8).map_err(no_key)?;
        Ok(Issuance {
            wanted,
            account_key,
            account,
            is_registered_anew: false,
            key: CertificateKey { pkcs8, key },
            directory: None,
            nonce: None,
            step: Step::Directory,
            sent: None,
            not_before: Instant::ZERO,
            deadline: None,
            order: None,
            pending: Vec::new(),
            tries: 0,
            bad_nonces: 0,
            looks: 0,
            outcome: None,
        })
    }

    /// The URL of the account, once there is one: to be kept with its key.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The terms that whoever registers agrees to, once they are known.
    pub fn terms(&self) -> Option<&str> {
        self.directory.as_ref()?.terms.as_deref()
    }

    /// Where the authority says when it wants certificates to be renewed (RFC 9773), once that is known.
    pub fn renewal_info(&self) -> Option<&str> {
        self.directory.as_ref()?.renewal_info.as_deref()
    }

    /// What is to be done next.
    pub fn poll(&mut self, now: Instant) -> Action {
        let deadline = *self.deadline.get_or_insert(now + self.wanted.patience);
        if self.outcome.is_none() && now >= deadline {
            let (what, after) = (self.what(), self.wanted.patience);
            self.outcome = Some(Err(Error::TooLong { what, after }));
        }
        if let Some(outcome) = self.outcome.take() {
            return Action::Done(outcome);
        }
        if self.sent.is_some() {
            return Action::Wait(deadline);
        }
        if now < self.not_before {
            return Action::Wait(self.not_before.min(deadline));
        }
        if self.step == Step::Show {
            return Action::Show(self.pending.iter().map(|pending| pending.proof.clone()).collect());
        }
        match self.request() {
            Ok(request) => Action::Ask(request),
            Err(error) => Action::Done(Err(error)),
        }
    }

    /// What [`Action::Show`] named is there.
    pub fn shown(&mut self) {
        if self.step == Step::Show {
            self.step = Step::Respond(0);
        }
    }

    /// The request could not be sent, or nothing came back.
    pub fn on_failure(&mut self, now: Instant, why: String) {
        if self.sent.take().is_some() {
            let what = self.what();
            self.again(now, None, Error::Unreachable { what, why });
        }
    }

    /// The answer has come.
    pub fn on_answer(&mut self, now: Instant, answer: &Answer) {
        let Some(sent) = self.sent.take() else { return };
        if let Some(nonce) = answer.nonce.as_ref().filter(|nonce| base64url::is_base64url(nonce)) {
            self.nonce = Some(nonce.clone());
        }
        if !answer.is_success() {
            return self.on_refusal(now, sent, answer);
        }
        self.tries = 0;
        let taken = match sent {
            Sent::Nonce if self.nonce.is_none() => Err("it has no nonce".to_string()),
            Sent::Nonce => return,
            Sent::Step => {
                self.bad_nonces = 0;
                self.on_success(now, answer)
            }
        };
        if let Err(why) = taken {
            let what = self.what();
            self.fail(Error::Unexpected { what, why });
        }
    }

    fn fail(&mut self, error: Error) {
        self.outcome = Some(Err(error));
    }

    fn go(&mut self, step: Step) {
        (self.step, self.looks) = (step, 0);
    }

    /// Sends the same again later, unless that was done too often.
    fn again(&mut self, now: Instant, retry_after: Option<Duration>, error: Error) {
        self.tries += 1;
        if self.tries > MAX_TRIES {
            return self.fail(error);
        }
        // 1, 4, 16, 64 seconds.
        let pause = Duration::from_secs(1 << (2 * (self.tries - 1)));
        self.not_before = now + pause.max(retry_after.unwrap_or_default());
    }

    /// Looks again later at something that is not ready.
    fn look_again(&mut self, now: Instant, step: Step, retry_after: Option<Duration>) {
        if self.step != step {
            self.go(step);
        }
        let own = Duration::from_secs(1 << self.looks.min(5)).min(LONGEST_WAIT);
        self.looks += 1;
        self.not_before = now + retry_after.unwrap_or(own).max(Duration::from_secs(1));
    }

    /// What is asked for now, in words.
    fn what(&self) -> String {
        let proof = |place: usize| match self.pending.get(place) {
            Some(pending) => ["the proof for ", &pending.proof.name].concat(),
            None => "a proof".to_string(),
        };
        match self.step {
            Step::Directory => "its directory".to_string(),
            Step::Account => "an account".to_string(),
            Step::Order => ["an order of ", &self.wanted.names.join(", ")].concat(),
            Step::Authorization(_) | Step::Show => "an authorization".to_string(),
            Step::Respond(place) | Step::Check(place) => proof(place),
            Step::Finalize | Step::CheckOrder => "the order".to_string(),
            Step::Certificate => "the certificate".to_string(),
        }
    }
}

/// What is sent.
impl Issuance {
    fn request(&mut self) -> Result<Request, Error> {
        let Some(directory) = &self.directory else {
            self.sent = Some(Sent::Step);
            return Ok(Request { method: "GET", url: self.wanted.directory.clone(), body: String::new() });
        };
        let Some(nonce) = self.nonce.take() else {
            self.sent = Some(Sent::Nonce);
            return Ok(Request { method: "HEAD", url: directory.new_nonce.clone(), body: String::new() });
        };
        let (url, payload) = self.parts(directory)?;
        let signer = match &self.account {
            Some(account) if self.step != Step::Account => Signer::Account(account),
            _ => Signer::Key,
        };
        let body = self.account_key.sign(signer, &nonce, &url, payload.as_ref());
        let body = body.map_err(|_| Error::Own("the key of the account cannot sign"))?;
        self.sent = Some(Sent::Step);
        Ok(Request { method: "POST", url, body })
    }

    /// Where a step goes to, and with what; nothing for a POST-as-GET.
    fn parts(&self, directory: &Directory) -> Result<(String, Option<Value>), Error> {
        let order = || self.order.as_ref().expect("what comes behind an order has one");
        let pending = |place: usize| self.pending.get(place).expect("only what is pending is looked at");
        Ok(match self.step {
            Step::Directory | Step::Account => (directory.new_account.clone(), Some(self.registration())),
            Step::Order => (directory.new_order.clone(), Some(self.ordering())),
            Step::Authorization(place) => (order().1.authorizations[place].clone(), None),
            // RFC 8555 section 7.5.1: an empty object says that the proof is there.
            Step::Show | Step::Respond(_) => {
                let place = if let Step::Respond(place) = self.step { place } else { 0 };
                (pending(place).challenge.clone(), Some(Value::Object(json::Object::new())))
            }
            Step::Check(place) => (pending(place).authorization.clone(), None),
            Step::Finalize => {
                let request = x509::certification_request(&*self.key.key, &self.wanted.names);
                let request = request.map_err(|_| Error::Own("a name is none that a certificate can have"))?;
                let payload = Value::object([("csr", base64url::encode(&request).into())]);
                (order().1.finalize.clone(), Some(payload))
            }
            Step::CheckOrder => (order().0.clone(), None),
            Step::Certificate => {
                let url = order().1.certificate.clone();
                (url.expect("a step that begins once there is one"), None)
            }
        })
    }

    /// RFC 8555 section 7.3.
    fn registration(&self) -> Value {
        let contacts: Vec<String> = self.wanted.contacts.iter().map(|contact| ["mailto:", contact].concat()).collect();
        let mut registration = json::Object::new();
        registration.insert("termsOfServiceAgreed", true);
        if !contacts.is_empty() {
            registration.insert("contact", contacts);
        }
        registration.into()
    }

    /// RFC 8555 section 7.4.
    fn ordering(&self) -> Value {
        let identifier = |name: &String| Value::object([("type", "dns".into()), ("value", name.as_str().into())]);
        let identifiers: Vec<Value> = self.wanted.names.iter().map(identifier).collect();
        let mut order = json::Object::new();
        order.insert("identifiers", identifiers);
        // RFC 9773 section 5: where the authority knows of renewals.
        let knows = self.directory.as_ref().is_some_and(|directory| directory.renewal_info.is_some());
        if let Some(replaces) = self.wanted.replaces.as_ref().filter(|_| knows) {
            order.insert("replaces", replaces.as_str());
        }
        order.into()
    }
}

/// What comes back.
impl Issuance {
    fn on_refusal(&mut self, now: Instant, sent: Sent, answer: &Answer) {
        let problem = Box::new(object(&answer.body).map(|value| Problem::of(&value)).unwrap_or_default());
        if sent == Sent::Step && problem.is("badNonce") && self.bad_nonces < MAX_BAD_NONCES {
            // RFC 8555 section 6.5: the answer has a new one, or one is asked for.
            self.bad_nonces += 1;
            return;
        }
        let (what, status, retry_after) = (self.what(), answer.status, answer.retry_after);
        let is_account = matches!(self.step, Step::Account | Step::Order);
        if self.step == Step::Order && problem.is("alreadyReplaced") && self.wanted.replaces.take().is_some() {
            return;
        }
        if problem.is("accountDoesNotExist") && self.step != Step::Account && !self.is_registered_anew {
            // The authority has forgotten it, as test servers do.
            (self.is_registered_anew, self.account) = (true, None);
            return self.go(Step::Account);
        }
        if problem.is("orderNotReady") && self.step == Step::Finalize {
            return self.look_again(now, Step::CheckOrder, retry_after);
        }
        if is_account && sent == Sent::Step && problem.is("unauthorized") {
            return self.fail(Error::AccountOver { status: problem.to_string() });
        }
        let error = Error::Refused { what, status, problem, retry_after };
        if answer.is_server_error() { self.again(now, retry_after, error) } else { self.fail(error) }
    }

    fn on_success(&mut self, now: Instant, answer: &Answer) -> Result<(), String> {
        match self.step {
            Step::Directory => {
                self.directory = Some(Directory::read(&answer.body)?);
                self.go(if self.account.is_some() { Step::Order } else { Step::Account });
            }
            Step::Account => self.on_account(answer)?,
            Step::Order => {
                let url = answer.location.as_deref().ok_or("it does not say where the order is")?;
                let url = checked_url(url).map_err(|wrong| ["the order's URL ", &wrong].concat())?;
                self.on_order(now, url, answer)?;
            }
            Step::Authorization(place) => self.on_authorization(place, answer)?,
            Step::Respond(place) if place + 1 < self.pending.len() => self.go(Step::Respond(place + 1)),
            Step::Respond(_) | Step::Show => self.look_again(now, Step::Check(0), answer.retry_after),
            Step::Check(place) => self.on_check(now, place, answer)?,
            Step::Finalize | Step::CheckOrder => {
                let (url, _) = self.order.take().expect("an order that is looked at is known");
                self.on_order(now, url, answer)?;
            }
            Step::Certificate => self.outcome = Some(Ok(self.issued(&answer.body)?)),
        }
        Ok(())
    }

    fn on_account(&mut self, answer: &Answer) -> Result<(), String> {
        if let Some(status) = account_is_over(&answer.body)? {
            self.fail(Error::AccountOver { status });
            return Ok(());
        }
        let url = answer.location.as_deref().ok_or("it does not say where the account is")?;
        self.account = Some(checked_url(url).map_err(|wrong| ["the account's URL ", &wrong].concat())?);
        self.go(Step::Order);
        Ok(())
    }

    fn on_order(&mut self, now: Instant, url: String, answer: &Answer) -> Result<(), String> {
        let order = Order::read(&answer.body)?;
        let is_new = self.step == Step::Order;
        let (status, problem) = (order.status, Box::new(order.problem.clone()));
        let (has_parts, has_certificate) = (!order.authorizations.is_empty(), order.certificate.is_some());
        self.order = Some((url, order));
        match status {
            Status::Pending if is_new && has_parts => self.go(Step::Authorization(0)),
            Status::Pending if is_new => return Err("the order asks for no authorization, and is not ready".into()),
            Status::Pending | Status::Processing => self.look_again(now, Step::CheckOrder, answer.retry_after),
            Status::Ready => self.go(Step::Finalize),
            Status::Valid if has_certificate => self.go(Step::Certificate),
            Status::Valid => return Err("the order has no certificate".into()),
            Status::Over => {
                let error = Error::Refused { what: self.what(), status: answer.status, problem, retry_after: None };
                self.fail(error);
            }
        }
        Ok(())
    }

    fn on_authorization(&mut self, place: usize, answer: &Answer) -> Result<(), String> {
        let authorization = Authorization::read(&answer.body)?;
        let name = authorization.name;
        match authorization.status {
            Status::Valid => {}
            Status::Pending => {
                if !self.wanted.names.contains(&name) {
                    return Err("it is about a name that was not ordered".into());
                }
                let chosen = self.wanted.kinds.iter().find_map(|kind| {
                    let challenges = &authorization.challenges;
                    let challenge = challenges.iter().find(|challenge| challenge.kind == kind.name())?;
                    (!challenge.token.is_empty()).then_some((*kind, challenge))
                });
                let Some((kind, challenge)) = chosen else {
                    let offered: Vec<&str> =
                        authorization.challenges.iter().map(|challenge| challenge.kind.as_str()).collect();
                    self.fail(Error::NoWay { name, offered: shown(&offered.join(", ")) });
                    return Ok(());
                };
                let key_authorization = self.account_key.key_authorization(&challenge.token);
                let proof = Proof { name, kind, token: challenge.token.clone(), key_authorization };
                let (_, order) = self.order.as_ref().expect("an authorization belongs to an order");
                let authorization = order.authorizations[place].clone();
                self.pending.push(Pending { authorization, challenge: challenge.url.clone(), proof });
            }
            _ => return Err("it is neither pending nor valid".into()),
        }
        let (_, order) = self.order.as_ref().expect("an authorization belongs to an order");
        self.go(match place + 1 {
            next if next < order.authorizations.len() => Step::Authorization(next),
            _ if self.pending.is_empty() => Step::CheckOrder,
            _ => Step::Show,
        });
        Ok(())
    }

    fn on_check(&mut self, now: Instant, place: usize, answer: &Answer) -> Result<(), String> {
        let authorization = Authorization::read(&answer.body)?;
        match authorization.status {
            Status::Valid if place + 1 < self.pending.len() => self.go(Step::Check(place + 1)),
            Status::Valid => self.go(Step::CheckOrder),
            Status::Pending | Status::Processing | Status::Ready => {
                self.look_again(now, Step::Check(place), answer.retry_after);
            }
            Status::Over => {
                let Proof { name, kind, .. } = self.pending[place].proof.clone();
                let problem = authorization.challenges.into_iter().find_map(|challenge| challenge.problem);
                let problem = Box::new(problem.unwrap_or_default());
                self.fail(Error::NotShown { name, kind: kind.name(), problem });
            }
        }
        Ok(())
    }

    /// The certificate, if it is the one that was ordered.
    fn issued(&self, pem: &[u8]) -> Result<Issued, String> {
        let chain = x509::load_certificates_pem(pem).map_err(|error| error.to_string())?;
        let leaf = chain.first().ok_or("there is no certificate")?;
        let leaf = Certificate::parse(leaf).map_err(|error| error.to_string())?;
        let (_, key) = leaf.subject_public_key().map_err(|error| error.to_string())?;
        if key != self.key.key.public_key() {
            return Err("the certificate is about another key".into());
        }
        let names = leaf.extensions().subject_alternative_name.as_ref();
        let has = |wanted: &String| {
            let is_it = |name: &GeneralName<'_>| matches!(name, GeneralName::Dns(name) if *name == wanted.as_bytes());
            names.is_some_and(|names| names.names.iter().any(|name| is_it(&name)))
        };
        match self.wanted.names.iter().find(|name| !has(name)) {
            Some(missing) => Err(["the certificate is not for ", missing].concat()),
            None => Ok(Issued { chain_pem: pem.to_vec(), key_pkcs8: self.key.pkcs8.clone() }),
        }
    }
}
