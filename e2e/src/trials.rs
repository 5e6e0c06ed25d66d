//! Every scenario in every engine, as tests.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::engine::Engine;
use crate::pool::Pool;
use crate::scenarios::{self, Scenario};
use crate::world::World;
use xtask::servers::Pace;

/// How often every scenario is played; [`run`] reads it.
const REPEAT: &str = "MCMIX_E2E_REPEAT";

/// Scenarios played side by side. Each has two or three browsers, but mostly waits for rounds:
/// with more than three, two cores are late for rounds.
const AT_ONCE: usize = 3;

/// No scenario takes this long unless something hangs.
const LIMIT: Duration = Duration::from_mins(4);

/// No page that is killed takes this long to come back.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Runs the trials that the command line asks for.
pub fn run() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    match Runtime::new() {
        Ok(runtime) => {
            let runtime = Arc::new(runtime);
            let pool = Arc::new(Pool::default());
            let conclusion = libtest_mimic::run(&arguments, trials(&runtime, &pool));
            // Browsers end here and not in `exit`, which would leave them running.
            drop(pool);
            conclusion.exit_code()
        }
        Err(error) => {
            eprintln!("no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

fn trials(runtime: &Arc<Runtime>, pool: &Arc<Pool>) -> Vec<Trial> {
    let repeat: usize = env::var(REPEAT)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let mut casts: Vec<(String, Vec<Engine>, &[Scenario])> = Engine::ALL
        .into_iter()
        .map(|engine| (engine.to_string(), vec![engine], scenarios::ALL))
        .collect();
    let chromium = Engine::Chromium;
    casts.push((chromium.to_string(), vec![chromium], scenarios::KILLS));
    let mixed = vec![Engine::Chromium, Engine::Firefox];
    casts.push(("chromium+firefox".to_owned(), mixed, scenarios::MIXED));

    let mut trials = Vec::new();
    for time in 1..=repeat {
        // Engine after engine in each scenario: WebKit's take most of a core.
        for place in 0..scenarios::ALL.len() {
            for (cast, engines, scenarios) in &casts {
                let Some(scenario) = scenarios.get(place) else {
                    continue;
                };
                let mut name = format!("{cast}/{}", scenario.name);
                if repeat > 1 {
                    name = format!("{name} {time}");
                }
                let (runtime, pool) = (Arc::clone(runtime), Arc::clone(pool));
                let (engines, scenario, trial) = (engines.clone(), *scenario, name.clone());
                trials.push(Trial::test(name, move || {
                    let played = runtime.block_on(play(&trial, &engines, scenario, pool));
                    played.map_err(|error| Failed::from(format!("{error:#}")))
                }));
            }
        }
    }
    trials
}

async fn play(trial: &str, engines: &[Engine], scenario: Scenario, pool: Arc<Pool>) -> Result<()> {
    // WebKitGTK takes tens of milliseconds for what others do in one.
    let pace = if engines.contains(&Engine::WebKit) {
        Pace::Unhurried
    } else {
        scenario.pace
    };
    let world = Arc::new(World::start(trial, engines, pace, pool).await?);
    // In a task of its own, so that a panic still leaves us the world.
    let playing = tokio::spawn((scenario.play)(Arc::clone(&world)));
    let abort = playing.abort_handle();
    let kills = match scenario.name {
        "kills" => u32::try_from(scenarios::kills::count())?,
        _ => 0,
    };
    let limit = LIMIT + KILL_LIMIT * kills;
    let played = match tokio::time::timeout(limit, playing).await {
        Ok(Ok(played)) => played,
        Ok(Err(panic)) => Err(panic.into()),
        Err(_) => {
            abort.abort();
            Err(anyhow::anyhow!("not done in {} s", limit.as_secs()))
        }
    };
    if let Some(world) = Arc::into_inner(world) {
        world.end(played.is_err()).await;
    }
    played
}
