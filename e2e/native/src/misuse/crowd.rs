//! A few honest clients, and how their rounds go.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use mcmix_shared::client::{Client, RoundOutcome, RoundView, View};
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::program::RoundId;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::NativeClient;
use crate::raw::{rng, soon};

/// Honest clients.
pub(super) const MEMBERS: usize = 5;

/// How the rounds of one client went.
#[derive(Clone, Debug, Default)]
struct Tally {
    conversations: BTreeSet<RoundId>,
    dialings: BTreeSet<RoundId>,
    /// Those without three replies that fit together.
    lost: Vec<RoundOutcome>,
}

#[derive(Debug)]
struct Member {
    tally: watch::Receiver<Tally>,
    _task: AbortOnDropHandle<()>,
}

/// A few honest clients.
#[derive(Debug)]
pub(super) struct Crowd(Vec<Member>);

impl Crowd {
    /// Lets them join, and waits until rounds of both kinds have gone through for each.
    pub(super) async fn join(deployment: &Deployment) -> Result<Self> {
        let members = (0..MEMBERS).map(|_| Member::start(deployment));
        let mut crowd = Self(members.collect::<Result<_>>()?);
        for member in &mut crowd.0 {
            member
                .until(|it| !it.conversations.is_empty() && !it.dialings.is_empty())
                .await?;
        }
        Ok(crowd)
    }

    /// Returns the rounds that clients lost so far.
    pub(super) fn lost(&self) -> Vec<RoundOutcome> {
        let tallies = self.0.iter().map(|member| member.tally.borrow());
        tallies.flat_map(|tally| tally.lost.clone()).collect()
    }

    /// Waits until each has completed one more conversation round.
    pub(super) async fn complete_one(&mut self) -> Result<()> {
        let more = self.0.iter_mut().map(|member| {
            let before = member.tally.borrow().conversations.len();
            member.until(move |it| it.conversations.len() > before)
        });
        try_join_all(more).await.map(drop)
    }
}

impl Member {
    fn start(deployment: &Deployment) -> Result<Self> {
        let name = Name::new("Somebody").context("a name")?;
        let client = Client::create(deployment.clone(), name, &mut rng());
        let mut client = NativeClient::start(client, deployment);
        let (counted, tally) = watch::channel(Tally::default());
        let task = tokio::spawn(async move {
            let mut seen = [None; 2];
            while let Some(view) = client.until(|view| outcomes(view) != seen).await {
                let now = outcomes(&view);
                counted.send_modify(|tally| {
                    for ((before, now), is_dialing) in seen.iter().zip(now).zip([false, true]) {
                        if let Some(outcome) = now.filter(|_| now != *before) {
                            tally.add(outcome, is_dialing);
                        }
                    }
                });
                seen = now;
            }
        });
        Ok(Self {
            tally,
            _task: AbortOnDropHandle::new(task),
        })
    }

    async fn until(&mut self, done: impl FnMut(&Tally) -> bool) -> Result<()> {
        let tally = soon("an honest client's round", self.tally.wait_for(done)).await?;
        tally.context("an honest client ended").map(drop)
    }
}

impl Tally {
    fn add(&mut self, outcome: RoundOutcome, is_dialing: bool) {
        let rounds = if is_dialing {
            &mut self.dialings
        } else {
            &mut self.conversations
        };
        match outcome {
            RoundOutcome::Done(round) => drop(rounds.insert(round)),
            lost => self.lost.push(lost),
        }
    }
}

/// Returns how the last conversation round and the last dialing round went.
fn outcomes(view: &View) -> [Option<RoundOutcome>; 2] {
    let last = |round: Option<RoundView>| round.and_then(|round| round.last);
    [last(view.conversation), last(view.dialing)]
}
