//! What the addresses of the three servers have in common.
//!
//! Three operators who don't know each other have nothing. Where a host or a name is one, one person
//! may run all three: then nothing hides who talks, whatever the protocol does.

use super::Deployment;

/// What all three addresses have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InCommon {
    /// The host.
    Host,
    /// The name that they are under.
    Name,
}

impl Deployment {
    /// Returns what the addresses have in common, if it is more than those of three operators have.
    pub fn in_common(&self) -> Option<InCommon> {
        let hosts = self.servers.each_ref().map(|server| host(&server.url));
        let [first, second, third] = hosts;
        let is_one = first == second && second == third;
        if is_one || hosts.iter().all(|host| is_this_machine(host)) {
            return Some(InCommon::Host);
        }
        match hosts.map(under) {
            [Some(first), Some(second), Some(third)] if first == second && second == third => {
                Some(InCommon::Name)
            }
            _ => None,
        }
    }
}

/// Returns the host of an address, without port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || {
        let address: Option<std::net::Ipv4Addr> = host.parse().ok();
        address.is_some_and(|address| address.is_loopback())
    }
}

/// Returns the name that a host is under, where somebody owns that: not a number, and not what
/// whole countries share.
fn under(host: &str) -> Option<&str> {
    let is_number = host.ends_with(']') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let (_, name) = host.split_once('.').filter(|_| !is_number)?;
    let (last_but_one, last) = name.rsplit_once('.')?;
    let is_shared = last.len() == 2 && last_but_one.len() <= 3;
    (!is_shared).then_some(name)
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
    fn one_host_and_one_name_are_found() {
        let host = Some(InCommon::Host);
        assert_eq!(
            in_common(["mix.example:1", "mix.example:2", "mix.example:3"]),
            host
        );
        assert_eq!(
            in_common(["127.0.0.1:8000", "127.0.0.2:8000", "localhost"]),
            host
        );
        assert_eq!(
            in_common(["[2001:db8::1]:1", "[2001:db8::1]:2", "[2001:db8::1]"]),
            host
        );
        let name = Some(InCommon::Name);
        assert_eq!(in_common(["p0.mix.org", "p1.mix.org", "p2.mix.org"]), name);
        assert_eq!(
            in_common(["a.mix.co.uk", "b.mix.co.uk", "c.mix.co.uk"]),
            name
        );
    }

    #[test]
    fn three_operators_have_nothing_in_common() {
        for hosts in [
            ["mix.eff.org", "mix.ccc.de", "mix.noyb.eu"],
            ["p0.mix.org", "p1.mix.org", "p2.other.org"],
            ["one.co.uk", "two.co.uk", "three.co.uk"],
            ["one.org", "two.org", "three.org"],
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            ["127.0.0.1", "127.0.0.1", "mix.eff.org"],
        ] {
            assert_eq!(in_common(hosts), None, "{hosts:?}");
        }
    }
}
