//! Names with hashes, and everything that names them (www/README.md).
//!
//! Browsers keep a file for ever when its name changes with its content. The pages and `sw.js` keep
//! their names: they are where a browser starts looking.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};

use crate::hash::Hash;
use crate::layout::Files;

const PAGE: &str = "index.html";
/// The demo's page; what else it needs is called so, too (`demo.js`), and is not kept offline.
const DEMO: &str = "demo.html";
const WORKER: &str = "sw.js";

/// The files that may name others.
const TEXTS: [&str; 5] = [".html", ".js", ".css", ".webmanifest", ".svg"];

/// Gives every file its lasting name and writes the names and hashes where they are used.
///
/// # Errors
///
/// The page or the worker is missing, two files name each other, or a text is not UTF-8.
pub(crate) fn link(files: Files) -> Result<Files> {
    let mut linker = Linker {
        sources: files,
        linked: BTreeMap::new(),
        site: Files::new(),
    };
    let names: Vec<String> = linker.sources.keys().cloned().collect();
    for name in names.iter().filter(|name| !keeps_name(name)) {
        linker.link(name, &mut Vec::new())?;
    }
    for page in [PAGE, DEMO] {
        linker.page(page)?;
    }
    linker.worker()?;
    Ok(linker.site)
}

/// What became of a file.
#[derive(Clone, Debug)]
struct Linked {
    name: String,
    hash: Hash,
}

struct Linker {
    sources: Files,
    linked: BTreeMap<String, Linked>,
    site: Files,
}

impl Linker {
    /// Links one file after those that it names.
    fn link(&mut self, name: &str, on_the_way: &mut Vec<String>) -> Result<()> {
        if self.linked.contains_key(name) {
            return Ok(());
        }
        if on_the_way.iter().any(|other| other == name) {
            bail!("files name each other: {}", on_the_way.join(", "));
        }
        on_the_way.push(name.to_owned());
        let bytes = if is_text(name) {
            let text = self.text(name)?;
            let others: Vec<String> = self.sources.keys().cloned().collect();
            for other in others {
                if other != name && !keeps_name(&other) && names(&text, &other) {
                    self.link(&other, on_the_way)?;
                }
            }
            self.rename(text).into_bytes()
        } else {
            self.source(name)?.clone()
        };
        on_the_way.pop();

        let hash = Hash::of(&bytes);
        let lasting = hashed(name, &hash);
        self.site.insert(lasting.clone(), bytes);
        self.linked.insert(
            name.to_owned(),
            Linked {
                name: lasting,
                hash,
            },
        );
        Ok(())
    }

    /// Writes a page, with the hashes that the browser is to insist on.
    fn page(&mut self, name: &str) -> Result<()> {
        let text = self.rename(self.text(name)?);
        let mut page = String::new();
        // Every second piece is inside a tag: `<` opens one, `>` closes it.
        for piece in text.split_inclusive('>') {
            let (before, tag) = piece.split_at(piece.rfind('<').unwrap_or(piece.len()));
            page.push_str(before);
            page.push_str(&self.insist(tag));
        }
        self.site.insert(name.to_owned(), page.into_bytes());
        Ok(())
    }

    /// Adds the hash to a tag that loads code or styles.
    fn insist(&self, tag: &str) -> String {
        let loads = tag.starts_with("<script")
            || ["stylesheet", "modulepreload", "wasm"]
                .iter()
                .any(|rel| tag.starts_with("<link") && tag.contains(&format!("rel=\"{rel}\"")));
        let mut files = self.linked.values();
        let file = files.find(|file| tag.contains(&format!("=\"{}\"", file.name)));
        match (loads, file, tag.strip_suffix('>')) {
            (true, Some(file), Some(open)) => {
                format!("{open} integrity=\"{}\">", file.hash.integrity())
            }
            _ => tag.to_owned(),
        }
    }

    /// Writes the service worker with the list of files that it keeps, and that list's version.
    fn worker(&mut self) -> Result<()> {
        let page = Hash::of(self.site.get(PAGE).context("no page")?).short();
        let mut files = vec!["\"./\"".to_owned()];
        let needed = self
            .linked
            .values()
            .filter(|file| !is_of_the_demo(&file.name));
        files.extend(needed.map(|file| format!("\"{}\"", file.name)));
        let files = files.join(", ");
        let version = Hash::of(format!("{page} {files}").as_bytes()).short();

        let mut text = self.text(WORKER)?;
        for (blank, filled) in [
            (
                "const VERSION = \"development\";",
                format!("const VERSION = \"{version}\";"),
            ),
            ("const FILES = [];", format!("const FILES = [{files}];")),
        ] {
            if !text.contains(blank) {
                bail!("{WORKER} has no line '{blank}'");
            }
            text = text.replace(blank, &filled);
        }
        self.site.insert(WORKER.to_owned(), text.into_bytes());
        Ok(())
    }

    /// Puts the lasting names in place of the plain ones.
    fn rename(&self, mut text: String) -> String {
        for (name, file) in &self.linked {
            for (plain, lasting) in mentions(name).into_iter().zip(mentions(&file.name)) {
                text = text.replace(&plain, &lasting);
            }
        }
        text
    }

    fn source(&self, name: &str) -> Result<&Vec<u8>> {
        self.sources
            .get(name)
            .with_context(|| format!("{name} is missing"))
    }

    fn text(&self, name: &str) -> Result<String> {
        let bytes = self.source(name)?.clone();
        String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))
    }
}

/// Returns the ways in which a text names a file.
fn mentions(name: &str) -> [String; 5] {
    [
        format!("\"{name}\""),
        format!("'{name}'"),
        format!("\"./{name}\""),
        format!("'./{name}'"),
        format!("({name})"),
    ]
}

fn names(text: &str, name: &str) -> bool {
    mentions(name).iter().any(|mention| text.contains(mention))
}

fn keeps_name(name: &str) -> bool {
    [PAGE, DEMO, WORKER].contains(&name)
}

/// The demo shows what servers see: without them it shows nothing.
fn is_of_the_demo(name: &str) -> bool {
    name.split('.').next() == DEMO.split('.').next()
}

fn is_text(name: &str) -> bool {
    TEXTS.iter().any(|suffix| name.ends_with(suffix))
}

/// Returns `styles.0123456789abcdef.css` for `styles.css`.
fn hashed(name: &str, hash: &Hash) -> String {
    match name.rsplit_once('.') {
        Some((stem, suffix)) => format!("{stem}.{}.{suffix}", hash.short()),
        None => format!("{name}.{}", hash.short()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        let file = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
        list.iter().map(file).collect()
    }

    fn site() -> Files {
        files(&[
            (
                "index.html",
                r#"<link rel="stylesheet" href="s.css"><link rel="icon" href="i.svg"><script src="boot.js"></script>"#,
            ),
            (
                "sw.js",
                "const VERSION = \"development\";\nconst FILES = [];\n",
            ),
            (
                "demo.html",
                r#"<link rel="stylesheet" href="s.css"><script src="demo.js"></script>"#,
            ),
            ("demo.js", "open()"),
            ("boot.js", "register('sw.js')"),
            ("s.css", "a { background: url(i.svg) }"),
            ("i.svg", "<svg/>"),
        ])
    }

    fn text<'a>(site: &'a Files, start: &str) -> (&'a str, &'a str) {
        let (name, bytes) = site
            .iter()
            .find(|(name, _)| name.starts_with(start))
            .unwrap();
        (name, core::str::from_utf8(bytes).unwrap())
    }

    #[test]
    fn names_change_with_the_content_and_with_what_it_names() {
        let first = link(site()).unwrap();
        let mut changed = site();
        changed.insert("i.svg".to_owned(), b"<svg></svg>".to_vec());
        let second = link(changed).unwrap();
        for start in ["i.", "s."] {
            assert_ne!(text(&first, start).0, text(&second, start).0);
        }
        assert_eq!(text(&first, "boot.").0, text(&second, "boot.").0);
        assert!(text(&first, "s.").1.contains(text(&first, "i.").0));
        assert_ne!(text(&first, "sw.js").1, text(&second, "sw.js").1);
    }

    #[test]
    fn the_page_insists_on_code_and_styles() {
        let site = link(site()).unwrap();
        let page = text(&site, "index.html").1;
        for start in ["s.", "boot."] {
            let (name, text) = text(&site, start);
            let integrity = Hash::of(text.as_bytes()).integrity();
            assert!(
                page.contains(&format!("=\"{name}\" integrity=\"{integrity}\">")),
                "{page}"
            );
        }
        assert_eq!(page.matches("integrity").count(), 2);
        let demo = text(&site, "demo.html").1;
        assert_eq!(demo.matches("integrity").count(), 2, "{demo}");
    }

    #[test]
    fn the_worker_keeps_every_file_but_the_demos() {
        let site = link(site()).unwrap();
        let worker = text(&site, "sw.js").1;
        assert!(worker.contains("\"./\""));
        for name in site.keys().filter(|name| !keeps_name(name)) {
            let is_kept = worker.contains(&format!("\"{name}\""));
            assert_eq!(is_kept, !name.starts_with("demo."), "{name}: {worker}");
        }
        assert!(!worker.contains("development"));
    }

    #[test]
    fn a_circle_of_names_is_an_error() {
        let mut circle = site();
        circle.insert("boot.js".to_owned(), b"import './b.js'".to_vec());
        circle.insert("b.js".to_owned(), b"import './boot.js'".to_vec());
        assert!(
            link(circle)
                .unwrap_err()
                .to_string()
                .contains("name each other")
        );
    }
}
