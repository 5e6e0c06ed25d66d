//! Invite links: `<page>/#/invite/<code>/<name>`. All of it stays in the fragment, which browsers
//! never send to a server.
//!
//! The code is base64url of 42 bytes: the first 4 of the deployment's digest, the island's number
//! (4, little-endian), the inviter's key (32), and the first 2 of a hash of these. Calling nobody
//! looks like calling somebody who does not answer, so it is here that a damaged link, or one of
//! another deployment, must be noticed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{ClientKey, KeyError, Name, NameError};
use crate::{bytes::Reader, kdf, manifest::Realm};

const MARK: &str = "#/invite/";
/// No link of ours is longer; what is longer was not made here.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// What an invite link says: whom to call, and what they call themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The inviter's key.
    pub key: ClientKey,
    /// The inviter's name, as they gave it.
    pub name: Name,
}

/// A text that is no invite link of this deployment. The wording is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InviteError {
    /// No `#/invite/` in it.
    #[error(
        "this is not an invite link; copy the whole link that your contact sent and paste it again"
    )]
    NotAnInvite,
    /// Of the form that protocol version 1 had.
    #[error(
        "this invite link was made by an older version; ask your contact to load the page anew \
         and to send the link that it shows then"
    )]
    Old,
    /// Cut off or mistyped.
    #[error("the invite link is damaged; ask your contact to send it again")]
    Damaged,
    /// Made for other servers.
    #[error(
        "this invite link belongs to other servers than this page's; open the page that your \
         contact uses"
    )]
    OtherDeployment,
    /// Made for another island of the same deployment.
    #[error("this invite link belongs to island {0}, which can't be reached from here")]
    OtherIsland(u32),
    /// The key is nobody's.
    #[error("the key in the invite link can't be used ({0}); ask your contact to send it again")]
    Key(#[from] KeyError),
    /// The name can't be read.
    #[error("the name in the invite link can't be read ({0}); ask your contact to send it again")]
    Name(#[from] NameError),
}

impl Invite {
    /// Writes the link for a page at that address, such as `https://chat.example`.
    pub fn to_link(&self, page: &str, realm: &Realm) -> String {
        let code = Code::new(realm, &self.key).to_text();
        let name = utf8_percent_encode(self.name.as_str(), NON_ALPHANUMERIC);
        format!("{}/{MARK}{code}/{name}", page.trim_end_matches('/'))
    }

    /// Reads the first link in a text, or the fragment of one, in a deployment.
    ///
    /// A link is found in what people paste: with words around it, broken into lines by a mail
    /// program, quoted, in brackets, its signs encoded.
    ///
    /// # Errors
    /// Says what is wrong with it and what to do.
    pub fn from_link(text: &str, realm: &Realm) -> Result<Self, InviteError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(InviteError::NotAnInvite);
        }
        let found = Found::in_text(text).ok_or(InviteError::NotAnInvite)?;
        let name = found.name.ok_or(InviteError::Damaged)?;
        if ClientKey::from_text(&found.code).is_ok() {
            return Err(InviteError::Old);
        }
        let code = Code::from_text(&found.code).ok_or(InviteError::Damaged)?;
        let key = code.key_in(realm)?;
        let name = percent_decode_str(&name)
            .decode_utf8()
            .map_err(|_| InviteError::Damaged)?;
        let name = Name::new(&name)?;
        Ok(Self { key, name })
    }
}

/// The two parts of a link, as they stand in a text.
struct Found {
    code: String,
    /// None where the text ends before it, or something else stands there.
    name: Option<String>,
}

impl Found {
    fn in_text(text: &str) -> Option<Self> {
        if let Some((_, rest)) = text.split_once(MARK) {
            return Some(Self::in_rest(rest));
        }
        if let Some((_, rest)) = text.split_once(&MARK.replace('#', "%23")) {
            return Some(Self::in_rest(rest));
        }
        // All of it was encoded once more.
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        let (_, rest) = decoded.split_once(MARK)?;
        Some(Self::in_rest(rest))
    }

    fn in_rest(rest: &str) -> Self {
        let mut code = String::new();
        let mut chars = rest.chars();
        let reaches_name = loop {
            match chars.next() {
                Some(c) if c.is_ascii_alphanumeric() || "-_".contains(c) => code.push(c),
                Some('/') => break true,
                // Where mail breaks a line, and how it quotes one.
                Some(c) if c.is_whitespace() || "=>".contains(c) => {}
                Some(_) | None => break false,
            }
        };
        let name = reaches_name.then(|| {
            // A line that mail broke goes on; any other ends the name, as does each sign that no
            // link has raw.
            let rest = chars.as_str().replace("=\r\n", "").replace("=\n", "");
            let ours = |c: &char| c.is_ascii_alphanumeric() || *c == '%';
            rest.chars().take_while(ours).collect()
        });
        Self { code, name }
    }
}

/// What the code in a link says.
struct Code {
    deployment: [u8; 4],
    island: u32,
    key: [u8; 32],
}

impl Code {
    fn new(realm: &Realm, key: &ClientKey) -> Self {
        Self {
            deployment: start(&realm.deployment),
            island: realm.island,
            key: *key.as_bytes(),
        }
    }

    fn said(&self) -> Vec<u8> {
        [&self.deployment[..], &self.island.to_le_bytes(), &self.key].concat()
    }

    fn to_text(&self) -> String {
        let said = self.said();
        Base64UrlUnpadded::encode_string(&[&said[..], &check(&said)].concat())
    }

    /// Reads what [`Self::to_text`] wrote; `None` where a character is wrong or missing.
    fn from_text(text: &str) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
        let mut reader = Reader::new(&bytes);
        let code = Self {
            deployment: reader.array().ok()?,
            island: reader.u32().ok()?,
            key: reader.array().ok()?,
        };
        (reader.rest() == check(&code.said())).then_some(code)
    }

    /// Returns the key, if it is one of that realm.
    fn key_in(self, realm: &Realm) -> Result<ClientKey, InviteError> {
        if self.deployment != start(&realm.deployment) {
            Err(InviteError::OtherDeployment)
        } else if self.island != realm.island {
            Err(InviteError::OtherIsland(self.island))
        } else {
            Ok(ClientKey::from_bytes(self.key)?)
        }
    }
}

fn check(said: &[u8]) -> [u8; 2] {
    start(&kdf::hash("invite", &[said]))
}

fn start<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    *hash.first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::{Code, Invite, InviteError};
    use crate::{
        identity::{KeyError, Name, NameError, SecretKey},
        manifest::Realm,
    };

    const REALM: Realm = Realm {
        deployment: [4; 32],
        island: 0,
    };
    const PAGE: &str = "http://127.0.0.1:8000/";

    fn invite(name: &str) -> Invite {
        Invite {
            key: SecretKey::from_bytes([3; 32]).client_key(),
            name: Name::new(name).unwrap(),
        }
    }

    #[test]
    fn link_is_frozen_and_short() {
        let link = invite("Ada").to_link(PAGE, &REALM);
        assert_eq!(
            link,
            "http://127.0.0.1:8000/#/invite/\
             BAQEBAAAAABd_t07a9R_b6KO4V2WnVuw6lN3TUiL2vnfHG4BJLPvIhvh/Ada"
        );
        assert!(link.len() < 120);
    }

    #[test]
    fn link_round_trips() {
        for name in ["Ada", "Zoë / 李 #1", "100 % 👩‍🚀"] {
            let invite = invite(name);
            let link = invite.to_link("https://chat.example/app", &REALM);
            assert!(link.starts_with("https://chat.example/app/#/invite/"));
            let fragment = link.split_once('#').unwrap().1;
            for text in [&format!(" {link}\n"), &format!("#{fragment}")] {
                assert_eq!(Invite::from_link(text, &REALM).as_ref(), Ok(&invite));
            }
        }
    }

    /// What mail programs, messengers and people make of a link.
    #[test]
    fn links_are_found_in_what_people_paste() {
        let invite = invite("Zoë B");
        let link = invite.to_link("https://chat.example", &REALM);
        let (before, after) = link.split_at(70);
        let (_, fragment) = link.split_once('#').unwrap();
        for text in [
            format!("Hi! Here I am: {link} See you."),
            format!("Hi!\n\n{link}\nSee you"),
            format!("<{link}>"),
            format!("({link})."),
            format!("[me]({link})"),
            format!("\"{link}\","),
            format!("{link}?utm_source=mail&x=/#/invite/"),
            format!("{link}&amp;utm_source=mail"),
            format!("{before}\n{after}"),
            format!("{before}\r\n  {after}"),
            format!("{before}=\r\n{after}"),
            format!("> {before}\n> {after}\n> bye"),
            format!("> > {before}=\n> > {after}"),
            format!("{}=\nB", link.strip_suffix('B').unwrap()),
            link.replace('#', "%23"),
            utf8_percent_encode(&link, NON_ALPHANUMERIC).to_string(),
            format!(
                "https://example.org/leave?to={}",
                utf8_percent_encode(&link, NON_ALPHANUMERIC)
            ),
            format!("{link} or {}", link.replace("Zo", "Eve")),
            format!("#{fragment}"),
        ] {
            let read = Invite::from_link(&text, &REALM);
            assert_eq!(read.as_ref(), Ok(&invite), "{text}");
        }
    }

    #[test]
    fn links_of_other_realms_are_told_apart() {
        let link = invite("Ada").to_link(PAGE, &REALM);
        let elsewhere = Realm {
            deployment: [5; 32],
            ..REALM
        };
        let read = |realm| Invite::from_link(&link, realm);
        assert_eq!(read(&elsewhere), Err(InviteError::OtherDeployment));
        let island = Realm { island: 7, ..REALM };
        assert_eq!(read(&island), Err(InviteError::OtherIsland(0)));
    }

    #[test]
    fn links_of_version_1_are_told_apart() {
        let key = invite("Ada").key.to_text();
        for link in [
            format!("{PAGE}#/invite/{key}/Ada"),
            format!("#/invite/{key}/"),
        ] {
            assert_eq!(Invite::from_link(&link, &REALM), Err(InviteError::Old));
        }
    }

    /// One wrong character, one too many, or an end too early: each is noticed.
    #[test]
    fn damaged_links_are_refused() {
        let link = invite("Ada").to_link("", &REALM);
        let code = link.strip_prefix("/#/invite/").unwrap();
        let code = code.strip_suffix("/Ada").unwrap();
        let damaged = |link: &str| {
            let read = Invite::from_link(link, &REALM);
            assert_eq!(read, Err(InviteError::Damaged), "{link}");
        };
        for (at, right) in code.char_indices() {
            let wrong = if right == 'x' { 'y' } else { 'x' };
            let (before, after) = (&code[..at], &code[at + 1..]);
            damaged(&format!("#/invite/{before}{wrong}{after}/Ada"));
            damaged(&format!("#/invite/{before}{after}/Ada"));
            damaged(&format!("#/invite/{before}{wrong}{right}{after}/Ada"));
            damaged(&format!("#/invite/{before}/Ada"));
            damaged(&format!("#/invite/{before}"));
        }
        damaged(&format!("#/invite/{code}"));
        damaged(&format!("#/invite/{code}/%ff"));
    }

    #[test]
    fn other_texts_are_refused() {
        let read = |text: &str| Invite::from_link(text, &REALM);
        for text in [
            "",
            "https://example.org/",
            "#/invit/x/Ada",
            &"x".repeat(20_000),
        ] {
            assert_eq!(read(text), Err(InviteError::NotAnInvite), "{text:.80}");
        }
        let link = invite("Ada").to_link("", &REALM);
        let nameless = link.strip_suffix("Ada").unwrap();
        assert_eq!(read(nameless), Err(InviteError::Name(NameError::Empty)));
        let ownerless = Code {
            key: [0; 32],
            ..Code::new(&REALM, &invite("Ada").key)
        };
        let link = format!("#/invite/{}/Ada", ownerless.to_text());
        assert_eq!(read(&link), Err(InviteError::Key(KeyError::Weak)));
    }
}
