//! Links between three threads of one process.

use std::sync::mpsc::{Receiver, Sender, channel};

use mcmix_shared::party::PartyId;

use super::Link;
use crate::error::LinkError;

/// Where frames to one peer go in and frames from it come out.
type End = (Sender<Vec<u8>>, Receiver<Vec<u8>>);

/// One party's end of three in-memory links.
#[derive(Debug)]
pub struct MemoryLink {
    party: PartyId,
    next: End,
    prev: End,
}

/// Connects three parties; the ends are in party order.
pub fn connect() -> [MemoryLink; 3] {
    let [(s01, r01), (s10, r10), (s12, r12)] = [channel(), channel(), channel()];
    let [(s21, r21), (s20, r20), (s02, r02)] = [channel(), channel(), channel()];
    [
        MemoryLink {
            party: PartyId::P0,
            next: (s01, r10),
            prev: (s02, r20),
        },
        MemoryLink {
            party: PartyId::P1,
            next: (s12, r21),
            prev: (s10, r01),
        },
        MemoryLink {
            party: PartyId::P2,
            next: (s20, r02),
            prev: (s21, r12),
        },
    ]
}

impl MemoryLink {
    fn end(&self, peer: PartyId) -> Result<&End, LinkError> {
        if peer == self.party.next() {
            Ok(&self.next)
        } else if peer == self.party.prev() {
            Ok(&self.prev)
        } else {
            Err(LinkError::Closed)
        }
    }
}

impl Link for MemoryLink {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.end(to)?.0.send(frame).map_err(|_| LinkError::Closed)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.end(from)?.1.recv().map_err(|_| LinkError::Closed)
    }
}
