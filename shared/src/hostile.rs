//! What somebody who means harm can make a client read past all seals: the fuzz targets' way in.
//!
//! A caller writes message 1's payload and a contact the packets in rows, and both arrive as theirs. No
//! bytes from outside reach the decoders of these but through a seal, which a fuzzer does not make.

use core::fmt;

use rand_core::CryptoRng;

use crate::{
    call::{self, AnswerSeed, CallSecret, Place},
    client::BatchId,
    delivery::{self, Delivery, Item},
    identity::{ClientKey, SecretKey},
    kdf::Secret,
    manifest::Realm,
    program::RoundId,
    session::{KeyTree, Lane, OVERHEAD_BYTES, RatchetClock, RowTicket, Session, Texts},
};

/// Bytes of a row's message.
const MESSAGE_BYTES: usize = 256;
/// Bytes of a packet in it.
pub const PACKET_BYTES: usize = MESSAGE_BYTES - OVERHEAD_BYTES;
/// Bytes of a piece that fills a packet, as a client cuts them.
const PIECE_BYTES: usize = PACKET_BYTES - 28;

/// Reads what a caller says in message 1, and writes it again; `None` where that is no payload.
pub fn reread_call(payload: &[u8]) -> Option<Vec<u8>> {
    Some(call::write_payload(&call::read_payload(payload)?))
}

/// Seals a payload as message 1; `None` where it is none.
pub fn seal_call(
    caller: &SecretKey,
    realm: &Realm,
    callee: &ClientKey,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let payload = call::read_payload(payload)?;
    Some(call::seal(caller, realm, callee, &call_secret(), &payload).to_vec())
}

/// Opens message 1: whom it is of, and the payload written again.
pub fn open_call(
    callee: &SecretKey,
    realm: &Realm,
    message: &[u8],
) -> Option<(ClientKey, Vec<u8>)> {
    let received = call::open(callee, realm, message)?;
    Some((received.caller, call::write_payload(&received.payload)))
}

/// Answers message 1 with a place, as a row's message; `None` where it does not open.
pub fn answer_call(
    callee: &SecretKey,
    realm: &Realm,
    message: &[u8],
    place: u8,
) -> Option<Vec<u8>> {
    let (place, seed) = (Place::new(place)?, AnswerSeed(Secret::from_bytes([8; 32])));
    let answer = call::answer(callee, realm, message, None, place, &seed, MESSAGE_BYTES);
    Some(answer?.row)
}

/// Reads the answer to what [`seal_call`] made of that payload: the place that the callee chose.
pub fn read_answer(
    caller: &SecretKey,
    realm: &Realm,
    callee: &ClientKey,
    payload: &[u8],
    row: &[u8],
) -> Option<u8> {
    let (payload, secret) = (call::read_payload(payload)?, call_secret());
    let answered = call::read_answer(caller, realm, callee, &secret, &payload, None, row);
    Some(answered?.place.code())
}

fn call_secret() -> CallSecret {
    CallSecret(Secret::from_bytes([7; 32]))
}

/// Reads a contact's packet, and writes again what was understood; `None` where it is none.
pub fn reread_packet(packet: &[u8]) -> Option<Vec<u8>> {
    delivery::reread(packet)
}

/// Two people who are a pair, as far as texts and ratchets go. The second one may mean harm.
pub struct Couple {
    realm: Realm,
    keys: [ClientKey; 2],
    ends: [End; 2],
    round: u64,
}

struct End {
    session: Session,
    delivery: Delivery,
    batch: BatchId,
}

impl fmt::Debug for Couple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Couple(round {}, ..)", self.round)
    }
}

impl Couple {
    /// Makes a pair of these two, who just met.
    pub fn new(realm: Realm, keys: [ClientKey; 2], rng: &mut impl CryptoRng) -> Self {
        let (secret, meeting) = (Secret::random(rng), Secret::random(rng));
        let [first, second] = keys;
        let ends = [(first, second), (second, first)].map(|(own, peer)| End {
            session: Session::new(
                &realm,
                own,
                peer,
                secret.clone(),
                KeyTree::new(meeting.clone()),
            ),
            delivery: Delivery::new(rng),
            batch: BatchId(0),
        });
        Self {
            realm,
            keys,
            ends,
            round: 0,
        }
    }

    /// Queues a text at the first one.
    pub fn say(&mut self, id: u64, text: String) {
        let [first, _] = &mut self.ends;
        first.delivery.queue(Item::Text { id, text }, PIECE_BYTES);
    }

    /// Plays a round that is so many after the last, one at least. The second one sends that packet, or
    /// its own where there is none. Returns the texts that came to the first one.
    pub fn play(
        &mut self,
        after: u8,
        hostile: Option<&[u8]>,
        rng: &mut impl CryptoRng,
    ) -> Vec<String> {
        self.round = self.round.saturating_add(u64::from(after).max(1));
        let round = RoundId(self.round);
        let [first, second] = &mut self.ends;
        let tickets = (first.take(round), second.take(round));
        let (Some(to_second), Some(to_first)) = tickets else {
            return Vec::new();
        };
        let own = first.write(&to_second, round, rng);
        let theirs = second.write(&to_first, round, rng);
        let theirs = hostile.map_or(theirs, <[u8]>::to_vec);
        let own = first.session.seal(&to_second, &own, rng);
        let theirs = second.session.seal(&to_first, &theirs, rng);
        let texts = theirs.map(|message| first.read(&to_second, round, &message, rng));
        if let Some(message) = own {
            second.read(&to_first, round, &message, rng);
        }
        texts.unwrap_or_default()
    }

    /// Stores the first one's session and reads it again; `false` where it was not readable.
    pub fn restart(&mut self) -> bool {
        let ([first, _], [own, peer]) = (&mut self.ends, self.keys);
        let record = first.session.to_record();
        let again = Session::from_record(&self.realm, own, peer, record);
        let is_readable = again.is_some();
        if let Some(session) = again {
            first.session = session;
        }
        is_readable
    }
}

impl End {
    fn take(&mut self, round: RoundId) -> Option<RowTicket> {
        self.session.erase_before(round);
        self.session.take_row(round, Lane::Text)
    }

    fn write(&mut self, ticket: &RowTicket, round: RoundId, rng: &mut impl CryptoRng) -> Vec<u8> {
        let clock = clock(round);
        let piece = self.session.ratchet_piece(ticket, clock, Texts::None, rng);
        self.delivery.compose(round, PACKET_BYTES, piece.as_ref()).0
    }

    fn read(
        &mut self,
        ticket: &RowTicket,
        round: RoundId,
        message: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<String> {
        let Some(opened) = self.session.open(ticket, message) else {
            return Vec::new();
        };
        let progress = self.delivery.receive(round, &opened.packet);
        for piece in &progress.ratchet {
            self.session.take_ratchet_piece(piece, clock(round), rng);
        }
        self.batch = BatchId(self.batch.0.saturating_add(1));
        if self.delivery.commit_with(self.batch).is_some() {
            self.delivery.stored(self.batch);
        }
        let text = |item| match item {
            Item::Text { text, .. } => Some(text),
            Item::Pass(_) => None,
        };
        progress.incoming.into_iter().filter_map(text).collect()
    }
}

fn clock(round: RoundId) -> RatchetClock {
    RatchetClock {
        turn: round.0,
        now_ms: round.0,
        piece_bytes: PIECE_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    use super::*;

    /// A fuzzer behind all seals reaches what a contact does: texts arrive, ratchets complete.
    #[test]
    fn what_a_contact_says_is_heard() {
        let mut rng = ChaCha12Rng::seed_from_u64(9);
        let keys = [1, 2].map(|byte| SecretKey::from_bytes([byte; 32]).client_key());
        let realm = Realm {
            deployment: [5; 32],
            island: 0,
        };
        let mut couple = Couple::new(realm, keys, &mut rng);
        for _ in 0..60 {
            assert!(couple.play(1, None, &mut rng).is_empty());
        }
        let [first, second] = couple.ends.each_ref().map(|end| end.session.resume_id());
        assert_eq!(first, second);
        assert!(
            couple
                .ends
                .iter()
                .all(|end| end.session.resume_secrets().len() > 1),
            "no ratchet completed"
        );
        assert!(couple.restart());
        // Stream 1, and a text in one piece: its id and what it says.
        let mut packet = vec![0; PACKET_BYTES];
        let (item, said) = ([1, 0, 0, 0, 0, 0, 0, 11], *b"\x07\0\0\0\0\0\0\0hey");
        packet[0] = 1;
        packet[20..28].copy_from_slice(&item);
        packet[28..39].copy_from_slice(&said);
        assert_eq!(couple.play(1, Some(&packet), &mut rng), ["hey"]);
    }
}
