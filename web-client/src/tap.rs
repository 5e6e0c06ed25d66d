//! What the demo draws (`www/demo.js`): all that a guest's sockets carry, and what each server gets.
//!
//! Only a guest whose page's address asks for it is shown, and only to pages of the same host.

use std::fmt;

use js_sys::{Array, Uint8Array};
use mcmix_shared::identity::Name;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use wasm_bindgen::JsValue;
use web_sys::BroadcastChannel;

use crate::engine;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Up,
    /// From it.
    Down,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Shows one guest's traffic on a channel.
#[derive(Clone)]
pub struct Tap {
    channel: BroadcastChannel,
    guest: JsValue,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}

impl Tap {
    /// Opens a tap, where the browser has such channels.
    ///
    /// # Security
    /// Whoever hears a channel learns with whom the guest talks: none is opened but for a guest, who
    /// is kept nowhere.
    pub fn on(channel: &str, guest: &Name) -> Option<Self> {
        Some(Self {
            channel: BroadcastChannel::new(channel).ok()?,
            guest: guest.as_str().into(),
        })
    }

    /// Shows one frame: `[guest, "up" or "down", party, bytes, when]`, the time in milliseconds.
    pub fn frame(&self, party: PartyId, direction: Direction, bytes: usize) {
        self.post(&[
            direction.as_str().into(),
            number(party.index()),
            number(bytes),
            engine::steady().into(),
        ]);
    }

    /// Shows what each server gets of a round: `[guest, "dealt", round, share, share, share]`.
    pub fn dealt(&self, round: RoundId, shares: &[Vec<u8>; 3]) {
        let mut message = vec!["dealt".into(), round.0.to_string().into()];
        message.extend(
            shares
                .each_ref()
                .map(|share| Uint8Array::from(share.as_slice()).into()),
        );
        self.post(&message);
    }

    fn post(&self, rest: &[JsValue]) {
        let message: Array = [&self.guest].into_iter().chain(rest).collect();
        // It fails for what can't be copied alone.
        let _ = self.channel.post_message(&message);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "frames and parties are far fewer than 2^52"
)]
fn number(count: usize) -> JsValue {
    (count as f64).into()
}
