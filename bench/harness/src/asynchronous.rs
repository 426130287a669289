//! The client's work on bare streams, for a stack with asynchronous calls on one thread of tokio.

use crate::work::{self, Measurement, Work};
use std::future::Future;
use std::time::{Duration, Instant};

/// Whatever went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The runtime of such a stack: one thread.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A client's endpoint.
pub trait Dial: Clone + Send + 'static {
    /// What it makes.
    type Connection: Held;
    /// A connection whose handshake is complete.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Failure>> + Send;
    /// How many of its connections were resumed so far; `None` if it keeps no tickets.
    fn resumed(&self) -> Option<u64>;
}

/// A client's connection.
pub trait Held: Send + 'static {
    /// One stream: `header`, then `up` bytes of the pattern; then everything is read. Returns the number of bytes.
    fn exchange(&self, header: [u8; 16], up: u64) -> impl Future<Output = Result<u64, Failure>> + Send;
    /// The end.
    fn close(&self);
}

/// Does its work and tells.
///
/// # Errors
/// Those of a connection.
pub async fn client<D: Dial>(dial: D, what: Work) -> Result<(), Failure> {
    match what {
        Work::Download(_) | Work::Upload(_) => bulk(&dial.connect().await?, what).await?,
        Work::Beside { idle, .. } => {
            let held = hold(&dial, idle).await?;
            bulk(&dial.connect().await?, what).await?;
            drop(held);
        }
        Work::Handshakes { count, in_flight } => {
            handshakes(&dial, work::WARM_HANDSHAKES, in_flight, false).await?;
            let measurement = Measurement::begin();
            let latencies = handshakes(&dial, count, in_flight, false).await?;
            measurement.end(latencies);
        }
        Work::Resumptions { count, in_flight } => {
            let before = dial.resumed().ok_or("keeps no tickets here")?;
            // Until the tickets of all of them have come.
            drop(hold(&dial, work::WARM_HANDSHAKES).await?);
            let warm = dial.resumed().unwrap_or(before);
            let measurement = Measurement::begin();
            let latencies = handshakes(&dial, count, in_flight, true).await?;
            work::check_resumed(dial.resumed().unwrap_or(warm) - warm, count)?;
            measurement.end(latencies);
        }
        Work::Idle(count) => {
            let first = dial.connect().await?;
            let measurement = Measurement::begin();
            let held = hold(&dial, count).await?;
            measurement.end(Vec::new());
            drop((first, held));
        }
        Work::Requests { .. } => return Err("no requests on bare streams".into()),
    }
    Ok(())
}

async fn bulk(connection: &impl Held, what: Work) -> Result<(), Failure> {
    exchange(connection, what.warm()).await?;
    let measurement = Measurement::begin();
    exchange(connection, what).await?;
    measurement.end(Vec::new());
    Ok(())
}

async fn exchange(connection: &impl Held, what: Work) -> Result<(), Failure> {
    let (up, down) = what.bytes();
    let received = connection.exchange(work::header(what), up).await?;
    if received == down { Ok(()) } else { Err(format!("{received} bytes came, not {down}").into()) }
}

/// One after the other in each of `in_flight` tasks. Each is closed at once, or `late`: when the next is there.
async fn handshakes<D: Dial>(dial: &D, count: u64, in_flight: usize, late: bool) -> Result<Vec<u64>, Failure> {
    let mut tasks = Vec::new();
    for place in 0..in_flight {
        let (dial, own) = (dial.clone(), work::share(count, in_flight, place));
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut last: Option<D::Connection> = None;
            for _ in 0..own {
                let began = Instant::now();
                let connection = dial.connect().await?;
                latencies.push(began.elapsed().as_nanos() as u64);
                let done = if late { last.replace(connection) } else { Some(connection) };
                done.inspect(Held::close);
            }
            last.inspect(Held::close);
            Ok::<Vec<u64>, Failure>(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

/// Connections that are kept open, after all they have to say to each other has been said.
async fn hold<D: Dial>(dial: &D, count: u64) -> Result<Vec<D::Connection>, Failure> {
    let mut tasks = Vec::new();
    for place in 0..work::CONNECTING {
        let (dial, own) = (dial.clone(), work::share(count, work::CONNECTING, place));
        tasks.push(tokio::spawn(async move {
            let mut held = Vec::new();
            for _ in 0..own {
                held.push(dial.connect().await?);
            }
            Ok::<_, Failure>(held)
        }));
    }
    let mut held = Vec::new();
    for task in tasks {
        held.extend(task.await??);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(held)
}
