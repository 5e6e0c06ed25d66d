//! A page that is busy for seconds takes part in every round meanwhile, where the browser carries a
//! worker's sockets apart from the page; elsewhere it goes on right after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::wire::{BINARY, Frame};
use crate::world::World;

/// How long the page is busy: some ten rounds of either program.
const BUSY: Duration = Duration::from_secs(4);

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    alice.wait_connected().await?;
    alice.wait_rounds(2).await?;
    let start = Instant::now();
    alice.be_busy(BUSY).await?;
    let end = start + BUSY;
    let within = |frames: &[Frame]| {
        let frames = frames.iter().filter(|frame| frame.opcode == BINARY);
        frames
            .filter(|frame| (start..end).contains(&frame.at))
            .count()
    };
    alice.wait_rounds(2).await?;
    if !alice.engine().carries_sockets_apart() {
        return Ok(());
    }
    for (party, tap) in world.taps().iter().enumerate() {
        let traces = tap.traces();
        let (up, down) = traces.iter().fold((0, 0), |(up, down), trace| {
            (up + within(&trace.up), down + within(&trace.down))
        });
        // A round is one frame up, and an announcement and replies down.
        ensure!(
            down >= 20 && up * 3 >= down,
            "P{party} sent {down} frames and got {up} while the page was busy"
        );
    }
    Ok(())
}
