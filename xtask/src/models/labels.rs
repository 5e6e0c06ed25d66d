//! Every derivation in the code beside the model that stands for it (docs/models/labels.txt).
//!
//! Read from the sources as text: whatever is called with a label, that is each function of
//! shared/src/kdf.rs or of the same file that takes `label` first, the prologues of handshakes, and their patterns. The list
//! holds the whole call, so that one whose inputs change is looked at like one that is new.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::catalogue::Catalogue;
use crate::place;

/// Beside the models.
const LIST: &str = "docs/models/labels.txt";

/// Where the functions are that all others use.
const DERIVATIONS: &str = "shared/src/kdf.rs";

/// What a listed derivation says where no model speaks of it.
const UNMODELLED: &str = "none: ";

/// What every label, prologue and pattern of ours begins with where it stands alone.
const TELLING: [&str; 2] = ["mcmix.v2", "Noise_"];

/// Compares the list with the code and with the models.
pub(super) fn check(catalogue: &Catalogue) -> Result<()> {
    let list = fs::read_to_string(place::checkout().join(LIST)).context(LIST)?;
    let listed = parse(&list)?;
    let found = in_folder(&place::checkout().join("shared/src"))?;
    compare(&listed, &found)?;
    for (derivation, models) in &listed {
        say_where(catalogue, models).with_context(|| format!("{LIST}: {derivation}"))?;
    }
    Ok(())
}

/// Reads the list: a derivation on a line of its own, then, indented, where it is modelled.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut listed = BTreeMap::new();
    let mut last = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words = line.trim();
        match (line.starts_with(' '), last.take()) {
            _ if words.is_empty() => {}
            (false, None) => last = Some(words.to_owned()),
            (true, Some(derivation)) => {
                if let Some(twice) = listed.insert(derivation, words.to_owned()) {
                    bail!("{LIST}: listed twice, once for {twice}");
                }
            }
            _ => bail!("{LIST}: expected a derivation, then its models, indented, at '{words}'"),
        }
    }
    ensure!(last.is_none(), "{LIST}: the last derivation has no models");
    Ok(listed)
}

fn compare(listed: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Result<()> {
    let mut lines = Vec::new();
    for (derivation, file) in found {
        if !listed.contains_key(derivation) {
            lines.push(format!("in {file} and not in the list:\n{derivation}"));
        }
    }
    for derivation in listed.keys() {
        if !found.contains_key(derivation) {
            lines.push(format!("in the list and not in the code:\n{derivation}"));
        }
    }
    let lines = lines.join("\n");
    ensure!(
        lines.is_empty(),
        "derivations have changed: change the models that stand for them, then {LIST}\n{lines}"
    );
    Ok(())
}

/// Checks `MODEL CONSTANT; MODEL CONSTANT`, or that a reason is given.
fn say_where(catalogue: &Catalogue, models: &str) -> Result<()> {
    if let Some(reason) = models.strip_prefix(UNMODELLED) {
        ensure!(!reason.is_empty(), "no reason");
        return Ok(());
    }
    for one in models.split("; ") {
        let (name, constant) = one.split_once(' ').context("expected 'MODEL CONSTANT'")?;
        let model = catalogue.models.iter().find(|model| model.name == name);
        let model = model.with_context(|| format!("no model '{name}'"))?;
        let texts = [&model.text, &model.beside];
        let mut words = texts.iter().flat_map(|text| words(text));
        ensure!(
            words.any(|word| word == constant),
            "'{constant}' is not in {name}"
        );
    }
    Ok(())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !is_of_name(letter))
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Returns each derivation in the folder's sources, and a file in which it is.
fn in_folder(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    collect(folder, &mut sources)?;
    let everywhere = sources
        .get(DERIVATIONS)
        .with_context(|| format!("no {DERIVATIONS}"))?;
    let everywhere: BTreeSet<&str> = takers_of_labels(everywhere).collect();
    let mut found = BTreeMap::new();
    for (file, text) in &sources {
        let functions = everywhere
            .iter()
            .copied()
            .chain(takers_of_labels(text))
            .collect();
        let derivations = derivations(text, &functions).with_context(|| file.clone())?;
        found.extend(derivations.into_iter().map(|one| (one, file.clone())));
    }
    Ok(found)
}

/// Reads the sources below the folder, without comments and tests.
fn collect(folder: &Path, sources: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, sources)?;
        } else if is_source {
            let name = path.strip_prefix(place::checkout()).unwrap_or(&path);
            let text = fs::read_to_string(&path)?;
            sources.insert(name.display().to_string(), code_of(&text));
        }
    }
    Ok(())
}

/// The text up to its tests, without comments.
fn code_of(text: &str) -> String {
    let text = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let mut code = String::new();
    for line in text.lines() {
        let comment = line.match_indices("//").find(|(at, _)| {
            let before = line.get(..*at).unwrap_or_default();
            before.matches('"').count() % 2 == 0
        });
        code += comment.map_or(line, |(at, _)| line.get(..at).unwrap_or_default());
        code.push('\n');
    }
    code
}

/// Returns the names of functions whose first parameter is `label`, a text.
fn takers_of_labels(code: &str) -> impl Iterator<Item = &str> {
    let starts = code.split("fn ").skip(1);
    starts.filter_map(|rest| {
        let (head, parameters) = rest.split_once('(')?;
        let name = head.split('<').next()?;
        parameters
            .trim_start()
            .starts_with("label: &str")
            .then_some(name)
    })
}

/// Returns the calls of these functions, and what else tells of a derivation.
fn derivations(code: &str, functions: &BTreeSet<&str>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in functions {
        for (at, _) in code.match_indices(&format!("{name}(")) {
            let before = code.get(..at).unwrap_or_default();
            let is_other = before.ends_with(|letter: char| is_of_name(letter) || letter == '.')
                || ["fn ", "#["].iter().any(|start| before.ends_with(start))
                || is_of_type(before);
            let inside = code.get(at + name.len()..).unwrap_or_default();
            let inputs = in_parentheses(inside).context("a call that does not end")?;
            // A function with a label of its own hands it on: its callers give it.
            let is_handed_on = inputs.split(',').next() == Some("label");
            if is_other || is_handed_on {
                continue;
            }
            let (label, rest) = literal(&inputs).with_context(|| {
                format!("expected a label in {name}({inputs}), and then the rest")
            })?;
            let rest = rest.trim_matches([',', ' ']);
            found.push(format!("{name} \"{label}\" {rest}").trim_end().to_owned());
        }
    }
    for (at, _) in code.match_indices('"') {
        let rest = code.get(at..).unwrap_or_default();
        if let Some((text, _)) = literal(rest)
            && TELLING.iter().any(|start| text.starts_with(start))
        {
            found.push(format!("text \"{text}\""));
        }
    }
    Ok(found)
}

/// Whether a path ends there that leads through a type: its functions take no labels.
fn is_of_type(before: &str) -> bool {
    before.strip_suffix("::").is_some_and(|path| {
        let name = path.rsplit(|letter: char| !is_of_name(letter)).next();
        name.is_some_and(|name| name.starts_with(|letter: char| letter.is_uppercase()))
    })
}

/// The text between the first parenthesis and the one that closes it, on one line.
fn in_parentheses(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let words: Vec<_> = text.get(1..at)?.split_whitespace().collect();
            return Some(words.join(" "));
        }
    }
    None
}

/// The string literal with which the text begins, and what follows it.
fn literal(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('b')
        .unwrap_or(text)
        .strip_prefix('"')?
        .split_once('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_as_the_code_is() {
        let catalogue = Catalogue::load(&super::super::folder()).unwrap();
        check(&catalogue).unwrap();
    }

    const CODE: &str = r#"
        fn derive(label: &str, key: &[u8]) -> Secret { hash(label, &[key]) }
        fn hash<T>(label: &str, parts: T) {}
        #[derive(Clone)] struct Key; // derive("comment", key)
        fn all() {
            derive("row", &key, &[b(r, 0)]);
            kdf::hash(
                "client id",
                &[key],
            );
            map.hash("other", 1);
            Generation::hash(0, key);
            builder("Noise_IK").prologue(b"mcmix.v2 call");
        }
"#;

    fn found() -> Vec<String> {
        let code = code_of(CODE);
        let functions = takers_of_labels(&code).collect();
        assert_eq!(functions, BTreeSet::from(["derive", "hash"]));
        derivations(&code, &functions).unwrap()
    }

    #[test]
    fn calls_are_found_with_their_inputs() {
        let expected = [
            "derive \"row\" &key, &[b(r, 0)]",
            "hash \"client id\" &[key]",
            "text \"Noise_IK\"",
            "text \"mcmix.v2 call\"",
        ];
        assert_eq!(found(), expected);
    }

    #[test]
    fn a_changed_call_is_told() {
        let all = |derivations: Vec<String>| -> BTreeMap<String, String> {
            derivations
                .into_iter()
                .map(|one| (one, String::new()))
                .collect()
        };
        let listed = all(found());
        compare(&listed, &all(found())).unwrap();
        let mut changed = found();
        changed[0] = "derive \"row\" &key, &[b(r, 1)]".to_owned();
        let told = compare(&listed, &all(changed)).unwrap_err().to_string();
        assert!(
            told.contains("b(r, 0)") && told.contains("b(r, 1)"),
            "{told}"
        );
    }

    #[test]
    fn a_label_that_is_not_written_where_it_is_used_is_refused() {
        assert!(derivations("derive(LABEL, &key)", &BTreeSet::from(["derive"])).is_err());
    }
}
