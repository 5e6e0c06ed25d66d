//! Whether the values of a configuration fit together; files are another matter.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Draft;
use super::mistake::{Mistake, Mistakes};
use super::read::example;

/// Notes what can't be right together.
pub(super) fn fit(draft: &Draft, mistakes: &mut Mistakes) {
    let mut note = |key: &str, problem: String| {
        mistakes.push(Mistake::in_file(&draft.file, key, problem, &example(key)));
    };
    if let (Some(next), Some(prev)) = (draft.next_fingerprint, draft.prev_fingerprint)
        && next == prev
    {
        let problem =
            "is the same as peers.next_fingerprint; the two other parties have different keys";
        note("peers.prev_fingerprint", problem.to_owned());
    }
    let ports = [
        ("clients.listen", draft.listen),
        ("peers.listen", draft.peers_listen),
        ("admin.listen", draft.admin),
    ];
    for (at, (key, address)) in ports.iter().enumerate() {
        for (other, taken) in ports.iter().take(at) {
            if let (Some(address), Some(taken)) = (address, taken)
                && overlap(*address, *taken)
            {
                note(
                    key,
                    format!("{address} is {other}'s too, and one port serves one of them"),
                );
            }
        }
    }
    if draft.tls_key.is_some() && draft.tls_key == draft.noise {
        note("keys.tls_key", "is the same file as keys.noise".to_owned());
    }
    let Some(next) = draft.next.as_ref().and_then(|next| next.parse().ok()) else {
        return;
    };
    for (key, address) in ports {
        if address.is_some_and(|address| is_at(next, address)) {
            let problem = format!("{next} is this server's own {key}; expected the next party's");
            note("peers.next", problem);
        }
    }
}

/// Says whether two addresses can't be listened on at one time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let all = |ip: IpAddr| ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    one.port() == other.port()
        && (one.ip() == other.ip()
            || all(one.ip())
            || all(other.ip())
            || (one.is_ipv4() == other.is_ipv4()
                && (one.ip().is_unspecified() || other.ip().is_unspecified())))
}

/// Says whether whoever dials that address from here gets to whom listens there.
fn is_at(dialled: SocketAddr, listens: SocketAddr) -> bool {
    let is_here = listens.ip().is_unspecified() && dialled.ip().is_loopback();
    dialled == listens || (dialled.port() == listens.port() && is_here)
}
