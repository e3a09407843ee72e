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
        _ => hard,
    };
    line.split_at_checked(index).unwrap_or((line, ""))
}
