//! Reads a recording: the lines of one real server, in the order in which things happened.

use std::collections::VecDeque;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// A request, with the answer that the real server gave to it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) who: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// `None` without a body; a body that was too large for the file is [`Body::Cut`].
    pub(crate) body: Option<Body>,
    pub(crate) answer: Answer,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Text(String),
    Cut,
}

/// `status` is `None` where nothing listened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    /// `None` if it was too large for the file.
    pub(crate) text: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Exchange(Box<Exchange>),
    Connect {
        path: String,
        headers: Vec<(String, String)>,
    },
    Opened,
    Refused(Answer),
    FrameIn(String),
    FrameOut(String),
    /// The server ended the connection; with the code of its close frame, if it sent one.
    Closed(Option<u16>),
    /// The client said Close.
    ClientClose,
    /// The client cut the TCP connection.
    ClientDrop,
    Note(String),
    /// A frame that was too large for the file: only posts are.
    FrameCut,
    ControlFrame,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) n: u32,
    /// Milliseconds since 1970 by the recorder's clock.
    pub(crate) at: i64,
    pub(crate) step: String,
    /// The websocket; empty for requests and notes.
    pub(crate) conn: String,
    pub(crate) what: What,
}

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    n: u32,
    #[serde(default)]
    ts: i64,
    step: String,
    dir: String,
    #[serde(default)]
    conn: String,
    who: Option<String>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    headers: Value,
    raw: Option<String>,
    cut: Option<String>,
    ctrl: Option<String>,
    status: Option<u16>,
    rcvd: Option<(u16, String)>,
    note: Option<String>,
}

impl Line {
    /// Requests have their headers as an object, answers as pairs because a name can come twice.
    fn headers(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match &self.headers {
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            Value::Array(pairs) => pairs
                .iter()
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn answer(&self) -> Answer {
        Answer {
            status: self.status,
            headers: self.headers(),
            text: match self.cut {
                Some(_) => None,
                None => Some(self.raw.clone().unwrap_or_default()),
            },
        }
    }

    fn exchange(&self, answer: Answer) -> Exchange {
        Exchange {
            who: self.who.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            headers: self.headers(),
            body: match (&self.raw, &self.cut) {
                (_, Some(_)) => Some(Body::Cut),
                (Some(text), None) => Some(Body::Text(text.clone())),
                (None, None) => None,
            },
            answer,
        }
    }
}

/// The entries of the recording named `mattermost-VERSION`; what the real server sent as frames included.
pub(crate) fn read(version: &str) -> Vec<Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/data/recordings/mattermost-{version}.jsonl"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines: Vec<Line> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of a recording"))
        // Notes without a number say only how many lines were left out.
        .filter(|line: &Line| line.n != 0)
        .collect();
    lines.sort_by_key(|line| line.n);
    let mut answers: VecDeque<Line> = VecDeque::new();
    let mut others = Vec::new();
    for line in lines {
        if line.dir == "response" {
            answers.push_back(line);
        } else {
            others.push(line);
        }
    }
    others
        .into_iter()
        .map(|line| entry(line, &mut answers))
        .collect()
}

fn entry(line: Line, answers: &mut VecDeque<Line>) -> Entry {
    let what = match line.dir.as_str() {
        "request" => {
            let same = |answer: &Line| {
                answer.n > line.n
                    && answer.who == line.who
                    && answer.method == line.method
                    && answer.path == line.path
            };
            let place = answers
                .iter()
                .position(same)
                .unwrap_or_else(|| panic!("request {} has no answer", line.n));
            let answer = answers.remove(place).expect("it was just found").answer();
            What::Exchange(Box::new(line.exchange(answer)))
        }
        "ws_connect" => What::Connect {
            path: line.path.clone(),
            headers: line.headers(),
        },
        "ws_open" => What::Opened,
        "ws_refused" => What::Refused(line.answer()),
        "ws_in" => match (line.ctrl, line.raw) {
            (None, Some(text)) => What::FrameIn(text),
            (None, None) => What::FrameCut,
            (Some(_), _) => What::ControlFrame,
        },
        "ws_out" => What::FrameOut(line.raw.unwrap_or_default()),
        "ws_close" => What::Closed(line.rcvd.map(|(code, _)| code)),
        "ws_client_close" => What::ClientClose,
        "ws_client_drop" => What::ClientDrop,
        "note" => What::Note(line.note.unwrap_or_default()),
        other => panic!("line {}: unknown kind {other:?}", line.n),
    };
    Entry {
        n: line.n,
        at: line.ts,
        step: line.step,
        conn: line.conn,
        what,
    }
}
