//! What single values must be: each function reads one, or says what is wrong with it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use mcmix_shared::party::PartyId;
use toml::Value;
use url::Url;

use crate::keys::Fingerprint;
use crate::log::{Format, Levels, NoLevel};

pub(super) fn party(value: &Value) -> Result<PartyId, String> {
    let index = value.as_integer().and_then(|it| usize::try_from(it).ok());
    index
        .and_then(PartyId::from_index)
        .ok_or_else(|| format!("expected 0, 1 or 2, got {value}"))
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    match value.as_str() {
        Some("") => Err("is empty; expected a path".to_owned()),
        Some(text) => Ok(text.into()),
        None => Err(format!("expected a path in quotes, got {value}")),
    }
}

pub(super) fn level(value: &Value) -> Result<Levels, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("expected a level in quotes, got {value}"))?;
    text.parse().map_err(|error: NoLevel| error.to_string())
}

pub(super) fn format(value: &Value) -> Result<Format, String> {
    match value.as_str() {
        Some("text") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        _ => Err(format!("expected \"text\" or \"json\", got {value}")),
    }
}

/// A whole number within a range.
pub(super) fn within(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<u64, String> {
    move |value| {
        let number = value.as_integer().and_then(|it| u64::try_from(it).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                format!("expected a number from {least} to {most}, got {value}")
            })
    }
}

/// An address to listen on.
pub(super) fn listen(value: &Value) -> Result<SocketAddr, String> {
    let expected = "expected an IP address and a port";
    let text = value
        .as_str()
        .ok_or_else(|| format!("{expected} in quotes, got {value}"))?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => Err("port 0 is another one after each start; expected 1 to 65535".to_owned()),
            _ => Ok(address),
        };
    }
    if text.contains("://") {
        return Err(format!("{expected}, got the URL {text:?}"));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err(format!("{expected}, got {text:?}, which has no port"));
    }
    let (host, port) = host_and_port(text)?;
    if host.is_empty() || host == "*" {
        let all = format!("0.0.0.0:{port}");
        return Err(format!(
            "{expected}, got {text:?}; all addresses of this machine are {all:?}"
        ));
    }
    Err(format!(
        "{expected}, got {text:?}; names are not looked up here"
    ))
}

/// The host:port of a peer, which may be a name.
pub(super) fn dial(value: &Value) -> Result<String, String> {
    let expected = "expected the host and port of the next party's peers.listen";
    let text = value
        .as_str()
        .ok_or_else(|| format!("{expected} in quotes, got {value}"))?;
    if text.is_empty() {
        return Err(format!("is empty; {expected}"));
    }
    if text.contains('/') {
        return Err(format!(
            "{expected}, got the URL {text:?}: a peer port speaks no HTTP"
        ));
    }
    let (host, port) = host_and_port(text)?;
    if port == 0 {
        return Err("port 0 can't be dialled; expected 1 to 65535".to_owned());
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_address =
        bare.unwrap_or(host).parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    if host.contains(':') && bare.is_none() {
        return Err(format!(
            "{expected}, got {text:?}; an IPv6 address stands in brackets"
        ));
    }
    let is_name = |host: &str| {
        let mut bytes = host.bytes();
        !host.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if !is_address && !is_name(host) {
        return Err(format!("{expected}, got {text:?}, whose host is none"));
    }
    if is_address
        && bare
            .unwrap_or(host)
            .parse()
            .is_ok_and(|ip: IpAddr| ip.is_unspecified())
    {
        return Err(format!(
            "{expected}, got {text:?}, which is no address of a machine"
        ));
    }
    Ok(text.to_owned())
}

fn host_and_port(text: &str) -> Result<(&str, u16), String> {
    let none = || format!("expected host:port, got {text:?}, which has no port");
    let (host, port) = text.rsplit_once(':').ok_or_else(none)?;
    let port = port
        .parse()
        .map_err(|_| format!("expected a port from 1 to 65535, got {port:?} in {text:?}"))?;
    Ok((host, port))
}

pub(super) fn fingerprint(value: &Value) -> Result<Fingerprint, String> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|error| {
        let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
        let rest = text.bytes().filter(|&b| b != b':').count();
        if hex == 64 && rest == 64 {
            format!("{error}; got hexadecimal digits, as openssl prints them")
        } else {
            format!("{error}; got {value}")
        }
    })
}

/// Origins of pages: each as a browser sends it, byte for byte.
pub(super) fn origins(value: &Value) -> Result<Vec<String>, String> {
    let list = value
        .as_array()
        .ok_or_else(|| format!("expected a list of origins, got {value}"))?;
    let mut wrong = Vec::new();
    let mut right = Vec::new();
    for value in list {
        match origin(value) {
            Ok(origin) => right.push(origin),
            Err(problem) => wrong.push(problem),
        }
    }
    if wrong.is_empty() {
        return Ok(right);
    }
    let wrong = wrong.join("; ");
    Err(format!(
        "no browser sends this, so every page would be refused: {wrong}"
    ))
}

fn origin(value: &Value) -> Result<String, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("expected an origin in quotes, got {value}"))?;
    if text == "*" {
        return Err("\"*\" is none; leave clients.origins out to let any page connect".to_owned());
    }
    page_origin(text)
}

/// Reads a page's origin, as browsers send it.
///
/// # Errors
/// Says what they send instead, or that it is none.
pub fn page_origin(text: &str) -> Result<String, String> {
    let none = || format!("{text:?} is no origin: it starts with http:// or https://");
    let url = Url::parse(text).map_err(|_| none())?;
    let sent = match url.scheme() {
        "http" | "https" => url.origin().ascii_serialization(),
        "ws" | "wss" | "ftp" | "file" => return Err(none()),
        // Of what is installed: an extension's page, an application around one.
        scheme => {
            let host = url.host_str().filter(|host| !host.is_empty());
            let port = url.port().map_or(String::new(), |port| format!(":{port}"));
            format!("{scheme}://{}{port}", host.ok_or_else(none)?)
        }
    };
    if sent == text {
        Ok(sent)
    } else {
        Err(format!("{text:?} is sent as {sent:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_pages_send_are_origins() {
        for text in [
            "https://chat.example.org",
            "https://chat.example.org:8443",
            "https://xn--bcher-kva.example",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:8000",
            "moz-extension://9f1c2f3e-2b0a-4c0e-8f5b-0d6c1a2b3c4d",
            "tauri://localhost",
        ] {
            let read = origins(&Value::Array(vec![text.into()]));
            assert_eq!(read, Ok(vec![text.to_owned()]));
        }
    }

    #[test]
    fn all_that_can_be_dialled_is_an_address() {
        for text in [
            "p1.example.org:8101",
            "10.0.0.1:1",
            "[fd00::1]:8101",
            "[fe80::1%2]:8101",
            "p_1:65535",
        ] {
            assert_eq!(dial(&text.into()), Ok(text.to_owned()));
        }
    }
}
