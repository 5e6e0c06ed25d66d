//! Invite links: `<page>/#/invite/<key>/<name>`. The key stays in the fragment, which browsers
//! never send to a server.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{ClientKey, KeyError, Name, NameError};

const MARK: &str = "#/invite/";
/// No link of ours is longer; what is longer was not made here.
const MAX_LINK_BYTES: usize = 4096;

/// What an invite link says: whom to call, and what they call themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The inviter's key.
    pub key: ClientKey,
    /// The inviter's name, as they gave it.
    pub name: Name,
}

/// A text that is no invite link. The wording is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// No `#/invite/` in it.
    #[error(
        "this is not an invite link; copy the whole link that your contact sent and paste it again"
    )]
    NotAnInvite,
    /// The key is cut off or mistyped.
    #[error("the invite link is damaged ({0}); ask your contact to send it again")]
    Key(#[from] KeyError),
    /// The name can't be read.
    #[error("the name in the invite link can't be read ({0}); ask your contact to send it again")]
    Name(#[from] NameError),
}

impl Invite {
    /// Writes the link for a page at that origin, such as `https://chat.example`.
    pub fn to_link(&self, origin: &str) -> String {
        let name = utf8_percent_encode(self.name.as_str(), NON_ALPHANUMERIC);
        format!(
            "{}/{MARK}{}/{name}",
            origin.trim_end_matches('/'),
            self.key.to_text()
        )
    }

    /// Reads a link, or the fragment of one.
    ///
    /// # Errors
    /// Says which part can't be read.
    pub fn from_link(link: &str, _: &crate::manifest::Realm) -> Result<Self, InviteError> {
        let link = link.trim();
        if link.len() > MAX_LINK_BYTES {
            return Err(InviteError::NotAnInvite);
        }
        let (_, rest) = link.split_once(MARK).ok_or(InviteError::NotAnInvite)?;
        let (key, name) = rest.split_once('/').ok_or(InviteError::NotAnInvite)?;
        let name = percent_decode_str(name)
            .decode_utf8()
            .map_err(|_| NameError::Invisible)?;
        Ok(Self {
            key: ClientKey::from_text(key)?,
            name: Name::new(&name)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Invite, InviteError};
    use crate::identity::{Name, SecretKey};

    #[test]
    fn link_round_trips() {
        let key = SecretKey::from_bytes([3; 32]).client_key();
        let invite = Invite {
            key,
            name: Name::new("Zoë / 李 #1").unwrap(),
        };
        let link = invite.to_link("http://127.0.0.1:8000/");
        assert!(
            link.starts_with("http://127.0.0.1:8000/#/invite/"),
            "{link}"
        );
        assert_eq!(Invite::from_link(&format!(" {link}\n"), &crate::manifest::tests::demo().realm()), Ok(invite));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "https://example.org/", "#/invite/", "#/invite/abc"] {
            assert_eq!(
                Invite::from_link(text, &crate::manifest::tests::demo().realm()),
                Err(InviteError::NotAnInvite),
                "{text}"
            );
        }
        assert!(matches!(
            Invite::from_link("#/invite/abc/Bob", &crate::manifest::tests::demo().realm()),
            Err(InviteError::Key(_))
        ));
    }
}
