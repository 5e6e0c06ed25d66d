//! A contact that sends whatever packets, among its own: nothing breaks, no text comes from nowhere, and
//! what is stored is read again.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::{deployment, rng, secret};
use mcmix_shared::hostile::{Couple, PACKET_BYTES};

#[derive(Debug, Arbitrary)]
enum Step {
    /// So many rounds as they should be.
    Honest(u8),
    /// A packet of these words and items, after some rounds.
    Items {
        after: u8,
        words: [u32; 4],
        items: Vec<(u8, u32, u16, Vec<u8>)>,
    },
    /// Any packet.
    Raw(Vec<u8>),
    /// We write something.
    Say(u8),
    /// We start again.
    Restart,
}

/// Writes a packet as its layout has it.
fn packet(words: [u32; 4], items: &[(u8, u32, u16, Vec<u8>)]) -> Vec<u8> {
    let mut out: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    out.extend([0; 4]);
    for (kind, number, left, bytes) in items {
        let bytes = &bytes[..bytes.len().min(255)];
        out.push(kind % 9);
        out.extend(number.to_le_bytes());
        out.extend(left.to_le_bytes());
        out.extend(u8::try_from(bytes.len()));
        out.extend(bytes);
    }
    out.resize(PACKET_BYTES.max(out.len()), 0);
    out
}

fuzz_target!(|input: (bool, Vec<Step>)| {
    let (order, steps) = input;
    let mut keys = [secret(1).client_key(), secret(2).client_key()];
    if order {
        keys.reverse();
    }
    let rng = &mut rng();
    let mut couple = Couple::new(deployment().realm(), keys, rng);
    let (mut sent, mut got) = (0, 0);
    let mut play = |couple: &mut Couple, after, hostile: Option<&[u8]>| {
        sent += hostile.map_or(0, <[u8]>::len);
        let texts = couple.play(after, hostile, rng);
        got += texts.iter().map(String::len).sum::<usize>();
    };
    for (id, step) in (0..).zip(steps.iter().take(20)) {
        match step {
            Step::Honest(rounds) => {
                for _ in 0..rounds % 16 {
                    play(&mut couple, 1, None);
                }
            }
            Step::Items {
                after,
                words,
                items,
            } => play(&mut couple, *after, Some(&packet(*words, items))),
            Step::Raw(bytes) => play(&mut couple, 1, Some(bytes)),
            Step::Say(len) => couple.say(id, "x".repeat((*len).into())),
            Step::Restart => assert!(couple.restart(), "a session that was stored is none"),
        }
    }
    assert!(got <= sent, "{got} bytes of texts in {sent} of packets");
});
