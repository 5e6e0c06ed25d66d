//! What runs equals the plain form, bit by bit, with whatever the processor has.

use core::iter::zip;

use super::world::{Alone, HOPS, LENS, World};
use crate::proof::{
    Ands, Hop, Shared, answer_left, answer_right,
    field::{Element, Field as _},
    inner::{Crew, Statement},
    plain, prove_with,
    simd::Form,
};

const DIGITS: u32 = 6;

#[test]
fn all_forms_equal_the_plain_one() {
    let both = zip(LENS, HOPS.iter().cycle());
    let one = [(&LENS[0], &HOPS[4]), (&LENS[0], &HOPS[5])];
    for (seed, (lens, hops)) in (0..).zip(both.chain(one)) {
        equals(&World::new(seed, lens, hops));
    }
}

fn equals(world: &World) {
    let root = &world.root;
    let of = |(ands, hops): &(Vec<Ands>, Vec<Hop>)| -> Vec<_> {
        plain::ands::<Element>(root, DIGITS, ands)
            .into_iter()
            .chain(plain::hops(root, hops))
            .collect()
    };
    let (mut challenges, mut values, mut left, mut right) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let sides = [world.prover(), world.left(), world.right()];
    let [prover, at_left, at_right] = sides.each_ref().map(of);
    for (prover, (at_left, at_right)) in zip(prover, zip(at_left, at_right)) {
        let shared = world
            .shared
            .each_ref()
            .map(|[ands, hops]| if prover.is_ands() { ands } else { hops });
        let [drawn, sent] = plain::prove(&prover, root, shared, |_, _| ());
        let shares = shared[0].shares::<Element>(sent.len());
        left.extend(at_left.answer(shared[0].masks(), &shares, &drawn));
        right.extend(at_right.answer(shared[1].masks(), &sent, &drawn));
        assert_eq!(plain::challenges(&at_right, root, shared[1], &sent), drawn);
        challenges.extend(drawn);
        values.extend(sent);
    }
    let [left, right] = [left, right].map(|answer| Element::write(&answer));
    let workers = Alone::default();
    for form in Form::all() {
        let crew = Crew {
            workers: &workers,
            form,
        };
        let [prover, at_left, at_right] =
            sides
                .each_ref()
                .map(|(ands, hops)| Statement { root, ands, hops });
        let proof = prove_with(&crew, prover, &world.shared);
        assert_eq!(proof.challenges, Element::write(&challenges), "{form:?}");
        assert_eq!(proof.values, Element::write(&values), "{form:?}");
        let [shared_left, shared_right]: &[[Shared; 2]; 2] = &world.shared;
        assert_eq!(
            answer_left(&crew, at_left, &challenges, shared_left).as_bytes(),
            left,
            "{form:?}"
        );
        let (drawn, answer) = answer_right(&crew, at_right, &values, shared_right);
        assert_eq!(drawn, proof.challenges, "{form:?}");
        assert_eq!(answer.as_bytes(), right, "{form:?}");
    }
}
