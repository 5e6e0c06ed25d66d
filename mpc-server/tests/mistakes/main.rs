//! Mistakes that operators make, each in a deployment that is right otherwise: all are found, and each
//! is named with its file, its key, what is wrong, and an example.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use mcmix_server::config::demo::{self, DemoOptions};
use mcmix_server::config::mistake::Mistakes;

use crate::case::{Case, MANIFEST, NOISE, PARTY, TLS_KEY};

mod case;
mod files;
mod form;
mod manifest;
mod values;

/// What is done, and what is said of it: the file or layer, the key, a part of the problem and of the
/// example.
type Row = (fn(&mut Case), [&'static str; 4]);

fn right() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    demo::write(folder.path(), &DemoOptions::on_free_ports()).unwrap();
    folder
}

#[test]
fn every_mistake_is_named_with_file_key_problem_and_example() {
    let right = right();
    let tables = [
        &form::ROWS[..],
        &values::ROWS,
        &files::ROWS,
        &manifest::ROWS,
    ];
    let rows: Vec<&Row> = tables.into_iter().flatten().collect();
    assert!(rows.len() >= 60, "{}", rows.len());
    let mut wrong = Vec::new();
    for (change, [place, key, problem, example]) in rows {
        let folder = tempfile::tempdir().unwrap();
        let mut case = Case::new(right.path(), folder.path());
        assert!(case.examine().is_ok(), "it is right before");
        change(&mut case);
        let found = match case.examine() {
            Ok(_) => Vec::new(),
            Err(Mistakes(found)) => found,
        };
        // Alone: nothing is said that follows from it.
        let is_named = found.len() == 1
            && found.iter().all(|it| {
                it.place.contains(place)
                    && it.key == *key
                    && it.problem.contains(problem)
                    && it.example.contains(example)
            });
        if !is_named {
            wrong.push(format!(
                "{place}: {key}: {problem} ({example}), but got {found:#?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of them: {}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Who has ten mistakes mends them in one go.
#[test]
fn all_mistakes_are_found_at_once() {
    let (right, folder) = (right(), tempfile::tempdir().unwrap());
    let mut case = Case::new(right.path(), folder.path());
    case.replace(PARTY, "party = 0", "party = 4");
    case.append(PARTY, "colour = 1\n");
    case.variable("MCMIX_PORT", "tcp://10.0.0.1:8000");
    case.set("clients.listen=localhost:8000");
    case.set("peers.next=p1");
    case.set("peers.idle_ms=1");
    case.write(NOISE, "");
    case.copy("party1/tls.key", TLS_KEY);
    case.allow(TLS_KEY, 0o644);
    case.replace(MANIFEST, "\"slots\": 3", "\"slots\": 2");
    case.replace(MANIFEST, "/client", "");
    case.set("clients.page=nowhere");
    let Mistakes(found) = case.examine().unwrap_err();
    let mut keys: Vec<_> = found.iter().map(|it| it.key.as_str()).collect();
    keys.sort_unstable();
    let expected = [
        "admin.colour",
        "clients.listen",
        "clients.page",
        "keys.noise",
        "keys.tls_key",
        "keys.tls_key",
        "party",
        "peers.idle_ms",
        "peers.next",
        "port",
        "servers[0].url",
        "slots",
    ];
    assert_eq!(keys, expected);
    let text = Mistakes(found).to_string();
    assert!(text.starts_with("12 mistakes\n"), "{text}");
    assert_eq!(text.matches("for example: ").count(), 12, "{text}");
}
