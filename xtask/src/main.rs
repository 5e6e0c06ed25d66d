//! Set-up, build, demo and test, as commands.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use xtask::demo::{self, Open};
use xtask::models::{self, Choice};
use xtask::test::{self, Trials};
use xtask::{bench, ci, cost, fuzz, load, say, setup, site};
use xtask::{mistakes, misuse, reproduce};

const HELP: &str = "\
./mcmix COMMAND, or cargo xtask COMMAND

  demo [--open]   sets up what is missing, builds, starts three servers and the page
  test            sets up what is missing, runs all tests, those in browsers too
  bench [OPTIONS] builds what measures rounds, and runs it; bench --help lists its options, and
                  --passive compares with the engine of before, which trusted the servers

  e2e [--browser NAME] [--repeat N] [--kills N] [SCENARIO]
                  runs the tests in browsers: chromium, firefox, webkit, chromium+firefox; with
                  --kills, the one that kills pages at random moments, that often
  shots [--demo FILE]
                  takes pictures of the main views into target/shots/, or of the demo alone
  models [--fast | --all] [MODEL[/CASE]..]
                  checks the symbolic models of the protocol (docs/models/), without the slow ones
                  unless with --all
  mistakes [--fast | NAME..]
                  makes deliberate mistakes in a copy (xtask/mistakes/), each of which a test must
                  notice
  load [--light] [--clients N] [--period-ms MS] [--seconds S] [--joins N] [--surge N]
                  lets real clients use three servers, and prints what a client and round costs
                  them and how many were left out; with --light, clients that only take part; with
                  --surge so many more come for a while, and it prints how rounds go meanwhile and
                  when they are as before again
  fuzz [--fast | --seconds N] [TARGET..]
                  feeds each decoder of what others wrote with bytes (fuzz/), for an hour unless
                  told; fuzz --seeds writes the inputs that it begins with
  misuse [NAME..] sends bad inputs of every kind to three servers from outside, and prints how each
                  is answered; honest clients must not notice
  cost            counts the instructions of a client's round in each state (callgrind), which
                  must not differ by more than 3 %
  lint            formatting, what we depend on, clippy and documentation, as CI wants them
  setup           sets up what is missing, and nothing else
  site            builds the page into target/site/
  reproduce       builds the page twice from nothing, in two folders; all must be the same
  size            builds the page and prints how large the app is
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command(&words) {
        Ok(code) => code,
        Err(error) => {
            say(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn command(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["demo"] => demo::run(Open::ByHand)?,
        ["demo", "--open"] => demo::run(Open::InBrowser)?,
        ["test"] => test::all()?,
        ["bench", options @ ..] => bench::run(options)?,
        ["e2e", options @ ..] => test::in_browsers(&Trials::parse(options)?)?,
        ["shots", options @ ..] => test::shots(options)?,
        ["models", options @ ..] => models::run(&Choice::parse(options)?)?,
        ["mistakes", options @ ..] => mistakes::run(&mistakes::Choice::parse(options)?)?,
        ["load", options @ ..] => load::run(load::Load::parse(options)?)?,
        ["fuzz", "--seeds"] => fuzz::write_seeds()?,
        ["fuzz", options @ ..] => fuzz::run(&fuzz::Choice::parse(options)?)?,
        ["misuse", names @ ..] => misuse::run(names)?,
        ["cost"] => cost::run()?,
        ["lint"] => ci::lint()?,
        ["setup"] => setup::all()?,
        ["site"] => site::build()?,
        ["reproduce"] => reproduce::run()?,
        ["size"] => site::size()?,
        [] | ["help" | "--help" | "-h"] => print!("{HELP}"),
        _ => {
            eprint!("mcmix: no such command: {}\n\n{HELP}", words.join(" "));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
