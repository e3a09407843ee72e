//! Tables: the two lines that begin one, and a row too long for a post.

/// Whether `header` and `separator`, two lines that follow each other, begin a table.
pub(super) fn begins(header: &str, separator: &str) -> bool {
    header.contains('|')
        && separator.contains('|')
        && separator.contains('-')
        && separator
            .chars()
            .all(|character| matches!(character, '|' | '-' | ':' | ' ' | '\t'))
}

/// Whether `line`, right after a row, is another row.
pub(super) fn continues(line: &str) -> bool {
    line.contains('|')
}

/// Cuts one row into rows of at most `room` characters: the text goes on in the same column of the next row.
///
/// `None` if the row has so many columns that little more than their bars would fit.
pub(super) fn cut_row(row: &str, room: usize) -> Option<Vec<String>> {
    let cells = cells(row);
    // Each cell is written as "| text " or, without text, as "| "; a last bar ends the row.
    let frame = 3 * cells.len() + 1;
    if frame * 2 > room {
        return None;
    }
    let mut rows = Vec::new();
    let mut builder = RowBuilder {
        columns: cells.len(),
        budget: room - frame,
        row: String::new(),
        column: 0,
        used: 0,
    };
    for (column, cell) in cells.iter().enumerate() {
        let mut rest = cell.trim();
        loop {
            let (mut piece, mut after) = take(rest, builder.budget - builder.used);
            let in_word = !after.is_empty() && !piece.ends_with(char::is_whitespace);
            if in_word && builder.used > 0 && rest.chars().count() <= builder.budget {
                rows.push(builder.finish());
                (piece, after) = (rest, "");
            }
            builder.put(column, piece);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            rows.push(builder.finish());
        }
    }
    rows.push(builder.finish());
    Some(rows)
}

/// One row of a cut row in the making.
struct RowBuilder {
    columns: usize,
    /// The characters of text that a row has room for.
    budget: usize,
    row: String,
    /// The first column that is not written yet.
    column: usize,
    /// The characters of text that were written.
    used: usize,
}

impl RowBuilder {
    /// Writes `text` into `column`, and nothing into the columns before it that were not written.
    fn put(&mut self, column: usize, text: &str) {
        while self.column < column {
            self.row.push_str("| ");
            self.column += 1;
        }
        self.row.push_str("| ");
        if !text.is_empty() {
            self.row.push_str(text);
            self.row.push(' ');
        }
        self.column = column + 1;
        self.used += text.chars().count();
    }

    /// Ends the row and begins the next.
    fn finish(&mut self) -> String {
        while self.column < self.columns {
            self.row.push_str("| ");
            self.column += 1;
        }
        self.row.push('|');
        self.column = 0;
        self.used = 0;
        std::mem::take(&mut self.row)
    }
}

/// As much of `text` as `room` has space for, never parting an escaping backslash from what it escapes.
fn take(text: &str, room: usize) -> (&str, &str) {
    let (piece, rest) = super::cut::cut(text, room);
    let kept = piece.trim_end_matches('\\');
    if rest.is_empty() || kept.is_empty() || (piece.len() - kept.len()).is_multiple_of(2) {
        return (piece, rest);
    }
    text.split_at_checked(piece.len() - 1)
        .unwrap_or((piece, rest))
}

/// The cells of a row, without the bars that frame it; a bar after a backslash is text.
fn cells(row: &str) -> Vec<&str> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, character) in row.char_indices() {
        if character == '|' && !escaped {
            cells.push(row.get(start..index).unwrap_or_default());
            start = index + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    match row.get(start..) {
        Some(last) if !last.trim().is_empty() => cells.push(last),
        _ => {}
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_fits_the_next_row_is_not_cut() {
        let (one, two) = ("a".repeat(30), "b".repeat(30));
        let rows = cut_row(&format!("| {one} | {two} |"), 50).unwrap();
        assert_eq!(rows, [format!("| {one} | |"), format!("| | {two} |")]);
    }
}
