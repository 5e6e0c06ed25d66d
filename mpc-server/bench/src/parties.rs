//! Starts the three parties, and tells them what to do in step.

use std::env;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mcmix_engine::PartyId;
use mcmix_server::keys::{Fingerprint, TlsIdentity};
use tempfile::TempDir;

use crate::control::{Answer, Order, PartyReport, Setup};
use crate::crowd::Case;

/// Three parties that are linked with each other. They end with this value.
#[derive(Debug)]
pub struct Parties {
    parties: [Party; 3],
    /// Their keys.
    _folder: TempDir,
}

#[derive(Debug)]
struct Party {
    id: PartyId,
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Parties {
    /// Starts three parties with fresh keys for one case, and waits until all links are up.
    ///
    /// # Errors
    /// A party does not start, or does not reach another.
    pub fn start(case: Case, threads: usize, delay: Duration, strands: usize) -> Result<Self> {
        let folder = tempfile::tempdir().context("can't make a folder for the parties' keys")?;
        let path = folder.path().to_owned();
        let file = |id: PartyId, kind: &str| path.join(format!("{id}.{kind}"));
        let mut fingerprints = Vec::new();
        for id in PartyId::ALL {
            let identity = TlsIdentity::generate(&file(id, "crt"), &file(id, "key"))?;
            fingerprints.push(identity.fingerprint());
        }
        let fingerprint = |id: PartyId| {
            let found = fingerprints.get(id.index()).map(Fingerprint::to_string);
            found.unwrap_or_default()
        };
        let [p0, p1, p2] = PartyId::ALL.map(Party::start);
        let mut parties = Self {
            parties: [p0?, p1?, p2?],
            _folder: folder,
        };
        let listening = parties.each(|id| {
            Order::Set(Box::new(Setup {
                party: id.index(),
                case,
                threads,
                delay,
                strands,
                certificate: file(id, "crt"),
                key: file(id, "key"),
                next_fingerprint: fingerprint(id.next()),
                prev_fingerprint: fingerprint(id.prev()),
            }))
        })?;
        let addresses = listening.map(|answer| match answer {
            Answer::Listening { address } => address,
            _ => String::new(),
        });
        parties.each(|id| Order::Link {
            address: addresses
                .get(id.next().index())
                .cloned()
                .unwrap_or_default(),
        })?;
        Ok(parties)
    }

    /// Measures the longest round trip between any two.
    ///
    /// # Errors
    /// A party fails.
    pub fn round_trip(&mut self) -> Result<Duration> {
        let times = self.each(|_| Order::MeasureRoundTrip)?;
        let times = times.map(|answer| match answer {
            Answer::RoundTrip { time } => time,
            _ => Duration::ZERO,
        });
        Ok(times.into_iter().max().unwrap_or_default())
    }

    /// Sets how wide they sort.
    ///
    /// # Errors
    /// A party fails.
    pub fn sort_width(&mut self, ways: u8) -> Result<()> {
        self.each(|_| Order::SortWidth { ways }).map(drop)
    }

    /// Computes a round and returns what it took each party, with its replies to a sample.
    ///
    /// # Errors
    /// A party fails.
    pub fn round(&mut self, round: u64, sample: &[[u8; 16]]) -> Result<[PartyReport; 3]> {
        self.each(|_| Order::Open { round })?;
        self.each(|_| Order::Compute)?;
        let reports = self.each(|_| Order::Report {
            sample: sample.to_vec(),
        })?;
        Ok(reports.map(|answer| match answer {
            Answer::Report(report) => *report,
            _ => PartyReport::default(),
        }))
    }

    /// Gives each its order, then waits for all answers.
    fn each(&mut self, order: impl Fn(PartyId) -> Order) -> Result<[Answer; 3]> {
        for party in &mut self.parties {
            // Where a party is gone, its answer says why.
            let _gone = party.tell(&order(party.id));
        }
        let answers = self.parties.each_mut().map(Party::answer);
        let failures = answers.iter().filter_map(|answer| answer.as_ref().err());
        let failures: Vec<String> = failures.map(|error| format!("{error:#}")).collect();
        match answers {
            [Ok(p0), Ok(p1), Ok(p2)] => Ok([p0, p1, p2]),
            _ => bail!("{}", failures.join("; ")),
        }
    }
}

impl Party {
    fn start(id: PartyId) -> Result<Self> {
        let program = env::current_exe().context("can't find this program's own file")?;
        let mut process = Command::new(program)
            .arg("party")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't start {id}"))?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("can't talk with {id}");
        };
        Ok(Self {
            id,
            process,
            orders,
            answers: BufReader::new(answers).lines(),
        })
    }

    fn tell(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        Ok(self.orders.write_all(&line)?)
    }

    fn answer(&mut self) -> Result<Answer> {
        let id = self.id;
        let Some(line) = self.answers.next() else {
            let status = self.process.wait()?;
            bail!("{id} ended unasked: {status}");
        };
        match serde_json::from_str(&line?)? {
            Answer::Failed { reason } => bail!("{id}: {reason}"),
            answer => Ok(answer),
        }
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}
