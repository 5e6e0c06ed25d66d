//! Which names look alike (after Unicode's TS 39, Confusable Detection).
//!
//! The standard's tables have 67 kB, as large as a third of the page. Ours keeps what tells
//! letters and digits of scripts in everyday use apart, one character by one, in 4 kB: a test
//! makes it anew from the standard's. Han and Hangul are compared as they stand.

use std::sync::LazyLock;

use super::{IGNORABLE, MARK, PICTOGRAPH};

/// For each character that looks like another: how many lie between it and the one before it
/// (seven bits a byte, the last byte below 128), then the other in UTF-8.
static TABLE: &[u8] = include_bytes!("looks.bin");

static LOOKS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| read(TABLE).unwrap_or_default());

fn read(mut table: &[u8]) -> Option<Vec<(char, char)>> {
    let mut looks = Vec::new();
    let mut next = 0;
    while !table.is_empty() {
        let (mut gap, mut shift) = (0, 0);
        loop {
            let (byte, rest) = table.split_first()?;
            table = rest;
            gap |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        let len = match table.first()? {
            0..0xc0 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        let (look, rest) = table.split_at_checked(len)?;
        table = rest;
        let look = str::from_utf8(look).ok()?.chars().next()?;
        looks.push((char::from_u32(next + gap)?, look));
        next += gap + 1;
    }
    Some(looks)
}

/// Says whether two names look alike.
pub(super) fn alike(one: &str, other: &str) -> bool {
    // A capital i looks like a small L, and is a small i: either may be meant.
    let lower = |name: &str| skeleton(&name.to_ascii_lowercase());
    skeleton(one) == skeleton(other) || lower(one) == lower(other)
}

/// Returns a text that is the same for names that look alike: what stands out, as letters.
fn skeleton(name: &str) -> String {
    let letters: String = name.chars().filter(|c| stands_out(*c)).map(look).collect();
    if letters.is_empty() {
        // A name of emoji and signs.
        return name.chars().filter(|c| !IGNORABLE.contains(*c)).collect();
    }
    letters.replace("rn", "m")
}

fn stands_out(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    !IGNORABLE.contains(c) && !MARK.contains(c) && !PICTOGRAPH.contains(c)
}

fn look(c: char) -> char {
    if c.is_ascii_lowercase() {
        return c;
    }
    let found = LOOKS.binary_search_by_key(&c, |(from, _)| *from);
    let found = found.ok().and_then(|at| LOOKS.get(at));
    found.map_or(c, |(_, look)| *look)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use unicode_normalization::UnicodeNormalization as _;
    use unicode_script::Script;
    use unicode_security::GeneralSecurityProfile as _;

    use super::{LOOKS, TABLE, look, stands_out};

    /// What a character looks like in the end, by the standard's tables.
    fn end(c: char) -> String {
        let mut text = c.to_string();
        loop {
            let skeleton: String = unicode_security::skeleton(&text).collect();
            let letters: String = skeleton.nfkd().filter(|c| stands_out(*c)).collect();
            let next: String = letters.to_lowercase().nfkd().collect();
            if next == text || next.is_empty() {
                return next.replace("rn", "m");
            }
            text = next;
        }
    }

    /// Groups what looks alike in the end; a group is called after the end, or, where that is
    /// in no everyday script, after the first of its members that is.
    fn made() -> Vec<(char, char)> {
        let mut groups = BTreeMap::<char, Vec<char>>::new();
        for c in ('0'..='\u{3ffff}').filter(|c| stands_out(*c)) {
            let end = end(c);
            let mut chars = end.chars();
            if let (Some(end), None) = (chars.next(), chars.next()) {
                groups.entry(end).or_default().push(c);
            }
        }
        let everyday = |c: &char| {
            c.identifier_allowed() && !matches!(Script::from(*c), Script::Han | Script::Hangul)
        };
        let mut looks = Vec::new();
        for (end, members) in groups {
            let look = [&end].into_iter().chain(&members).find(|c| everyday(c));
            if let Some(look) = look {
                let others = members.iter().filter(|c| *c != look);
                looks.extend(others.map(|c| (*c, *look)));
            }
        }
        looks.sort_unstable();
        looks
    }

    fn write(looks: &[(char, char)]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut next = 0;
        for (from, look) in looks {
            let mut gap = u32::from(*from) - next;
            next = u32::from(*from) + 1;
            while gap >= 0x80 {
                table.push(gap.to_le_bytes()[0] | 0x80);
                gap >>= 7;
            }
            table.push(gap.to_le_bytes()[0]);
            table.extend(look.to_string().bytes());
        }
        table
    }

    /// Where a newer standard says otherwise, run the test below and look at what changed.
    #[test]
    fn table_is_the_standards() {
        let made = made();
        assert!(made.len() > 3000);
        let differing = made.iter().zip(&*LOOKS).find(|(made, ours)| made != ours);
        assert_eq!(differing, None);
        assert!(write(&made) == TABLE);
    }

    #[test]
    #[ignore = "writes looks.bin"]
    fn write_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/identity/name/looks.bin");
        std::fs::write(path, write(&made())).unwrap();
    }

    /// A skeleton's skeleton is itself: else two names that look like a third would not look
    /// like each other.
    #[test]
    fn looks_are_final() {
        for (from, to) in &*LOOKS {
            assert_eq!(look(*to), *to, "{from}");
        }
    }
}
