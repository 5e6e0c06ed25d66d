//! What rows cost in each case, to be counted: `docs/protocol.md` §8.9 has the figures.
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' \
//!     <test binary> --ignored --exact session::tests::cost::<case>
//! ```

use core::hint::black_box;

use super::{
    super::{Lane, Session},
    PACKET, REALM, pair, rng, send, take,
    world::World,
};
use crate::program::RoundId;

/// Runs what is to be counted.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Makes a row.
fn making(session: &mut Session, round: u64, lane: Lane) {
    let mut rng = rng();
    let row = measured(|| {
        let ticket = session.take_row(RoundId(round), lane)?;
        session.seal(&ticket, &PACKET, &mut rng)
    });
    assert!(black_box(row).is_some());
}

/// Reads a row that brought `message`.
fn reading(session: &mut Session, round: u64, message: &[u8]) -> bool {
    let ticket = take(session, round, Lane::Text);
    measured(|| session.open(&ticket, message)).is_some()
}

/// A session that has been in use for a while.
fn used() -> (Session, Session) {
    let (mut a, mut b) = pair();
    for round in 1000..1100 {
        let (_, message) = send(&mut a, round);
        let ticket = take(&mut b, round, Lane::Text);
        assert!(b.open(&ticket, &message).is_some());
        b.seal(&ticket, &PACKET, &mut rng()).unwrap();
        a.erase_before(RoundId(round - 64));
    }
    (a, b)
}

macro_rules! cases {
    ($($name:ident $work:block)*) => {
        $(#[test]
        #[ignore = "counted under callgrind"]
        fn $name() $work)*
    };
}

cases! {
    make_first_row { making(&mut pair().0, 1 << 20, Lane::Text); }
    make_row { making(&mut used().0, 1100, Lane::Text); }
    make_row_after_a_month { making(&mut used().0, 3_000_000, Lane::Text); }
    make_picture_row { making(&mut used().0, 1100, Lane::Picture); }
    make_picture_row_beside_text {
        let mut session = used().0;
        send(&mut session, 1100);
        making(&mut session, 1100, Lane::Picture);
    }
    make_decoy { making(&mut Session::decoy(&REALM, pair().0.own, &mut rng()), 1100, Lane::Text); }
    make_row_of_two_generations {
        let mut world = World::new(1);
        while world.higher.session.state.next.is_none() {
            world.calm_round();
        }
        let round = world.round + 1;
        making(&mut world.higher.session, round, Lane::Text);
    }
    open_row_that_met {
        let (mut a, mut b) = used();
        let (_, message) = send(&mut a, 4000);
        assert!(reading(&mut b, 4000, &message));
    }
    open_row_that_came_back {
        let (_, mut b) = used();
        assert!(!reading(&mut b, 4000, &[7; PACKET.len() + 28]));
    }
    open_row_of_a_decoy {
        let mut decoy = Session::decoy(&REALM, pair().0.own, &mut rng());
        assert!(!reading(&mut decoy, 4000, &[7; PACKET.len() + 28]));
    }
    open_row_of_the_next_generation {
        let mut world = World::new(1);
        while world.lower.session.state.current.number == 0 {
            world.calm_round();
        }
        let mut round = world.round + 1;
        loop {
            let theirs = take(&mut world.higher.session, round, Lane::Text);
            let (ticket, message) = send(&mut world.lower.session, round);
            if theirs.tag == ticket.tag {
                let session = &mut world.higher.session;
                assert!(measured(|| session.open(&theirs, &message)).is_some());
                return;
            }
            round += 1;
        }
    }
}
