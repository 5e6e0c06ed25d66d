//! A deployment's files, and what operators do to them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mcmix_server::config::mistake::Mistakes;
use mcmix_server::server::Ready;

/// One party's files, and what is laid over them.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    environment: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Case {
    /// Copies a deployment that is right.
    pub(crate) fn new(right: &Path, folder: &Path) -> Self {
        copy(right, folder);
        Self {
            folder: folder.to_owned(),
            environment: Vec::new(),
            flags: Vec::new(),
        }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn set(&mut self, flag: &str) {
        self.flags.push(flag.to_owned());
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(file), bytes).unwrap();
    }

    pub(crate) fn append(&self, file: &str, text: &str) {
        self.write(file, self.text(file) + text);
    }

    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.text(file);
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, text.replacen(from, to, 1));
    }

    /// Leaves out the lines that begin so.
    pub(crate) fn leave_out(&self, file: &str, begin: &str) {
        let text = self.text(file);
        let lines = text.lines().filter(|line| !line.starts_with(begin));
        self.write(file, lines.collect::<Vec<_>>().join("\n"));
    }

    /// Cuts a file off after so many bytes.
    pub(crate) fn cut(&self, file: &str, bytes: usize) {
        self.write(file, &self.text(file)[..bytes]);
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).unwrap();
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn allow(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Returns the value of a key of the file.
    pub(crate) fn value(&self, key: &str) -> String {
        let text = self.text(PARTY);
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    }

    pub(crate) fn examine(&self) -> Result<Ready, Mistakes> {
        Ready::examine(&self.path(PARTY), self.environment.clone(), &self.flags)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            fs::copy(&entry, to.join(name)).unwrap();
        }
    }
}

pub(crate) const PARTY: &str = "party0.toml";
pub(crate) const MANIFEST: &str = "deployment.json";
pub(crate) const NOISE: &str = "party0/noise.key";
pub(crate) const CERTIFICATE: &str = "party0/tls.crt";
pub(crate) const TLS_KEY: &str = "party0/tls.key";
