//! What everybody may see of the rounds: whether they run, and the last ones.
//!
//! Whoever is connected hears of each round when it opens and when it is over, and how many took part;
//! here is the same, of the last minute or so. Nothing of it is of one client.

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use mcmix_shared::party::PartyId;
use serde::Serialize;

use super::App;
use crate::round::recent::{Ending, PastRound};

/// Returns what is at `/status` and `/status.json`.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/status", get(page))
        .route("/status.json", get(json))
}

/// What is known of a deployment's rounds.
#[derive(Debug, Serialize)]
struct Status {
    party: PartyId,
    name: String,
    ready: bool,
    /// Whether rounds are stopped since a server deviates.
    stopped: bool,
    /// The oldest first.
    rounds: Vec<Past>,
}

/// A round that is over.
#[derive(Debug, Serialize)]
struct Past {
    round: u64,
    program: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<u32>,
    took_ms: u64,
    ago_ms: u64,
}

impl Past {
    fn new(past: PastRound, now: Instant) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (outcome, clients) = match past.ending {
            Ending::Done { clients } => ("done", Some(clients)),
            Ending::Failed => ("failed", None),
            Ending::Aborted => ("aborted", None),
        };
        Self {
            round: past.round.0,
            program: past.program.to_string(),
            outcome,
            clients,
            took_ms: millis(past.took),
            ago_ms: millis(now.saturating_duration_since(past.ended)),
        }
    }
}

impl Status {
    fn of(app: &App) -> Self {
        let (rounds, now) = (&app.0.rounds, Instant::now());
        let past = rounds.recent().into_iter();
        Self {
            party: app.0.party,
            name: app.0.deployment.name.clone(),
            ready: rounds.is_ready(),
            stopped: rounds.is_halted(),
            rounds: past.map(|past| Past::new(past, now)).collect(),
        }
    }
}

async fn json(State(app): State<App>) -> impl IntoResponse {
    let text = serde_json::to_string(&Status::of(&app)).unwrap_or_default();
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn page(State(app): State<App>) -> impl IntoResponse {
    Html(Status::of(&app).to_string())
}

/// Width of a bar, and height of the chart.
const BAR: usize = 10;
const HIGH: u64 = 100;

/// A page without scripts and styles, which the policy would need to know of.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (party, name) = (self.party, escape(&self.name));
        let state = match (self.stopped, self.ready) {
            (true, _) => "Rounds are stopped: one of the servers does not follow the protocol.",
            (false, true) => "Rounds are running.",
            (false, false) => "No rounds complete now.",
        };
        write!(
            f,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta http-equiv=\"refresh\" content=\"10\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>{name}: status</title><h1>{name}, as {party} sees it</h1><p>{state}"
        )?;
        if let Some(last) = self.rounds.last() {
            let seconds = last.ago_ms / 1000;
            write!(f, " The last round was over {seconds} s ago.")?;
        }
        let wide = BAR * self.rounds.len().max(1);
        write!(
            f,
            "<p><svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
             aria-label=\"how long the last rounds took\" width=\"{wide}\" height=\"{HIGH}\">"
        )?;
        let longest = self.rounds.iter().map(|it| it.took_ms).max();
        for (i, round) in self.rounds.iter().enumerate() {
            let high = (round.took_ms * HIGH / longest.unwrap_or(1).max(1)).max(1);
            let (x, y, wide) = (i * BAR, HIGH - high, BAR - 2);
            let fill = match round.outcome {
                "done" => "seagreen",
                "failed" => "orange",
                _ => "crimson",
            };
            write!(
                f,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" fill=\"{fill}\">\
                 <title>{round}</title></rect>"
            )?;
        }
        f.write_str("</svg><p>Each bar is a round, as high as it took long: green is done, orange failed, red aborted.")?;
        f.write_str(" <a href=\"status.json\">As JSON.</a></html>\n")
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            round,
            program,
            outcome,
            took_ms,
            ..
        } = self;
        write!(f, "{program} {round}: {outcome}, {took_ms} ms")?;
        match self.clients {
            Some(clients) => write!(f, ", {clients} clients"),
            None => Ok(()),
        }
    }
}

/// Makes text of what an operator called the deployment.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                let written = write!(escaped, "&#{};", u32::from(c));
                debug_assert!(written.is_ok(), "a string takes everything");
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use mcmix_shared::program::{Program, RoundId};

    use super::*;

    #[test]
    fn the_page_shows_each_round_and_no_markup_of_others() {
        let now = Instant::now();
        let past = |round, ending| {
            let past = PastRound {
                round: RoundId(round),
                program: Program::Conversation,
                ending,
                took: Duration::from_millis(10 * round),
                ended: now,
            };
            Past::new(past, now)
        };
        let status = Status {
            party: PartyId::P1,
            name: "<script>".to_owned(),
            ready: true,
            stopped: false,
            rounds: vec![
                past(1, Ending::Done { clients: 7 }),
                past(2, Ending::Failed),
                past(3, Ending::Aborted),
            ],
        };
        let page = status.to_string();
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("<rect").count(), 3);
        for text in [
            "conversation 1: done, 10 ms, 7 clients",
            "conversation 2: failed, 20 ms<",
            "height=\"100\" fill=\"crimson\"",
        ] {
            assert!(page.contains(text), "{page}");
        }
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["rounds"][0]["clients"], 7);
        assert_eq!(json["rounds"][1].get("clients"), None);
    }
}
