//! The deployment's manifest, `/deployment.json`: what an operator publishes, a page reads and
//! a user can compare.

mod in_common;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use base64ct::{Base64UrlUnpadded, Encoding as _};

pub use in_common::InCommon;

use crate::{identity::ServerKey, kdf, party::PartyId, row::Shape};

/// The manifest's version.
pub const VERSION: u32 = 2;

/// What all that clients derive is bound to, so that nothing made for one deployment or island
/// means anything in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Realm {
    /// The digest of the deployment's first manifest, which later manifests carry on: changed
    /// settings end no pair.
    pub deployment: [u8; 32],
    /// The island's number.
    pub island: u32,
}

impl Realm {
    /// Returns the bytes by which derivations are bound to it: digest, then island.
    pub(crate) fn to_bytes(self) -> [u8; 36] {
        let mut bytes = [0; 36];
        let (digest, island) = bytes.split_at_mut(32);
        digest.copy_from_slice(&self.deployment);
        island.copy_from_slice(&self.island.to_le_bytes());
        bytes
    }
}

/// One deployment: three servers and the sizes that all their clients share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The manifest's version, [`VERSION`].
    pub version: u32,
    /// What people call this deployment.
    pub name: String,
    /// Which of the deployment's islands this is; the only one is 0.
    pub island: u32,
    /// The digest of the deployment's first manifest, [`Deployment::digest`] of that one; none in
    /// the first manifest itself.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "digest_to_text",
        deserialize_with = "digest_from_text"
    )]
    pub first: Option<[u8; 32]>,
    /// Rows that each client hands in for every conversation round.
    pub slots: u8,
    /// Conversation rounds in which the quick slot serves every place once: 8, 16 or 32.
    pub quick_rounds: u8,
    /// Bytes of the message in a conversation row.
    pub message_bytes: u16,
    /// Milliseconds from one conversation round to the next.
    pub conversation_period_ms: u32,
    /// Milliseconds from one dialing round to the next.
    pub dialing_period_ms: u32,
    /// The three servers, P0 first.
    pub servers: [Server; 3],
}

/// Where one server is and how to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The WebSocket address, `ws://` or `wss://`.
    pub url: String,
    /// The static key of its Noise link.
    #[serde(serialize_with = "key_to_text", deserialize_with = "key_from_text")]
    pub key: ServerKey,
}

/// A manifest that no client or server may run on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON of this form.
    #[error("not a deployment manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// Of another version.
    #[error("manifest version: expected {VERSION}, got {0}")]
    Version(u32),
    /// A number out of its range.
    #[error("{field}: expected {least} to {most}, got {got}")]
    Range {
        /// The field's name.
        field: &'static str,
        /// Its least value.
        least: u32,
        /// Its greatest value.
        most: u32,
        /// What the manifest says.
        got: u32,
    },
    /// A submission of this shape does not fit into one frame.
    #[error(
        "slots times message_bytes is too large: a submission has {0} bytes, a frame at most 65000"
    )]
    Frame(usize),
    /// An address that is no WebSocket's.
    #[error("{0}: expected an address that starts with ws:// or wss://")]
    Url(PartyId),
    /// A name of no or too many bytes.
    #[error("name: expected 1 to 64 bytes without control characters")]
    Name,
    /// One server in two places: it would hold a whole row.
    #[error("two servers have the same key or address")]
    SameServer,
    /// The quick slot's round is of another length.
    #[error("quick_rounds: expected 8, 16 or 32, got {0}")]
    QuickRounds(u8),
}

impl Deployment {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn from_json(json: &str) -> Result<Self, ManifestError> {
        let deployment: Self = serde_json::from_str(json)?;
        deployment.check()?;
        Ok(deployment)
    }

    /// Writes the manifest.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest is plain data")
    }

    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), ManifestError> {
        self.mistakes().into_iter().next().map_or(Ok(()), Err)
    }

    /// Returns all that is wrong.
    pub fn mistakes(&self) -> Vec<ManifestError> {
        let mut mistakes = Vec::new();
        if self.version != VERSION {
            mistakes.push(ManifestError::Version(self.version));
        }
        if self.name.is_empty() || self.name.len() > 64 || self.name.chars().any(char::is_control) {
            mistakes.push(ManifestError::Name);
        }
        if !matches!(self.quick_rounds, 8 | 16 | 32) {
            mistakes.push(ManifestError::QuickRounds(self.quick_rounds));
        }
        let ranges = [
            range("slots", 3, 16, self.slots.into()),
            range("message_bytes", 128, 4096, self.message_bytes.into()),
            range(
                "conversation_period_ms",
                50,
                3_600_000,
                self.conversation_period_ms,
            ),
            range("dialing_period_ms", 50, 3_600_000, self.dialing_period_ms),
        ];
        mistakes.extend(ranges.into_iter().filter_map(Result::err));
        let submission = self
            .shape()
            .submission_bytes(crate::program::Program::Conversation);
        if submission > 65_000 {
            mistakes.push(ManifestError::Frame(submission));
        }
        for party in PartyId::ALL {
            let (server, next) = (self.server(party), self.server(party.next()));
            let host = server
                .url
                .strip_prefix("ws://")
                .or(server.url.strip_prefix("wss://"));
            if host.is_none_or(str::is_empty) || server.url.len() > 1024 {
                mistakes.push(ManifestError::Url(party));
            }
            if server.key == next.key || server.url == next.url {
                mistakes.push(ManifestError::SameServer);
            }
        }
        mistakes
    }

    /// Returns the hash of what this manifest says.
    pub fn digest(&self) -> [u8; 32] {
        let json = serde_json::to_string(self).expect("a manifest is plain data");
        kdf::hash("manifest", &[json.as_bytes()])
    }

    /// Returns what all that clients derive is bound to.
    pub fn realm(&self) -> Realm {
        Realm {
            deployment: self.first.unwrap_or_else(|| self.digest()),
            island: self.island,
        }
    }

    /// Returns the sizes that rows and frames follow from.
    pub fn shape(&self) -> Shape {
        Shape {
            slots: self.slots.into(),
            message_bytes: self.message_bytes.into(),
        }
    }

    /// Returns one of the three servers.
    pub fn server(&self, party: PartyId) -> &Server {
        let [p0, p1, p2] = &self.servers;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }
}

fn range(field: &'static str, least: u32, most: u32, got: u32) -> Result<(), ManifestError> {
    if (least..=most).contains(&got) {
        Ok(())
    } else {
        Err(ManifestError::Range {
            field,
            least,
            most,
            got,
        })
    }
}

#[allow(
    clippy::ref_option,
    reason = "serde hands a reference to the field over"
)]
fn digest_to_text<S: Serializer>(
    digest: &Option<[u8; 32]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = digest.map(|digest| Base64UrlUnpadded::encode_string(&digest));
    text.serialize(serializer)
}

fn digest_from_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<[u8; 32]>, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    let mut digest = [0; 32];
    match Base64UrlUnpadded::decode(text.as_bytes(), &mut digest) {
        Ok(decoded) if decoded.len() == 32 => Ok(Some(digest)),
        _ => Err(D::Error::custom(
            "expected 32 bytes in base64url without padding",
        )),
    }
}

fn key_to_text<S: Serializer>(key: &ServerKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key.to_text())
}

fn key_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ServerKey, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    ServerKey::from_text(&text).map_err(D::Error::custom)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Deployment, ManifestError, Server};
    use crate::identity::SecretKey;

    pub(crate) fn demo() -> Deployment {
        let server = |i: u8| Server {
            url: format!("ws://127.0.0.1:800{i}/client"),
            key: SecretKey::from_bytes([i + 1; 32]).server_key(),
        };
        Deployment {
            version: super::VERSION,
            name: "Demo".into(),
            island: 0,
            first: None,
            slots: 3,
            quick_rounds: 8,
            message_bytes: 256,
            conversation_period_ms: 1000,
            dialing_period_ms: 2000,
            servers: [server(0), server(1), server(2)],
        }
    }

    #[test]
    fn round_trips() {
        assert_eq!(Deployment::from_json(&demo().to_json()).unwrap(), demo());
    }

    /// Changed settings keep the realm when the later manifest names the first.
    #[test]
    fn later_manifests_carry_the_first_digest_on() {
        let first = demo();
        let mut later = first.clone();
        later.conversation_period_ms = 500;
        assert_ne!(later.realm(), first.realm());
        later.first = Some(first.digest());
        assert_eq!(later.realm(), first.realm());
        assert_eq!(Deployment::from_json(&later.to_json()).unwrap(), later);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let json = demo().to_json().replacen('{', "{\"colour\":1,", 1);
        assert!(matches!(
            Deployment::from_json(&json),
            Err(ManifestError::Json(_))
        ));
    }

    #[test]
    fn wrong_fields_are_named() {
        let with = |change: fn(&mut Deployment)| {
            let mut deployment = demo();
            change(&mut deployment);
            Deployment::from_json(&deployment.to_json())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(with(|d| d.slots = 2), "slots: expected 3 to 16, got 2");
        assert!(with(|d| d.quick_rounds = 9).starts_with("quick_rounds"));
        assert!(with(|d| d.version = 1).starts_with("manifest version"));
        assert!(with(|d| d.message_bytes = 64).starts_with("message_bytes"));
        assert!(with(|d| d.servers[1].url = "http://x".into()).starts_with("P1"));
        assert!(with(|d| d.servers[1].key = d.servers[0].key).starts_with("two servers"));
        assert!(with(|d| (d.slots, d.message_bytes) = (16, 4096)).starts_with("slots times"));
    }
}
