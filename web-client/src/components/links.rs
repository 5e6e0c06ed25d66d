//! Web addresses in a message, made safe to press.
//!
//! Only what looks as it is becomes a link: a host in plain letters, shown whole. It opens in a tab
//! that knows nothing of this page, and is told of no page that it was on.

use yew::prelude::*;

use crate::texts;

/// What an address begins with.
const SCHEMES: [&str; 2] = ["https://", "http://"];

/// Shows a text with its addresses as links.
pub(super) fn with_links(text: &str) -> Html {
    let pieces = pieces(text).into_iter().map(|piece| match piece {
        Piece::Text(text) => html! { { text } },
        Piece::Link(address) => html! {
            <a href={address.to_owned()} target="_blank" rel="noopener noreferrer" title={texts::ADDRESS_HINT}
                data-testid="link">{ address }</a>
        },
    });
    html! { <>{ for pieces }</> }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, address)) = next(rest) {
        pieces.push(Piece::Text(before));
        pieces.push(Piece::Link(address));
        rest = rest.get(before.len() + address.len()..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Returns the first address, and what stands before it.
fn next(text: &str) -> Option<(&str, &str)> {
    let starts = SCHEMES
        .iter()
        .flat_map(|scheme| text.match_indices(scheme))
        .map(|(at, _)| at);
    let mut starts: Vec<usize> = starts.collect();
    starts.sort_unstable();
    starts.into_iter().find_map(|at| {
        let (before, from) = text.split_at_checked(at)?;
        // In the middle of a word it is part of something else.
        let is_inside = before.ends_with(|letter: char| letter.is_ascii_alphanumeric());
        let address = address(from).filter(|_| !is_inside)?;
        Some((before, address))
    })
}

/// Returns the address that a text begins with, without the signs that end a sentence.
fn address(text: &str) -> Option<&str> {
    let end =
        text.find(|letter: char| !letter.is_ascii_graphic() || "<>\"`{}|\\^".contains(letter));
    let word = text.get(..end.unwrap_or(text.len()))?;
    // What goes on in other letters is not what it seems.
    let goes_on = text.get(word.len()..)?.chars().next();
    if goes_on.is_some_and(|letter| !letter.is_ascii() && !letter.is_whitespace()) {
        return None;
    }
    let address = word.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']']);
    let (_, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (host.contains('.') && host.bytes().all(is_plain)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        let pieces = pieces(text);
        let whole: String = pieces
            .iter()
            .map(|(Piece::Text(text) | Piece::Link(text))| *text)
            .collect();
        assert_eq!(whole, text, "nothing is lost");
        let links = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Link(address) => Some(address),
            Piece::Text(_) => None,
        });
        links.collect()
    }

    #[test]
    fn addresses_are_found_in_text() {
        assert_eq!(links("nothing here"), Vec::<&str>::new());
        assert_eq!(
            links("See https://example.org/a?b=c#d. And (http://other.example:8080)!"),
            ["https://example.org/a?b=c#d", "http://other.example:8080"]
        );
        assert_eq!(
            links("„https://example.org/x“ they said\nhttps://b.example"),
            ["https://b.example"]
        );
    }

    #[test]
    fn what_is_not_what_it_seems_is_no_link() {
        for text in [
            "javascript:alert(1)",
            "xhttps://example.org",
            "https://",
            "https://localhost",
            "https://user@evil.example",
            "https://еxample.org",
            "https://example.org\u{202e}gro",
            "https://example.org/\u{430}",
            "https://exam%70le.org",
        ] {
            assert_eq!(links(text), Vec::<&str>::new(), "{text}");
        }
    }
}
