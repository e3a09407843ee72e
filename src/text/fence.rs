//! Code fences: the lines that open and close a block of code, also inside quotes and list items.

/// What a line of quotes, list markers and indentation may hold before a fence, in characters of the line.
struct Prefix<'a> {
    /// The line after the prefix.
    rest: &'a str,
    /// The prefix with its list markers turned into spaces.
    blanked: String,
    /// The width of the prefix; a tab counts four.
    width: usize,
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

    /// Whether `line` ends it without closing it, because it stands outside of the quote that the fence is in.
    pub(super) fn is_left_by(&self, line: &str) -> bool {
        self.is_quoted() && !line.trim_start().starts_with('>')
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
