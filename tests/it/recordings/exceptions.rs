//! Where the playground differs from the recorded servers on purpose: one table, each row with its reason.

use super::recording::{Entry, Exchange, What};

/// What of a matching line is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Except {
    /// The line is not replayed at all.
    Replay,
    /// It is replayed, and whatever comes back is right.
    Answer,
    /// Keys under this place of the body, or the body as a whole where it is empty.
    Body(&'static str),
    /// The frames that this websocket receives are not counted.
    Frames,
    /// The events of this name that this websocket receives are not counted.
    Count(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Exception {
    /// The recording: `11.6`, `5.37`, or empty for both.
    pub(crate) version: &'static str,
    /// How the step's name begins.
    pub(crate) step: &'static str,
    /// What the request line (`POST /api/v4/posts {body}`) or the websocket's name and path contains.
    pub(crate) asked: &'static str,
    pub(crate) except: Except,
    pub(crate) reason: &'static str,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        version: "",
        step: "",
        asked: "connection_id=",
        except: Except::Frames,
        reason: "every connection is fresh: the playground offers no resume, and the bot asks for none",
    },
    Exception {
        version: "",
        step: "08-pending",
        asked: "\"message\": \"concurrent\"",
        except: Except::Answer,
        reason: "eight at once on the real server, one after another here: no request meets a pending one",
    },
    Exception {
        version: "",
        step: "17",
        asked: "",
        except: Except::Frames,
        reason: "the hundreds of posts that filled the queues are not in the recording",
    },
    Exception {
        version: "",
        step: "25-idle",
        asked: "idle",
        except: Except::Frames,
        reason: "the thousand posts of step 26 that it received are not in the recording",
    },
    Exception {
        version: "",
        step: "17f-slow",
        asked: "websocket slow",
        except: Except::Answer,
        reason: "the 900 posts that it did not read are not in the recording",
    },
    Exception {
        version: "",
        step: "20b-bot",
        asked: "websocket u0",
        except: Except::Answer,
        reason: "by chance its five seconds ended just after the bot was disabled: an older socket is not cut",
    },
    Exception {
        version: "5.37",
        step: "init",
        asked: "websocket pat3",
        except: Except::Count("posted"),
        reason: "a message written just before he joined was still on its way: the real server sends them in the background",
    },
    Exception {
        version: "",
        step: "26-since",
        asked: "\"message\": \"big 0 edited\"",
        except: Except::Replay,
        reason: "the thousand posts, of which it edits one, are not in the recording",
    },
    Exception {
        version: "",
        step: "29-bot-token",
        asked: "{\"description\": \"x\"}",
        except: Except::Answer,
        reason: "the server was started with access tokens off; the playground has no such setting",
    },
    Exception {
        version: "5.37",
        step: "36-graceful",
        asked: "",
        except: Except::Replay,
        reason: "another server, whose accounts are not in the recording",
    },
    Exception {
        version: "",
        step: "19b-kill",
        asked: "",
        except: Except::Replay,
        reason: "a killed server answers nothing: there is no shape to compare",
    },
    Exception {
        version: "",
        step: "",
        asked: "/config/client",
        except: Except::Body(""),
        reason: "150 settings of the web client; the playground has those that its clients read",
    },
];

/// Looks the table up, and remembers which rows were needed.
#[derive(Debug)]
pub(crate) struct Table {
    version: &'static str,
    used: Vec<bool>,
}

impl Table {
    pub(crate) fn new(version: &'static str) -> Self {
        Self {
            version,
            used: vec![false; EXCEPTIONS.len()],
        }
    }

    /// Whether a row excepts `except` of what was `asked` in `entry`'s step.
    pub(crate) fn has(&mut self, entry: &Entry, asked: &str, except: Except) -> bool {
        self.find(&entry.step, asked, |row| row == except)
    }

    /// Whether a row excepts the place `at` of the body.
    pub(crate) fn has_body(&mut self, entry: &Entry, asked: &str, at: &str) -> bool {
        self.find(
            &entry.step,
            asked,
            |row| matches!(row, Except::Body(place) if at.starts_with(place)),
        )
    }

    /// Whether a row says that the events `name` of a websocket are not counted.
    pub(crate) fn has_count(&mut self, entry: &Entry, asked: &str, name: &str) -> bool {
        self.find(
            &entry.step,
            asked,
            |row| matches!(row, Except::Count(event) if event == name),
        )
    }

    fn find(&mut self, step: &str, asked: &str, wanted: impl Fn(Except) -> bool) -> bool {
        let place = EXCEPTIONS.iter().position(|row| {
            (row.version.is_empty() || row.version == self.version)
                && step.starts_with(row.step)
                && asked.contains(row.asked)
                && wanted(row.except)
        });
        if let Some(place) = place {
            self.used[place] = true;
        }
        place.is_some()
    }

    /// The reasons of the rows for this recording that nothing needed.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        let rows = EXCEPTIONS.iter().zip(&self.used);
        rows.filter(|(row, used)| !**used && [self.version, ""].contains(&row.version))
            .map(|(row, _)| row.reason)
            .collect()
    }
}

/// What was asked, as the table and the reader of a failure see it.
pub(crate) fn asked(entry: &Entry) -> String {
    match &entry.what {
        What::Exchange(exchange) => request_line(exchange),
        What::Connect { path, .. } => format!("websocket {} {path}", entry.conn),
        _ => format!("websocket {}", entry.conn),
    }
}

fn request_line(exchange: &Exchange) -> String {
    let who = exchange.who.as_deref().unwrap_or("nobody");
    let body = match &exchange.body {
        None => String::new(),
        Some(super::recording::Body::Cut) => "(a body too large for the recording)".into(),
        Some(super::recording::Body::Text(text)) => text.chars().take(300).collect(),
    };
    format!("{who} {} {} {body}", exchange.method, exchange.path)
}
