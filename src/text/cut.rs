//! Cutting one line.

/// The first `room` characters of `line` at most, and the rest; between words, if the last word begins in the second
/// half. What separates the words stays with the first part.
pub(super) fn cut(line: &str, room: usize) -> (&str, &str) {
    let Some((hard, _)) = line.char_indices().nth(room) else {
        return (line, "");
    };
    let head = line.get(..hard).unwrap_or_default();
    let (soft, _) = line.char_indices().nth(room / 2).unwrap_or_default();
    let index = match head
        .char_indices()
        .rev()
        .find(|(_, character)| character.is_whitespace())
    {
        Some((space, character)) if space >= soft => space + character.len_utf8(),
        _ => unjoined(line, hard)
            .filter(|index| *index >= soft)
            .unwrap_or(hard),
    };
    line.split_at_checked(index).unwrap_or((line, ""))
}

/// The last place up to `hard` where what people see as one character is not parted.
fn unjoined(line: &str, hard: usize) -> Option<usize> {
    let (head, rest) = line.split_at_checked(hard)?;
    let mut next = rest.chars().next()?;
    for (index, character) in head.char_indices().rev() {
        if !extends(next) && character != JOINER {
            return Some(index + character.len_utf8());
        }
        next = character;
    }
    None
}

/// Joins the emoji before it with the one behind it.
const JOINER: char = '\u{200d}';

/// Whether `character` belongs to the one before it: joiners, accents, variants, tones of skin and keycaps.
fn extends(character: char) -> bool {
    matches!(
        character,
        JOINER | '\u{300}'..='\u{36f}' | '\u{20e3}' | '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_as_one_character_is_not_parted() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let line = format!("aaaaaaaaaa{family}b");
        for room in 11..15 {
            assert_eq!(cut(&line, room).0, "aaaaaaaaaa", "{room}");
        }
        assert_eq!(cut(&line, 15).0, format!("aaaaaaaaaa{family}"));
        assert_eq!(cut("aaaae\u{301}b", 5).0, "aaaa");
        // A run of marks that fills the half of the room is parted after all.
        let marks = "\u{301}".repeat(20);
        assert_eq!(cut(&marks, 10).0.chars().count(), 10);
    }
}
