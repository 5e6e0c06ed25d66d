//! What the addresses of servers have in common.
//!
//! Three operators who don't know each other have nothing. Where two servers are at one host, or
//! under one name, one person may run both: then nothing hides who talks, whatever the protocol does.

use super::Deployment;

/// What the addresses of two servers have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCommon {
    /// The host.
    Host,
    /// The name that they are under.
    Name,
}

/// Names under which whole countries give out names.
const SHARED: [&str; 8] = ["ac", "co", "com", "edu", "gov", "net", "or", "org"];

impl Deployment {
    /// Returns what two addresses have in common, if it is more than those of two operators have.
    pub fn in_common(&self) -> Option<InCommon> {
        let [first, second, third] = self.servers.each_ref().map(|server| host(&server.url));
        let pairs = [(&first, &second), (&second, &third), (&third, &first)];
        if pairs.iter().any(|(one, other)| one == other) {
            return Some(InCommon::Host);
        }
        let one_name = |(one, other): &(&String, &String)| {
            let name = owned(one);
            name.is_some() && name == owned(other)
        };
        pairs.iter().any(one_name).then_some(InCommon::Name)
    }
}

/// Returns the host of an address, without port; all names of this machine as one.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_here = host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || (is_number(&host) && host.starts_with("127."));
    if is_here { String::new() } else { host }
}

fn is_number(host: &str) -> bool {
    let is_v4 = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_v4 || host.ends_with(']')
}

/// Returns the part of a host's name that somebody owns: its last two labels, or three where the
/// last two are a country's.
fn owned(host: &str) -> Option<&str> {
    let mut labels = host.rsplitn(4, '.');
    let (last, second, third) = (labels.next()?, labels.next()?, labels.next());
    let is_shared = last.len() == 2 && SHARED.contains(&second);
    let bytes = match third {
        _ if is_number(host) => return None,
        Some(third) if is_shared => last.len() + second.len() + third.len() + 2,
        _ => last.len() + second.len() + 1,
    };
    host.get(host.len() - bytes..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::demo;

    fn in_common(hosts: [&str; 3]) -> Option<InCommon> {
        let mut deployment = demo();
        for (server, host) in deployment.servers.iter_mut().zip(hosts) {
            server.url = format!("wss://{host}/client");
        }
        deployment.in_common()
    }

    #[test]
    fn two_at_one_host_are_found() {
        for hosts in [
            ["mix.example:1", "mix.example:2", "mix.example:3"],
            ["mix.eff.org:1", "mix.ccc.de", "Mix.EFF.org.:2"],
            ["127.0.0.1:8000", "mix.ccc.de", "localhost"],
            ["[2001:db8::1]:1", "[2001:db8::1]:2", "[2001:db8::2]"],
        ] {
            assert_eq!(in_common(hosts), Some(InCommon::Host), "{hosts:?}");
        }
    }

    #[test]
    fn two_under_one_name_are_found() {
        for hosts in [
            ["p0.mix.org", "p1.mix.org", "p2.mix.org"],
            ["p0.mix.org", "p1.mix.org", "p2.other.org"],
            ["mix.org", "a.mix.org", "other.net"],
            ["p0.eu.mix.org", "p1.us.mix.org", "other.net"],
            ["a.mix.de", "b.mix.de", "c.other.de"],
            ["a.mix.co.uk", "b.mix.co.uk", "c.other.co.uk"],
        ] {
            assert_eq!(in_common(hosts), Some(InCommon::Name), "{hosts:?}");
        }
    }

    #[test]
    fn three_operators_have_nothing_in_common() {
        for hosts in [
            ["mix.eff.org", "mix.ccc.de", "mix.noyb.eu"],
            ["one.co.uk", "two.co.uk", "three.co.uk"],
            ["one.org", "two.org", "three.org"],
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            ["[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]"],
        ] {
            assert_eq!(in_common(hosts), None, "{hosts:?}");
        }
    }
}
