//! Accepting connections.

use crate::error::Error;
use crate::server::event::ServerEvent;
use crate::tcp::line::Owner;
use crate::tcp::server::{Entrance, Listening, Tcp};
use base::Duration;
use runtime::executor::{Watched, yield_now};
use runtime::{Handle, TcpListener, TcpOptions, tcp};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Connections that are accepted until others have their turn.
const BATCH: usize = 32;
/// How long nothing is accepted after the system had no descriptor or memory left: meanwhile connections end, and others wait
/// in the system's queue.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens there.
pub(crate) fn bind(address: SocketAddr, options: &TcpOptions) -> Result<TcpListener, Error> {
    TcpListener::bind_with(address, options).map_err(|error| Error::Listen { address, error: Arc::new(error) })
}

/// Has the connections that come there served. So many listeners of this server share the address.
///
/// # Errors
/// The system has no room to watch it.
pub(crate) fn serve(
    handle: &Handle,
    server: &Rc<Tcp>,
    listener: TcpListener,
    entrance: Entrance,
    siblings: u32,
) -> io::Result<()> {
    let listener = Rc::new(handle.watch(listener)?);
    let task = handle.spawn(accept_all(handle.clone(), Rc::downgrade(server), listener.clone(), entrance.clone()));
    server.add_listener(Listening { listener, task, entrance, siblings });
    Ok(())
}

async fn accept_all(handle: Handle, server: Weak<Tcp>, listener: Rc<Watched<TcpListener>>, entrance: Entrance) {
    let (mut accepted, mut is_told) = (0, false);
    loop {
        let stream = listener.read_with(TcpListener::accept).await;
        let Some(server) = server.upgrade() else { return };
        let admitted = match stream {
            Ok(stream) => match server.place(stream.remote_address()) {
                Some(place) => server.admit(stream, place, entrance.clone()),
                // A client learns at once that there is no room.
                None => {
                    stream.reset();
                    Ok(())
                }
            },
            Err(error) => Err(error),
        };
        match admitted {
            Ok(()) => is_told = false,
            Err(error) if tcp::is_shortage(&error) => {
                if !std::mem::replace(&mut is_told, true) {
                    Owner::tell(&*server, &ServerEvent::NotAccepted { error: &Error::system(error) });
                }
                drop(server);
                handle.sleep(PAUSE).await;
            }
            // It concerns the connection that was to be accepted, which is gone.
            Err(_) => {}
        }
        accepted += 1;
        if accepted % BATCH == 0 {
            yield_now().await;
        }
    }
}
