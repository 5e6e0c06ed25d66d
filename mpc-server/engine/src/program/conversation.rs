//! Conversation in linear time (docs/protocol.md §6).
//!
//! In:      rows of (tag, role, message), replicated.   Out: replies, in wire order.
//! Cost:    24 rounds, 4·L + 450 bytes a row and 90 kB at all parties.    Reveals: n.
//! Secure:  one party that deviates, with abort: functionality and argument in docs/protocol.md §6.
//!
//! A row's tag goes to list A or to list B by its role. List A is put into bins, by a hint of P1's that
//! nobody has to trust; list B is looked up there. Where a row finds its tag, the two wire ids are added,
//! to both: so a match is mutual whatever the hint.

use mcmix_shared::party::PartyId;

use super::{
    CONVERSATION_HEAD_BYTES, ConversationInput, JoinedRows, Replies, TAG_BYTES, check_len,
    check_rows,
};
use crate::{
    and,
    bins::{self, Candidates},
    compare::{BLOCK_ROWS, is_zero},
    context::Context,
    error::Error,
    hop::{self, Known, hop},
    map::{Map, NOTHING},
    open::{self, Coin, Reader},
    permutation::Permutation,
    round::Round,
    route::{Half, Payload, WIRE_ID_BYTES, Ways, route},
    share::{Pair, Share},
    step::{Phase, Step},
    stream::SEED_BYTES,
    verify::Checked,
};

use std::sync::Arc;

#[cfg(test)]
use crate::tests::probe::Listed;

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;

/// Bytes of a row of a list: tag and flags, then the wire id.
const LISTED_BYTES: usize = TAG_BYTES + WIRE_ID_BYTES;
/// A tag's lowest bits, which are not compared: flags stand there.
const FLAGS: u64 = 0b11;
/// Set in a row of list A that stands there without a tag: nothing matches it.
const NOT_A: u64 = 0b10;
/// Set in a row of list B that stands there without a tag.
const NOT_B: u64 = 0b01;

/// Runs a conversation round: where exactly two rows carry a tag, one of each role, their messages
/// are swapped; every other row gets its own message back.
///
/// # Errors
/// Any [`Error`]; the round is then over.
pub fn conversation<C: JoinedRows>(
    context: &mut Context,
    input: ConversationInput<C>,
) -> Result<Replies, Error> {
    let rows = check_input(&input)?;
    if rows == 0 {
        context.enter()?;
        return Ok(Replies::none(context.party(), input.message_bytes));
    }
    let mut round = context.enter()?;
    let ways = matcher(&mut round, &input)?;
    route_messages(&mut round, ways, input)
}

/// Checks the lengths of this party's input and returns the number of rows.
pub(super) fn check_input<C: JoinedRows>(input: &ConversationInput<C>) -> Result<usize, Error> {
    check_rows(input.rows)?;
    if input.message_bytes == 0 {
        return Err(Error::Input {
            what: "message",
            expected: 1,
            got: 0,
        });
    }
    let expected = input.rows * (CONVERSATION_HEAD_BYTES + input.message_bytes);
    check_len("first", input.first.len(), expected)?;
    check_len("second", input.second.len(), expected)?;
    Ok(input.rows)
}

/// Routes the messages to where the matcher says.
pub(super) fn route_messages<C: JoinedRows>(
    round: &mut Round<'_>,
    ways: Vec<Ways>,
    input: ConversationInput<C>,
) -> Result<Replies, Error> {
    let payload = Payload {
        rows: input.rows,
        row_bytes: input.message_bytes,
        silent: 0,
        addend: None,
    };
    let half = MessageHalf {
        party: round.party(),
        input,
    };
    route(round, ways, payload, half)
}

/// The messages of a round: P0's half is x0 ^ x1, P2's is x2.
struct MessageHalf<C> {
    party: PartyId,
    input: ConversationInput<C>,
}

impl<C: JoinedRows> Half for MessageHalf<C> {
    fn write(&self, row: usize, out: &mut [u8]) {
        let at =
            row * (CONVERSATION_HEAD_BYTES + self.input.message_bytes) + CONVERSATION_HEAD_BYTES;
        out.fill(0);
        self.input.first.xor(at, out);
        if self.party == P0 {
            self.input.second.xor(at, out);
        }
    }

    fn recycle(self, context: &mut Context) {
        context.recycle(self.input.first.into_buffer());
        context.recycle(self.input.second.into_buffer());
    }
}

/// The tags and roles of this party's rows: 8 bytes each, roles spread to masks.
pub(super) fn tags_and_roles<C: JoinedRows>(
    context: &mut Context,
    input: &ConversationInput<C>,
) -> [Share; 2] {
    let row_bytes = CONVERSATION_HEAD_BYTES + input.message_bytes;
    let [first, second] = [&input.first, &input.second].map(|component| {
        let mut tags = context.scratch(input.rows * TAG_BYTES);
        let mut roles = context.scratch(input.rows * TAG_BYTES);
        context.fill_all(
            [&mut tags, &mut roles],
            TAG_BYTES,
            |offset, [tags, roles]| {
                let tags = tags.as_chunks_mut::<TAG_BYTES>().0;
                let roles = roles.as_chunks_mut::<TAG_BYTES>().0;
                for (row, (tag, role)) in (offset / TAG_BYTES..).zip(tags.iter_mut().zip(roles)) {
                    let mut head = [0; CONVERSATION_HEAD_BYTES];
                    component.xor(row * row_bytes, &mut head);
                    let [from @ .., bit] = head;
                    *tag = from;
                    *role = [(bit & 1).wrapping_neg(); TAG_BYTES];
                }
            },
        );
        (tags, roles)
    });
    let tags = Share::new(first.0, second.0);
    let roles = Share::new(first.1, second.1);
    [tags, roles]
}

/// What the shuffles of the two lists are made of: each permutation at its pair.
struct Shuffles {
    /// List A: of n rows, then of the bins' number of rows, pads included.
    pi: Option<Arc<Permutation>>,
    sigma: Option<Permutation>,
    /// List B.
    beta: [Option<Permutation>; 2],
}

/// Finds every row's partner.
fn matcher<C: JoinedRows>(
    round: &mut Round<'_>,
    input: &ConversationInput<C>,
) -> Result<Vec<Ways>, Error> {
    let rows = input.rows;
    let lists = choose_lists(round, input)?;
    let matcher = Matcher {
        rows,
        padded: rows.next_multiple_of(BLOCK_ROWS),
        bins: bins::count(rows),
    };
    let shuffles = matcher.draw(round);
    let (a, b, values) = matcher.shuffle_and_open(round, &shuffles, lists)?;
    let filled = matcher.fill_bins(round, &shuffles, &values)?;
    let places = matcher.places(round, &values);
    let found = matcher.look_up(round, (&filled, &places), a, &b)?;
    let steps = matcher.select(round, found)?;
    matcher.give_back(round, &shuffles, (&filled, &places), steps)
}

/// Round 1: a row's tag goes to list A (role 0) or to list B (role 1), the other gets a random value and
/// a flag. The round's nonce is opened beside.
fn choose_lists<C: JoinedRows>(
    round: &mut Round<'_>,
    input: &ConversationInput<C>,
) -> Result<[Share; 2], Error> {
    round.context.phase(Phase::ChooseLists);
    let step = Step::new(Phase::ChooseLists, 0);
    let [tags, roles] = tags_and_roles(round.context, input);
    let random = Share::random(round.context, &round.streams, step, tags.len());
    let mut either = tags.clone();
    either.add(&random);
    let nonce = round.send_nonce()?;
    // Role 1: the two change places.
    let product = and::multiply(round, step, roles.clone(), either)?;
    round.receive_nonce(nonce)?;
    let swap = product.receive(round)?;
    let [a, b] = [(tags, NOT_A), (random, NOT_B)].map(|(mut values, flag)| {
        values.add(&swap);
        values.zip::<TAG_BYTES, TAG_BYTES, TAG_BYTES>(round.context, &roles, |value, role| {
            let (value, role) = (u64::from_le_bytes(*value), u64::from_le_bytes(*role));
            (value & !FLAGS | role & flag).to_le_bytes()
        })
    });
    // List A's rows of role 1 have no tag, list B's of role 0.
    let mut b = b;
    b.add_public(round.party(), |rows| {
        for row in rows.as_chunks_mut().0 {
            *row = (u64::from_le_bytes(*row) ^ NOT_B).to_le_bytes();
        }
    });
    Ok([a, b])
}

/// Values that a party got to see: of list A at P1, of list B at P0 and P2; and the bins' key.
struct Values {
    opened: Vec<u64>,
    key: [u8; SEED_BYTES],
}

struct Matcher {
    rows: usize,
    /// Rows in whole blocks.
    padded: usize,
    bins: usize,
}

impl Matcher {
    fn draw(&self, round: &mut Round<'_>) -> Shuffles {
        round.context.phase(Phase::ShuffleLists);
        let of = |index, pair, rows| (Step::new(Phase::ShuffleLists, index), pair, rows);
        let [pi, sigma, beta, beta2] = hop::draw_each(
            round,
            [
                of(0, Pair::P20, self.rows),
                of(1, Pair::P01, self.bins),
                of(2, Pair::P01, self.rows),
                of(3, Pair::P12, self.rows),
            ],
        );
        Shuffles {
            pi: pi.map(Arc::new),
            sigma,
            beta: [beta, beta2],
        }
    }

    /// Rounds 2 to 5: both lists are shuffled, and their values opened without flags: A's, as after the
    /// first permutation, to P1, who does not know it, B's to P0 and P2.
    fn shuffle_and_open(
        &self,
        round: &mut Round<'_>,
        shuffles: &Shuffles,
        [a, b]: [Share; 2],
    ) -> Result<(Share, Share, Values), Error> {
        let step = |index| Step::new(Phase::ShuffleLists, index);
        let rows = self.rows;
        let pi = Known::permutation(Pair::P20, shuffles.pi.as_deref(), rows);
        let [beta, beta2] = &shuffles.beta;
        let beta = Known::permutation(Pair::P01, beta.as_ref(), rows);
        let beta2 = Known::permutation(Pair::P12, beta2.as_ref(), rows);
        let (wids_a, wids_b) = (wire_ids(round, &pi), wire_ids(round, &beta));
        let a = hop::send(round, step(4), vec![(&pi, a)], TAG_BYTES)?;
        let b = hop::send(round, step(5), vec![(&beta, b)], TAG_BYTES)?;
        let (a, b) = (a.receive(round)?, b.receive(round)?);
        let [a, b] = [(a, wids_a), (b, wids_b)].map(|(values, wids)| {
            values.zip(round.context, &wids, |value, wid| join(*value, *wid))
        });

        // List A gets pads, at places that P2 does not know.
        let spread = Known::new(
            Pair::P01,
            [rows, self.bins],
            shuffles.sigma.as_ref().map(|sigma| self.spread(sigma)),
        );
        let values_a = a.clone();
        let a = hop::send(round, step(6), vec![(&spread, a)], LISTED_BYTES)?;
        let b = hop::send(round, step(7), vec![(&beta2, b)], LISTED_BYTES)?;
        round.prove()?;
        let (mut a, b) = (a.receive(round)?, b.receive(round)?);
        add_flags(&mut a, round.party(), Pair::P01, spread.map.as_deref());

        round.context.phase(Phase::Verify);
        let lists = round.verify([values_a, b.clone()])?;
        let opened = open_lists(round, lists)?;
        Ok((a, b, opened))
    }

    /// Where the rows of list A come from in an order that has pads.
    fn spread(&self, sigma: &Permutation) -> Map {
        let from = sigma.as_slice().iter().map(|&from| {
            if (from as usize) < self.rows {
                from
            } else {
                NOTHING
            }
        });
        Map::Gather {
            from: from.collect(),
            inputs: self.rows,
        }
    }

    /// Round 6: P1 puts list A into bins and tells P2 how.
    fn fill_bins(
        &self,
        round: &mut Round<'_>,
        shuffles: &Shuffles,
        values: &Values,
    ) -> Result<Known, Error> {
        round.context.phase(Phase::PlaceRows);
        let step = Step::new(Phase::PlaceRows, 0).of(WIRE_ID_BYTES);
        let len = self.bins * WIRE_ID_BYTES;
        let order = match (round.party(), &shuffles.sigma) {
            (P1, Some(sigma)) => {
                #[cfg_attr(not(test), expect(unused_mut, reason = "tests have P1 cheat"))]
                let mut order = self.hint(round.context, sigma, values);
                #[cfg(test)]
                let listed = self.listed(round.context, sigma, values);
                #[cfg(test)]
                round.context.probe.change_hint(&mut order, listed);
                let bytes: Vec<u8> = order.iter().flat_map(|row| row.to_le_bytes()).collect();
                round.context.send(P2, step, &bytes)?;
                Permutation::from_opened(&bytes)
            }
            (P2, _) => {
                let bytes = round.context.recv(P1, step, len)?;
                round.context.saw(step.step, &bytes, WIRE_ID_BYTES);
                let order = Permutation::from_opened(&bytes);
                // That depends on what P1 sent alone.
                Some(order.ok_or(Error::NotAPermutation {
                    peer: P1,
                    step: step.step,
                })?)
            }
            _ => None,
        };
        Ok(Known::permutation(Pair::P12, order.as_ref(), self.bins))
    }

    /// The hint: which row of list A, pads included, goes into each bin.
    fn hint(&self, context: &Context, sigma: &Permutation, values: &Values) -> Vec<u32> {
        let standing = sigma.inverse(context);
        let (rows, mut pads) = {
            let (rows, pads) = standing.as_slice().split_at(self.rows);
            (rows, pads.iter())
        };
        let candidates = Candidates::new(&values.key, &values.opened, self.bins);
        let owners = candidates.fill();
        let row_of = |owner: u32| rows.get(owner as usize).or_else(|| pads.next());
        owners
            .into_iter()
            .map(row_of)
            .map(|row| row.copied().unwrap_or(NOTHING))
            .collect()
    }

    /// What P1 knows of the rows of list A.
    #[cfg(test)]
    fn listed(&self, context: &Context, sigma: &Permutation, values: &Values) -> Vec<Listed> {
        let candidates = Candidates::new(&values.key, &values.opened, self.bins);
        let standing = sigma.inverse(context);
        let rows = values.opened.iter().zip(candidates.bins());
        rows.zip(standing.as_slice())
            .map(|((&value, &bins), &number)| Listed {
                value,
                bins,
                number,
            })
            .collect()
    }

    /// Where P0 and P2 look for the rows of list B.
    fn places(&self, round: &Round<'_>, values: &Values) -> Option<Vec<u32>> {
        Pair::P20.other(round.party())?;
        let candidates = Candidates::new(&values.key, &values.opened, self.bins);
        Some(candidates.places(self.padded))
    }

    /// Rounds 7 and 8: list A goes into its bins; both bins of each row of list B are compared with it.
    /// Returns the differences of values, with flags, and the sums of wire ids.
    fn look_up(
        &self,
        round: &mut Round<'_>,
        (filled, places): (&Known, &Option<Vec<u32>>),
        a: Share,
        b: &Share,
    ) -> Result<[Share; 2], Error> {
        let step = Step::new(Phase::PlaceRows, 1);
        let a = hop(round, step, vec![(filled, a)], LISTED_BYTES)?;
        round.context.phase(Phase::LookUp);
        let map = places.clone().map(|from| Map::Gather {
            from,
            inputs: self.bins,
        });
        let gather = Known::new(Pair::P20, [self.bins, 2 * self.padded], map);
        let step = Step::new(Phase::LookUp, 0);
        let mut found = hop(round, step, vec![(&gather, a)], LISTED_BYTES)?;
        add_flags(&mut found, round.party(), Pair::P20, gather.map.as_deref());
        let looked_for = b.clone().map_components(|mut rows| {
            rows.resize(self.padded * LISTED_BYTES, 0);
            rows.extend_from_within(..);
            rows
        });
        found.add(&looked_for);
        let differences =
            found.map::<LISTED_BYTES, TAG_BYTES>(round.context, |[row @ .., _, _, _, _]| *row);
        let ways = found.map::<LISTED_BYTES, WIRE_ID_BYTES>(round.context, |row| {
            row.last_chunk().copied().unwrap_or_default()
        });
        Ok([differences, ways])
    }

    /// Rounds 9 to 16: the way to the partner where a value was found, nothing elsewhere. A row that is
    /// found in both of its bins counts once.
    fn select(
        &self,
        round: &mut Round<'_>,
        [differences, ways]: [Share; 2],
    ) -> Result<Share, Error> {
        round.context.phase(Phase::CompareRows);
        let step = Step::new(Phase::CompareRows, 0);
        let equal = is_zero(round, step, differences)?;
        let [first, mut second] = equal.halves(round.context, self.padded / 8);
        let both = and::and(round, step.plus(16), first.clone(), second.clone())?;
        second.add(&both);
        let equal = Share::concat(&first, &second);

        round.context.phase(Phase::SelectPartners);
        let masks = equal.spread::<WIRE_ID_BYTES>(round.context, 2 * self.padded);
        and::and(round, Step::new(Phase::SelectPartners, 0), masks, ways)
    }

    /// Rounds 17 to 19: ways go back to the rows of list B, and by their bins to those of list A.
    fn give_back(
        &self,
        round: &mut Round<'_>,
        shuffles: &Shuffles,
        (filled, places): (&Known, &Option<Vec<u32>>),
        ways: Share,
    ) -> Result<Vec<Ways>, Error> {
        round.context.phase(Phase::ReturnPartners);
        let step = |index| Step::new(Phase::ReturnPartners, index);
        let (rows, bytes) = (self.rows, WIRE_ID_BYTES);
        let [mut b, second] = ways.halves(round.context, self.padded * bytes);
        b.add(&second);
        let b = b.part(0..rows * bytes);

        let map = places.clone().map(|to| Map::Scatter {
            to,
            outputs: self.bins,
        });
        let scatter = Known::new(Pair::P20, [2 * self.padded, self.bins], map);
        let [beta, beta2] = shuffles
            .beta
            .each_ref()
            .map(|beta| beta.as_ref().map(|beta| beta.inverse(round.context)));
        let beta = Known::permutation(Pair::P01, beta.as_ref(), rows);
        let beta2 = Known::permutation(Pair::P12, beta2.as_ref(), rows);
        let a = hop::send(round, step(0), vec![(&scatter, ways)], bytes)?;
        let b = hop::send(round, step(1), vec![(&beta2, b)], bytes)?;
        let (a, b) = (a.receive(round)?, b.receive(round)?);

        let emptied = filled.inverse(round.context);
        let a = hop::send(round, step(2), vec![(&emptied, a)], bytes)?;
        let b = hop::send(round, step(3), vec![(&beta, b)], bytes)?;
        let (a, b) = (a.receive(round)?, b.receive(round)?);

        let gathered = shuffles.sigma.as_ref().map(|sigma| {
            let standing = sigma.inverse(round.context);
            Map::Gather {
                from: standing.part(0, rows).to_vec(),
                inputs: self.bins,
            }
        });
        let gathered = Known::new(Pair::P01, [self.bins, rows], gathered);
        let a = hop(round, step(4), vec![(&gathered, a)], bytes)?;
        Ok(vec![
            Ways {
                share: a,
                order: shuffles.pi.clone(),
            },
            Ways {
                share: b,
                order: None,
            },
        ])
    }
}

/// The wire ids, moved as a first hop would: their pair knows where they go, so nothing is sent.
fn wire_ids(round: &mut Round<'_>, known: &Known) -> Share {
    let ids = match known.map.as_deref() {
        Some(Map::Gather { from, .. }) => {
            Some(from.iter().flat_map(|id| id.to_le_bytes()).collect())
        }
        _ => None,
    };
    Share::known(
        round.context,
        known.pair,
        ids,
        known.outputs * WIRE_ID_BYTES,
    )
}

fn join(value: [u8; TAG_BYTES], wid: [u8; WIRE_ID_BYTES]) -> [u8; LISTED_BYTES] {
    let mut row = [0; LISTED_BYTES];
    let both = value.into_iter().chain(wid);
    row.iter_mut().zip(both).for_each(|(out, byte)| *out = byte);
    row
}

/// Marks rows that a map has left empty as rows without a tag. The map's pair alone knows them.
fn add_flags(rows: &mut Share, party: PartyId, pair: Pair, map: Option<&Map>) {
    let Some(Map::Gather { from, .. }) = map else {
        return;
    };
    rows.add_known(party, pair, |rows| {
        let empty = from.iter().zip(rows.as_chunks_mut::<LISTED_BYTES>().0);
        for (_, [flags, ..]) in empty.filter(|(from, _)| **from == NOTHING) {
            *flags ^= NOT_A as u8;
        }
    });
}

/// Round 5: opens list B's values to P0 and P2, list A's to P1, and the bins' key, which nobody knew
/// before values were fixed, to all.
fn open_lists(round: &mut Round<'_>, lists: [Checked; 2]) -> Result<Values, Error> {
    const OF_A: [Reader; 1] = [Reader {
        party: P1,
        from: P0,
    }];
    const OF_B: [Reader; 2] = [
        Reader {
            party: P0,
            from: P1,
        },
        Reader {
            party: P2,
            from: P1,
        },
    ];
    round.context.phase(Phase::OpenLists);
    let step = Step::new(Phase::OpenLists, 0);
    let [a, b] = lists.map(|list| {
        list.map::<LISTED_BYTES, TAG_BYTES>(round.context, |[value @ .., _, _, _, _]| {
            (u64::from_le_bytes(*value) & !FLAGS).to_le_bytes()
        })
    });
    let key = Coin::draw(round, step, SEED_BYTES);
    let a = open::send(round, step, a, TAG_BYTES, &OF_A)?;
    let b = open::send(round, step.plus(2), b, TAG_BYTES, &OF_B)?;
    let key = key.send(round, step.plus(4))?;
    let (a, b) = (a.receive(round)?, b.receive(round)?);
    let key = key.receive(round)?.unwrap_or_default();
    let values = a.or(b).unwrap_or_default();
    let words = values
        .as_chunks()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word));
    Ok(Values {
        opened: words.collect(),
        key: key.first_chunk().copied().unwrap_or_default(),
    })
}
