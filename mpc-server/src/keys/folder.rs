//! A party's three key files in one folder: made all together or not at all, never over others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mcmix_shared::identity::{SecretKey, ServerKey};
use zeroize::Zeroizing;

use super::{
    Fingerprint, KeyError, TlsIdentity, random_key, read_noise_key, tls_pair, write_private,
};

/// The names of a party's key files.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// The Noise key.
    pub noise: PathBuf,
    /// The certificate.
    pub tls_certificate: PathBuf,
    /// The certificate's key.
    pub tls_key: PathBuf,
}

/// What others need to know of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Public {
    /// For the manifest.
    pub noise: ServerKey,
    /// For the two peers.
    pub fingerprint: Fingerprint,
}

/// What came of making keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// They are new.
    New(Public),
    /// They were there, and nothing was written.
    There(Public),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file can't be used or written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Some are there and some are not.
    #[error(
        "{} there and {} not: nothing was written. Put back what is missing from your backup, or \
         name another folder; --renew-tls makes a new pair of tls.crt and tls.key",
        are(there),
        are(missing)
    )]
    Partly {
        /// Those that are there.
        there: Vec<String>,
        /// Those that are not.
        missing: Vec<String>,
    },
}

fn are(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(" and "))
}

impl KeyFiles {
    /// Returns the names that `keygen` uses in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            noise: folder.join("noise.key"),
            tls_certificate: folder.join("tls.crt"),
            tls_key: folder.join("tls.key"),
        }
    }

    /// Makes all three, or reads them where they are there.
    ///
    /// # Errors
    /// When only some are there, or one can't be read or written; nothing is written then.
    pub fn make(&self) -> Result<Made, FolderError> {
        let files = [&self.noise, &self.tls_key, &self.tls_certificate];
        let (there, missing): (Vec<&Path>, Vec<&Path>) = files
            .map(PathBuf::as_path)
            .into_iter()
            .partition(|path| exists(path));
        if missing.is_empty() {
            return Ok(Made::There(self.public()?));
        }
        if !there.is_empty() {
            let names = |paths: Vec<&Path>| {
                let names = paths.into_iter().filter_map(Path::file_name);
                names.map(|name| name.display().to_string()).collect()
            };
            let (there, missing) = (names(there), names(missing));
            return Err(FolderError::Partly { there, missing });
        }
        let noise = random_key()?;
        let (certificate, tls_key) = tls_pair()?;
        let text = Zeroizing::new(format!("{}\n", noise.to_text().as_str()));
        put_all(&[
            (&self.noise, &text),
            (&self.tls_key, &tls_key),
            (&self.tls_certificate, &certificate),
        ])?;
        Ok(Made::New(self.public()?))
    }

    /// Makes a new certificate and its key. The ones before are kept beside them, as `….old`.
    ///
    /// # Errors
    /// When a file can't be written; the ones before are in place then.
    pub fn renew_tls(&self) -> Result<Fingerprint, FolderError> {
        let (certificate, key) = tls_pair()?;
        let mut aside = Vec::new();
        let put = put_aside(&[&self.tls_key, &self.tls_certificate], &mut aside).and_then(|()| {
            put_all(&[(&self.tls_key, &key), (&self.tls_certificate, &certificate)])
        });
        if let Err(error) = put {
            for (path, old) in aside {
                let _still_aside = fs::rename(old, path);
            }
            return Err(error.into());
        }
        Ok(TlsIdentity::read(&self.tls_certificate, &self.tls_key)?.fingerprint())
    }

    fn public(&self) -> Result<Public, KeyError> {
        let noise: SecretKey = read_noise_key(&self.noise)?;
        let tls = TlsIdentity::read(&self.tls_certificate, &self.tls_key)?;
        Ok(Public {
            noise: noise.server_key(),
            fingerprint: tls.fingerprint(),
        })
    }
}

/// Says whether there is something of that name, whatever it leads to.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn not_written(path: &Path, source: io::Error) -> KeyError {
    KeyError::Write {
        path: path.to_owned(),
        source,
    }
}

/// Gives the files that are there the ending `old`, and notes which it gave it.
fn put_aside<'a>(paths: &[&'a Path], aside: &mut Vec<(&'a Path, PathBuf)>) -> Result<(), KeyError> {
    for path in paths.iter().filter(|path| exists(path)) {
        let old = with_ending(path, "old");
        fs::rename(path, &old).map_err(|error| not_written(path, error))?;
        aside.push((path, old));
    }
    Ok(())
}

/// Writes all files under other names, and then gives them theirs, which nothing has yet.
fn put_all(files: &[(&PathBuf, &Zeroizing<String>)]) -> Result<(), KeyError> {
    let (mut written, mut put) = (Vec::new(), Vec::new());
    let mut all = || -> Result<(), KeyError> {
        for (path, text) in files {
            let new = with_ending(path, "new");
            write_private(&new, text)?;
            written.push(new);
        }
        for ((path, _), new) in files.iter().zip(&written) {
            fs::hard_link(new, path).map_err(|error| not_written(path, error))?;
            put.push(*path);
        }
        Ok(())
    };
    let result = all();
    if result.is_err() {
        for path in put {
            let _gone = fs::remove_file(path);
        }
    }
    for new in written {
        let _gone = fs::remove_file(new);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn keys_are_made_once_and_told_of_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::in_folder(&folder.path().join("keys"));
        let Made::New(public) = files.make().unwrap() else {
            panic!("there were none")
        };
        assert_eq!(files.make().unwrap(), Made::There(public));
        let all = ["noise.key", "tls.crt", "tls.key"].map(str::to_owned);
        assert_eq!(names(&folder.path().join("keys")), all.into());
    }

    /// An old certificate, or a backup that is not whole.
    #[test]
    fn where_some_are_there_nothing_is_written() {
        for name in ["noise.key", "tls.crt", "tls.key"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "old").unwrap();
            let error = KeyFiles::in_folder(folder.path()).make().unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("{name} is there")), "{text}");
            assert!(text.contains("nothing was written"), "{text}");
            assert_eq!(names(folder.path()), [name.to_owned()].into());
        }
    }

    /// The last file can't be written.
    #[test]
    fn where_one_fails_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tls.crt.new")).unwrap();
        let files = KeyFiles::in_folder(folder.path());
        assert!(files.make().is_err());
        assert_eq!(names(folder.path()), ["tls.crt.new".to_owned()].into());
        fs::remove_dir(folder.path().join("tls.crt.new")).unwrap();

        let Made::New(public) = files.make().unwrap() else {
            panic!("there were none")
        };
        for name in ["tls.crt.new", "tls.crt.old"] {
            let taken = folder.path().join(name);
            fs::create_dir(&taken).unwrap();
            assert!(files.renew_tls().is_err(), "{name}");
            assert_eq!(files.make().unwrap(), Made::There(public), "{name}");
            fs::remove_dir(taken).unwrap();
        }
    }

    #[test]
    fn the_certificate_is_renewed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFiles::in_folder(folder.path());
        let Made::New(before) = files.make().unwrap() else {
            panic!("there were none")
        };
        let fingerprint = files.renew_tls().unwrap();
        assert_ne!(fingerprint, before.fingerprint);
        let after = Public {
            fingerprint,
            ..before
        };
        assert_eq!(files.make().unwrap(), Made::There(after));
        let old = |name: &str| folder.path().join(name);
        let kept = TlsIdentity::read(&old("tls.crt.old"), &old("tls.key.old")).unwrap();
        assert_eq!(kept.fingerprint(), before.fingerprint);
    }
}
