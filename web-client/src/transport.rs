//! One WebSocket per party, binary, subprotocol `mcmix.v2`.
//!
//! A socket that is replaced or closed from here falls silent at once: its listeners go with it,
//! so no late event of an old socket can be taken for one of a new.

use std::fmt;
use std::rc::Rc;

use gloo_events::EventListener;
use mcmix_shared::party::PartyId;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::tap::{Direction, Tap};

/// The subprotocol both ends name.
pub const SUBPROTOCOL: &str = "mcmix.v2";

/// What happens on a socket.
#[derive(Debug)]
pub enum SocketEvent {
    /// The socket is open.
    Opened,
    /// One binary message arrived.
    Message(Vec<u8>),
    /// The socket is gone, or never came up.
    Closed,
}

/// The sockets to the three parties.
pub struct Transport {
    urls: [String; 3],
    sockets: [Option<Socket>; 3],
    tap: Option<Tap>,
    report: Rc<dyn Fn(PartyId, SocketEvent)>,
}

struct Socket {
    socket: WebSocket,
    _listeners: [EventListener; 3],
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Closing a socket that is closed already is no error.
        let _ = self.socket.close();
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Makes a transport without sockets; a tap shows what they carry. `report` is called from the browser's event loop, never
    /// from inside a call to this transport.
    pub fn new(
        urls: [String; 3],
        tap: Option<Tap>,
        report: impl Fn(PartyId, SocketEvent) + 'static,
    ) -> Self {
        Self {
            urls,
            sockets: [None, None, None],
            tap,
            report: Rc::new(report),
        }
    }

    /// Opens a socket to a party, in place of the one that was there.
    pub fn connect(&mut self, party: PartyId) {
        self.disconnect(party);
        let Some(url) = self.urls.get(party.index()) else {
            return;
        };
        match WebSocket::new_with_str(url, SUBPROTOCOL) {
            Ok(socket) => {
                let opened = self.watch(party, socket);
                if let Some(place) = self.sockets.get_mut(party.index()) {
                    *place = Some(opened);
                }
            }
            Err(error) => {
                // A bad address, or one that the page's policy forbids.
                web_sys::console::warn_1(&error);
                let report = Rc::clone(&self.report);
                gloo_timers::callback::Timeout::new(0, move || report(party, SocketEvent::Closed))
                    .forget();
            }
        }
    }

    /// Sends one binary message, if the socket is open. A message to a socket that is going down
    /// is lost; its `Closed` follows.
    pub fn send(&mut self, party: PartyId, bytes: &[u8]) {
        let Some(Some(open)) = self.sockets.get(party.index()) else {
            return;
        };
        if open.socket.ready_state() != WebSocket::OPEN {
            return;
        }
        if let Err(error) = open.socket.send_with_u8_array(bytes) {
            web_sys::console::warn_1(&error);
        } else if let Some(tap) = &self.tap {
            tap.frame(party, Direction::Up, bytes.len());
        }
    }

    /// Closes a party's socket; nothing more is reported of it.
    pub fn disconnect(&mut self, party: PartyId) {
        if let Some(place) = self.sockets.get_mut(party.index()) {
            *place = None;
        }
    }

    fn watch(&self, party: PartyId, socket: WebSocket) -> Socket {
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = Rc::clone(&self.report);
        let message = Rc::clone(&self.report);
        let closed = Rc::clone(&self.report);
        let tap = self.tap.clone();
        let listeners = [
            EventListener::new(&socket, "open", move |_| opened(party, SocketEvent::Opened)),
            EventListener::new(&socket, "message", move |event| {
                let data = event
                    .dyn_ref::<MessageEvent>()
                    .map_or(JsValue::UNDEFINED, MessageEvent::data);
                // Text is never sent by a server of ours; whoever sends it is not heard.
                if let Some(buffer) = data.dyn_ref::<js_sys::ArrayBuffer>() {
                    let bytes = js_sys::Uint8Array::new(buffer).to_vec();
                    if let Some(tap) = &tap {
                        tap.frame(party, Direction::Down, bytes.len());
                    }
                    message(party, SocketEvent::Message(bytes));
                }
            }),
            // An `error` is always followed by a `close`.
            EventListener::new(&socket, "close", move |_| {
                closed(party, SocketEvent::Closed);
            }),
        ];
        Socket {
            socket,
            _listeners: listeners,
        }
    }
}
