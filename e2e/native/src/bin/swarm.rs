//! Lets many clients use three servers on this machine: `./mcmix load` starts it.
//!
//! On standard input, a line asks how far behind it is, its end ends everything.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use anyhow::{Context as _, Result, bail};
use mcmix_native::{Kind, Lag, Swarm};
use mcmix_shared::manifest::Deployment;

fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let mut next = || {
        words
            .next()
            .context("expected: swarm MANIFEST CLIENTS JOINS_A_SECOND")
    };
    let manifest = PathBuf::from(next()?);
    let kind = match next()?.as_str() {
        "whole" => Kind::Whole,
        "light" => Kind::Light,
        other => bail!("expected whole or light, got {other}"),
    };
    let clients: u32 = next()?.parse()?;
    let joins: f64 = next()?.parse()?;
    let json = fs::read_to_string(&manifest)?;
    let mut swarm = Swarm::new(Deployment::from_json(&json)?)?;

    let (asked, asks) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            let _ = asked.send(());
        }
        std::process::exit(0);
    });
    let began = Instant::now();
    let mut joined = 0_u32;
    loop {
        let pause = Duration::from_secs_f64(f64::from(joined) / joins);
        if joined < clients && began.elapsed() >= pause {
            swarm.join(kind);
            joined += 1;
        } else {
            swarm.look()?;
        }
        if asks.try_recv().is_ok() {
            let Lag { longest, looks } = swarm.lag();
            println!("{} {looks}", longest.as_millis());
            io::stdout().flush()?;
        }
    }
}
