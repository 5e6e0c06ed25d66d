//! What people call themselves and each other.

mod looks;

use core::fmt;

use icu_properties::{
    CodePointSetData, CodePointSetDataBorrowed,
    props::{DefaultIgnorableCodePoint, ExtendedPictographic, GraphemeExtend},
};
use serde::{Deserialize, Serialize};

/// The longest name, in bytes of UTF-8: it rides in the first message of a call.
pub const MAX_NAME_BYTES: usize = 64;

const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();
const PICTOGRAPH: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<ExtendedPictographic>();
/// Accents and the like: what stands on the character before it.
const MARK: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<GraphemeExtend>();

/// The flags that are a black one and invisible letters (England, Scotland, Wales).
const FLAGS: [&str; 3] = [
    "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// A name: 1 to 64 bytes of UTF-8, one space between words, no character in it that shows
/// nothing or reorders others.
///
/// It is kept as it was typed: two names may look the same and differ in bytes, which is what
/// [`Self::looks_like`] is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that can't be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing but space.
    #[error("a name needs at least one letter")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    #[error(
        "the name is too long: at most 64 bytes, which is 64 Latin or about 20 Chinese letters"
    )]
    TooLong,
    /// A character that shows nothing where it stands, or changes the direction of writing.
    #[error("the name has an invisible character in it; please type it again")]
    Invisible,
}

impl Name {
    /// Takes a name; spaces around it go, spaces inside become single ones.
    ///
    /// # Errors
    /// Refuses empty and long names and those with characters that show nothing.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let name = words.join(" ");
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.len() > MAX_NAME_BYTES {
            Err(NameError::TooLong)
        } else if all_shows(&name) {
            Ok(Self(name))
        } else {
            Err(NameError::Invisible)
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether a person may take the other name for this one: the same letters but for
    /// case, accents, signs, and letters of other scripts that look alike.
    ///
    /// It errs towards yes: it is for a warning, and for nothing else.
    pub fn looks_like(&self, other: &Self) -> bool {
        looks::alike(&self.0, &other.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

fn all_shows(name: &str) -> bool {
    let name = FLAGS
        .iter()
        .fold(name.to_owned(), |name, flag| name.replace(flag, "🏴"));
    let chars: Vec<char> = name.chars().collect();
    // An accent in front would stand on whatever the page writes before the name.
    chars.first().is_some_and(|c| !MARK.contains(*c))
        && (0..chars.len()).all(|at| {
            let at_most = |at: Option<usize>| at.and_then(|at| chars.get(at)).copied();
            let [before, this, after] =
                [at.checked_sub(1), Some(at), at.checked_add(1)].map(at_most);
            this.is_some_and(|c| !is_hidden(c) || shows_between(before, c, after))
        })
}

/// Says whether a character shows nothing by itself.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || IGNORABLE.contains(c)
        || matches!(c,
            // Blanks that Unicode counts among signs and letters.
            '\u{2800}' | '\u{13441}' | '\u{13442}' | '\u{16fe4}' | '\u{1d159}'
            // Brackets of annotations, stand-ins for what is not text.
            | '\u{fff9}'..='\u{ffff}'
            // Private use: what they show, if anything, differs from machine to machine.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

/// Says whether a hidden character changes what its neighbours show: names of emoji, Persian,
/// Sinhala and Japanese ones need some.
fn shows_between(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), after) = (before, after.unwrap_or(' ')) else {
        return false;
    };
    match c {
        '\u{200c}' | '\u{200d}' if is_joining(before) && is_joining(after) => true,
        '\u{200d}' => {
            let emoji = PICTOGRAPH.contains(before)
                || matches!(before, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
            emoji && PICTOGRAPH.contains(after)
        }
        '\u{fe0f}' if PICTOGRAPH.contains(before) => true,
        // Keycaps.
        '\u{fe0f}' if after == '\u{20e3}' => before.is_ascii(),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => is_ideograph(before),
        _ => false,
    }
}

/// Arabic to Sinhala: the scripts in which a joiner or non-joiner decides on a letter's shape.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{dff}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, NameError};

    #[test]
    fn names_are_trimmed_and_checked() {
        assert_eq!(Name::new("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(
            Name::new("Ada\u{a0}\u{3000} \t Love\nlace")
                .unwrap()
                .as_str(),
            "Ada Love lace"
        );
        assert_eq!(Name::new(" \n"), Err(NameError::Empty));
        assert_eq!(Name::new(&"x".repeat(65)), Err(NameError::TooLong));
    }

    /// Alone, at either end and inside: where nothing shows, there is no name.
    #[test]
    fn what_shows_nothing_is_refused() {
        let hidden = [
            '\u{0}',
            '\u{7f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{e000}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fffc}',
            '\u{1d159}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10fffd}',
        ];
        for c in hidden {
            let refused = [
                format!("{c}"),
                format!("Ada{c}"),
                format!("{c}Ada"),
                format!("A{c}da"),
                format!("Ada {c} Lovelace"),
                format!("{c}🦀{c}"),
                format!("1{c}"),
            ];
            for name in refused {
                assert_eq!(
                    Name::new(&name),
                    Err(NameError::Invisible),
                    "{c:?} {name:?}"
                );
            }
        }
        // An accent on nothing, a black flag with a message in it.
        for name in [
            "\u{301}",
            "\u{301}Ada",
            "🏴\u{e0041}",
            "🏴\u{e0067}\u{e007f}",
        ] {
            assert_eq!(Name::new(name), Err(NameError::Invisible), "{name:?}");
        }
    }

    #[test]
    fn names_of_all_kinds_are_taken() {
        let names = [
            "李 🦀",
            "Zoë O'Brien-Ñandú",
            "João",
            "Jose\u{301}",
            "김철수",
            "Nguyễn Thị Ánh",
            "नरेंद्र",
            "عبد الله",
            // Persian with a non-joiner, Sinhala with a joiner, a Japanese variant.
            "علی\u{200c}رضا",
            "ශ\u{dca}\u{200d}රී",
            "葛\u{e0100}城",
            // Emoji of several characters.
            "👩\u{200d}🚀",
            "🧑🏽\u{200d}🚀 Ada",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "Ada ❤\u{fe0f}\u{200d}🔥",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
            "🇪🇪",
            "🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
        ];
        for name in names {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn look_alikes_are_noticed() {
        let alike = [
            ("Ada", "Ada"),
            ("Ada", "ADA"),
            ("Ada", "Аdа"),
            ("Ada", "Ádà"),
            ("Ada", "A.d a"),
            ("Ada", "Ada 🦀"),
            ("Ada", "𝓐𝓭𝓪"),
            ("Ada", "Ａｄａ"),
            ("Bill", "BiII"),
            ("Bill", "Bi1l"),
            ("Ian", "lan"),
            ("IAN", "ian"),
            ("Morgan", "M0rgan"),
            ("Morgan", "rnorgan"),
            ("José", "Jose\u{301}"),
            ("paypal", "раураӏ"),
            ("Андрей", "Aндpeи\u{306}"),
            ("Νίκος", "Nικoς"),
            ("علی\u{200c}رضا", "علیرضا"),
            ("がく", "か\u{3099}く"),
            ("❤\u{fe0f}", "❤"),
        ];
        let different = [
            ("Ada", "Eda"),
            ("Bob", "Rob"),
            ("Jan", "Jon"),
            ("Ada", "Ada Lovelace"),
            ("🦀", "🐙"),
            ("🦀", "Ada"),
            ("李", "季"),
            ("Иван", "Ива"),
        ];
        let name = |text| Name::new(text).unwrap();
        for (one, other) in alike {
            assert!(name(one).looks_like(&name(other)), "{one} {other}");
            assert!(name(other).looks_like(&name(one)), "{one} {other}");
        }
        for (one, other) in different {
            assert!(!name(one).looks_like(&name(other)), "{one} {other}");
        }
    }
}
