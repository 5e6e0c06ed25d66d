//! Opening: the one way by which a shared value becomes known to a party (docs/protocol.md §4.3).
//!
//! Cost:    1 round: to each party that learns the values one message of n rows, and 32 bytes.
//! Secure:  only what was verified can be opened: of what a party lacks, one holder sends it the
//!          component, the other one a hash.

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    error::Error,
    round::Round,
    share::{Share, third},
    step::Step,
    verify::Checked,
};

/// Steps that an opening takes.
pub(crate) const STEPS: u16 = 2;

/// Bytes of a component's hash.
const HASH_BYTES: usize = 32;

/// Who learns a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) party: PartyId,
    /// Who sends the component; the other one sends its hash.
    pub(crate) from: PartyId,
}

impl Reader {
    fn hash_from(self) -> PartyId {
        third(self.party, self.from)
    }
}

/// An opening whose messages have been sent.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pending {
    step: Step,
    row_bytes: usize,
    reader: Option<Reader>,
    share: Share,
}

/// What everybody reads: each gets the component from its next party.
pub(crate) const EVERYBODY: [Reader; 3] = [
    Reader {
        party: PartyId::P0,
        from: PartyId::P1,
    },
    Reader {
        party: PartyId::P1,
        from: PartyId::P2,
    },
    Reader {
        party: PartyId::P2,
        from: PartyId::P0,
    },
];

/// Sends this party's messages of an opening; takes [`STEPS`].
pub(crate) fn send(
    round: &mut Round<'_>,
    step: Step,
    share: Checked,
    row_bytes: usize,
    readers: &[Reader],
) -> Result<Pending, Error> {
    send_any(round, step, share.into_share(), row_bytes, readers)
}

fn send_any(
    round: &mut Round<'_>,
    step: Step,
    share: Share,
    row_bytes: usize,
    readers: &[Reader],
) -> Result<Pending, Error> {
    let party = round.party();
    for reader in readers.iter().filter(|reader| reader.party != party) {
        // The component that the reader lacks is the one that the other two share.
        let other = if reader.from == party {
            reader.hash_from()
        } else {
            reader.from
        };
        let component = share.with(party, other);
        if reader.from == party {
            round
                .context
                .send(reader.party, step.of(row_bytes), component)?;
        } else {
            let hash = hash(round, step, component);
            round
                .context
                .send(reader.party, step.plus(1).of(HASH_BYTES), &hash)?;
        }
    }
    let reader = readers.iter().find(|reader| reader.party == party).copied();
    Ok(Pending {
        step,
        row_bytes,
        reader,
        share,
    })
}

fn hash(round: &Round<'_>, step: Step, component: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 opening");
    hasher.update(&round.context.number().to_le_bytes());
    hasher.update(&step.to_bytes());
    *hasher.update(component).finalize().as_bytes()
}

impl Pending {
    /// Returns the values, at a party that reads them.
    pub(crate) fn receive(self, round: &mut Round<'_>) -> Result<Option<Vec<u8>>, Error> {
        let Self {
            step,
            row_bytes,
            reader,
            share,
        } = self;
        let Some(reader) = reader else {
            return Ok(None);
        };
        let mut values = round
            .context
            .recv(reader.from, step.of(row_bytes), share.len())?;
        let expected =
            round
                .context
                .recv(reader.hash_from(), step.plus(1).of(HASH_BYTES), HASH_BYTES)?;
        if expected != hash(round, step, &values) {
            return Err(Error::HashMismatch {
                peer: reader.from,
                other: reader.hash_from(),
                step,
            });
        }
        bytes::xor(&mut values, share.first());
        bytes::xor(&mut values, share.second());
        share.recycle(round.context);
        round.context.saw(step, &values, row_bytes);
        Ok(Some(values))
    }
}

/// Opens a value to everybody. 1 round.
pub(crate) fn to_all(
    round: &mut Round<'_>,
    step: Step,
    share: Checked,
    row_bytes: usize,
) -> Result<Vec<u8>, Error> {
    let pending = send(round, step, share, row_bytes, &EVERYBODY)?;
    Ok(pending.receive(round)?.unwrap_or_default())
}

/// Public random bytes that nobody knows before they are opened: the sum of three pairwise streams.
#[derive(Debug)]
pub(crate) struct Coin(Share);

impl Coin {
    /// Draws a coin. Local.
    pub(crate) fn draw(round: &mut Round<'_>, step: Step, len: usize) -> Self {
        Self(Share::random(round.context, &round.streams, step, len))
    }

    /// Sends this party's messages of its opening; takes [`STEPS`]. To be called when everything is
    /// fixed that must not depend on the coin.
    pub(crate) fn send(self, round: &mut Round<'_>, step: Step) -> Result<Pending, Error> {
        let Self(share) = self;
        let len = share.len();
        send_any(round, step, share, len, &EVERYBODY)
    }
}
