//! The demo: three guests in frames of one page, two of whom talk, and what the network sees of all
//! three: about as many frames of each. That they are the same exactly, `wire_lengths` tests; here a
//! machine under load makes three clients of one browser late for a round now and then.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::page::{Page, id};
use crate::world::World;

/// Of so many frames one may be missing, for rounds at the edge and for those that one was late for.
const ONE_IN: u64 = 5;
/// Fewer say nothing.
const ENOUGH: u64 = 50;

/// Returns how many frames are counted of each of the three, once enough are.
const COUNTED: &str = r"
    const [count, enough, done] = arguments;
    const look = () => {
        const counted = [...document.querySelectorAll(count)].map((it) => Number(it.dataset.frames));
        if (counted.length === 3 && counted.every((frames) => frames >= enough)) done(counted);
        else setTimeout(look, 100);
    };
    look();
";

/// Returns what an ordinary server would have written down: who wrote to whom, the newest first.
const RECORD: &str = r"
    const [record, done] = arguments;
    const rows = document.querySelectorAll(`${record} tbody tr`);
    done([...rows].map((row) => [row.cells[1].textContent, row.cells[2].textContent]));
";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let demo = world.demo().await?;
    talk(&demo).await?;

    let arguments = vec![json!(id("demo-count")), json!(ENOUGH)];
    let counted = demo.run_script(COUNTED, arguments).await?;
    let counted: Vec<u64> = serde_json::from_value(counted)?;
    let (least, most) = (counted.iter().min(), counted.iter().max());
    let (least, most) = least.zip(most).context("nobody was counted")?;
    ensure!(
        (most - least) * ONE_IN <= *most,
        "frames differ: {counted:?}"
    );
    // A share of each was drawn.
    for name in ["Alice", "Bob", "Carol"] {
        demo.wait_text("#shares p", &format!("From {name}, round "))
            .await?;
    }

    demo.click("demo-ordinary").await?;
    let record = demo.run_script(RECORD, vec![json!(id("demo-record"))]);
    let expected = json!([["Bob", "Alice"], ["Alice", "Bob"]]);
    let record: Value = record.await?;
    ensure!(record == expected, "the record is {record}");
    Ok(())
}

/// Lets Alice and Bob meet, and say a line each.
pub(crate) async fn talk(demo: &Page) -> Result<()> {
    for done in ["Connect Alice and Bob", "Let them talk"] {
        let button = format!("{}[aria-disabled=false]", id("demo-next"));
        demo.wait_text(&button, done).await?;
        demo.click("demo-next").await?;
    }
    let button = format!("{}[aria-disabled=false]", id("demo-next"));
    demo.wait_text(&button, "Let them say more").await
}
