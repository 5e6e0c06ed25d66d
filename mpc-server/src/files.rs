//! The files that a configuration names: whether they are there, are whole, and fit together.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use url::{Host, Url};

use crate::config::Draft;
use crate::config::mistake::{Mistake, Mistakes};
use crate::keys::{self, Fingerprint, KeyError, TlsIdentity};
use crate::round::counter;

pub mod manifest;

/// What the files hold.
pub(crate) struct Files {
    pub(crate) key: SecretKey,
    pub(crate) tls: TlsIdentity,
    pub(crate) deployment: Deployment,
}

/// The examples, whose fingerprints and origins are nobody's.
const EXAMPLES: [&str; 3] = [
    include_str!("../config/party0.toml"),
    include_str!("../config/party1.toml"),
    include_str!("../config/party2.toml"),
];

/// Reads a manifest and nothing else.
///
/// # Errors
/// Names all that is wrong with it.
pub(crate) fn manifest(path: &Path) -> Result<Deployment, Mistakes> {
    let mut mistakes = Mistakes::default();
    let deployment = manifest::inspect(path, &mut mistakes);
    mistakes.or(deployment)
}

/// The same for one that came from elsewhere.
///
/// # Errors
/// Names all that is wrong with it.
pub(crate) fn manifest_of(place: &Path, bytes: Vec<u8>) -> Result<Deployment, Mistakes> {
    let mut mistakes = Mistakes::default();
    let deployment = manifest::inspect_bytes(place, bytes, &mut mistakes);
    mistakes.or(deployment)
}

/// Reads every file that is named, and notes all that is wrong.
pub(crate) fn inspect(draft: &Draft, mistakes: &mut Mistakes) -> Option<Files> {
    let key = draft
        .noise
        .as_deref()
        .and_then(|path| noise(path, mistakes));
    let tls = tls(draft, mistakes);
    let deployment = draft.deployment.as_deref();
    let deployment = deployment.and_then(|path| manifest::inspect(path, mistakes));
    if let (Some(key), Some(deployment)) = (&key, &deployment) {
        whose(draft, key, deployment, mistakes);
    }
    if let Some(deployment) = &deployment {
        origins(draft, deployment, mistakes);
    }
    if let Some(state) = &draft.state {
        state_folder(state, mistakes);
    }
    if let Some(page) = &draft.page {
        page_folder(draft, page, mistakes);
    }
    Some(Files {
        key: key?,
        tls: tls?,
        deployment: deployment?,
    })
}

fn noise(path: &Path, mistakes: &mut Mistakes) -> Option<SecretKey> {
    private(path, "keys.noise", mistakes);
    let read = keys::read_noise_key(path);
    read.map_err(|error| mistakes.push(of_key(path, "keys.noise", &error)))
        .ok()
}

/// Reads the certificate and its key, and looks at the pins beside them.
fn tls(draft: &Draft, mistakes: &mut Mistakes) -> Option<TlsIdentity> {
    let (certificate_file, key_file) = (draft.tls_certificate.as_deref(), draft.tls_key.as_deref());
    let certificate = certificate_file.map(keys::read_certificate);
    let key = key_file.map(|path| {
        private(path, "keys.tls_key", mistakes);
        keys::read_tls_key(path)
    });
    let own = certificate.as_ref().and_then(|it| it.as_ref().ok());
    let own = own.map(Fingerprint::of);
    for (name, pinned) in [
        ("peers.next_fingerprint", draft.next_fingerprint),
        ("peers.prev_fingerprint", draft.prev_fingerprint),
    ] {
        if let Some(pinned) = pinned {
            pin(draft, (name, pinned), own, mistakes);
        }
    }
    let mut note = |path, name, error| mistakes.push(of_key(path, name, &error));
    match (certificate_file, certificate, key_file, key) {
        (Some(certificate_file), Some(Ok(certificate)), Some(key_file), Some(Ok(key))) => {
            let joined = TlsIdentity::new((certificate_file, key_file), certificate, key);
            let of = |error: &KeyError| match error {
                KeyError::Malformed { path, .. } if path == certificate_file => {
                    (certificate_file, "keys.tls_certificate")
                }
                _ => (key_file, "keys.tls_key"),
            };
            joined
                .map_err(|error| {
                    let (path, name) = of(&error);
                    note(path, name, error);
                })
                .ok()
        }
        (certificate_file, certificate, key_file, key) => {
            if let (Some(path), Some(Err(error))) = (certificate_file, certificate) {
                note(path, "keys.tls_certificate", error);
            }
            if let (Some(path), Some(Err(error))) = (key_file, key) {
                note(path, "keys.tls_key", error);
            }
            None
        }
    }
}

fn of_key(path: &Path, name: &str, error: &KeyError) -> Mistake {
    let example = match error {
        KeyError::Read { source, .. } if source.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("")).display();
            format!("mcmix-server keygen --folder {folder}")
        }
        KeyError::Pair { .. } => "keys.tls_certificate and keys.tls_key from one keygen".to_owned(),
        _ => format!(
            "cp BACKUP/{} {}",
            path.file_name().unwrap_or_default().display(),
            path.display()
        ),
    };
    Mistake::in_file(path, name, error.problem(), &example)
}

/// Notes a key that everybody can read.
fn private(path: &Path, name: &str, mistakes: &mut Mistakes) {
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & 0o007 != 0 {
        let problem = format!(
            "everybody on this machine may use it (mode {:03o})",
            mode & 0o777
        );
        let example = format!("chmod 600 {}", path.display());
        mistakes.push(Mistake::in_file(path, name, problem, &example));
    }
}

fn pin(
    draft: &Draft,
    (name, pinned): (&str, Fingerprint),
    own: Option<Fingerprint>,
    mistakes: &mut Mistakes,
) {
    let whose = draft.party.map_or("that party".to_owned(), |me| {
        let peer = if name == "peers.next_fingerprint" {
            me.next()
        } else {
            me.prev()
        };
        peer.to_string()
    });
    let problem = if own == Some(pinned) {
        format!("is that of our own certificate; expected what keygen printed at {whose}")
    } else if EXAMPLES
        .iter()
        .any(|text| text.contains(&pinned.to_string()))
    {
        format!("is the example's; expected what keygen printed at {whose}")
    } else {
        return;
    };
    let example = format!("ask {whose}'s operator for its fingerprint");
    mistakes.push(Mistake::in_file(&draft.file, name, problem, &example));
}

/// Notes a key that is not this party's in the manifest.
fn whose(draft: &Draft, key: &SecretKey, deployment: &Deployment, mistakes: &mut Mistakes) {
    let held = key.server_key();
    let Some(me) = draft.party.filter(|me| deployment.server(*me).key != held) else {
        return;
    };
    let owner = PartyId::ALL
        .into_iter()
        .find(|party| deployment.server(*party).key == held);
    let mistake = if let Some(owner) = owner {
        let problem = format!("is {me}, but keys.noise is {owner}'s by the manifest");
        let example = format!("party = {}", owner.index());
        Mistake::in_file(&draft.file, "party", problem, &example)
    } else {
        let (named, held) = (deployment.server(me).key.to_text(), held.to_text());
        let problem = format!(
            "holds the key of {held}, and the manifest names {named} for {me}: name the file of the \
             key that was published, or the manifest that names this one"
        );
        let example = format!("in the manifest: \"key\": \"{held}\"");
        Mistake::in_file(&draft.file, "keys.noise", problem, &example)
    };
    mistakes.push(mistake);
}

/// Notes origins that were left as they are in the example.
fn origins(draft: &Draft, deployment: &Deployment, mistakes: &mut Mistakes) {
    let list = draft.origins.as_deref().unwrap_or_default();
    let servers = deployment.servers.iter();
    let is_public = servers.map(|server| &server.url).any(|url| !is_here(url));
    if is_public && !list.is_empty() && list.iter().all(|origin| is_here(origin)) {
        let problem = "are all of this machine, as in the example, and the manifest's servers are \
                       not: the page that people load may not connect";
        let example = "[clients] origins = [\"https://chat.example.org\"]";
        mistakes.push(Mistake::in_file(
            &draft.file,
            "clients.origins",
            problem,
            example,
        ));
    }
}

/// Says whether an address is of the machine that asks.
fn is_here(url: &str) -> bool {
    let url = Url::parse(url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// Notes a folder in which the round can't be kept. Nothing is left in it.
fn state_folder(state: &Path, mistakes: &mut Mistakes) {
    let example = format!("mkdir -p {0} && chown mcmix {0}", state.display());
    let mut note = |problem: String| {
        mistakes.push(Mistake::in_file(state, "state", problem, &example));
    };
    if state.exists() && !state.is_dir() {
        return note("is a file; expected a folder".to_owned());
    }
    let tried = if state.is_dir() {
        let file = state.join(format!("check-{}", std::process::id()));
        fs::write(&file, "").and_then(|()| fs::remove_file(&file))
    } else {
        // Made at start, with its parents: here the nearest that exists is tried.
        let existing = state.ancestors().find(|folder| folder.is_dir());
        let folder = existing.unwrap_or(Path::new("."));
        let made = folder.join(format!("check-{}", std::process::id()));
        fs::create_dir(&made).and_then(|()| fs::remove_dir(&made))
    };
    // Then the counter is written over in place, as while a server runs.
    let is_full = |error: &io::Error| {
        matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        ) && state.join("round").is_file()
    };
    if let Err(error) = tried
        && !is_full(&error)
    {
        note(format!("can't be written: {error}"));
    } else if let Err(error) = counter::look(state) {
        note(error.to_string());
    }
}

/// Notes a folder that is no page, and one that has what nobody is to see.
fn page_folder(draft: &Draft, page: &Path, mistakes: &mut Mistakes) {
    let example = "cargo xtask site, or leave clients.page out";
    let mut note = |problem: String| {
        mistakes.push(Mistake::in_file(page, "clients.page", problem, example));
    };
    if !page.is_dir() {
        return note("is no folder".to_owned());
    }
    if !page.join("index.html").is_file() {
        return note("has no index.html: the page is not built there".to_owned());
    }
    let Ok(page) = page.canonicalize() else {
        return;
    };
    for (name, path) in [
        ("keys.noise", draft.noise.as_deref()),
        ("keys.tls_key", draft.tls_key.as_deref()),
        ("state", draft.state.as_deref()),
        ("the configuration", Some(draft.file.as_path())),
    ] {
        let path = path.and_then(|path| path.canonicalize().ok());
        if path.is_some_and(|path| path.starts_with(&page)) {
            note(format!("has {name} in it, which everybody could fetch"));
        }
    }
}
