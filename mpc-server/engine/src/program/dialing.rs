//! Dialing (docs/protocol.md §5): MCMix dialing with deferred acceptance.
//!
//! In:      of each client a dial row, replicated, and a check row: its id, public to the servers,
//!          and its own pass and a payload, replicated.
//! Out:     of each client one message that dials it, or its check row's payload, in wire order.
//! Cost:    14 rounds and the sort's.    Reveals: n, and a uniformly random order.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//! Differs: the paper tells both sides of a match at once (`dialing_both_told`); here the caller is
//!          told nothing.

use mcmix_shared::party::PartyId;

use super::{
    DIAL_HEAD_BYTES, DIAL_MESSAGE_BYTES, DIAL_ROW_BYTES, DialingInput, DialingProgram, ID_BYTES,
    JoinedRows, Replies, check_len, check_rows, neighbours::sort_rows,
};
use crate::{
    compare::is_zero,
    context::Context,
    error::Error,
    field::{ELEMENT_BYTES, Multiplier},
    open,
    route::{Half, Payload, route},
    share::{Share, Split},
    step::{Phase, Step},
    stream::Streams,
};

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;

/// Bytes of what rows are sorted by and compared by: [`CHECK`] and 62 bits of what they match by.
const KEY_BYTES: usize = 8;
/// The lowest bit of a key: set in check rows, which so come behind the dial rows that they match.
const CHECK: u64 = 1;
/// The highest bit of a key, which is not used.
const UNUSED: u64 = 1 << 63;

/// Runs a dialing round: every client gets the message of one row that dials it, each as likely as
/// the others, or its own check row's payload where there is none. Callers are told nothing.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn dialing<C: JoinedRows>(
    context: &mut Context,
    input: DialingInput<C>,
) -> Result<Replies, Error> {
    let clients = input.ids.len();
    let rows = 2 * clients;
    check_rows(rows)?;
    check_len("first", input.first.len(), clients * DIAL_ROW_BYTES)?;
    check_len("second", input.second.len(), clients * DIAL_ROW_BYTES)?;
    let streams = context.enter()?;
    if clients == 0 {
        return Ok(Replies::none(context.party(), DIAL_MESSAGE_BYTES));
    }
    let keys = keys(context, &streams, &input)?;
    let partners = matcher(context, &streams, keys)?;
    let payload = Payload {
        rows,
        row_bytes: DIAL_MESSAGE_BYTES,
        silent: clients,
        addend: None,
    };
    let half = PayloadHalf {
        party: context.party(),
        input,
    };
    route(context, &streams, partners, payload, half)
}

/// Draws the coins and makes all rows' keys of them: dial rows first, check rows behind.
fn keys<C: JoinedRows>(
    context: &mut Context,
    streams: &Streams,
    input: &DialingInput<C>,
) -> Result<Split, Error> {
    context.phase(Phase::OpenCoins);
    let step = Step::new(Phase::OpenCoins, 0);
    let coins = open::coin(context, streams, step, 2 * ELEMENT_BYTES)?;
    let matching = Matching::new(input.program, &coins);
    let (clients, party) = (input.ids.len(), context.party());
    let mut keys = Split {
        holders: [P2, P0],
        row_bytes: KEY_BYTES,
        rows: 2 * clients,
        half: Vec::new(),
    };
    if party == P1 {
        return Ok(keys);
    }
    keys.half = context.scratch(keys.len());
    let (dials, checks) = keys.half.split_at_mut(clients * KEY_BYTES);
    let clients_of = |offset: usize| offset / KEY_BYTES..;
    context.fill(dials, KEY_BYTES, |offset, out| {
        for (client, key) in clients_of(offset).zip(out.as_chunks_mut().0) {
            let [id, pass, _] = head(party, input, client);
            *key = matching.key(&id, &pass).to_le_bytes();
        }
    });
    context.fill(checks, KEY_BYTES, |offset, out| {
        let ids = input.ids.iter().skip(offset / KEY_BYTES);
        for ((client, id), key) in clients_of(offset).zip(ids).zip(out.as_chunks_mut().0) {
            let [_, _, own_pass] = head(party, input, client);
            // What is public stands in P0's half.
            *key = match party {
                P0 => matching.key(id, &own_pass) | CHECK,
                _ => matching.key(&[0; ID_BYTES], &own_pass),
            }
            .to_le_bytes();
        }
    });
    Ok(keys)
}

/// Returns this party's half of a head: P0's is x0 ^ x1, P2's is x2.
fn head<C: JoinedRows>(
    party: PartyId,
    input: &DialingInput<C>,
    client: usize,
) -> [[u8; ID_BYTES]; 3] {
    let mut head = [[0; ID_BYTES]; 3];
    xor_half(
        party,
        input,
        client * DIAL_ROW_BYTES,
        head.as_flattened_mut(),
    );
    head
}

fn xor_half<C: JoinedRows>(party: PartyId, input: &DialingInput<C>, at: usize, out: &mut [u8]) {
    input.first.xor(at, out);
    if party == P0 {
        input.second.xor(at, out);
    }
}

/// What rows match by: α·id ^ β·pass. Different ones are equal with a chance of 2^-62 each, since
/// α and β are drawn when all rows are fixed.
struct Matching {
    alpha: Multiplier,
    /// `None` where passes do not count.
    beta: Option<Multiplier>,
}

impl Matching {
    fn new(program: DialingProgram, coins: &[u8]) -> Self {
        let mut coins = coins.as_chunks::<ELEMENT_BYTES>().0.iter();
        let mut multiplier = || Multiplier::new(coins.next().copied().unwrap_or_default());
        Self {
            alpha: multiplier(),
            beta: match program {
                DialingProgram::Contacts => Some(multiplier()),
                DialingProgram::Open => None,
            },
        }
    }

    /// Returns a dial row's key. Linear: local on shares.
    fn key(&self, id: &[u8; ID_BYTES], pass: &[u8; ID_BYTES]) -> u64 {
        let beta_pass = self.beta.as_ref().map_or(0, |beta| beta.upper(pass));
        (self.alpha.upper(id) ^ beta_pass) >> 1 & !CHECK
    }
}

/// Finds every row's partner: an involution on the wire ids of 2n rows, held by (P0, P2).
fn matcher(context: &mut Context, streams: &Streams, keys: Split) -> Result<Split, Error> {
    let sorted = sort_rows(context, streams, keys)?;
    context.phase(Phase::CompareNeighbours);
    let step = Step::new(Phase::CompareNeighbours, 0);
    let unlinked = unlinked(context, &sorted.keys);
    let links = is_zero(context, streams, step, unlinked)?;
    context.phase(Phase::Join);
    sorted.join(context, streams, Step::new(Phase::Join, 0), &links)
}

/// Makes words that are zero where a dial row comes before a check row that it matches. Local.
///
/// A row is so linked with one neighbour at most, whatever the order and the keys are.
fn unlinked(context: &mut Context, keys: &Share) -> Share {
    let [first, second] = [&keys.first, &keys.second].map(|rows| {
        let mut words = context.scratch(rows.len());
        let rows = rows.as_chunks().0;
        let followings = rows.iter().skip(1).chain([&[0; KEY_BYTES]]);
        let words_of = words.as_chunks_mut().0.iter_mut();
        for ((row, following), word) in rows.iter().zip(followings).zip(words_of) {
            let [row, following] = [row, following].map(|row| u64::from_le_bytes(*row));
            let differs = (row ^ following) & !(CHECK | UNUSED);
            let check_first = row & CHECK;
            let check_follows = (following & CHECK) << UNUSED.trailing_zeros();
            *word = (differs | check_first | check_follows).to_le_bytes();
        }
        words
    });
    let mut words = Share::new(first, second);
    words.add_public(context.party(), |component| {
        for word in component.as_chunks_mut::<KEY_BYTES>().0 {
            *word = (u64::from_le_bytes(*word) ^ UNUSED).to_le_bytes();
        }
    });
    words
}

/// The payload of 2n rows: the messages of the dial rows, then what the check rows have.
struct PayloadHalf<C> {
    party: PartyId,
    input: DialingInput<C>,
}

impl<C: JoinedRows> Half for PayloadHalf<C> {
    fn write(&self, row: usize, out: &mut [u8]) {
        let clients = self.input.ids.len();
        let (client, offset) = if row < clients {
            (row, DIAL_HEAD_BYTES)
        } else {
            (row - clients, DIAL_HEAD_BYTES + DIAL_MESSAGE_BYTES)
        };
        out.fill(0);
        xor_half(
            self.party,
            &self.input,
            client * DIAL_ROW_BYTES + offset,
            out,
        );
    }

    fn recycle(self, context: &mut Context) {
        context.recycle(self.input.first.into_buffer());
        context.recycle(self.input.second.into_buffer());
    }
}
