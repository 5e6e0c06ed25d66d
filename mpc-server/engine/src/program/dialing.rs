//! Dialing (docs/protocol.md §5): MCMix dialing with deferred acceptance.
//!
//! In:      of each client a dial row, replicated, and a check row: its id, public to the servers,
//!          and its own pass and a payload, replicated.
//! Out:     of each client one message that dials it, or its check row's payload, in wire order.
//! Cost:    19 rounds and the sort's.    Reveals: n, and a uniformly random order.
//! Secure:  one party that deviates, with abort: functionality and argument in docs/protocol.md §5.
//! Differs: the paper tells both sides of a match at once (`dialing_both_told`); here the caller is
//!          told nothing.

use mcmix_shared::party::PartyId;

use super::{
    DIAL_HEAD_BYTES, DIAL_INPUT_BYTES, DIAL_MESSAGE_BYTES, DialingInput, DialingProgram, ID_BYTES,
    JoinedRows, Replies, check_len, check_rows,
    neighbours::{KEY_BYTES, sort_rows, with_following},
};
use crate::{
    compare::is_zero,
    context::Context,
    error::Error,
    field::{ELEMENT_BYTES, Multiplier},
    open::{self, Coin},
    round::Round,
    route::{Half, Payload, Ways, route},
    share::Share,
    step::{Phase, Step},
};

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
    check_len("first", input.first.len(), clients * DIAL_INPUT_BYTES)?;
    check_len("second", input.second.len(), clients * DIAL_INPUT_BYTES)?;
    let mut round = context.enter()?;
    if clients == 0 {
        return Ok(Replies::none(round.party(), DIAL_MESSAGE_BYTES));
    }
    let keys = keys(&mut round, &input)?;
    let ways = matcher(&mut round, keys)?;
    let payload = Payload {
        rows,
        row_bytes: DIAL_MESSAGE_BYTES,
        silent: clients,
        addend: None,
    };
    let half = PayloadHalf {
        party: round.party(),
        input,
    };
    route(&mut round, ways, payload, half)
}

/// Draws the coins and makes all rows' keys of them: dial rows first, check rows behind. 1 round; a
/// key is [`CHECK`] and 62 bits of what rows match by.
fn keys<C: JoinedRows>(round: &mut Round<'_>, input: &DialingInput<C>) -> Result<Share, Error> {
    round.context.phase(Phase::OpenCoins);
    let nonce = round.send_nonce()?;
    let step = Step::new(Phase::OpenCoins, open::STEPS);
    let coins = Coin::draw(round, step, 2 * ELEMENT_BYTES).send(round, step)?;
    round.receive_nonce(nonce)?;
    let coins = coins.receive(round)?.unwrap_or_default();
    let matching = Matching::new(input.program, &coins);
    let clients = input.ids.len();
    let [first, second] = [&input.first, &input.second].map(|component| {
        let mut keys = round.context.scratch(2 * clients * KEY_BYTES);
        let (dials, checks) = keys.split_at_mut(clients * KEY_BYTES);
        let clients_of = |offset: usize| offset / KEY_BYTES..;
        round.context.fill(dials, KEY_BYTES, |offset, out| {
            for (client, key) in clients_of(offset).zip(out.as_chunks_mut().0) {
                let [id, pass, _] = head(component, client);
                *key = matching.key(&id, &pass).to_le_bytes();
            }
        });
        round.context.fill(checks, KEY_BYTES, |offset, out| {
            for (client, key) in clients_of(offset).zip(out.as_chunks_mut().0) {
                let [_, _, own_pass] = head(component, client);
                *key = matching.key(&[0; ID_BYTES], &own_pass).to_le_bytes();
            }
        });
        keys
    });
    let mut keys = Share::new(first, second);
    let party = round.party();
    keys.add_public(party, |keys| {
        let checks = keys.as_chunks_mut().0.iter_mut().skip(clients);
        for (key, id) in checks.zip(&input.ids) {
            let own = matching.key(id, &[0; ID_BYTES]) | CHECK;
            *key = (u64::from_le_bytes(*key) ^ own).to_le_bytes();
        }
    });
    Ok(keys)
}

/// Returns a component of a client's head: the callee's id, a pass, its own pass.
fn head<C: JoinedRows>(component: &C, client: usize) -> [[u8; ID_BYTES]; 3] {
    let mut head = [[0; ID_BYTES]; 3];
    component.xor(client * DIAL_INPUT_BYTES, head.as_flattened_mut());
    head
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

/// Finds every row's partner.
fn matcher(round: &mut Round<'_>, keys: Share) -> Result<Vec<Ways>, Error> {
    let sorted = sort_rows(round, keys)?;
    round.context.phase(Phase::CompareNeighbours);
    let unlinked = unlinked(round, &sorted.keys);
    let links = is_zero(round, Step::new(Phase::CompareNeighbours, 0), unlinked)?;
    round.context.phase(Phase::Join);
    sorted.join(round, Step::new(Phase::Join, 0), &links)
}

/// Makes words that are zero where a dial row comes before a check row that it matches: 62 bits of what
/// they match by, and that the first is no check row and the second is one. Local.
///
/// A row is so linked with one neighbour at most, whatever the order and the keys are.
fn unlinked(round: &mut Round<'_>, keys: &Share) -> Share {
    let mut words = with_following(round, keys, |row, following| {
        let differs = (row ^ following) & !(CHECK | UNUSED);
        let check_first = row & CHECK;
        let check_follows = (following & CHECK) << UNUSED.trailing_zeros();
        differs | check_first | check_follows
    });
    words.add_public(round.party(), |component| {
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
        let at = client * DIAL_INPUT_BYTES + offset;
        out.fill(0);
        // P0's half is x0 ^ x1, P2's is x2.
        self.input.first.xor(at, out);
        if self.party == PartyId::P0 {
            self.input.second.xor(at, out);
        }
    }

    fn recycle(self, context: &mut Context) {
        context.recycle(self.input.first.into_buffer());
        context.recycle(self.input.second.into_buffer());
    }
}
