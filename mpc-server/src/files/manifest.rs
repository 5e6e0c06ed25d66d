//! The deployment's manifest as a file: every field is looked at, whatever is wrong with the others.

use std::fs;
use std::path::Path;

use mcmix_shared::identity::ServerKey;
use mcmix_shared::manifest::{Deployment, ManifestError};
use serde_json::{Map, Value};
use url::Url;

use crate::config::mistake::{Mistake, Mistakes};

/// The example, whose keys are nobody's.
const EXAMPLE: &str = include_str!("../../config/deployment.json");

/// Reads a manifest, and notes all that is wrong.
pub(super) fn inspect(path: &Path, mistakes: &mut Mistakes) -> Option<Deployment> {
    match fs::read(path) {
        Ok(bytes) => inspect_bytes(path, bytes, mistakes),
        Err(error) => {
            let example = "deployment = \"deployment.json\", which all three operators share";
            let problem = format!("can't be read: {error}");
            mistakes.push(Mistake::in_file(path, "", problem, example));
            None
        }
    }
}

/// The same for what was read from there.
pub(super) fn inspect_bytes(
    path: &Path,
    bytes: Vec<u8>,
    mistakes: &mut Mistakes,
) -> Option<Deployment> {
    let before = mistakes.0.len();
    let mut note = |key: &str, problem: String, example: &str| {
        mistakes.push(Mistake::in_file(path, key, problem, example));
    };
    let Ok(text) = String::from_utf8(bytes) else {
        note(
            "",
            "is no text in UTF-8: save it as such".to_owned(),
            "{\"version\": 2, …}",
        );
        return None;
    };
    let bare = text.strip_prefix('\u{feff}');
    if bare.is_some() {
        let problem = "begins with a byte-order mark, which JSON has not: save it as UTF-8 without";
        let example = format!("sed -i '1s/^\\xef\\xbb\\xbf//' {}", path.display());
        note("", problem.to_owned(), &example);
    }
    let text = bare.unwrap_or(&text);
    let fields = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => {
            note("", "is no JSON object".to_owned(), "{\"version\": 2, …}");
            return None;
        }
        Err(error) => {
            note("", format!("is no JSON: {error}"), "{\"version\": 2, …}");
            return None;
        }
    };
    look(&fields, &mut note);
    // Now that its form is known to be right, or is told of.
    let deployment = serde_json::from_str::<Deployment>(text).ok();
    let found = deployment.iter().flat_map(Deployment::mistakes);
    // Addresses were held to more than that.
    for mistake in found.filter(|it| !matches!(it, ManifestError::Url(_))) {
        let (key, example) = of(&mistake);
        let text = mistake.to_string();
        let problem = text.strip_prefix(&format!("{key}: ")).unwrap_or(&text);
        note(key, problem.to_owned(), example);
    }
    deployment.filter(|_| mistakes.0.len() == before)
}

/// Every field of a manifest that has a number, with one that is right.
const NUMBERS: [(&str, &str); 7] = [
    ("version", "2"),
    ("island", "0"),
    ("slots", "3"),
    ("quick_rounds", "8"),
    ("message_bytes", "256"),
    ("conversation_period_ms", "1000"),
    ("dialing_period_ms", "2000"),
];

/// Looks at the form of each field.
fn look(fields: &Map<String, Value>, note: &mut impl FnMut(&str, String, &str)) {
    for (name, right) in NUMBERS {
        let example = format!("\"{name}\": {right}");
        match fields.get(name) {
            None => note(name, "is missing".to_owned(), &example),
            Some(value) if value.as_u64().is_none_or(|it| it > most(name)) => {
                note(name, format!("expected a number, got {value}"), &example);
            }
            Some(_) => {}
        }
    }
    match fields.get("name") {
        Some(Value::String(_)) => {}
        other => {
            let got = other.map_or("is missing".to_owned(), |it| {
                format!("expected a text, got {it}")
            });
            note("name", got, "\"name\": \"Example\"");
        }
    }
    if let Some(first) = fields.get("first")
        && !is_32_bytes(first)
    {
        let problem = format!("expected 43 characters of base64url, got {first}");
        note(
            "first",
            problem,
            "what check-config printed for the manifest before",
        );
    }
    let known = |name: &str| {
        ["name", "first", "servers"].contains(&name) || NUMBERS.iter().any(|(it, _)| *it == name)
    };
    for name in fields.keys().filter(|name| !known(name)) {
        note(
            name,
            "there is no such field".to_owned(),
            "docs/operations.md lists all fields",
        );
    }
    match fields.get("servers") {
        Some(Value::Array(servers)) if servers.len() == 3 => {
            for (index, server) in servers.iter().enumerate() {
                look_at_server(index, server, note);
            }
        }
        _ => {
            let problem = "expected a list of three servers, P0 first".to_owned();
            note(
                "servers",
                problem,
                "\"servers\": [{\"url\": …, \"key\": …}, …]",
            );
        }
    }
}

/// Returns the greatest number that a field has room for; which ones make sense is another matter.
fn most(name: &str) -> u64 {
    match name {
        "slots" | "quick_rounds" => u8::MAX.into(),
        "message_bytes" => u16::MAX.into(),
        _ => u32::MAX.into(),
    }
}

fn is_32_bytes(value: &Value) -> bool {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let text = value.as_str().unwrap_or_default();
    Base64UrlUnpadded::decode(text, &mut [0; 32]).is_ok_and(|bytes| bytes.len() == 32)
}

fn look_at_server(index: usize, server: &Value, note: &mut impl FnMut(&str, String, &str)) {
    let key = |name: &str| format!("servers[{index}].{name}");
    let text = |name: &str| server.get(name).and_then(Value::as_str);
    let example = format!("\"url\": \"wss://p{index}.example.org/client\"");
    match text("url").map(address) {
        None => note(&key("url"), "is missing".to_owned(), &example),
        Some(Err(problem)) => note(&key("url"), problem, &example),
        Some(Ok(())) => {}
    }
    let example = format!("the key that keygen printed at P{index}");
    match text("key").map(ServerKey::from_text) {
        None => note(&key("key"), "is missing".to_owned(), &example),
        Some(Err(error)) => note(&key("key"), error.to_string(), &example),
        Some(Ok(known)) if EXAMPLE.contains(&known.to_text()) => {
            note(
                &key("key"),
                "is the example's, which nobody holds".to_owned(),
                &example,
            );
        }
        Some(Ok(_)) => {}
    }
    let fields = server.as_object().into_iter().flat_map(Map::keys);
    for name in fields.filter(|name| !["url", "key"].contains(&name.as_str())) {
        let example = "{\"url\": …, \"key\": …}";
        note(&key(name), "there is no such field".to_owned(), example);
    }
}

/// Holds an address to what a browser connects to, which reads it as written.
fn address(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("has a blank in it: {text:?}"));
    }
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    if !["ws", "wss"].contains(&url.scheme()) {
        return Err(format!(
            "{text:?} does not begin with wss:// (or ws:// on one machine)"
        ));
    }
    // A proxy may hand on what is below a path of its own.
    if !url.path().ends_with("/client") {
        return Err(format!(
            "{text:?} does not end with /client, where servers listen"
        ));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!("{text:?} has more than a host, a port and a path"));
    }
    if url.port() == Some(0) {
        return Err(format!("{text:?} has port 0, where nobody listens"));
    }
    if !is_plain(text, &url) {
        return Err(format!(
            "{text:?} is read by browsers as {:?}: write it so",
            url.as_str()
        ));
    }
    Ok(())
}

/// Says whether an address is written as it is read, but for a host's capitals and for the port that
/// need not be said: whoever published one with them need not publish another.
fn is_plain(text: &str, url: &Url) -> bool {
    let start = format!("{}://", url.scheme());
    let port = if url.scheme() == "wss" { ":443" } else { ":80" };
    let rest = text.strip_prefix(&start);
    rest.and_then(|rest| rest.split_once('/'))
        .is_some_and(|(host, path)| {
            let host = host.to_ascii_lowercase();
            let host = host.strip_suffix(port).unwrap_or(&host);
            format!("{start}{host}/{path}") == url.as_str()
        })
}

/// Returns which field a mistake is of, and what is right.
fn of(mistake: &ManifestError) -> (&'static str, &'static str) {
    match mistake {
        ManifestError::Version(_) => ("version", "\"version\": 2"),
        ManifestError::Range { field, .. } => {
            let example = match *field {
                "slots" => "\"slots\": 3",
                "message_bytes" => "\"message_bytes\": 256",
                _ => "\"conversation_period_ms\": 1000, \"dialing_period_ms\": 2000",
            };
            (field, example)
        }
        ManifestError::Frame(_) => ("message_bytes", "\"slots\": 3, \"message_bytes\": 256"),
        ManifestError::SameServer => (
            "servers",
            "three of {\"url\": \"wss://p0.example.org/client\", \"key\": …}",
        ),
        ManifestError::Name => ("name", "\"name\": \"Example\""),
        ManifestError::QuickRounds(_) => ("quick_rounds", "\"quick_rounds\": 8"),
        _ => ("", "docs/operations.md lists all fields"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_browsers_connect_to_is_an_address() {
        for right in [
            "wss://p0.example.org/client",
            "wss://P0.example.org:443/client",
            "ws://127.0.0.1:8000/client",
            "ws://[::1]:8000/client",
            "wss://example.org/p0/client",
        ] {
            assert_eq!(address(right), Ok(()));
        }
        for wrong in [
            "wss:p0.example.org/client",
            "wss:///p0.example.org/client",
            "wss://p0.example.org\\client",
            "wss://p0.example.org/./client",
            "wss://b\u{fc}cher.example/client",
            "wss://p0.example.org/client/",
            "wss://p0@p0.example.org/client",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_example_is_right_but_for_its_keys() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/deployment.json");
        let mut mistakes = Mistakes::default();
        assert!(inspect(&path, &mut mistakes).is_none());
        let keys = mistakes.0.iter().map(|it| it.key.as_str());
        let expected = ["servers[0].key", "servers[1].key", "servers[2].key"];
        assert!(keys.eq(expected), "{mistakes}");
        assert!(Deployment::from_json(EXAMPLE).is_ok());
    }
}
