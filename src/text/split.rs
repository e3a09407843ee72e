//! Splitting a long text into posts that each read well on their own.
//!
//! The text is read once, line by line; what the splitter knows between two lines is the block that it is in:
//!
//! ```text
//!          ┌── opening fence ──▶ Fence ── closing fence, or its quote ends ──┐
//! Plain ◀──┼─────────────────────────────────────────────────────────────────┤
//!          └── header and separator ──▶ Table ── a line without a bar ───────┘
//! ```
//!
//! A list item ends as a quote does. Where a part ends inside a fence, the fence is closed there and opened again in the
//! next part; inside a table, the next part begins with the header. A line is cut only if it is too long for a part of its
//! own.

use std::iter::Peekable;
use std::str::Lines;

use super::cut::cut;
use super::fence::{Fence, quote_marks};
use super::table;

/// The least limit that splitting respects, in characters; a smaller one counts as this.
pub const LEAST_LIMIT: usize = 50;

/// The most posts that one text becomes; a longer one is attached as a file.
pub const MOST_PARTS: usize = 4;

/// The last line of a post to which the whole text is attached.
const ATTACHED: &str = "*The whole text is attached.*";

/// Stands in its place where the file could not be attached; it is no longer, so that the post stays within its limit.
const NOT_ATTACHED: &str = "*The rest could not be sent.*";

/// Stands before a piece of text that would open or close a code fence by the accident of a cut; it is not seen.
const GUARD: char = '\u{200b}';

/// A text in the shape in which it can be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// The posts, in order, each within the limit; none for a text that is empty or blank.
    Parts(Vec<String>),
    /// Too long for posts: the first one, which says so in its last line, and the whole text as a file.
    Attached {
        /// The post that the file hangs on.
        first: String,
        /// The whole text.
        file: String,
    },
}

/// Splits `text` into at most [`MOST_PARTS`] posts of `limit` characters (Unicode scalar values, as the server counts:
/// `model.Post.IsValid`).
#[must_use]
pub fn render(text: &str, limit: usize) -> Rendered {
    let limit = limit.max(LEAST_LIMIT);
    let parts = Splitter::new(limit).split(text, MOST_PARTS + 1);
    if parts.len() <= MOST_PARTS {
        return Rendered::Parts(parts);
    }
    let room = limit - ATTACHED.len() - 2;
    let first = Splitter::new(room)
        .split(text, 1)
        .into_iter()
        .next()
        .unwrap_or_default();
    Rendered::Attached {
        first: format!("{first}\n\n{ATTACHED}"),
        file: text.to_owned(),
    }
}

/// The first post of a text that was to be attached, when its file cannot be: the last line says so.
#[must_use]
pub fn unattached(first: &str) -> String {
    first.strip_suffix(ATTACHED).map_or_else(
        || first.to_owned(),
        |shown| format!("{shown}{NOT_ATTACHED}"),
    )
}

/// Splits `text` into as many parts as it needs, each of at most `limit` characters; none for a blank text.
#[must_use]
pub fn split(text: &str, limit: usize) -> Vec<String> {
    Splitter::new(limit.max(LEAST_LIMIT)).split(text, usize::MAX)
}

/// What the last line belongs to.
#[derive(Debug)]
enum Block {
    Plain,
    Fence(Fence),
    /// A table, with the two lines that begin it.
    Table(String),
}

/// The parts that are done, and the one in the making. Lengths are in characters.
struct Splitter {
    limit: usize,
    parts: Vec<String>,
    part: String,
    length: usize,
    /// Whether the part holds more than a fence or a header that was repeated.
    begun: bool,
    /// Where the last paragraph or block of the part begins, in bytes, if that is a good place to end the part.
    boundary: Option<usize>,
    block: Block,
}

impl Splitter {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            parts: Vec::new(),
            part: String::new(),
            length: 0,
            begun: false,
            boundary: None,
            block: Block::Plain,
        }
    }

    /// The parts of `text`; stops reading once there are `enough`.
    fn split(mut self, text: &str, enough: usize) -> Vec<String> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        // The server answers 500 to U+0000.
        let text = text.replace('\0', "\u{fffd}");
        if text.chars().nth(self.limit).is_none() {
            return vec![text];
        }
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            self.line(line, &mut lines);
            if self.parts.len() >= enough {
                return self.parts;
            }
        }
        self.end_part();
        self.parts
    }

    fn line(&mut self, line: &str, lines: &mut Peekable<Lines<'_>>) {
        match &self.block {
            Block::Fence(fence) if fence.closes(line) => {
                let closing =
                    Some(fence.closing_as(line)).filter(|closing| self.fits(count(closing)));
                let closing = closing.unwrap_or_else(|| fence.closing());
                self.block = Block::Plain;
                self.append(&closing);
            }
            Block::Fence(fence) if !fence.is_left_by(line) => self.place(line),
            Block::Table(_) if table::continues(line) && Fence::open(line).is_none() => {
                self.row(line)
            }
            Block::Plain | Block::Fence(_) | Block::Table(_) => {
                if let Block::Fence(fence) = std::mem::replace(&mut self.block, Block::Plain)
                    && let Some(closing) = fence.closing_where_left()
                {
                    self.append(&closing);
                }
                self.plain(line, lines);
            }
        }
    }

    /// A line outside of fences and tables, which may begin one.
    fn plain(&mut self, line: &str, lines: &mut Peekable<Lines<'_>>) {
        if line.trim().is_empty() {
            // Many blank lines read like one.
            if !self.part.is_empty() && !self.part.ends_with('\n') {
                self.append("");
                self.mark_boundary();
            }
        } else if let Some(fence) = Fence::open(line) {
            self.open_fence(line, fence, lines);
        } else if lines.peek().is_some_and(|next| self.is_table(line, next)) {
            let separator = lines.next().unwrap_or_default();
            self.open_table(line, separator, lines);
        } else {
            if line.starts_with('#') {
                self.mark_boundary();
            }
            self.place(line);
        }
    }

    fn open_fence(&mut self, line: &str, fence: Fence, lines: &mut Peekable<Lines<'_>>) {
        let (length, closing) = (count(line), count(&fence.closing()));
        if length.max(count(&fence.opening())) > self.limit / 4 {
            // Too long to be repeated in each part: it becomes ordinary text.
            self.place(&format!("{GUARD}{line}"));
            return;
        }
        self.mark_boundary();
        let first = lines
            .peek()
            .map_or(0, |next| count(next).min(self.limit / 4));
        if !self.fits(length + 1 + first + 1 + closing) {
            self.break_at_boundary();
            self.break_here();
        }
        self.append(line);
        self.block = Block::Fence(fence);
    }

    /// Whether `line` and `next` begin a table, and are short enough to be repeated in each part.
    fn is_table(&self, line: &str, next: &str) -> bool {
        table::begins(line, next) && count(line) + count(next) < self.limit / 2
    }

    fn open_table(&mut self, header: &str, separator: &str, lines: &mut Peekable<Lines<'_>>) {
        let head = format!("{header}\n{separator}");
        self.mark_boundary();
        let first = lines
            .peek()
            .map_or(0, |next| count(next).min(self.limit / 4));
        if !self.fits(count(&head) + 1 + first) {
            self.break_at_boundary();
            self.break_here();
        }
        self.append(&head);
        self.block = Block::Table(head);
    }

    /// A row; one too long for a part of its own is cut into rows where that can be.
    fn row(&mut self, row: &str) {
        let room = self.room_after_break();
        match (count(row) > room)
            .then(|| table::cut_row(row, room))
            .flatten()
        {
            Some(rows) => rows.iter().for_each(|row| self.place(row)),
            None => self.place(row),
        }
    }

    /// Adds a line to this part or to the next, or, if it is too long for one, cut into several.
    fn place(&mut self, line: &str) {
        let length = count(line);
        if !self.fits(length) && length <= self.room_after_break() {
            self.break_at_boundary();
            if !self.fits(length) {
                self.break_here();
            }
        }
        if self.fits(length) {
            self.append(line);
        } else {
            self.place_cut(line);
        }
    }

    fn place_cut(&mut self, line: &str) {
        // What continues a quote is a quote.
        let marks = Some(quote_marks(line))
            .filter(|marks| marks.len() <= self.limit / 8)
            .unwrap_or_default();
        let mut rest = line;
        let mut prefix = "";
        while !rest.is_empty() {
            if self.room() < self.limit / 4 {
                self.break_here();
            }
            let (piece, after) = cut(rest, self.room() - 1 - prefix.len());
            let piece = self.guarded(format!("{prefix}{piece}"));
            self.append(&piece);
            rest = if matches!(self.block, Block::Fence(_)) {
                after
            } else {
                after.trim_start()
            };
            prefix = marks;
            if !rest.is_empty() {
                self.break_here();
            }
        }
    }

    /// `piece` of a cut line, made harmless if it would open or close a fence.
    fn guarded(&self, piece: String) -> String {
        let is_fence = match &self.block {
            Block::Fence(fence) => fence.closes(&piece),
            Block::Plain | Block::Table(_) => Fence::open(&piece).is_some(),
        };
        if is_fence {
            format!("{GUARD}{piece}")
        } else {
            piece
        }
    }

    fn append(&mut self, line: &str) {
        if !self.part.is_empty() {
            self.part.push('\n');
            self.length += 1;
        }
        self.part.push_str(line);
        self.length += count(line);
        self.begun = true;
    }

    /// How long a line may be to be added to this part, an open fence's closing line still to come.
    fn room(&self) -> usize {
        let separator = usize::from(!self.part.is_empty());
        self.limit
            .saturating_sub(self.length + separator + self.closing_length())
    }

    fn fits(&self, length: usize) -> bool {
        let separator = usize::from(!self.part.is_empty());
        self.length + separator + length + self.closing_length() <= self.limit
    }

    /// How long a line may be to be added to a part that begins with what this block repeats.
    fn room_after_break(&self) -> usize {
        let repeated = match &self.block {
            Block::Plain => 0,
            Block::Fence(fence) => count(&fence.opening()) + 1,
            Block::Table(head) => count(head) + 1,
        };
        self.limit.saturating_sub(repeated + self.closing_length())
    }

    fn closing_length(&self) -> usize {
        match &self.block {
            Block::Fence(fence) => count(&fence.closing()) + 1,
            Block::Plain | Block::Table(_) => 0,
        }
    }

    /// Remembers that a part may well end here, if it is half full.
    fn mark_boundary(&mut self) {
        if self.length * 2 >= self.limit {
            self.boundary = Some(self.part.len());
        }
    }

    /// Ends the part at its last good place, and begins the next with what follows there.
    fn break_at_boundary(&mut self) {
        let Some(boundary) = self.boundary.take() else {
            return;
        };
        let rest = self.part.split_off(boundary);
        let block = std::mem::replace(&mut self.block, Block::Plain);
        self.end_part();
        self.block = block;
        rest.trim_start_matches('\n').clone_into(&mut self.part);
        self.length = count(&self.part);
        self.begun = self.length > 0;
    }

    /// Ends the part here, and begins the next with what the block repeats.
    fn break_here(&mut self) {
        if !self.begun {
            return;
        }
        self.end_part();
        match std::mem::replace(&mut self.block, Block::Plain) {
            Block::Plain => {}
            Block::Fence(fence) => {
                let fence = fence.reopened();
                self.part = fence.opening();
                self.block = Block::Fence(fence);
            }
            Block::Table(head) => {
                self.part.clone_from(&head);
                self.block = Block::Table(head);
            }
        }
        self.length = count(&self.part);
    }

    /// Moves the part, with an open fence closed, to the parts that are done.
    fn end_part(&mut self) {
        let mut part = std::mem::take(&mut self.part);
        match &self.block {
            Block::Fence(fence) if self.begun => {
                part.push('\n');
                part.push_str(&fence.closing());
            }
            Block::Plain | Block::Fence(_) | Block::Table(_) => {
                part.truncate(part.trim_end().len())
            }
        }
        if self.begun && !part.is_empty() {
            self.parts.push(part);
        }
        self.length = 0;
        self.begun = false;
        self.boundary = None;
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}
