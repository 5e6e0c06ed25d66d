//! What is wrong with a deployment as its clients see it: every server is looked at over the address
//! in the manifest, all in one go.
//!
//! It is a client like any other, with an identity of its own that nobody knows, and takes part in
//! one round. So nothing here needs a server's files or keys.

mod finding;
mod http;
mod link;
mod reach;
mod rounds;

use std::time::{Duration, SystemTime};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use url::Url;

use self::finding::Checks;
pub use self::finding::{Check, Finding, Report};
use self::link::Link;
pub use self::rounds::patience;
use crate::config::mistake::{Mistake, Mistakes};
use crate::files;

/// Time that each thing has that takes no rounds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seconds by which clocks may differ; the header that tells of them has whole seconds.
const CLOCK_SECS: u64 = 5;

/// Why nothing can be examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The manifest can't be had from where it is published.
    #[error("{url}: {finding}")]
    Fetch {
        /// The address.
        url: Url,
        /// What is in the way.
        finding: Finding,
    },
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] Mistakes),
}

/// Reads a manifest from a file or from where it is published.
///
/// # Errors
/// Says what is in the way, or wrong with it.
pub async fn manifest(place: &str) -> Result<Deployment, DoctorError> {
    let text = match Url::parse(place) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let body = http::fetch(&url).await;
            body.map_err(|finding| DoctorError::Fetch { url, finding })?
        }
        _ => return Ok(files::manifest(place.as_ref())?),
    };
    let found = files::manifest_of(place.as_ref(), text);
    found.map_err(|Mistakes(found)| {
        let plain = |mistake: Mistake| Mistake {
            key: finding::plain(&mistake.key),
            problem: finding::plain(&mistake.problem),
            ..mistake
        };
        Mistakes(found.into_iter().map(plain).collect()).into()
    })
}

/// Returns the origin of the page beside a manifest that is published.
pub fn origin_of(place: &str) -> Option<String> {
    let url = Url::parse(place).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https");
    is_page.then(|| url.origin().ascii_serialization())
}

/// Looks at all three servers, as a page of that origin would.
pub async fn examine(deployment: &Deployment, origin: Option<&str>) -> Report {
    let key = SecretKey::generate(&mut UnwrapErr(SysRng));
    let [p0, p1, p2] = PartyId::ALL.map(|party| Box::pin(server(deployment, party, origin, &key)));
    let (p0, p1, p2) = tokio::join!(p0, p1, p2);
    let mut checks = Checks::default();
    let mut links = Vec::new();
    let mut clocks = Vec::new();
    for seen in [p0, p1, p2] {
        checks.append(seen.checks);
        clocks.extend(seen.ahead);
        links.push(seen.link);
    }
    clock(&clocks, &mut checks);
    rounds::check(deployment, links, &mut checks).await;
    checks.into()
}

/// What was seen of one server.
struct Seen {
    checks: Checks,
    link: Option<Link>,
    /// How far its clock is ahead of ours, in seconds.
    ahead: Option<i64>,
}

async fn server(
    deployment: &Deployment,
    party: PartyId,
    origin: Option<&str>,
    key: &SecretKey,
) -> Seen {
    let mut seen = Seen {
        checks: Checks::of(party),
        link: None,
        ahead: None,
    };
    let server = deployment.server(party);
    let Seen { checks, ahead, .. } = &mut seen;
    let Some(url) = checks.note("address", reach::address(&server.url)) else {
        return seen;
    };
    if let Some(mixed) = origin.and_then(|origin| reach::mixed(&url, origin)) {
        checks.note("page", Err::<(), _>(mixed));
    }
    let Some(stream) = reach::stream(&url, checks).await else {
        return seen;
    };
    let upgraded = http::upgrade(&url, origin, stream).await;
    let Some(upgraded) = checks.note("WebSocket", upgraded) else {
        return seen;
    };
    *ahead = upgraded.date.map(seconds_ahead);
    if ahead.is_none() {
        let wrong = Finding::new(
            "the answer has no date, so that its clock can't be looked at",
            "let the proxy hand on the header Date",
        );
        checks.note("clock", Err::<(), _>(wrong));
    }
    let link = Link::make(deployment, party, key, upgraded.socket).await;
    if let Some(mut link) = checks.note("Noise", link) {
        let welcome = link.welcome(deployment).await;
        seen.link = checks.note("manifest", welcome).map(|()| link);
    }
    seen
}

fn seconds_ahead(date: SystemTime) -> i64 {
    let signed = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match date.duration_since(SystemTime::now()) {
        Ok(ahead) => signed(ahead),
        Err(behind) => -signed(behind.duration()),
    }
}

fn clock(ahead: &[i64], checks: &mut Checks) {
    let apart = |clocks: &[i64]| {
        let ends = clocks.iter().max().zip(clocks.iter().min());
        ends.map_or(0, |(most, least)| most.abs_diff(*least))
    };
    let apart_from_us = apart(&[ahead, &[0]].concat());
    let result = if apart(ahead) > CLOCK_SECS {
        Err(Finding::new(
            format!(
                "the servers' clocks are {} s apart (ahead of this machine's by, in seconds: {ahead:?})",
                apart(ahead)
            ),
            "let all three keep time by NTP: timedatectl set-ntp true",
        ))
    } else if apart_from_us > CLOCK_SECS {
        Err(Finding::new(
            format!("the servers' clocks differ from this machine's by {apart_from_us} s"),
            "look at this machine's clock first; then let all keep time by NTP: timedatectl \
             set-ntp true",
        ))
    } else if ahead.len() < PartyId::ALL.len() {
        // Why one is missing is told already.
        return;
    } else {
        Ok(())
    };
    checks.note("clocks", result);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_told_of() {
        let wrong = |ahead: &[i64]| {
            let mut checks = Checks::default();
            clock(ahead, &mut checks);
            let report = Report::from(checks);
            report
                .findings()
                .map(ToString::to_string)
                .collect::<String>()
        };
        assert_eq!(wrong(&[]), "");
        assert_eq!(wrong(&[0, -1, 2]), "");
        assert!(wrong(&[0, 0, -7]).contains("the servers' clocks are 7 s apart"));
        assert!(wrong(&[60, 61, 60]).contains("this machine's by 61 s"));
    }
}
