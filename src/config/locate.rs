//! Where each key and value of a file stands, found by reading the events of a parser that keeps positions.
//!
//! The same reading refuses what no configuration needs, before anything is decoded: control characters, tags,
//! a second document, and aliases that stand for more than a configuration can hold.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::diagnostic::{Position, Unreadable};

/// The names of the sections and of the key; an item of a list is `[index]`.
pub(super) type KeyPath = Vec<String>;

/// More values than this, with every alias replaced by what it stands for, are refused.
const MOST_VALUES: usize = 20_000;

/// Sections and lists inside one another; ours are three deep.
const DEEPEST: usize = 16;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 200;

/// Where the keys and values of a file stand. It holds texts of the file, so it has no `Debug`.
#[derive(Default)]
pub(super) struct Places {
    values: HashMap<KeyPath, Place>,
    keys: HashMap<KeyPath, Position>,
    /// Keys that stand twice in their section: the later one, and where the earlier one stands.
    pub(super) repeated: Vec<(KeyPath, Position, Position)>,
    /// Whether the file holds any value at all.
    pub(super) any: bool,
}

/// One value.
struct Place {
    position: Position,
    /// The text of a scalar without quotes, exactly as it is written.
    plain: Option<String>,
}

/// A mapping or a list that is being read.
struct Frame {
    anchor: usize,
    values_before: usize,
    kind: Kind,
}

enum Kind {
    /// With the key whose value comes next.
    Mapping(Option<String>),
    /// With the index of the next item.
    List(usize),
}

/// Finds the places of everything in `text`.
pub(super) fn locate(text: &str) -> Result<Places, Unreadable> {
    refuse_control_characters(text)?;
    let mut reading = Reading::new(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let found = reading.lines.at(*error.marker());
            let colon = lacks_colon(error.info()).then(|| without_colon(text, found));
            let colon = colon.flatten();
            Unreadable {
                position: colon.unwrap_or(found),
                message: format!("this is not YAML: {}", error.info()),
                help: colon.map_or_else(
                    || tab_help(text, found.line),
                    |_| Some("write a colon and a space behind a key".to_owned()),
                ),
            }
        })?;
        reading
            .take(event, span)
            .map_err(|(message, help)| Unreadable {
                position: reading.lines.at(span.start),
                message: message.to_owned(),
                help: Some(help.to_owned()),
            })?;
    }
    Ok(reading.places)
}

impl Places {
    /// Where the value at `path` stands, or else the nearest section around it.
    pub(super) fn value(&self, path: &[String]) -> Position {
        let mut path = path;
        loop {
            if let Some(place) = self.values.get(path) {
                return place.position;
            }
            match path.split_last() {
                Some((_, parent)) => path = parent,
                None => return Position { line: 1, column: 1 },
            }
        }
    }

    /// Where the key of the value at `path` stands.
    pub(super) fn key(&self, path: &[String]) -> Position {
        self.keys
            .get(path)
            .copied()
            .unwrap_or_else(|| self.value(path))
    }

    /// What is written at `path`, if it is a scalar without quotes.
    pub(super) fn plain(&self, path: &[String]) -> Option<&str> {
        self.values.get(path)?.plain.as_deref()
    }
}

/// What has been read so far.
struct Reading {
    lines: Lines,
    places: Places,
    path: KeyPath,
    frames: Vec<Frame>,
    /// How many values there are, aliases replaced.
    values: usize,
    /// How many values each finished anchor stands for.
    anchors: HashMap<usize, usize>,
    documents: usize,
}

/// What is wrong, and what to do about it.
type Refused = (&'static str, &'static str);

impl Reading {
    fn new(text: &str) -> Self {
        Self {
            lines: Lines::of(text),
            places: Places::default(),
            path: KeyPath::new(),
            frames: Vec::new(),
            values: 0,
            anchors: HashMap::new(),
            documents: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Refused> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err((
                        "a second document starts here",
                        "a configuration is one document; remove the line `---` and what follows it",
                    ));
                }
            }
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err((
                    "a tag stands here",
                    "write the value without `!`, or put it in quotes",
                ));
            }
            Event::Scalar(text, style, anchor, None) => {
                self.anchors.insert(anchor, 1);
                self.scalar(&text, style, span)?;
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::SequenceStart(anchor, None) => self.open(anchor, Kind::List(0), span),
            Event::MappingStart(anchor, None) => self.open(anchor, Kind::Mapping(None), span),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        if self.frames.len() > DEEPEST {
            return Err((
                "this is nested too deeply",
                "no part of a configuration lies so deep",
            ));
        }
        if self.values > MOST_VALUES {
            return Err((
                "there are more values than a configuration can hold",
                "write out what the aliases stand for",
            ));
        }
        Ok(())
    }

    /// A scalar: a key if the mapping around it waits for one, else a value.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<(), Refused> {
        self.values += 1;
        if let Some(Frame {
            kind: Kind::Mapping(key @ None),
            ..
        }) = self.frames.last_mut()
        {
            if text.len() > LONGEST_KEY {
                return Err((
                    "this key is too long",
                    "no key of a configuration is so long",
                ));
            }
            *key = Some(text.to_owned());
            self.path.push(text.to_owned());
            let position = self.lines.at(span.start);
            if let Some(earlier) = self.places.keys.insert(self.path.clone(), position) {
                self.places
                    .repeated
                    .push((self.path.clone(), position, earlier));
            }
            self.path.pop();
            return Ok(());
        }
        let plain = (style == ScalarStyle::Plain).then(|| text.to_owned());
        self.enter(span, plain);
        self.leave();
        Ok(())
    }

    /// An alias counts for all that it stands for; the values inside it have no place but this one.
    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Refused> {
        let Some(values) = self.anchors.get(&anchor) else {
            return Err((
                "this alias stands for something that contains it",
                "write out what it stands for",
            ));
        };
        self.values += values;
        self.enter(span, None);
        self.leave();
        Ok(())
    }

    fn open(&mut self, anchor: usize, kind: Kind, span: Span) {
        self.values += 1;
        self.enter(span, None);
        self.frames.push(Frame {
            anchor,
            values_before: self.values - 1,
            kind,
        });
    }

    fn close(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.anchors
                .insert(frame.anchor, self.values - frame.values_before);
        }
        self.leave();
    }

    /// Goes down to the value that starts here and notes its place.
    fn enter(&mut self, span: Span, plain: Option<String>) {
        match self.frames.last_mut() {
            Some(Frame {
                kind: Kind::List(index),
                ..
            }) => {
                self.path.push(format!("[{index}]"));
                *index += 1;
            }
            // A collection as a key has no name.
            Some(Frame {
                kind: Kind::Mapping(key),
                ..
            }) => {
                self.path
                    .push(key.clone().unwrap_or_else(|| "?".to_owned()));
            }
            None => self.places.any = true,
        }
        let position = self.lines.at(span.start);
        self.places
            .values
            .insert(self.path.clone(), Place { position, plain });
    }

    /// Goes up from the value that ends here; a mapping then waits for its next key.
    fn leave(&mut self) {
        self.path.pop();
        if let Some(Frame {
            kind: Kind::Mapping(key),
            ..
        }) = self.frames.last_mut()
        {
            *key = match key {
                Some(_) => None,
                None => Some("?".to_owned()),
            };
        }
    }
}

/// libyaml refuses them as well, but cannot always say where they stand.
fn refuse_control_characters(text: &str) -> Result<(), Unreadable> {
    let mut position = Position { line: 1, column: 1 };
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}') {
            return Err(Unreadable {
                position,
                message: format!(
                    "the control character U+{:04X} stands here",
                    u32::from(character)
                ),
                help: Some("remove it; in double quotes it can be written as an escape".to_owned()),
            });
        }
        if character == '\n' {
            position = Position {
                line: position.line + 1,
                column: 1,
            };
        } else {
            position.column += 1;
        }
    }
    Ok(())
}

/// How long each line of a text is, to keep positions in it: parsers put what is missing at the end of a file behind it.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.lines().map(|line| line.chars().count()).collect())
    }

    /// The nearest position that is in the text; the place behind the end of a line counts as in it.
    pub(super) fn nearest(&self, position: Position) -> Position {
        match self.0.get(position.line.saturating_sub(1)) {
            Some(length) => Position {
                line: position.line.max(1),
                column: position.column.clamp(1, length + 1),
            },
            None => Position {
                line: self.0.len().max(1),
                column: self.0.last().map_or(1, |length| length + 1),
            },
        }
    }

    /// A marker counts its lines from one and its columns from zero.
    fn at(&self, marker: Marker) -> Position {
        self.nearest(Position {
            line: marker.line(),
            column: marker.col() + 1,
        })
    }
}

/// Whether the parser found, where it says so, that something before had to be a key.
fn lacks_colon(info: &str) -> bool {
    info.contains("expect ':'") || info.contains("did not find expected key")
}

/// Where the last line before `found` that says anything begins, if no colon stands in it.
fn without_colon(text: &str, found: Position) -> Option<Position> {
    let lines = text.lines().take(found.line).enumerate();
    let mut lines = lines.collect::<Vec<_>>().into_iter().rev();
    let (index, line) = lines.find_map(|(index, line)| {
        let before = match index + 1 == found.line {
            true => line.chars().take(found.column - 1).collect(),
            false => line.to_owned(),
        };
        let says = !before.trim().is_empty() && !before.trim_start().starts_with('#');
        says.then_some((index, before))
    })?;
    let indentation = line.chars().count() - line.trim_start().chars().count();
    (!line.contains(':')).then_some(Position {
        line: index + 1,
        column: indentation + 1,
    })
}

/// The commonest reason of all.
fn tab_help(text: &str, line: usize) -> Option<String> {
    let line = text.lines().nth(line.saturating_sub(1))?;
    let indentation = line
        .chars()
        .take_while(|character| character.is_whitespace());
    indentation
        .into_iter()
        .any(|character| character == '\t')
        .then(|| "this line is indented with a tab; YAML is indented with spaces".to_owned())
}
