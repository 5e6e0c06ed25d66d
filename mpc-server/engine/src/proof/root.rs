//! What is worked out from a root, or from a prover's values: weights and challenges.

use core::fmt;

use super::field::Field;
use crate::stream::{SEED_BYTES, Stream};

/// Bytes of a root, a salt and a state.
pub(crate) const HASH_BYTES: usize = 32;

/// Rows between which `Low` weights are used again, with another `High` one.
pub(super) const LOW_WEIGHTS: usize = 1024;

/// What a weight is for.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Weight {
    /// A block of words of gates: as many words as the field has bits.
    Block = 1,
    /// A bit of a word.
    Bit,
    /// A row, by the lower digits of its number.
    Low,
    /// A row, by the upper digits of its number.
    High,
    /// The part of a row that goes beyond an element.
    Part,
}

/// Draws a statement's weights: public, and not known before its messages are sent.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a>(pub(super) &'a [u8; HASH_BYTES]);

impl Weights<'_> {
    pub(super) fn stream(self, weight: Weight) -> Stream {
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 proof: weights");
        hasher.update(self.0);
        hasher.update(&[weight as u8]);
        let mut seed = [0; SEED_BYTES];
        hasher.finalize_xof().fill(&mut seed);
        Stream::new(&seed)
    }

    /// Draws the first `count` weights for a purpose.
    pub(super) fn draw<F: Field>(self, weight: Weight, count: usize) -> Vec<F> {
        F::read(&self.stream(weight).bytes(count * F::BYTES))
    }
}

/// One of the two inner products that are proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Product {
    Ands = 1,
    Hops,
}

/// The challenges of one inner product, each a hash of all that was sent before it.
pub(super) struct Chain([u8; HASH_BYTES]);

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain(..)")
    }
}

impl Chain {
    /// Begins with a salt that the prover shares with the right verifier: the left one could test
    /// guesses otherwise.
    pub(super) fn new(root: &[u8; HASH_BYTES], product: Product, salt: &[u8; HASH_BYTES]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 proof: chain");
        hasher.update(root);
        hasher.update(&[product as u8]);
        Self(*hasher.update(salt).finalize().as_bytes())
    }

    /// Takes in what the right verifier has of a level and returns the level's challenges.
    ///
    /// None is 0 or 1: there the last fold has no mask.
    pub(super) fn next<F: Field>(&mut self, sent: &[F], count: usize) -> Vec<F> {
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 proof: level");
        hasher.update(&self.0);
        self.0 = *hasher.update(&F::write(sent)).finalize().as_bytes();
        let mut hasher = blake3::Hasher::new_derive_key("mcmix.v2 proof: challenge");
        let mut reader = hasher.update(&self.0).finalize_xof();
        let mut bytes = vec![0; F::BYTES];
        let drawn = core::iter::repeat_with(|| {
            reader.fill(&mut bytes);
            F::read(&bytes)
        });
        drawn
            .flatten()
            .filter(|r| !is_special(*r))
            .take(count)
            .collect()
    }
}

/// Whether a challenge must not be used.
pub(super) fn is_special<F: Field>(challenge: F) -> bool {
    challenge == F::ZERO || challenge == F::ONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::field::Element;

    const ONES: &[Element] = &[Element(1), Element(2)];

    /// Returns the challenges of two levels.
    fn challenges(mut chain: Chain, levels: [&[Element]; 2]) -> [Vec<Element>; 2] {
        levels.map(|level| chain.next(level, 3))
    }

    /// A challenge depends on all that was sent before it, and on nothing after it.
    #[test]
    fn challenges_follow_from_what_was_sent() {
        let chain = |root: u8, product, salt: u8| Chain::new(&[root; 32], product, &[salt; 32]);
        let first = challenges(chain(1, Product::Ands, 2), [ONES, ONES]);
        assert_eq!(first, challenges(chain(1, Product::Ands, 2), [ONES, ONES]));
        let others = [
            chain(2, Product::Ands, 2),
            chain(1, Product::Hops, 2),
            chain(1, Product::Ands, 3),
        ];
        for other in others {
            assert_ne!(first[0], challenges(other, [ONES, ONES])[0]);
        }
        let earlier = challenges(
            chain(1, Product::Ands, 2),
            [&[Element(1), Element(3)], ONES],
        );
        assert_ne!(first[0], earlier[0]);
        assert_ne!(first[1], earlier[1]);
        let later = challenges(chain(1, Product::Ands, 2), [ONES, &[]]);
        assert_eq!(first[0], later[0]);
        assert_ne!(first[1], later[1]);
        assert!(
            first[0][0] != first[0][1] && first[0] != first[1],
            "challenges are independent"
        );
    }

    #[test]
    fn weights_are_of_their_root_and_purpose() {
        use Weight::{Bit, Block, High, Low, Part};
        let mut all: Vec<u128> = [[1; 32], [2; 32]]
            .iter()
            .flat_map(|root| {
                [Block, Bit, Low, High, Part].map(|weight| Weights(root).draw::<Element>(weight, 2))
            })
            .flatten()
            .map(Field::to_bits)
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 20);
    }
}
