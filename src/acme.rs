//! Certificates by themselves (ACME, RFC 8555): what the state machine of `posthaste-acme` asks for is sent by our own client, shown
//! by our own server, and kept in a folder.

pub(crate) mod challenges;
pub(crate) mod event;
mod state;

use crate::acme::challenges::AcmeChallenges;
use crate::acme::event::AcmeEvent;
use crate::acme::state::State;
use crate::client::Client;
use crate::client::roots::Roots;
use crate::error::Error;
use crate::exchange::patience::Timeouts;
use crate::server::identity::Identity;
use ::acme::{AccountKey, Action, Answer, Due, Issuance, Issued, Kind, Request, Schedule, Wanted};
use crypto::SecretBytes;
use crypto_ring::{PROVIDER, SystemRandom};
use http::{Fields, HttpDate, Method};
use runtime::Handle;
use std::path::PathBuf;
use std::time::Duration;
use x509::ServerName;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How long one certificate may take to be got.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(60);
/// Names of one certificate: what authorities take at the most.
const MAX_NAMES: usize = 100;

/// Gets certificates and renews them, as long as it runs.
#[derive(Clone, Debug)]
pub struct Acme {
    directory: String,
    names: Vec<String>,
    contacts: Vec<String>,
    roots: Roots,
    kinds: Vec<Kind>,
    challenges: AcmeChallenges,
    state: State,
}

impl Acme {
    /// One certificate for these names from the authority of this [directory](LETS_ENCRYPT), whose server `roots` vouch for. To ask it
    /// is to agree to its terms. Account and certificate are kept in `folder`.
    ///
    /// # Errors
    /// A name is none that a certificate can be got for here. Nothing is made in the folder before it [runs](Acme::run).
    pub fn new(directory: &str, names: &[String], roots: Roots, folder: impl Into<PathBuf>) -> Result<Acme, Error> {
        if names.is_empty() || names.len() > MAX_NAMES {
            return Err(Error::Message(format!(
                "a certificate by ACME has 1 to {MAX_NAMES} names, not {}",
                names.len()
            )));
        }
        let names = names.iter().map(|name| checked(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Acme {
            directory: directory.to_owned(),
            names,
            contacts: Vec::new(),
            roots,
            kinds: vec![Kind::TlsAlpn01],
            challenges: AcmeChallenges::default(),
            state: State::new(folder.into()),
        })
    }

    /// A mail address at which the authority may write about the account, which it is told when that is made.
    #[must_use]
    pub fn contact(mut self, address: impl Into<String>) -> Acme {
        self.contacts.push(address.into());
        self
    }

    /// Answers by plain HTTP as well ([`AcmeChallenges::by_http`]), if the authority does not look by TLS.
    #[must_use]
    pub fn http(mut self) -> Acme {
        self.kinds.push(Kind::Http01);
        self
    }

    /// Answers by plain HTTP alone: for a server that takes no TLS by TCP.
    #[must_use]
    pub fn only_http(mut self) -> Acme {
        self.kinds = vec![Kind::Http01];
        self
    }

    /// What the server has to show.
    pub fn challenges(&self) -> AcmeChallenges {
        self.challenges.clone()
    }

    /// What the server begins with: the certificate that was got last, or one that nobody trusts.
    ///
    /// # Errors
    /// There is one, and it cannot be used.
    pub fn identity(&self) -> Result<Identity, Error> {
        match self.kept()? {
            Some(identity) => Ok(identity),
            None => Identity::development(&self.names),
        }
    }

    fn kept(&self) -> Result<Option<Identity>, Error> {
        let identity = self.state.certificate()?;
        Ok(identity.filter(|identity| self.names.iter().all(|name| identity.names().contains(name))))
    }

    /// Gets a certificate if there is none, and renews it before its end, for ever. `replace` is given each new one; `tell` what happens.
    ///
    /// # Errors
    /// What is kept cannot be used. Whatever else goes wrong is told, and tried again.
    pub async fn run(
        self,
        handle: &Handle,
        replace: impl Fn(&Identity),
        tell: impl Fn(&AcmeEvent),
    ) -> Result<(), Error> {
        let timeouts = Timeouts { whole: REQUEST, ..Timeouts::default() };
        let client = Client::builder(self.roots.clone()).tcp().timeouts(timeouts).build(handle);
        self.state.make_folder()?;
        let account_key = self.state.account_key()?;
        let account = self.state.account(&self.directory)?;
        let current = self.kept()?;
        let mut random = SystemRandom::new();
        let schedule = match &current {
            Some(identity) => Schedule::of(&identity.chain()[0], &mut random),
            None => Schedule::none(),
        };
        let mut running = Running {
            acme: self,
            handle: handle.clone(),
            client,
            account_key,
            account,
            current,
            schedule,
            random,
            tell,
        };
        loop {
            let now = runtime::clock::unix_seconds();
            match running.schedule.due(now) {
                Due::Renew => {
                    if let Some(identity) = running.renew().await {
                        replace(&identity);
                    }
                }
                Due::Ask => running.ask_when().await,
                Due::Nothing(wait) => handle.sleep(wait).await,
            }
        }
    }
}

/// A name that a certificate can be got for without DNS.
fn checked(name: &str) -> Result<String, Error> {
    if name.starts_with("*.") {
        return Err(Error::Message(format!(
            "{name}: a certificate with a star needs a proof by DNS, which is not supported: name each host"
        )));
    }
    match ServerName::parse(name) {
        Ok(ServerName::Dns(name)) if name.contains('.') => Ok(name),
        _ => Err(Error::Message(format!("{name:?} is no name that an authority certifies, such as www.example.org"))),
    }
}

/// While it runs.
struct Running<T> {
    acme: Acme,
    handle: Handle,
    client: Client,
    account_key: SecretBytes,
    /// The URL of the account.
    account: Option<String>,
    current: Option<Identity>,
    schedule: Schedule,
    random: SystemRandom,
    tell: T,
}

impl<T: Fn(&AcmeEvent)> Running<T> {
    /// A new certificate, if there is one.
    async fn renew(&mut self) -> Option<Identity> {
        let got = match self.issue().await {
            Ok(issued) => self.take(&issued).map_err(|error| (error.to_string(), None)),
            Err(error) => {
                // Another way may lead here: the next attempt begins with it.
                if matches!(error, ::acme::Error::NotShown { .. }) {
                    self.acme.kinds.rotate_left(1);
                }
                Err((error.to_string(), error.retry_after()))
            }
        };
        self.acme.challenges.clear();
        match got {
            Ok(identity) => Some(identity),
            Err((error, retry_after)) => {
                let now = runtime::clock::unix_seconds();
                let again = self.schedule.on_failure(now, retry_after, &mut self.random);
                let until = self.current.as_ref().map(|identity| u64::try_from(identity.validity().1).unwrap_or(0));
                (self.tell)(&AcmeEvent::NotObtained { error, again, until });
                None
            }
        }
    }

    /// One certificate from its order to its chain.
    async fn issue(&mut self) -> Result<Issued, ::acme::Error> {
        let key = AccountKey::from_pkcs8(&PROVIDER, &self.account_key);
        let key = key.map_err(|_| ::acme::Error::Own("the key of the account is none on P-256"))?;
        let wanted = Wanted {
            directory: self.acme.directory.clone(),
            names: self.acme.names.clone(),
            contacts: self.acme.contacts.clone(),
            kinds: self.acme.kinds.clone(),
            replaces: self.current.as_ref().and_then(|identity| ::acme::certificate_id(&identity.chain()[0])),
            patience: PATIENCE,
        };
        let mut issuance = Issuance::new(&PROVIDER, wanted, key, self.account.clone())?;
        let mut is_told = false;
        loop {
            match issuance.poll(self.handle.now()) {
                Action::Ask(request) => match self.ask(&request).await {
                    Ok(answer) => issuance.on_answer(self.handle.now(), &answer),
                    Err(error) => {
                        let error = error.to_string();
                        if !std::mem::replace(&mut is_told, true) {
                            (self.tell)(&AcmeEvent::NotReached { error: error.clone() });
                        }
                        issuance.on_failure(self.handle.now(), error);
                    }
                },
                Action::Wait(until) => self.handle.sleep_until(until).await,
                Action::Show(proofs) => {
                    let shown = self.acme.challenges.show(&proofs);
                    shown.map_err(|_| ::acme::Error::Own("the proof that an authority looks for cannot be made"))?;
                    issuance.shown();
                }
                Action::Done(result) => return result,
            }
            self.keep_account(&issuance);
        }
    }

    /// Keeps the account as soon as there is one: an authority counts how many are made.
    fn keep_account(&mut self, issuance: &Issuance) {
        let Some(account) = issuance.account().filter(|account| self.account.as_deref() != Some(*account)) else {
            return;
        };
        self.account = Some(account.to_owned());
        let terms = issuance.terms().map(str::to_owned);
        (self.tell)(&AcmeEvent::Registered { account: account.to_owned(), terms });
        if let Err(error) = self.acme.state.keep_account(&self.acme.directory, account) {
            (self.tell)(&AcmeEvent::NotKept { error: error.to_string() });
        }
    }

    fn take(&mut self, issued: &Issued) -> Result<Identity, Error> {
        let kept = self.acme.state.keep_certificate(&issued.key_pkcs8, &issued.chain_pem);
        let identity = Identity::from_issued(&issued.chain_pem, &issued.key_pkcs8)?;
        self.schedule = Schedule::of(&identity.chain()[0], &mut self.random);
        self.current = Some(identity.clone());
        let until = u64::try_from(identity.validity().1).unwrap_or(0);
        let renewed_at = self.schedule.renew_at();
        (self.tell)(&AcmeEvent::Obtained { names: self.acme.names.clone(), until, renewed_at });
        if let Err(error) = kept {
            (self.tell)(&AcmeEvent::NotKept { error: error.to_string() });
        }
        Ok(identity)
    }

    /// Asks the authority when it wants the certificate to be renewed. One that does not say is asked again later.
    async fn ask_when(&mut self) {
        let before = self.schedule.renew_at();
        let answer = self.renewal_info().await;
        let now = runtime::clock::unix_seconds();
        match answer {
            Some(answer) if self.schedule.on_renewal_info(now, &answer, &mut self.random).is_ok() => {
                let renewed_at = self.schedule.renew_at();
                if renewed_at != before {
                    (self.tell)(&AcmeEvent::Moved { renewed_at });
                }
            }
            _ => self.schedule.on_silence(now),
        }
    }

    async fn renewal_info(&self) -> Option<Answer> {
        let id = ::acme::certificate_id(&self.current.as_ref()?.chain()[0])?;
        let url = self.acme.directory.clone();
        let directory = self.ask(&Request { method: "GET", url, body: String::new() }).await.ok()?;
        let place = ::acme::renewal_info_of(&directory.body).ok()??;
        self.ask(&::acme::renewal_request(&place, &id)).await.ok()
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let method = match request.method {
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            _ => Method::Get,
        };
        let mut asked = self.client.request(method, &request.url).field("user-agent", USER_AGENT);
        if !request.body.is_empty() {
            asked = asked.field("content-type", "application/jose+json").body(request.body.clone());
        }
        let mut response = asked.send().await?;
        let body = response.body().read_to_end(::acme::MAX_ANSWER).await?;
        let text = |name| response.fields().first_text(name).map(str::to_owned);
        let (location, nonce) = (text("location"), text("replay-nonce"));
        let retry_after = retry_after(response.fields());
        Ok(Answer { status: response.status().code(), location, nonce, retry_after, body })
    }
}

/// RFC 8555 section 6.1.
const USER_AGENT: &str = concat!("posthaste/", env!("CARGO_PKG_VERSION"));

/// RFC 9110 section 10.2.3: seconds, or a date.
fn retry_after(fields: &Fields) -> Option<Duration> {
    let text = fields.first_text("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = runtime::clock::unix_seconds();
    let date = HttpDate::parse(text.as_bytes(), HttpDate::from_unix(now))?;
    Some(Duration::from_secs(u64::try_from(date.unix_seconds()).unwrap_or(0).saturating_sub(now)))
}
