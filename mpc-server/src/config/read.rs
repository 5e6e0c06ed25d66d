//! Takes keys out of the layers one by one, and says of each what is wrong with it, and in the end
//! which ones nobody knows.

use toml::Value;

use super::EXAMPLES;
use super::layers::{Layers, Set};
use super::mistake::{Mistake, Mistakes};

/// Reads the keys of a configuration.
pub(super) struct Reader<'a> {
    layers: Layers,
    mistakes: &'a mut Mistakes,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(layers: Layers, mistakes: &'a mut Mistakes) -> Self {
        Self { layers, mistakes }
    }

    /// Reads a key that has no default.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.layers.values.contains_key(key) {
            return self.optional(key, read);
        }
        if self.layers.is_read {
            self.mistake(key, None, "is missing".to_owned());
        }
        None
    }

    /// Reads a key that has one.
    pub(super) fn or<T>(
        &mut self,
        key: &str,
        default: T,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.layers.values.contains_key(key) {
            return self.optional(key, read);
        }
        Some(default)
    }

    /// Reads a key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let set = self.layers.values.remove(key)?;
        match read(&set.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.mistake(key, Some(&set), problem);
                None
            }
        }
    }

    /// Says whether the file has a section.
    pub(super) fn has_section(&self, name: &str) -> bool {
        let prefix = format!("{name}.");
        let mut keys = self.layers.values.keys();
        self.layers.sections.iter().any(|section| section == name)
            || keys.any(|key| key.starts_with(&prefix))
    }

    /// Names the keys that are left over, and sections that there are not.
    pub(super) fn finish(mut self) {
        for (key, set) in std::mem::take(&mut self.layers.values) {
            let problem = unknown(&key, &set);
            self.mistake(&key, Some(&set), problem);
        }
        for section in std::mem::take(&mut self.layers.sections) {
            let prefix = format!("{section}.");
            if !EXAMPLES.iter().any(|(key, _)| key.starts_with(&prefix)) {
                self.mistake(&section, None, "there is no such section".to_owned());
            }
        }
    }

    fn mistake(&mut self, key: &str, set: Option<&Set>, problem: String) {
        self.mistakes.push(Mistake {
            place: self.layers.place(set),
            key: key.to_owned(),
            problem,
            example: example(key),
        });
    }
}

/// Returns how a key, or the one that is most like it, is set in a file.
pub(super) fn example(key: &str) -> String {
    let known = EXAMPLES.iter().find(|(known, _)| *known == key);
    let (known, value) = known.unwrap_or_else(|| nearest(key));
    match known.split_once('.') {
        Some((section, name)) => format!("[{section}] {name} = {value}"),
        None => format!("{known} = {value}"),
    }
}

/// Returns the known key that is most like one that nobody knows.
fn nearest(key: &str) -> &'static (&'static str, &'static str) {
    let unlike = |known: &str| {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::osa_distance(known, key);
        // The right name in the wrong section is nearer than it looks.
        whole.min(1 + strsim::osa_distance(&last(known), &last(key)))
    };
    let nearest = EXAMPLES.iter().min_by_key(|(known, _)| unlike(known));
    nearest.expect("there are keys")
}

fn unknown(key: &str, set: &Set) -> String {
    let prefix = format!("{key}.");
    if EXAMPLES.iter().any(|(known, _)| known.starts_with(&prefix)) {
        return "is a section and has no value of its own".to_owned();
    }
    let (nearest, _) = nearest(key);
    let problem = format!("there is no such key; the nearest is {nearest}");
    match set.variable() {
        Some(name) if is_of_kubernetes(name) => format!(
            "{problem}. Kubernetes sets this variable for a Service whose name starts with \"mcmix\": \
             give the Service another name, or set `enableServiceLinks: false` in the Pod"
        ),
        Some(_) => {
            format!("{problem}. Every variable that starts with MCMIX_ sets a key: unset it")
        }
        None => problem,
    }
}

/// Says whether a variable is one of those by which Kubernetes tells a Pod of a Service.
fn is_of_kubernetes(variable: &str) -> bool {
    ["_PORT", "_SERVICE_HOST"]
        .iter()
        .any(|end| variable.ends_with(end))
        || variable.contains("_SERVICE_PORT")
        || variable.contains("_TCP")
        || variable.contains("_UDP")
}
