//! The safety number of two people: equal on both sides where nobody stands in the middle
//! (docs/protocol.md §10).

use core::{array, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ClientKey;
use crate::{kdf, manifest::Realm};

const GROUPS: usize = 12;
/// A group has five decimal digits.
const GROUP: u32 = 100_000;
const DIGITS: usize = 5 * GROUPS;
/// What a QR code says before the digits. Capitals, colon and digits make the smallest code.
const MARK: &str = "MCMIX2:";

/// Sixty digits that follow from two people's keys: whoever put a key of his own between them
/// can't make both see the same.
///
/// They are the keys' hash modulo 10^60: 256 bits to 199, so that no number is more likely than
/// another by one part in 2^56. Two pairs of keys with one number take 2^99 tries to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyNumber([u32; GROUPS]);

/// A text that is no safety number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no safety number: expected 60 digits, or the code on your contact's screen")]
pub struct NotANumber;

/// What comparing with the other side's number shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nobody stands in the middle.
    Same,
    /// Somebody may, or it is another contact's number.
    Different,
    /// What was scanned or typed is no safety number.
    NotANumber,
}

impl SafetyNumber {
    /// Returns the number of two people in a deployment, in whichever order.
    pub fn of(realm: &Realm, one: &ClientKey, other: &ClientKey) -> Self {
        let (first, second) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        let keys = [first.as_bytes(), second.as_bytes()];
        let [first, second] = keys.map(|key| &key[..]);
        let mut hash = kdf::hash("number", &[&realm.deployment, first, second]);
        Self(array::from_fn(|_| divide(&mut hash)))
    }

    /// Returns what a QR code shows to the other side.
    pub fn to_code(&self) -> String {
        let digits = self.0.map(|group| format!("{group:05}")).concat();
        format!("{MARK}{digits}")
    }

    /// Compares with what was scanned from the other side's screen, or typed.
    pub fn compare(&self, other: &str) -> Comparison {
        match other.parse() {
            Ok(other) if *self == other => Comparison::Same,
            Ok(_) => Comparison::Different,
            Err(NotANumber) => Comparison::NotANumber,
        }
    }
}

/// Divides a number, first byte greatest, by [`GROUP`] in place, and returns the rest.
fn divide(number: &mut [u8; 32]) -> u32 {
    number.iter_mut().fold(0, |rest, byte| {
        let value = rest << 8 | u32::from(*byte);
        *byte = u8::try_from(value / GROUP).expect("the rest was below the divisor");
        value % GROUP
    })
}

/// Writes the groups, with spaces between them.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.0.map(|group| format!("{group:05}"));
        f.write_str(&groups.join(" "))
    }
}

/// Reads a code or the digits alone, with any space between them.
impl FromStr for SafetyNumber {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let text = text.trim();
        let text = text.strip_prefix(MARK).unwrap_or(text);
        let digits: Option<Vec<u32>> = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(DIGITS + 1)
            .map(|c| c.to_digit(10))
            .collect();
        let digits: [u32; DIGITS] = digits
            .and_then(|digits| digits.try_into().ok())
            .ok_or(NotANumber)?;
        let mut groups = [0; GROUPS];
        for (group, digits) in groups.iter_mut().zip(digits.chunks(DIGITS / GROUPS)) {
            *group = digits.iter().fold(0, |group, digit| 10 * group + digit);
        }
        Ok(Self(groups))
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, SafetyNumber};
    use crate::{
        identity::{ClientKey, SecretKey},
        manifest::Realm,
    };

    const REALM: Realm = Realm {
        deployment: [4; 32],
        island: 0,
    };

    fn key(byte: u8) -> ClientKey {
        SecretKey::from_bytes([byte; 32]).client_key()
    }

    fn number(one: u8, other: u8) -> SafetyNumber {
        SafetyNumber::of(&REALM, &key(one), &key(other))
    }

    #[test]
    fn number_is_frozen() {
        let digits = "07676 02624 18632 39319 88608 55574 \
            80818 10647 07716 61744 98298 33079";
        assert_eq!(number(1, 2).to_string(), digits);
        let code = format!("MCMIX2:{}", digits.replace(' ', ""));
        assert_eq!(number(1, 2).to_code(), code);
    }

    #[test]
    fn both_sides_see_the_same_and_nobody_else() {
        let own = number(1, 2);
        assert_eq!(own, number(2, 1));
        assert_eq!(own.compare(&number(2, 1).to_code()), Comparison::Same);
        for other in [number(1, 3), number(3, 2), number(1, 1)] {
            assert_eq!(own.compare(&other.to_code()), Comparison::Different);
        }
        let elsewhere = Realm {
            deployment: [5; 32],
            ..REALM
        };
        assert_ne!(own, SafetyNumber::of(&elsewhere, &key(1), &key(2)));
        // One deployment's islands share its people.
        let island = Realm { island: 1, ..REALM };
        assert_eq!(own, SafetyNumber::of(&island, &key(1), &key(2)));
    }

    #[test]
    fn what_is_read_aloud_can_be_typed() {
        let own = number(1, 2);
        let spoken = own.to_string();
        assert_eq!(spoken.split(' ').count(), 12);
        assert!(spoken.split(' ').all(|group| group.len() == 5));
        for text in [
            spoken.clone(),
            spoken.replace(' ', ""),
            format!(" {}\n", spoken.replacen(' ', "\n", 6)),
        ] {
            assert_eq!(own.compare(&text), Comparison::Same, "{text}");
        }
        let mut mistyped = spoken.clone().into_bytes();
        mistyped[30] = b'0' + (mistyped[30] - b'0' + 1) % 10;
        let mistyped = String::from_utf8(mistyped).unwrap();
        assert_eq!(own.compare(&mistyped), Comparison::Different);
    }

    #[test]
    fn other_texts_are_no_numbers() {
        let own = number(1, 2);
        let code = own.to_code();
        for text in [
            String::new(),
            "MCMIX2:".to_owned(),
            "https://example.org/#/invite/x".to_owned(),
            code.to_lowercase(),
            code.replace("MCMIX2", "MCMIX3"),
            code[..code.len() - 1].to_owned(),
            format!("{code}0"),
            format!("-{}", &own.to_string()[1..]),
            "٠".repeat(60),
            "9".repeat(100_000),
        ] {
            assert_eq!(own.compare(&text), Comparison::NotANumber, "{text:.80}");
        }
    }

    /// Every digit takes every value: none is drawn from a part of the hash that is always zero.
    #[test]
    fn digits_are_spread_evenly() {
        let mut seen = [[0; 10]; 60];
        for one in 0..64 {
            for other in 0..one {
                let digits = number(one, other).to_string().replace(' ', "");
                for (counts, digit) in seen.iter_mut().zip(digits.bytes()) {
                    counts[usize::from(digit - b'0')] += 1;
                }
            }
        }
        // 2,016 numbers: 202 of each expected, six standard deviations are 81.
        assert!(
            seen.iter()
                .flatten()
                .all(|count| (121..=283).contains(count))
        );
    }
}
