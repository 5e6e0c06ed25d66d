//! How many files and sockets the system gives a process, and who may have them.
//!
//! A server that has none left can't dial a peer, answer its operator or store its round. So
//! clients get what the others can't need, and a server that promises them more does not start.

use crate::net;

/// Clients at one time, where the configuration does not say.
pub const DEFAULT_CLIENTS: usize = 100_000;
/// Connections at the clients' address beyond the clients: pages, health checks, handshakes. A file
/// of the page that is being sent counts as a connection, too.
const OTHER_CONNECTIONS: usize = 256;
/// Connections of operators.
pub const ADMIN_CONNECTIONS: usize = 16;
/// Standard streams, listeners, the runtime, the counter's file, looking up a peer's address: a
/// running server without any connection has about twenty of these.
const ITS_OWN: usize = 64;
/// What is kept from clients.
pub const RESERVE: usize = ITS_OWN + ADMIN_CONNECTIONS + net::SOCKETS;

/// Why a server can't have the files and sockets that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// The configuration promises more than fits.
    #[error(
        "clients.max_connections = {clients} needs {needed} open files and the system allows \
         {limit}: allow more (`ulimit -n {needed}`, in a systemd unit `LimitNOFILE={needed}`), or \
         lower clients.max_connections to at most {fit}"
    )]
    Promised {
        /// The clients that are promised a connection.
        clients: usize,
        /// The files and sockets that this takes.
        needed: usize,
        /// How many the system allows.
        limit: usize,
        /// The clients for which that is enough.
        fit: usize,
    },
    /// There is room for no client at all.
    #[error(
        "a server without any client needs {needed} open files and the system allows {limit}: \
         allow more (`ulimit -n {usual}`, in a systemd unit `LimitNOFILE={usual}`)",
        usual = DEFAULT_CLIENTS + needed
    )]
    TooFew {
        /// What a server without clients needs.
        needed: usize,
        /// How many the system allows.
        limit: usize,
    },
}

impl DescriptorError {
    /// Returns what would do.
    pub fn example(&self) -> String {
        match self {
            Self::Promised { needed, .. } => format!("LimitNOFILE={needed} in the systemd unit"),
            Self::TooFew { needed, .. } => {
                format!(
                    "LimitNOFILE={} in the systemd unit",
                    DEFAULT_CLIENTS + needed
                )
            }
        }
    }
}

/// How many clients there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    limit: usize,
    clients: usize,
}

impl Room {
    /// Raises this process's limit as far as the system lets it, and finds room for so many
    /// clients, or, where it is not said how many, for as many as fit up to [`DEFAULT_CLIENTS`].
    ///
    /// # Errors
    /// When there is not that much room.
    pub fn make(clients: Option<usize>) -> Result<Self, DescriptorError> {
        let limit = rlimit::increase_nofile_limit(u64::MAX)
            .or_else(|_refused| rlimit::Resource::NOFILE.get_soft())
            .unwrap_or(u64::MAX);
        Self::within(usize::try_from(limit).unwrap_or(usize::MAX), clients)
    }

    fn within(limit: usize, clients: Option<usize>) -> Result<Self, DescriptorError> {
        let others = RESERVE + OTHER_CONNECTIONS;
        let fit = limit.saturating_sub(others);
        if fit == 0 {
            let needed = others;
            return Err(DescriptorError::TooFew { needed, limit });
        }
        let promised = clients.unwrap_or(DEFAULT_CLIENTS.min(fit));
        if promised > fit {
            return Err(DescriptorError::Promised {
                clients: promised,
                needed: promised.saturating_add(others),
                limit,
                fit,
            });
        }
        let clients = promised;
        Ok(Self { limit, clients })
    }

    /// Returns how many files and sockets the system allows.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how many clients may be connected at one time.
    pub const fn clients(&self) -> usize {
        self.clients
    }

    /// Returns how many connections the clients' address may have.
    pub const fn connections(&self) -> usize {
        self.clients + OTHER_CONNECTIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: usize = RESERVE + OTHER_CONNECTIONS;

    #[test]
    fn clients_never_get_what_the_others_need() {
        for limit in [OTHERS + 1, 1024, 4096, 20_000, 1 << 20, usize::MAX] {
            let most = limit - OTHERS;
            for asked in [None, Some(1), Some(most)] {
                let room = Room::within(limit, asked).unwrap();
                assert!(room.connections() <= limit - RESERVE, "{room:?}");
            }
        }
        assert_eq!(Room::within(1024, None).unwrap().clients(), 1024 - OTHERS);
        let much = Room::within(1 << 20, None).unwrap();
        assert_eq!(much.clients(), DEFAULT_CLIENTS);
    }

    #[test]
    fn a_promise_that_does_not_fit_says_what_would() {
        let error = Room::within(1024, Some(2000)).unwrap_err();
        let DescriptorError::Promised { needed, fit, .. } = error else {
            panic!("{error}")
        };
        assert!(Room::within(needed, Some(2000)).is_ok());
        assert!(Room::within(needed - 1, Some(2000)).is_err());
        assert!(Room::within(1024, Some(fit)).is_ok());
        let error = Room::within(OTHERS, None).unwrap_err();
        assert!(
            matches!(error, DescriptorError::TooFew { needed: OTHERS, .. }),
            "{error}"
        );
        assert!(Room::within(10, Some(usize::MAX)).is_err());
    }
}
