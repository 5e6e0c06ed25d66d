//! What the wire shows of someone who chats, and of someone who does nothing: the same.
//!
//! Alice dials Bob and chats with him, Bob is dialled and chats, Carol does nothing. Every frame
//! to and from each server must have the same length for all three, round by round.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};

use super::{connect, tell};
use crate::wire::Frame;
use crate::world::World;

/// The opcode of binary messages; pings and their answers carry nothing of ours.
const BINARY: u8 = 2;

/// Frames that may be on their way to one of two people while the traces are read.
const IN_FLIGHT: usize = 2;

/// Frames that two traces must have in common to say anything: some twenty rounds.
const ENOUGH: usize = 20;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    let carol = world.person("Carol").await?;
    connect(&alice, &bob).await?;
    for text in ["one", "two", "three"] {
        tell(&alice, &bob, text).await?;
        tell(&bob, &alice, text).await?;
    }
    carol.wait_connected().await?;

    for (party, tap) in world.taps().iter().enumerate() {
        let traces = tap.traces();
        let [alice, bob, carol] = traces.as_slice() else {
            bail!("P{party}: expected three connections, got {}", traces.len());
        };
        for (who, trace) in [("Alice", alice), ("Bob", bob)] {
            compare(&trace.up, &carol.up).with_context(|| format!("{who} to P{party}"))?;
            compare(&trace.down, &carol.down).with_context(|| format!("P{party} to {who}"))?;
        }
    }
    Ok(())
}

fn compare(theirs: &[Frame], idle: &[Frame]) -> Result<()> {
    let (theirs, idle) = (lengths(theirs), lengths(idle));
    ensure!(
        look_the_same(&theirs, &idle),
        "{theirs:?} can be told from those of an idle client, {idle:?}"
    );
    Ok(())
}

/// Returns the lengths of all messages after the greeting, which is made before any round.
fn lengths(frames: &[Frame]) -> Vec<u64> {
    let messages = frames.iter().filter(|frame| frame.opcode == BINARY);
    messages.map(|frame| frame.payload_bytes).skip(2).collect()
}

/// Returns whether the shorter list is the end of the longer one, save what is on its way.
fn look_the_same(one: &[u64], other: &[u64]) -> bool {
    let (long, short) = if one.len() < other.len() {
        (other, one)
    } else {
        (one, other)
    };
    let cuts = 0..=2 * IN_FLIGHT;
    short.len() > ENOUGH
        && cuts.into_iter().any(|cut| {
            let start = (long.len() - short.len() + cut).saturating_sub(IN_FLIGHT);
            let long = long.get(start..).unwrap_or_default();
            let common = long.len().min(short.len());
            common + 2 * IN_FLIGHT >= short.len() && long.get(..common) == short.get(..common)
        })
}

#[cfg(test)]
mod tests {
    use super::look_the_same;

    fn rounds(count: usize) -> Vec<u64> {
        (0..count)
            .map(|round| if round % 3 == 2 { 100 } else { 900 })
            .collect()
    }

    #[test]
    fn one_frame_more_or_longer_is_noticed() {
        let idle = rounds(60);
        assert!(look_the_same(&idle, &idle[12..]));
        assert!(look_the_same(&idle[..59], &idle[12..]));
        let mut longer = idle.clone();
        longer[30] += 1;
        assert!(!look_the_same(&longer, &idle[12..]));
        let mut one_more = idle.clone();
        one_more.insert(30, 900);
        assert!(!look_the_same(&one_more, &idle[12..]));
        assert!(!look_the_same(&idle, &idle[55..]), "too short to say");
    }
}
