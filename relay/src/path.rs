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
    /// How many of a thousand datagrams are lost.
    pub loss: u64,
    /// How many of a thousand datagrams are held back by up to `late`, and are overtaken by others.
    pub reordering: u64,
    /// The longest that such a datagram is held back.
    pub late: Duration,
    /// How long a client keeps its source port. What comes for an earlier port is lost.
    pub rebinding: Option<Duration>,
    /// When large datagrams begin to be lost.
    pub narrowing: Option<Narrowing>,
    /// So many of the first datagrams that a server sends to a client are lost.
    pub first_flight: u64,
    /// Where the draws of chance begin.
    pub seed: u64,
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
            loss: 0,
            reordering: 0,
            late: Duration::from_millis(10),
            rebinding: None,
            narrowing: None,
            first_flight: 0,
            seed: 1,
        }
    }
}

/// The names that [`Path::parse`] knows, with their units.
const SETTINGS: &str = "delay=MS rate=KBIT/S queue=MS loss=PER-MILLE reordering=PER-MILLE late=MS rebinding=MS \
                            narrow-after=MS narrow-silence=MS narrow-size=BYTES first-flight=DATAGRAMS seed=NUMBER";

impl Path {
    /// Reads settings of the form `name=number`; what is not named is as in [`Path::default`]. `rate` is in kilobits in a
    /// second, times are in milliseconds, and a path narrows if `narrow-size` is given.
    pub fn parse<'a>(settings: impl IntoIterator<Item = &'a str>) -> Result<Path, Error> {
        let (mut path, mut narrowing) = (Path::default(), Narrowing::default());
        for setting in settings {
            let wrong = || Error::new(ErrorKind::InvalidInput, format!("{setting:?} is none of {SETTINGS}"));
            let (name, value) = setting.split_once('=').ok_or_else(wrong)?;
            let value: u64 = value.parse().map_err(|_| wrong())?;
            let time = Duration::from_millis(value);
            match name {
                "delay" => path.delay = time,
                "rate" => path.rate = value * 125,
                "queue" => path.queue = time,
                "loss" => path.loss = value,
                "reordering" => path.reordering = value,
                "late" => path.late = time,
                "rebinding" => path.rebinding = (value > 0).then_some(time),
                "narrow-after" => narrowing.after = time,
                "narrow-silence" => narrowing.silence = time,
                "narrow-size" => narrowing.size = usize::try_from(value).map_err(|_| wrong())?,
                "first-flight" => path.first_flight = value,
                "seed" => path.seed = value,
                _ => return Err(wrong()),
            }
        }
        path.narrowing = (narrowing.size > 0).then_some(narrowing);
        Ok(path)
    }
}

impl Narrowing {
    /// Whether a datagram of `len` bytes is lost at a moment.
    pub(crate) fn loses(&self, len: usize, age: Duration) -> bool {
        age >= self.after && (age < self.after + self.silence || len > self.size)
    }
}
