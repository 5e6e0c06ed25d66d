//! What the wire shows of someone who chats, and of someone who does nothing: the same.
//!
//! Alice calls Bob, chats with him and rings at his, Bob accepts and chats, Carol does nothing. To
//! and from each server, all three must have as many frames of every length as each other.
//!
//! Their order may differ: rounds of the two programs overlap, and how their frames interleave
//! is up to the machine. Frames of one length are in the order of their rounds. And a machine under
//! load may make someone late: that is told in a frame of its own, which the clock decides, not
//! what is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{MissedReason, Refusal, ServerFrame};

use super::{connect, tell};
use crate::wire::{BINARY, Frame, Trace};
use crate::world::World;

/// Frames of one length that may be on their way to one of two people when the counting starts,
/// and when it ends. Less than the texts below, each of which would show if it cost a frame.
const IN_FLIGHT: usize = 2;

/// Frames from a server after which the rounds that were open before are over: each round has two,
/// and a dialing round is not open for longer than four conversation rounds.
const SETTLED: usize = 20;

/// What sealing a frame adds, in bytes.
const TAG_BYTES: usize = 16;

/// Lengths of what a server tells someone who came too late for a round, in bytes.
fn left_out() -> [u64; 2] {
    let late = ServerFrame::Refused {
        reason: Refusal::Late,
    };
    let missed = ServerFrame::Missed {
        round: RoundId(0),
        program: Program::Conversation,
        reason: MissedReason::Absent,
    };
    [late, missed].map(|frame| (frame.encode().len() + TAG_BYTES) as u64)
}

/// Texts that Alice sends, and as many that Bob sends.
const TEXTS: [&str; 3] = ["one", "two", "three"];

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    let carol = world.person("Carol").await?;
    for person in [&alice, &bob, &carol] {
        person.wait_connected().await?;
    }
    wait_settled(&world).await?;
    let start = Instant::now();
    connect(&alice, &bob).await?;
    for text in TEXTS {
        tell(&alice, &bob, text).await?;
        tell(&bob, &alice, text).await?;
    }
    alice.ring("Bob").await?;
    alice.wait_ring("quiet").await?;
    let end = Instant::now();

    for (party, tap) in world.taps().iter().enumerate() {
        let traces = tap.traces();
        let [alice, bob, carol] = traces.as_slice() else {
            bail!("P{party}: expected three connections, got {}", traces.len());
        };
        let count = |frames: &[Frame]| {
            lengths(
                frames
                    .iter()
                    .filter(|frame| (start..end).contains(&frame.at)),
            )
        };
        for (who, trace) in [("Alice", alice), ("Bob", bob)] {
            compare(&count(&trace.up), &count(&carol.up))
                .with_context(|| format!("{who} to P{party}"))?;
            compare(&count(&trace.down), &count(&carol.down))
                .with_context(|| format!("P{party} to {who}"))?;
        }
    }
    Ok(())
}

/// Waits until everyone's part in the rounds that were open when they came is over: someone who
/// reached only some servers in time is told by each that it was left out.
async fn wait_settled(world: &World) -> Result<()> {
    let joined = Instant::now();
    let settled = |trace: &Trace| {
        let since = trace.down.iter().filter(|frame| frame.at > joined);
        since.filter(|frame| frame.opcode == BINARY).count() >= SETTLED
    };
    let all = async {
        while !world
            .taps()
            .iter()
            .all(|tap| tap.traces().iter().all(settled))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all)
        .await
        .context("the rounds did not go on")
}

/// How many messages there were of each length, in bytes.
type Lengths = BTreeMap<u64, usize>;

fn lengths<'a>(frames: impl Iterator<Item = &'a Frame>) -> Lengths {
    let mut lengths = Lengths::new();
    for frame in frames.filter(|frame| frame.opcode == BINARY) {
        *lengths.entry(frame.payload_bytes).or_default() += 1;
    }
    lengths
}

fn compare(theirs: &Lengths, idle: &Lengths) -> Result<()> {
    let enough = idle.values().sum::<usize>() > 10 * IN_FLIGHT;
    let left_out = left_out();
    let same = theirs.keys().chain(idle.keys()).all(|length| {
        let counts = [theirs, idle].map(|lengths| lengths.get(length).copied().unwrap_or(0));
        let both = !counts.contains(&0) || left_out.contains(length);
        both && counts[0].abs_diff(counts[1]) <= IN_FLIGHT
    });
    ensure!(
        enough && same,
        "{theirs:?} can be told from an idle client's {idle:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Lengths, compare, left_out};

    #[test]
    fn more_frames_or_longer_ones_are_noticed() {
        let idle = Lengths::from([(900, 60), (100, 30)]);
        assert!(compare(&Lengths::from([(900, 61), (100, 30)]), &idle).is_ok());
        assert!(compare(&Lengths::from([(900, 63), (100, 30)]), &idle).is_err());
        assert!(compare(&Lengths::from([(900, 59), (100, 30), (901, 1)]), &idle).is_err());
        assert!(compare(&Lengths::from([(900, 60)]), &idle).is_err());
        let late = left_out()[0];
        assert!(compare(&Lengths::from([(900, 59), (100, 30), (late, 1)]), &idle).is_ok());
        assert!(compare(&Lengths::from([(900, 59), (100, 30), (late, 3)]), &idle).is_err());
        let nothing = Lengths::from([(900, 2)]);
        assert!(compare(&nothing, &nothing).is_err(), "too few to say");
    }
}
