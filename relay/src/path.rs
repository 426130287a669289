//! What a path does to datagrams.

use std::io::{Error, ErrorKind};
use std::time::Duration;

/// What a path does to datagrams, in each direction. Moments are counted from a client's first datagram.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// How long a datagram takes, apart from the bottleneck.
    pub delay: Duration,
    /// Bytes in a second that the bottleneck carries; 0 for any number.
    pub rate: u64,
    /// The longest that a datagram waits for the bottleneck; what would wait longer is lost.
    pub queue: Duration,
    /// How many datagrams wait for the bottleneck at most, in each direction; 0 for any number. What comes beyond them is lost.
    pub queue_datagrams: u64,
    /// How many of a thousand datagrams are lost.
    pub loss: u64,
    /// How many of a thousand datagrams have a byte changed.
    pub corruption: u64,
    /// The most datagrams of a direction in a row that are lost, and the most that are changed, by chance; 0 for any number.
    pub burst: u64,
    /// How many of a thousand datagrams are held back by up to `late`, and are overtaken by others.
    pub reordering: u64,
    /// The longest that such a datagram is held back, or a copy of one.
    pub late: Duration,
    /// How many of a thousand datagrams arrive twice, the second time up to `late` behind the first.
    pub duplication: u64,
    /// How long a client keeps its source port. What comes for an earlier port is lost.
    pub rebinding: Option<Duration>,
    /// How long it keeps its first one, if that is another time.
    pub first_rebinding: Option<Duration>,
    /// A client is given another address of the loopback network as well, where the server's address is of IPv4.
    pub rebinds_address: bool,
    /// When large datagrams begin to be lost.
    pub narrowing: Option<Narrowing>,
    /// So many of the first datagrams that a server sends to a client are lost.
    pub first_flight: u64,
    /// Datagrams of each client towards the server that are lost: from the first of these numbers to the second, the first datagram
    /// being 1.
    pub lost_to_server: Option<(u64, u64)>,
    /// When nothing is carried, in both directions or in one.
    pub dead: Option<Dead>,
    /// Again and again all is carried for the first of these times, and nothing for the second.
    pub on_and_off: Option<(Duration, Duration)>,
    /// Where the draws of chance begin.
    pub seed: u64,
}

/// Which direction of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heading {
    Server,
    Client,
}

/// A path that carries nothing for a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dead {
    /// From this moment on.
    pub after: Duration,
    /// For so long.
    pub lasts: Duration,
    /// What clients send still arrives.
    pub carries_to_server: bool,
    /// What the server sends still arrives.
    pub carries_to_clients: bool,
}

/// A path that carries less from some moment on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Narrowing {
    /// The moment.
    pub after: Duration,
    /// From that moment on nothing at all is carried for so long.
    pub silence: Duration,
    /// Bytes of the largest UDP payload that is carried afterwards.
    pub size: usize,
}

impl Default for Path {
    /// A path without delay, limit and fault.
    fn default() -> Path {
        Path {
            delay: Duration::ZERO,
            rate: 0,
            queue: Duration::from_millis(100),
            queue_datagrams: 0,
            loss: 0,
            corruption: 0,
            burst: 0,
            reordering: 0,
            late: Duration::from_millis(10),
            duplication: 0,
            rebinding: None,
            first_rebinding: None,
            rebinds_address: false,
            narrowing: None,
            first_flight: 0,
            lost_to_server: None,
            dead: None,
            on_and_off: None,
            seed: 1,
        }
    }
}

/// The names that [`Path::parse`] knows, with their units.
const SETTINGS: &str = "delay=MS rate=KBIT/S queue=MS queue-datagrams=NUMBER loss=PER-MILLE corruption=PER-MILLE \
                            burst=DATAGRAMS reordering=PER-MILLE late=MS duplication=PER-MILLE rebinding=MS \
                            first-rebinding=MS rebinding-address=0|1 narrow-after=MS narrow-silence=MS \
                            narrow-size=BYTES first-flight=DATAGRAMS lost-from=NUMBER lost-to=NUMBER dead-after=MS \
                            dead-for=MS dead-to=both|server|clients on=MS off=MS seed=NUMBER";

impl Path {
    /// Reads settings of the form `name=number`; what is not named is as in [`Path::default`]. `rate` is in kilobits in a
    /// second, times are in milliseconds, a path narrows if `narrow-size` is given, loses `lost-from` to `lost-to` towards the server if
    /// the last is given, is dead once if `dead-for` is, and is off at times if `off` is.
    pub fn parse<'a>(settings: impl IntoIterator<Item = &'a str>) -> Result<Path, Error> {
        let (mut path, mut narrowing) = (Path::default(), Narrowing::default());
        let (mut lost, mut switch, mut dead) = ((1, 0), (Duration::ZERO, Duration::ZERO), Dead::default());
        for setting in settings {
            let wrong = || Error::new(ErrorKind::InvalidInput, format!("{setting:?} is none of {SETTINGS}"));
            let (name, value) = setting.split_once('=').ok_or_else(wrong)?;
            if name == "dead-to" {
                (dead.carries_to_server, dead.carries_to_clients) = match value {
                    "both" => (false, false),
                    "server" => (false, true),
                    "clients" => (true, false),
                    _ => return Err(wrong()),
                };
                continue;
            }
            let value: u64 = value.parse().map_err(|_| wrong())?;
            let time = Duration::from_millis(value);
            match name {
                "delay" => path.delay = time,
                "rate" => path.rate = value * 125,
                "queue" => path.queue = time,
                "queue-datagrams" => path.queue_datagrams = value,
                "loss" => path.loss = value,
                "corruption" => path.corruption = value,
                "burst" => path.burst = value,
                "reordering" => path.reordering = value,
                "late" => path.late = time,
                "duplication" => path.duplication = value,
                "rebinding" => path.rebinding = (value > 0).then_some(time),
                "first-rebinding" => path.first_rebinding = Some(time),
                "rebinding-address" => path.rebinds_address = value > 0,
                "narrow-after" => narrowing.after = time,
                "narrow-silence" => narrowing.silence = time,
                "narrow-size" => narrowing.size = usize::try_from(value).map_err(|_| wrong())?,
                "first-flight" => path.first_flight = value,
                "lost-from" => lost.0 = value,
                "lost-to" => lost.1 = value,
                "dead-after" => dead.after = time,
                "dead-for" => dead.lasts = time,
                "on" => switch.0 = time,
                "off" => switch.1 = time,
                "seed" => path.seed = value,
                _ => return Err(wrong()),
            }
        }
        path.narrowing = (narrowing.size > 0).then_some(narrowing);
        path.lost_to_server = (lost.1 > 0).then_some(lost);
        path.dead = (!dead.lasts.is_zero()).then_some(dead);
        path.on_and_off = (!switch.1.is_zero()).then_some(switch);
        Ok(path)
    }
}

impl Path {
    /// Whether nothing is carried at a moment.
    pub(crate) fn is_off(&self, age: Duration) -> bool {
        let Some((on, off)) = self.on_and_off else { return false };
        let round = (on + off).as_micros();
        round > 0 && age.as_micros() % round >= on.as_micros()
    }

    /// How long a client keeps the port that it has, the first or a later one.
    pub(crate) fn keeps_port(&self, is_first: bool) -> Option<Duration> {
        let first = self.first_rebinding.filter(|_| is_first);
        self.rebinding.map(|time| first.unwrap_or(time))
    }
}

impl Dead {
    /// Whether a datagram in this direction is lost at a moment.
    pub(crate) fn loses(&self, heading: Heading, age: Duration) -> bool {
        let is_carried = match heading {
            Heading::Server => self.carries_to_server,
            Heading::Client => self.carries_to_clients,
        };
        !is_carried && age >= self.after && age < self.after + self.lasts
    }
}

impl Narrowing {
    /// Whether a datagram of `len` bytes is lost at a moment.
    pub(crate) fn loses(&self, len: usize, age: Duration) -> bool {
        age >= self.after && (age < self.after + self.silence || len > self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_dead_for_as_long_as_it_is_said() {
        let path = Path::parse(["dead-after=200", "dead-for=400", "dead-to=server"]).unwrap();
        let dead = path.dead.unwrap();
        let moments = [(0, false), (199, false), (200, true), (599, true), (600, false)];
        for (moment, is_lost) in moments {
            let age = Duration::from_millis(moment);
            assert_eq!(dead.loses(Heading::Server, age), is_lost, "{moment}");
            assert!(!dead.loses(Heading::Client, age), "{moment}");
        }
    }
}
