//! From an address to a stream of bytes: the name, the connection, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::PATIENCE;
use super::finding::{Checks, Finding};

/// Addresses of one name that are looked at, at most.
const MOST_ADDRESSES: usize = 16;

/// What is spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Reads an address.
pub(super) fn address(text: &str) -> Result<Url, Finding> {
    let advice = "give it as in wss://p0.example.org/client";
    let url = Url::parse(text)
        .map_err(|error| Finding::new(format!("{text} is no address: {error}"), advice))?;
    if url.host_str().is_none() || url.port_or_known_default().is_none() {
        return Err(Finding::new(format!("{text} names no host"), advice));
    }
    Ok(url)
}

/// Returns what the header `Host` says.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Connects to an address, with TLS where it asks for it.
pub(super) async fn stream(url: &Url, checks: &mut Checks) -> Option<Box<dyn Stream>> {
    let addresses = checks.note("name", resolve(url).await)?;
    // All of them, and at once: clients take any.
    let opened = addresses.into_iter().take(MOST_ADDRESSES).map(|address| {
        let mut beside = checks.beside();
        async move {
            let stream = open(url, address, &mut beside).await;
            (beside, stream)
        }
    });
    let mut first = None;
    for (beside, stream) in join_all(opened).await {
        checks.append(beside);
        first = first.or(stream);
    }
    first
}

async fn open(url: &Url, address: SocketAddr, checks: &mut Checks) -> Option<Box<dyn Stream>> {
    let socket = checks.note("connection", connect(address).await)?;
    if matches!(url.scheme(), "ws" | "http") {
        return Some(Box::new(socket));
    }
    let secured = tls(url, socket).await;
    let secured = secured.map_err(|Finding { problem, advice }| {
        Finding::new(format!("{address}: {problem}"), advice)
    });
    checks.note("TLS", secured)
}

/// Says what is wrong where a browser would not let the page connect without TLS, which those that
/// came over HTTPS may to their own machine alone.
pub(super) fn mixed(url: &Url, origin: &str) -> Option<Finding> {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_mixed = url.scheme() == "ws" && origin.starts_with("https://") && !is_here;
    is_mixed.then(|| {
        Finding::new(
            format!("browsers let no page of {origin} connect to {url}, which is without TLS"),
            "put a proxy that ends TLS in front of the server, and wss:// into the manifest",
        )
    })
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, Finding> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let wrong = |error: String| {
        Finding::new(
            format!("the name {host} can't be resolved: {error}"),
            "look at its DNS records (dig +short NAME A; dig +short NAME AAAA), and at its \
             spelling in the manifest",
        )
    };
    let found = timeout(PATIENCE, tokio::net::lookup_host((bare, port))).await;
    let found = found.map_err(|_| wrong("the resolver says nothing".to_owned()))?;
    let addresses: Vec<_> = found.map_err(|error| wrong(error.to_string()))?.collect();
    if addresses.is_empty() {
        return Err(wrong("it has no address".to_owned()));
    }
    Ok(addresses)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Finding> {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Finding::new(
            format!("{address} refuses connections: nothing listens there"),
            "start the proxy there, or the server where there is none; look at its log, and \
             whether it listens on that address",
        )),
        Ok(Err(error)) => Err(Finding::new(
            format!("{address} can't be reached: {error}"),
            "look at the host's routes and firewall, and whether this machine has that kind of \
             address (IPv4, IPv6) at all",
        )),
        Err(_) => Err(Finding::new(
            format!("{address} does not answer"),
            "open the port in the host's firewall, or take an old address out of DNS",
        )),
    }
}

async fn tls(url: &Url, socket: TcpStream) -> Result<Box<dyn Stream>, Finding> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|error| Finding::new(format!("{host}: {error}"), "give a name of a host"))?;
    let connecting = connector()?.connect(name, socket);
    match timeout(PATIENCE, connecting).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(why_no_tls(host, &error)),
        Err(_) => Err(Finding::new(
            "nobody answers to TLS",
            "let the proxy end TLS on this port",
        )),
    }
}

/// Trusts what this machine trusts.
fn connector() -> Result<TlsConnector, Finding> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(Finding::new(
            "this machine trusts no authority, so no certificate can be checked",
            "apt-get install ca-certificates, or name a file of them in SSL_CERT_FILE",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Finding::new(error.to_string(), "report it: this is a defect"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn why_no_tls(host: &str, error: &io::Error) -> Finding {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let advice = match wrong {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "renew it, and find out why that did not happen by itself"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "get one for the name in the manifest, or mend the name there"
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "look at this machine's clock"
                }
                _ => {
                    "browsers take certificates of public authorities alone (Let's Encrypt, by \
                     Caddy or certbot), sent with those between (fullchain.pem); the pair that \
                     keygen wrote is for the other servers"
                }
            };
            let problem = format!("the certificate is not good for {host}: {wrong}");
            Finding::new(problem, advice)
        }
        Some(rustls::Error::InvalidMessage(_)) => Finding::new(
            "whoever listens there speaks no TLS",
            "end TLS in the proxy on this port; mcmix-server itself speaks plain HTTP to it",
        ),
        Some(rustls::Error::AlertReceived(alert)) => Finding::new(
            format!("TLS was refused: {alert:?}"),
            format!("look at the proxy's log; does it have a certificate for {host}?"),
        ),
        _ => Finding::new(
            format!("TLS ended early: {error}"),
            "end TLS in the proxy on this port, and look at its log",
        ),
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, Error, InvalidMessage};

    use super::*;

    #[test]
    fn what_is_wrong_with_tls_comes_with_what_to_do() {
        let wrong = |certificate| Error::InvalidCertificate(certificate);
        let cases = [
            (wrong(CertificateError::Expired), "renew it"),
            (wrong(CertificateError::NotValidYet), "this machine's clock"),
            (
                wrong(CertificateError::NotValidForName),
                "the name in the manifest",
            ),
            (wrong(CertificateError::UnknownIssuer), "public authorities"),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "plain HTTP",
            ),
            (
                Error::AlertReceived(AlertDescription::UnrecognisedName),
                "a certificate for a.example",
            ),
            (Error::HandshakeNotComplete, "look at its log"),
        ];
        for (error, advice) in cases {
            let text = error.to_string();
            let finding = why_no_tls("a.example", &io::Error::other(error));
            assert!(finding.advice.contains(advice), "{text}: {finding}");
        }
    }

    #[test]
    fn pages_that_came_over_https_need_tls() {
        let is_mixed = |url, origin| mixed(&address(url).unwrap(), origin).is_some();
        let page = "https://chat.example.org";
        for url in ["ws://p0.example.org/client", "ws://10.0.0.1/client"] {
            assert!(is_mixed(url, page), "{url}");
            assert!(!is_mixed(url, "http://chat.example.org"), "{url}");
        }
        for url in [
            "wss://p0.example.org/client",
            "ws://localhost:8000/client",
            "ws://127.0.0.1:8000/client",
            "ws://[::1]:8000/client",
        ] {
            assert!(!is_mixed(url, page), "{url}");
        }
    }

    #[test]
    fn addresses_name_a_host_and_headers_a_port_that_is_not_the_usual_one() {
        for wrong in ["p0.example.org", "wss:", "data:text/plain,a", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        for (url, expected) in [
            ("wss://a.example/client", "a.example"),
            ("wss://a.example:8443/client", "a.example:8443"),
            ("ws://[::1]:80/client", "[::1]"),
        ] {
            assert_eq!(authority(&address(url).unwrap()), expected);
        }
    }
}
