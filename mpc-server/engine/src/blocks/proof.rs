//! Proofs of made-up messages, prover and both verifiers on one thread.

use core::fmt;

use crate::{
    map::Map,
    proof::{Ands, Form, Hop, Memory, Shared, Workers, prove, verify_left, verify_right},
    stream::Stream,
};

/// Messages of one prover, and what it shares with its verifiers.
pub struct Proof {
    products: Vec<[Vec<u8>; 5]>,
    hops: Vec<Moved>,
    memory: Memory,
}

struct Moved {
    map: Map,
    rows: Vec<u8>,
    message: Vec<u8>,
    row_bytes: usize,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// What the processor offers.
#[derive(Clone, Copy)]
pub struct Instructions(Form);

impl fmt::Debug for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Instructions {
    /// Returns all that this processor has, the fastest first.
    pub fn all() -> Vec<Self> {
        Form::all().into_iter().map(Self).collect()
    }
}

/// The calling thread.
struct Alone<'a>(Form, &'a Memory);

impl Workers for Alone<'_> {
    fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send) {
        things.iter_mut().for_each(op);
    }

    fn memory(&self) -> &Memory {
        self.1
    }

    fn form(&self) -> Form {
        self.0
    }
}

fn stream(number: u8) -> Stream {
    Stream::new(&[number; 16])
}

impl Proof {
    /// Makes one message of products, which are not right: that takes as long.
    pub fn of_products(bytes: usize) -> Self {
        let products = vec![[1, 2, 3, 4, 5].map(|number| stream(number).bytes(bytes))];
        let hops = Vec::new();
        Self {
            products,
            hops,
            memory: Memory::default(),
        }
    }

    /// Makes one message of a hop by a permutation, which is not right either.
    pub fn of_rows(rows: usize, row_bytes: usize) -> Self {
        // A step prime to all numbers of rows that are wanted: far from one to the next.
        let from = (0..rows).map(|row| (row * 7_919 % rows) as u32).collect();
        let map = Map::Gather { from, inputs: rows };
        let [rows, message] = [6, 7].map(|number| stream(number).bytes(rows * row_bytes));
        let products = Vec::new();
        let hops = vec![Moved {
            map,
            rows,
            message,
            row_bytes,
        }];
        Self {
            products,
            hops,
            memory: Memory::default(),
        }
    }

    /// Proves and verifies; returns whether it was accepted.
    pub fn run(&self, Instructions(form): Instructions) -> bool {
        let workers = Alone(form, &self.memory);
        let root = [9; 32];
        let shared = [8, 9].map(|peer| {
            [0, 1].map(|product| Shared {
                shares: stream(16 * peer + product),
                salt: [peer; 32],
                masks: stream(16 * peer + 2 + product),
            })
        });
        let products = self.products.iter();
        let ands: Vec<_> = products
            .clone()
            .map(|[x0, x1, y0, y1, _]| Ands::Prover {
                x: [x0, x1],
                y: [y0, y1],
            })
            .collect();
        let hops = self.hops.iter();
        let moved: Vec<_> = hops
            .clone()
            .map(|hop| Hop::Prover {
                terms: vec![(&hop.map, &hop.rows[..])],
                row_bytes: hop.row_bytes,
            })
            .collect();
        let proof = prove(&workers, &root, (&ands, &moved), &shared);
        let mask = || stream(20);
        let ands: Vec<_> = products
            .clone()
            .map(|[x, _, y, _, z]| Ands::Left {
                x,
                y,
                z,
                mask: mask(),
            })
            .collect();
        let moved: Vec<_> = hops
            .clone()
            .map(|hop| Hop::Map {
                maps: vec![&hop.map],
                message: &hop.message,
                row_bytes: hop.row_bytes,
            })
            .collect();
        let left = verify_left(
            &workers,
            &root,
            (&ands, &moved),
            &proof.challenges,
            &shared[0],
        );
        let ands: Vec<_> = products
            .map(|[_, x, _, y, _]| Ands::Right { x, y, mask: mask() })
            .collect();
        let moved = hops.map(|hop| Hop::Rows {
            rows: vec![&hop.rows[..]],
            outputs: hop.map.outputs(),
            mask: mask(),
            row_bytes: hop.row_bytes,
        });
        let moved: Vec<_> = moved.collect();
        let right = verify_right(&workers, &root, (&ands, &moved), &proof.values, &shared[1]);
        left.is_ok_and(|left| right.is_ok_and(|(_, right)| left.accepts(right.as_bytes())))
    }
}
