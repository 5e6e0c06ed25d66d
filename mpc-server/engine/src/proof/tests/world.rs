//! One prover, its two verifiers, and random messages.

use crate::{
    map::{Map, NOTHING},
    proof::{
        Ands, Answer, Hop, Memory, Proof, ProofError, Shared, Workers, plain::entries, prove,
        verify_left, verify_right,
    },
    stream::Stream,
};

/// Lengths of messages of products, around superblocks of 4,096 bytes.
pub(super) const LENS: &[&[usize]] = &[
    &[],
    &[0],
    &[1],
    &[8, 0, 9],
    &[4096],
    &[4097],
    &[5000, 1, 8192, 123],
];
/// Terms, inputs, outputs, bytes of a row.
pub(super) const HOPS: &[&[(usize, usize, usize, usize)]] = &[
    &[],
    &[(1, 0, 0, 8)],
    &[(1, 0, 3, 8)],
    &[(1, 1, 1, 1)],
    &[
        (1, 5, 5, 4),
        (2, 7, 3, 8),
        (1, 3, 9, 12),
        (3, 2, 2, 16),
        (1, 6, 6, 20),
        (1, 3, 3, 32),
    ],
    &[(1, 1500, 1100, 8), (2, 1025, 1030, 12)],
];

/// A source of random bytes.
pub(super) struct Random {
    stream: Stream,
    at: usize,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            stream: Stream::new(&key),
            at: 0,
        }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.stream.xor(self.at, &mut out);
        self.at += len;
        out
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (u64::from_le_bytes(self.array()) % bound as u64) as usize
    }

    pub(super) fn stream(&mut self) -> Stream {
        Stream::new(&self.array())
    }

    pub(super) fn shared(&mut self) -> Shared {
        Shared {
            shares: self.stream(),
            salt: self.array(),
            masks: self.stream(),
        }
    }
}

/// A message of products: components, message, masks.
#[derive(Clone)]
pub(super) struct Product {
    pub(super) x: [Vec<u8>; 2],
    pub(super) y: [Vec<u8>; 2],
    pub(super) z: Vec<u8>,
    pub(super) masks: [Stream; 2],
}

impl Product {
    pub(super) fn new(random: &mut Random, len: usize) -> Self {
        let [x, y] = [(); 2].map(|()| [(); 2].map(|()| random.bytes(len)));
        let masks = [(); 2].map(|()| random.stream());
        let mut z = vec![0; len];
        crate::and::add_product(&mut z, [&x[0], &x[1]], [&y[0], &y[1]]);
        for mask in &masks {
            mask.xor(0, &mut z);
        }
        Self { x, y, z, masks }
    }
}

/// A message of a hop: maps, rows, message, mask; whether the left verifier knows the maps.
#[derive(Clone)]
pub(super) struct Move {
    pub(super) maps: Vec<Map>,
    pub(super) rows: Vec<Vec<u8>>,
    pub(super) message: Vec<u8>,
    pub(super) mask: Stream,
    pub(super) row_bytes: usize,
    pub(super) left_knows: bool,
}

impl Move {
    pub(super) fn new(random: &mut Random, maps: Vec<Map>, row_bytes: usize) -> Self {
        let rows: Vec<_> = maps
            .iter()
            .map(|map| random.bytes(map.inputs() * row_bytes))
            .collect();
        let outputs = maps.first().map_or(0, Map::outputs);
        let mask = random.stream();
        let mut message = mask.bytes(outputs * row_bytes);
        for (map, rows) in maps.iter().zip(&rows) {
            for (output, input) in entries(map) {
                let row = &rows[input * row_bytes..][..row_bytes];
                crate::bytes::xor(&mut message[output * row_bytes..][..row_bytes], row);
            }
        }
        let left_knows = random.below(2) == 0;
        Self {
            maps,
            rows,
            message,
            mask,
            row_bytes,
            left_knows,
        }
    }
}

/// Makes a random gather, or scatter, with some rows that go nowhere.
pub(super) fn random_map(random: &mut Random, inputs: usize, outputs: usize) -> Map {
    let scatter = random.below(2) == 0;
    let [rows, others] = if scatter {
        [inputs, outputs]
    } else {
        [outputs, inputs]
    };
    let mut draw = || match random.below(5) {
        0 => NOTHING,
        _ if others == 0 => NOTHING,
        _ => random.below(others) as u32,
    };
    let list = (0..rows).map(|_| draw()).collect();
    if scatter {
        Map::Scatter { to: list, outputs }
    } else {
        Map::Gather { from: list, inputs }
    }
}

/// A prover's messages, and what it shares with its verifiers.
#[derive(Clone)]
pub(super) struct World {
    pub(super) root: [u8; 32],
    pub(super) products: Vec<Product>,
    pub(super) moves: Vec<Move>,
    pub(super) shared: [[Shared; 2]; 2],
}

impl World {
    pub(super) fn new(seed: u64, lens: &[usize], hops: &[(usize, usize, usize, usize)]) -> Self {
        let mut random = Random::new(seed);
        let products = lens
            .iter()
            .map(|&len| Product::new(&mut random, len))
            .collect();
        let mut moves = Vec::new();
        for &(terms, inputs, outputs, row_bytes) in hops {
            let maps = (0..terms)
                .map(|_| random_map(&mut random, inputs, outputs))
                .collect();
            moves.push(Move::new(&mut random, maps, row_bytes));
        }
        let root = random.array();
        let shared = [(); 2].map(|()| [(); 2].map(|()| random.shared()));
        Self {
            root,
            products,
            moves,
            shared,
        }
    }

    pub(super) fn prover(&self) -> (Vec<Ands<'_>>, Vec<Hop<'_>>) {
        let ands = self.products.iter().map(
            |Product {
                 x: [x0, x1],
                 y: [y0, y1],
                 ..
             }| Ands::Prover {
                x: [x0, x1],
                y: [y0, y1],
            },
        );
        let hops = self.moves.iter().map(|hop| Hop::Prover {
            terms: hop
                .maps
                .iter()
                .zip(hop.rows.iter().map(|rows| &rows[..]))
                .collect(),
            row_bytes: hop.row_bytes,
        });
        (ands.collect(), hops.collect())
    }

    pub(super) fn left(&self) -> (Vec<Ands<'_>>, Vec<Hop<'_>>) {
        let ands = self.products.iter().map(
            |Product {
                 x: [x, _],
                 y: [y, _],
                 z,
                 masks: [mask, _],
             }| Ands::Left {
                x,
                y,
                z,
                mask: mask.clone(),
            },
        );
        (ands.collect(), self.verifier(true))
    }

    pub(super) fn right(&self) -> (Vec<Ands<'_>>, Vec<Hop<'_>>) {
        let ands = self.products.iter().map(
            |Product {
                 x: [_, x],
                 y: [_, y],
                 masks: [_, mask],
                 ..
             }| Ands::Right {
                x,
                y,
                mask: mask.clone(),
            },
        );
        (ands.collect(), self.verifier(false))
    }

    fn verifier(&self, is_left: bool) -> Vec<Hop<'_>> {
        let hops = self.moves.iter().map(|hop| {
            let row_bytes = hop.row_bytes;
            if hop.left_knows == is_left {
                Hop::Map {
                    maps: hop.maps.iter().collect(),
                    message: &hop.message,
                    row_bytes,
                }
            } else {
                Hop::Rows {
                    rows: hop.rows.iter().map(|rows| &rows[..]).collect(),
                    outputs: hop.maps.first().map_or(0, Map::outputs),
                    mask: hop.mask.clone(),
                    row_bytes,
                }
            }
        });
        hops.collect()
    }
}

/// No workers but the calling thread.
#[derive(Default)]
pub(super) struct Alone(Memory);

impl Workers for Alone {
    fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send) {
        things.iter_mut().for_each(op);
    }

    fn memory(&self) -> &Memory {
        &self.0
    }
}

impl World {
    pub(super) fn prove(&self) -> Proof {
        let (ands, hops) = self.prover();
        prove(&Alone::default(), &self.root, (&ands, &hops), &self.shared)
    }

    pub(super) fn verify_left(&self, challenges: &[u8]) -> Result<Answer, ProofError> {
        let (ands, hops) = self.left();
        verify_left(
            &Alone::default(),
            &self.root,
            (&ands, &hops),
            challenges,
            &self.shared[0],
        )
    }

    pub(super) fn verify_right(&self, values: &[u8]) -> Result<(Vec<u8>, Answer), ProofError> {
        let (ands, hops) = self.right();
        verify_right(
            &Alone::default(),
            &self.root,
            (&ands, &hops),
            values,
            &self.shared[1],
        )
    }

    /// Whether a proof is accepted, by verifiers that compare the challenges.
    pub(super) fn accepts(&self, proof: &Proof) -> bool {
        let left = self.verify_left(&proof.challenges);
        let right = self.verify_right(&proof.values);
        let (Ok(left), Ok((challenges, right))) = (left, right) else {
            return false;
        };
        let accepts = left.accepts(right.as_bytes());
        assert_eq!(
            accepts,
            right.accepts(left.as_bytes()),
            "both get the same verdict"
        );
        challenges == proof.challenges && accepts
    }
}
