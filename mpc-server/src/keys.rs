//! The keys of one party, and the files that hold them.
//!
//! A party has two: an X25519 key for the Noise link with its clients, and a self-signed
//! certificate for the TLS links with its peers, which pin its fingerprint.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use mcmix_shared::identity::SecretKey;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub mod folder;

/// Why a key file could not be written or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read.
    #[error("can't read {}: {source}; `mcmix-server keygen` writes it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file was read, but does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A certificate and a key do not belong together.
    #[error("{} is not the key of the certificate {}", key.display(), certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// The certificate could not be made.
    #[error("can't make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system has no randomness to give.
    #[error("can't get random bytes from the system: {0}")]
    Random(#[from] getrandom::Error),
}

impl KeyError {
    /// Returns what is wrong, for whoever knows which file it is.
    pub fn problem(&self) -> String {
        match self {
            Self::Read { source, .. } => format!("can't be read: {source}"),
            Self::Write { source, .. } => format!("can't be written: {source}"),
            Self::Malformed { problem, .. } => problem.clone(),
            Self::Pair { certificate, .. } => {
                format!(
                    "is not the key of the certificate {}",
                    certificate.display()
                )
            }
            Self::Certificate(_) | Self::Random(_) => self.to_string(),
        }
    }
}

/// SHA-256 of a certificate: what the peers of its owner pin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the fingerprint of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a fingerprint (43 characters of base64url), as `mcmix-server keygen` prints it for the peer"
)]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        decode32(text).map(Self).ok_or(NotAFingerprint)
    }
}

/// Makes a fresh Noise key and writes it into a new file that only its owner may read.
///
/// # Errors
/// When the file exists or can't be written.
pub fn generate_noise_key(path: &Path) -> Result<SecretKey, KeyError> {
    let key = random_key()?;
    write_private(path, &format!("{}\n", key.to_text().as_str()))?;
    Ok(key)
}

fn random_key() -> Result<SecretKey, KeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())?;
    Ok(SecretKey::from_bytes(*bytes))
}

/// Makes a fresh self-signed certificate and its key, both in PEM form.
fn tls_pair() -> Result<(Zeroizing<String>, Zeroizing<String>), KeyError> {
    let made = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
    let key = Zeroizing::new(made.signing_key.serialize_pem());
    Ok((Zeroizing::new(made.cert.pem()), key))
}

/// Reads the key by which clients know this party.
///
/// # Errors
/// When the file is missing or holds no key.
pub fn read_noise_key(path: &Path) -> Result<SecretKey, KeyError> {
    let text = Zeroizing::new(read(path)?);
    SecretKey::from_text(text.trim()).map_err(|_| KeyError::Malformed {
        path: path.to_owned(),
        problem: not_a_noise_key(text.trim()),
    })
}

fn not_a_noise_key(text: &str) -> String {
    let what = match text.len() {
        0 => "is empty".to_owned(),
        length @ 1..43 => format!("has {length} of a Noise key's 43 characters: it was cut off"),
        43 => "does not hold a Noise key: some of its characters are not of base64url".to_owned(),
        _ => "does not hold a Noise key (43 characters of base64url)".to_owned(),
    };
    format!(
        "{what}; put it back from your backup, since a new key needs a new manifest on all servers \
         and at the page"
    )
}

/// The certificate by which peers know this party, and its key.
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl TlsIdentity {
    /// Reads both files.
    ///
    /// # Errors
    /// When one is missing or holds something else.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, KeyError> {
        let files = (certificate, key);
        Self::new(files, read_certificate(certificate)?, read_tls_key(key)?)
    }

    /// Joins a certificate and its key, which were read from these files.
    ///
    /// # Errors
    /// When they do not belong together, or the key is of a kind that is not known.
    pub fn new(
        (certificate_file, key_file): (&Path, &Path),
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, KeyError> {
        let chain = vec![certificate.clone()];
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        match CertifiedKey::from_der(chain, key.clone_key(), &provider) {
            Ok(_) => Ok(Self { certificate, key }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(KeyError::Pair {
                certificate: certificate_file.to_owned(),
                key: key_file.to_owned(),
            }),
            Err(rustls::Error::InvalidCertificate(error)) => Err(KeyError::Malformed {
                path: certificate_file.to_owned(),
                problem: format!("holds a damaged certificate: {error:?}; {RESTORE}"),
            }),
            Err(error) => Err(KeyError::Malformed {
                path: key_file.to_owned(),
                problem: format!("holds no key that can be used: {error}; {RESTORE}"),
            }),
        }
    }

    /// Makes a fresh self-signed certificate and writes it and its key into new files.
    ///
    /// # Errors
    /// When a file exists or can't be written.
    pub fn generate(certificate: &Path, key: &Path) -> Result<Self, KeyError> {
        let (certificate_pem, key_pem) = tls_pair()?;
        write_private(key, &key_pem)?;
        write_private(certificate, &certificate_pem)?;
        Self::read(certificate, key)
    }

    /// Returns what peers pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Returns the certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// Returns the private key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsIdentity({})", self.fingerprint())
    }
}

/// What to do where a file of the pair is damaged.
const RESTORE: &str = "put it back from your backup, or make a new pair, whose fingerprint both \
                       peers' operators need";

/// Reads a certificate.
///
/// # Errors
/// When the file is missing or holds something else.
pub fn read_certificate(path: &Path) -> Result<CertificateDer<'static>, KeyError> {
    let text = read(path)?;
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|error| malformed_pem(path, &text, "certificate", &error))
}

/// Reads a certificate's key.
///
/// # Errors
/// When the file is missing or holds something else.
pub fn read_tls_key(path: &Path) -> Result<PrivateKeyDer<'static>, KeyError> {
    let text = Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|error| malformed_pem(path, &text, "private key", &error))
}

fn malformed_pem(path: &Path, text: &str, expected: &str, error: &pem::Error) -> KeyError {
    let other = [
        ("certificate", "BEGIN CERTIFICATE"),
        ("private key", "PRIVATE KEY"),
    ]
    .into_iter()
    .find(|(what, label)| *what != expected && text.contains(label));
    let problem = match (other, error) {
        (Some((other, _)), pem::Error::NoItemsFound) => format!(
            "holds a {other} instead of a {expected}: are keys.tls_certificate and keys.tls_key \
             swapped?"
        ),
        (_, pem::Error::NoItemsFound) => {
            format!("holds no {expected} in PEM form, which begins with -----BEGIN; {RESTORE}")
        }
        _ => format!("holds a damaged {expected}; {RESTORE}"),
    };
    KeyError::Malformed {
        path: path.to_owned(),
        problem,
    }
}

/// The name in every certificate; the fingerprint alone decides.
pub(crate) const SERVER_NAME: &str = "mcmix-party";

fn read(path: &Path) -> Result<String, KeyError> {
    fs::read_to_string(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Writes a new file with mode 0600. An existing key is never overwritten.
fn write_private(path: &Path, text: &str) -> Result<(), KeyError> {
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| KeyError::Write {
        path: path.to_owned(),
        source,
    })
}

fn decode32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_survive_their_files_and_only_the_owner_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/noise.key");
        let key = generate_noise_key(&path).unwrap();
        assert_eq!(read_noise_key(&path).unwrap(), key);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(matches!(
            generate_noise_key(&path),
            Err(KeyError::Write { .. })
        ));

        let (certificate, private) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let made = TlsIdentity::generate(&certificate, &private).unwrap();
        let read = TlsIdentity::read(&certificate, &private).unwrap();
        assert_eq!(read.fingerprint(), made.fingerprint());
        let text = made.fingerprint().to_string();
        assert_eq!(text.parse(), Ok(made.fingerprint()));
        assert_eq!(
            fs::metadata(&private).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_missing_or_wrong_file_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise.key");
        let missing = read_noise_key(&path).unwrap_err().to_string();
        assert!(
            missing.contains("keygen") && missing.contains("noise.key"),
            "{missing}"
        );
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(
            read_noise_key(&path),
            Err(KeyError::Malformed { .. })
        ));
    }
}
