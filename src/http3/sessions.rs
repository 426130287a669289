//! What HTTP/3 tells goes to the sessions of its connection, and what they tell to whoever waits.

use crate::http3::known::Known;
use base::{Instant, Side};
use h3::Event;
use http::exchange;
use quic::ConnectionHandle;
use std::cell::RefCell;
use std::rc::Rc;
use webtransport::{Config, Sessions, Version};

/// The sessions of a connection, which begin with the first look if it takes any.
pub(crate) fn sessions<'a>(known: &'a Known, http: &h3::Connection, side: Side) -> &'a RefCell<Option<Sessions>> {
    let place = &known.line().sessions;
    if let Some(settings) = http.webtransport_settings().filter(|_| place.borrow().is_none()) {
        *place.borrow_mut() = Some(Sessions::new(side, Config::from(settings)));
    }
    place
}

/// Has the sessions of a connection hear an event, at an end that takes any. What is not for them alone is given back.
pub(crate) fn hear(
    endpoint: &mut h3::Endpoint<Rc<Known>>,
    now: Instant,
    handle: ConnectionHandle,
    known: &Known,
    side: Side,
    event: Event,
) -> Option<Event> {
    let heard = endpoint.with(now, handle, |http, transport| {
        let mut place = sessions(known, http, side).borrow_mut();
        let sessions = place.as_mut().expect("an end that takes sessions has them");
        match event {
            Event::Settings(settings) => {
                sessions.on_settings(settings);
                known.line().on_settings();
                Some(Event::Settings(settings))
            }
            Event::DataStream(id, event) => {
                sessions.on_data_stream(http, transport, id, event);
                None
            }
            Event::StreamsAvailable(direction) => {
                sessions.on_streams_available(direction);
                None
            }
            Event::DatagramsChanged => {
                sessions.on_datagrams_changed();
                Some(Event::DatagramsChanged)
            }
            Event::GoAway { id } => {
                sessions.on_going_away();
                Some(Event::GoAway { id })
            }
            Event::Exchange(id, exchange::Event::Request(head)) => {
                sessions.on_request(http, transport, id, Version::is_request(&head));
                Some(Event::Exchange(id, exchange::Event::Request(head)))
            }
            Event::Exchange(id, event) if sessions.is_begun(id) => {
                sessions.on_exchange(http, transport, id, &event);
                None
            }
            event => Some(event),
        }
    });
    known.line().deliver();
    heard.flatten()
}
