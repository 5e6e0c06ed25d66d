//! Runs classes against three servers, while honest clients go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use futures_util::StreamExt as _;
use futures_util::stream;
use mcmix_shared::client::RoundOutcome;

use super::crowd::Crowd;
use super::target::{GLANCE, Readiness};
use super::{Answer, Beside, Class, Target, table};

/// In what order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// One by one, so that what goes wrong shows by its name.
    OneByOne,
    /// As many at a time as get not into each other's way: soon done.
    Together,
}

/// Classes at a time: together they need fewer places than there are.
const TOGETHER: usize = 8;
/// How long a class may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a class.
#[derive(Debug)]
pub struct Row {
    /// The class.
    pub class: Class,
    /// How it was answered, or why that can't be said.
    pub seen: Result<Answer>,
    /// Rounds that honest clients lost meanwhile, and whatever else others noticed.
    pub others: Result<(), String>,
    /// How long it took.
    pub took: Duration,
}

impl Row {
    /// Returns whether all was as it should be.
    pub fn is_good(&self) -> bool {
        let answered = self
            .seen
            .as_ref()
            .is_ok_and(|seen| *seen == self.class.expected);
        answered && self.others.is_ok()
    }
}

/// Runs the classes of those names, all where there is none, and hands out each row as it comes.
///
/// # Errors
/// When a name is none, or the servers do not serve honest clients to begin with.
pub async fn run(
    target: &Arc<Target>,
    names: &[String],
    manner: Manner,
    mut row: impl FnMut(Row),
) -> Result<()> {
    let mut classes = table();
    if let Some(name) = names
        .iter()
        .find(|&name| classes.iter().all(|it| it.name != name))
    {
        let known: Vec<_> = classes.iter().map(|class| class.name).collect();
        bail!(
            "no such class: {name}; expected one of {}",
            known.join(", ")
        );
    }
    classes.retain(|class| names.is_empty() || names.iter().any(|name| name == class.name));
    target.until(Readiness::All).await?;
    let mut crowd = Crowd::join(&target.deployment).await?;
    let usual = target.descriptors()?;
    let (together, alone): (Vec<_>, Vec<_>) = classes
        .into_iter()
        .partition(|class| manner == Manner::Together && class.beside == Beside::Others);
    if !together.is_empty() {
        let mut rows: Vec<_> = Vec::new();
        let others = beside(target, &mut crowd, usual, Beside::Others, async {
            let attacks = together.into_iter().map(|class| attack(target, class));
            rows = stream::iter(attacks)
                .buffer_unordered(TOGETHER)
                .collect()
                .await;
        });
        let others = others.await;
        for (class, seen, took) in rows {
            let others = others.clone();
            row(Row {
                class,
                seen,
                others,
                took,
            });
        }
    }
    for class in alone {
        let (place, mut came) = (class.beside, None);
        let others = beside(target, &mut crowd, usual, place, async {
            came = Some(attack(target, class).await);
        });
        let others = others.await;
        if let Some((class, seen, took)) = came {
            row(Row {
                class,
                seen,
                others,
                took,
            });
        }
    }
    Ok(())
}

/// Runs a class in a task of its own: one that floods must not hold up others that share its task.
async fn attack(target: &Arc<Target>, class: Class) -> (Class, Result<Answer>, Duration) {
    let (began, target) = (Instant::now(), Arc::clone(target));
    let attack = async move { tokio::time::timeout(PATIENCE, (class.attack)(&target)).await };
    let seen = match tokio::spawn(attack).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(_late)) => Err(anyhow!("no answer")),
        Err(panic) => Err(panic.into()),
    };
    (class, seen, began.elapsed())
}

/// Lets something happen, and says whether others noticed: honest clients must complete rounds and
/// lose none, and the servers must let go of all that it took.
async fn beside(
    target: &Target,
    crowd: &mut Crowd,
    usual: [usize; 3],
    place: Beside,
    what: impl Future<Output = ()>,
) -> Result<(), String> {
    let before = crowd.lost().len();
    what.await;
    let after = async {
        crowd.complete_one().await?;
        let lost: Vec<RoundOutcome> = crowd.lost().split_off(before);
        ensure!(
            lost.is_empty() || place == Beside::Nobody,
            "honest clients lost {lost:?}"
        );
        let_go(target, usual).await
    };
    after
        .await
        .map_err(|error: anyhow::Error| format!("{error:#}"))
}

/// Waits until the servers have no more files and sockets open than usual.
async fn let_go(target: &Target, usual: [usize; 3]) -> Result<()> {
    let began = Instant::now();
    let mut glance = tokio::time::interval(GLANCE);
    loop {
        let now = target.descriptors()?;
        if now.iter().zip(usual).all(|(now, usual)| *now <= usual) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "the servers have {now:?} files and sockets open, {usual:?} before"
        );
        glance.tick().await;
    }
}
