//! What HTTP runs on by TCP: TLS, or the bytes as they come.

use crate::tcp::machine::Machine;
use base::{Demand, Instant, Outgoing, StreamMachine};
use crypto_ring::SystemRandom;
use tls::Session;
use tls::record::{Error, TlsStream};

/// A machine under TLS.
pub(crate) type Secure = TlsStream<Machine, SystemRandom>;

/// A machine, and what is between it and the bytes.
pub(crate) enum Carrier {
    /// As everything that is worth protecting.
    Tls(Secure),
    /// As those who ask for http, to be sent to https.
    Plain(Machine),
}

impl Carrier {
    pub(crate) fn machine(&self) -> &Machine {
        match self {
            Carrier::Tls(secure) => secure.machine(),
            Carrier::Plain(machine) => machine,
        }
    }

    pub(crate) fn machine_mut(&mut self) -> &mut Machine {
        match self {
            Carrier::Tls(secure) => secure.machine_mut(),
            Carrier::Plain(machine) => machine,
        }
    }

    /// What was agreed on in the handshake, if there is one.
    pub(crate) fn session(&self) -> Option<&Session> {
        match self {
            Carrier::Tls(secure) => Some(secure.connection().session()),
            Carrier::Plain(_) => None,
        }
    }

    /// What has gone wrong with TLS.
    pub(crate) fn tls_error(&self) -> Option<&Error> {
        match self {
            Carrier::Tls(secure) => secure.connection().error(),
            Carrier::Plain(_) => None,
        }
    }

    fn inner(&self) -> &dyn StreamMachine {
        match self {
            Carrier::Tls(secure) => secure,
            Carrier::Plain(machine) => machine,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn StreamMachine {
        match self {
            Carrier::Tls(secure) => secure,
            Carrier::Plain(machine) => machine,
        }
    }
}

impl StreamMachine for Carrier {
    fn demand(&self) -> Demand {
        self.inner().demand()
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.inner_mut().receive(now, bytes)
    }

    fn on_end(&mut self, now: Instant, left: &[u8]) {
        self.inner_mut().on_end(now, left);
    }

    fn has_output(&self) -> bool {
        self.inner().has_output()
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.inner_mut().transmit(now, buffer)
    }

    fn on_reset(&mut self, now: Instant) {
        self.inner_mut().on_reset(now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.inner().deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.inner_mut().on_timeout(now);
    }
}
