//! What to measure, as the command line says it.

use core::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mcmix_engine::DialingProgram;
use mcmix_shared::program::Program;
use serde::{Deserialize, Serialize};

/// Measures rounds: three parties as processes of their own, over mutually authenticated TLS on
/// this machine. Every round's replies are checked; a wrong one is an error.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What this process is.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub options: Options,
}

/// What this process can be instead of the one that measures.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One of the three parties: told what to do by the process that started it.
    #[command(hide = true)]
    Party,
}

/// What to measure.
#[derive(Args, Debug)]
pub struct Options {
    /// Users in a round; each hands in one row.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1000, 10_000, 100_000], value_parser = users)]
    pub users: Vec<usize>,
    /// Bytes of a message.
    #[arg(long, value_name = "L,…", value_delimiter = ',', default_values_t = [160, 256], value_parser = message_bytes)]
    pub message_bytes: Vec<usize>,
    /// Rounds that count; one more before them warms up.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = rounds)]
    pub rounds: usize,
    /// What to run.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_values_t = Algorithm::ALL)]
    pub programs: Vec<Algorithm>,
    /// Milliseconds that every message between parties takes longer, one way.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub delay_ms: u64,
    /// Threads that each party computes with; as many as there are cores unless given.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
    /// Connections of each link between two parties; one more for every four cores unless given.
    #[arg(long, value_name = "N", value_parser = strands, default_value_t = mcmix_server::net::strands())]
    pub strands: usize,
    /// Prints one line of JSON for each round instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Draws time and bytes against users into an SVG file, for the first message size given.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Compares with this program, which is the same of the commit that had the passive engine.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "json")]
    pub passive: Option<PathBuf>,
    /// What the crowd's inputs are derived from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What computes a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// The conversation program.
    Conversation,
    /// The conversation program by sorting, as in the paper.
    ConversationBySorting,
    /// The dialing program for those who have the callee's pass.
    DialingContacts,
    /// The dialing program for everyone.
    DialingOpen,
    /// The dialing program that tells both sides, as in the paper.
    DialingBothTold,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Conversation,
        Self::ConversationBySorting,
        Self::DialingContacts,
        Self::DialingOpen,
        Self::DialingBothTold,
    ];

    /// Returns the program whose inputs it has.
    pub const fn program(self) -> Program {
        match self {
            Self::Conversation | Self::ConversationBySorting => Program::Conversation,
            Self::DialingContacts => Program::Contacts,
            Self::DialingOpen | Self::DialingBothTold => Program::Open,
        }
    }
}

impl Algorithm {
    /// Returns the engine's dialing program that it is, if it is one.
    pub const fn dialing(self) -> Option<DialingProgram> {
        match self {
            Self::DialingContacts => Some(DialingProgram::Contacts),
            Self::DialingOpen => Some(DialingProgram::Open),
            Self::Conversation | Self::ConversationBySorting | Self::DialingBothTold => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Conversation => "conversation",
            Self::ConversationBySorting => "conversation-by-sorting",
            Self::DialingContacts => "dialing-contacts",
            Self::DialingOpen => "dialing-open",
            Self::DialingBothTold => "dialing-both-told",
        })
    }
}

/// Most users: three parties and their inputs must fit one machine.
const MAX_USERS: usize = 100_000_000;

fn users(text: &str) -> Result<usize, String> {
    within(text, 2, MAX_USERS)
}

fn message_bytes(text: &str) -> Result<usize, String> {
    within(text, 1, 65_535)
}

fn rounds(text: &str) -> Result<usize, String> {
    within(text, 1, 10_000)
}

fn threads(text: &str) -> Result<usize, String> {
    within(text, 1, 1024)
}

fn strands(text: &str) -> Result<usize, String> {
    within(text, 1, 4)
}

/// Reads a number, with `_` between digits where the user likes.
fn within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let digits = text.replace('_', "");
    match digits.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, clap::Error> {
        let words = ["mcmix-bench"].into_iter().chain(words.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.options)
    }

    #[test]
    fn lists_and_defaults() {
        let options = parse("").unwrap();
        assert_eq!(options.programs, Algorithm::ALL);
        assert_eq!(options.users, [1000, 10_000, 100_000]);
        let options = parse(
            "--users 1000,1_000_000 --message-bytes 160 --programs dialing-open,conversation-by-sorting \
             --rounds 1 --delay-ms 15 --threads 2 --strands 4 --json --plot a.svg",
        )
        .unwrap();
        assert_eq!(options.users, [1000, 1_000_000]);
        assert_eq!(options.message_bytes, [160]);
        assert_eq!(
            options.programs,
            [Algorithm::DialingOpen, Algorithm::ConversationBySorting]
        );
        assert_eq!((options.delay_ms, options.threads), (15, Some(2)));
        assert_eq!(options.strands, 4);
    }

    #[test]
    fn names_on_the_command_line_are_those_in_the_table() {
        for algorithm in Algorithm::ALL {
            let options = parse(&format!("--programs {algorithm}")).unwrap();
            assert_eq!(options.programs, [algorithm]);
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{algorithm}\""));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            "--users 0",
            "--users 1000,",
            "--users many",
            "--rounds 0",
            "--threads 0",
            "--message-bytes 0",
            "--programs mixing",
            "party --json",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
