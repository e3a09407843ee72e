//! Code fences: the lines that open and close a block of code, also inside quotes and list items.

/// What a line of quotes, list markers and indentation may hold before a fence, in characters of the line.
struct Prefix<'a> {
    /// The line after the prefix.
    rest: &'a str,
    /// The prefix with its list markers turned into spaces.
    blanked: String,
    /// The width of the prefix; a tab counts four.
    width: usize,
    /// Whether a list marker is in it.
    lists: bool,
}

/// A code fence that is open.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    /// What stands before the run: spaces, and the marks of a quote.
    prefix: String,
    /// The backticks or tildes that opened it.
    run: String,
    /// The language and whatever else follows the run.
    info: String,
    /// The width of what stood before the run.
    width: usize,
    /// How far lines of the list item are indented that the fence began, if it began one.
    item: Option<usize>,
    /// Whether it was opened anew, outside of what it began in.
    reopened: bool,
}

impl Fence {
    /// The fence that `line` opens, if it opens one.
    ///
    /// An indentation of four and more counts too, because in a list item it does not make indented code.
    pub(super) fn open(line: &str) -> Option<Self> {
        let prefix = prefix(line);
        let run = run(prefix.rest)?;
        let info = prefix.rest.get(run.len()..).unwrap_or_default().trim();
        if run.starts_with('`') && info.contains('`') {
            return None;
        }
        Some(Self {
            prefix: prefix.blanked,
            run: run.to_owned(),
            info: info.to_owned(),
            width: prefix.width,
            item: prefix.lists.then_some(prefix.width),
            reopened: false,
        })
    }

    /// Whether `line` closes it: a run of the same character that is no shorter, and nothing else.
    pub(super) fn closes(&self, line: &str) -> bool {
        let mut width = 0;
        let inner = line.trim_start_matches(|character| {
            width += if character == '\t' { 4 } else { 1 };
            character == ' ' || character == '\t' || (character == '>' && self.is_quoted())
        });
        let Some(closing) = run(inner) else {
            return false;
        };
        // The closure has counted the first character of the run too.
        width <= self.width + 4
            && closing.starts_with(&self.run)
            && inner
                .get(closing.len()..)
                .is_some_and(|rest| rest.trim().is_empty())
    }

    /// Whether `line` ends it without closing it, because it stands outside of the quote or the list item that the fence
    /// is in.
    pub(super) fn is_left_by(&self, line: &str) -> bool {
        if self.is_quoted() {
            return !line.trim_start().starts_with('>');
        }
        let indentation = line
            .chars()
            .map_while(|character| match character {
                ' ' => Some(1),
                '\t' => Some(4),
                _ => None,
            })
            .sum::<usize>();
        !line.trim().is_empty() && self.item.is_some_and(|item| indentation < item)
    }

    /// The line that closes it where it is left without one, if it is not what it is in that ends it there.
    pub(super) fn closing_where_left(&self) -> Option<String> {
        (self.reopened && !self.is_quoted()).then(|| self.closing())
    }

    /// The line that opens it anew at the start of another post.
    pub(super) fn opening(&self) -> String {
        format!("{}{}{}", self.prefix, self.run, self.info)
    }

    /// The line that closes it.
    pub(super) fn closing(&self) -> String {
        format!("{}{}", self.prefix, self.run)
    }

    /// The line that closes it where `line` did.
    pub(super) fn closing_as(&self, line: &str) -> String {
        let inner = line.trim_start_matches([' ', '\t', '>']).trim_end();
        format!("{}{inner}", self.prefix)
    }

    /// The fence as it stands once it was opened anew: what was inside a list item no longer is, and four spaces would
    /// make indented code of it.
    pub(super) fn reopened(mut self) -> Self {
        if !self.is_quoted() {
            self.prefix.truncate(3);
        }
        self.width = self.prefix.chars().count();
        self.reopened = true;
        self
    }

    fn is_quoted(&self) -> bool {
        self.prefix.contains('>')
    }
}

/// The marks of a quote before the text of `line`, with what separates them from the text; empty if it is no quote.
pub(super) fn quote_marks(line: &str) -> &str {
    let text = line.trim_start_matches([' ', '>']);
    let marks = line.strip_suffix(text).unwrap_or_default();
    if marks.contains('>') { marks } else { "" }
}

/// The run of three or more backticks or tildes that `text` starts with.
fn run(text: &str) -> Option<&str> {
    let mark = text
        .chars()
        .next()
        .filter(|mark| matches!(mark, '`' | '~'))?;
    let run = text.strip_suffix(text.trim_start_matches(mark))?;
    (run.len() >= 3).then_some(run)
}

/// Takes the quotes, list markers and indentation off the start of `line`.
fn prefix(line: &str) -> Prefix<'_> {
    let mut prefix = Prefix {
        rest: line,
        blanked: String::new(),
        width: 0,
        lists: false,
    };
    loop {
        let marker = marker_length(prefix.rest);
        let Some((taken, rest)) = prefix
            .rest
            .split_at_checked(marker)
            .filter(|(taken, _)| !taken.is_empty())
        else {
            return prefix;
        };
        match taken {
            "\t" => {
                prefix.blanked.push_str("    ");
                prefix.width += 4;
            }
            ">" => {
                prefix.blanked.push('>');
                prefix.width += 1;
            }
            _ => {
                prefix.lists |= taken != " ";
                prefix.blanked.extend(std::iter::repeat_n(' ', marker));
                prefix.width += marker;
            }
        }
        prefix.rest = rest;
    }
}

/// The length of one space, tab, quote mark or list marker at the start of `text`; zero if there is none.
fn marker_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let spaced = |index: usize| matches!(bytes.get(index), Some(b' ' | b'\t'));
    match bytes.first() {
        Some(b' ' | b'\t' | b'>') => 1,
        Some(b'-' | b'*' | b'+') if spaced(1) => 1,
        Some(b'0'..=b'9') => {
            // A list number has at most nine digits (CommonMark 5.2).
            let digits = bytes
                .iter()
                .take(10)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let is_marker =
                digits <= 9 && matches!(bytes.get(digits), Some(b'.' | b')')) && spaced(digits + 1);
            if is_marker { digits + 1 } else { 0 }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::text::split;

    /// The lines of each part that stand in a fence, by a reader that is not ours.
    fn code(parts: &[String]) -> String {
        use pulldown_cmark::{Event, Parser, Tag, TagEnd};
        let (mut code, mut inside) = (String::new(), false);
        for event in parts.iter().flat_map(|part| Parser::new(part)) {
            match event {
                Event::Start(Tag::CodeBlock(_)) => inside = true,
                Event::End(TagEnd::CodeBlock) => inside = false,
                Event::Text(text) if inside => code.push_str(&text),
                _ => {}
            }
        }
        code.retain(|character| !character.is_whitespace());
        code
    }

    #[test]
    fn a_fence_that_nobody_closes_ends_with_its_list_item() {
        for lines in [1, 4, 12, 40] {
            let inner = "  code in the item\n".repeat(lines);
            let after = "words behind the list\n".repeat(12);
            let text = format!("- ```\n{inner}{after}");
            let parts = split(&text, 120);
            assert_eq!(code(&parts), code(&[text]), "{parts:#?}");
            assert!(parts.iter().all(|part| part.chars().count() <= 120));
        }
    }
}
