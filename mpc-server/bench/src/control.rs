//! What the measuring process and the parties say to each other: lines of JSON on the parties'
//! standard input and output.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::crowd::Case;
use crate::usage::Cpu;

/// What a party is told to do. It answers each with one [`Answer`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// To listen for its previous party: the first order.
    Set(Box<Setup>),
    /// To link up with its next party.
    Link {
        /// Where that party listens.
        address: String,
    },
    /// To measure how long a message and its answer take.
    MeasureRoundTrip,
    /// How wide to sort.
    SortWidth {
        /// Ways to split at a time.
        ways: u8,
    },
    /// To take the submissions of a round in and be ready for its messages.
    Open {
        /// Its number.
        round: u64,
    },
    /// To compute the round.
    Compute,
    /// To report what the round took, once all are through.
    Report {
        /// Ids of the clients whose replies to hand out.
        sample: Vec<[u8; 16]>,
    },
}

/// What a party needs to know from the start.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Which party it is.
    pub party: usize,
    /// The crowd.
    pub case: Case,
    /// Threads to compute with.
    pub threads: usize,
    /// What every message takes longer.
    pub delay: Duration,
    /// Connections of each link.
    pub strands: usize,
    /// Its certificate.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The certificate of its next party.
    pub next_fingerprint: String,
    /// The certificate of its previous party.
    pub prev_fingerprint: String,
}

/// What a party answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It listens.
    Listening {
        /// Where.
        address: String,
    },
    /// Both links are up, or the width is set, or the round is open or computed.
    Done,
    /// The round trip.
    RoundTrip {
        /// The shortest of a few.
        time: Duration,
    },
    /// What the round took.
    Report(Box<PartyReport>),
    /// It can't go on, and has ended.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a round took at one party.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartyReport {
    /// Wall times.
    pub times: Times,
    /// Processor time, from the beginning to when all parties were through.
    pub cpu: Cpu,
    /// Processor time of the thread that runs the round: what it gives to no other thread.
    pub alone: Cpu,
    /// Peak memory in the round, in bytes, submissions included.
    pub peak_memory: u64,
    /// Communication rounds of the program.
    pub rounds: u32,
    /// Bytes sent to the next and the previous party by the program.
    pub sent: [u64; 2],
    /// Bytes sent to the next and the previous party for the agreement.
    pub agree_sent: [u64; 2],
    /// Wall time of each phase of the program.
    pub phases: Vec<(String, Duration)>,
    /// Reply bodies to the clients of the sample, in base64.
    pub replies: Vec<String>,
}

/// Wall times of a round at one party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Taking submissions in: their digests. Before the round closes, so not part of the total.
    pub intake: Duration,
    /// Agreeing on the clients.
    pub agree: Duration,
    /// Ordering submissions and making the program's input of them.
    pub close: Duration,
    /// The matcher.
    pub matching: Duration,
    /// The router.
    pub routing: Duration,
    /// Of both: making proofs, and examining those of the others.
    pub proving: Duration,
    /// Making reply bodies.
    pub reply: Duration,
    /// From the close to the last reply.
    pub total: Duration,
}
