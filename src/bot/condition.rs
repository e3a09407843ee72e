//! How a bot that runs is: it writes that into the file of its lock, where `matterbot status` reads it without a server.
//!
//! ```text
//! events ─▶ what is heard of the server ──┐
//!             the ledger, which is asked ─┴▶ a line in the lock's file, at each change and every 30 s
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::lifecycle::signals::Signal;
use crate::lifecycle::state_directory::{Lock, StatusLine};
use crate::mattermost::gateway::Update;
use crate::timestamp::Timestamp;

use super::context::Context;
use super::event::Event;
use super::report;

/// How often a bot says how it is, at least.
pub const EVERY: Duration = Duration::from_secs(30);

/// The most characters of a reason that are written down.
const LONGEST_REASON: usize = 200;

/// How the bot is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// When it said so, by our clock, as all instants here.
    pub at: Timestamp,
    /// Since when it serves, or does not.
    pub since: Timestamp,
    /// Whether the server keeps a connection.
    pub connected: bool,
    /// Why commands are not served; none if they are.
    pub trouble: Option<String>,
}

/// What was heard of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    connected: bool,
    /// It has told who we are and where we serve.
    known: bool,
    /// It keeps the connection, and serves no requests.
    ill: bool,
    /// Why there is no connection.
    lost: Option<String>,
    /// What a person has to mend, or has asked for.
    hindrance: Option<String>,
}

impl Heard {
    /// Takes in what `event` tells.
    fn take(&mut self, context: &Context, event: &Event) {
        match event {
            Event::Gateway(Update::Connected { .. }) => {
                (self.connected, self.ill, self.lost) = (true, false, None);
            }
            Event::Gateway(update) => {
                if let Some(cause) = report::lost(context, update) {
                    (self.connected, self.lost) = (false, Some(cause));
                }
            }
            Event::HealthTold { well } => self.ill = !well,
            Event::Identified(_) => self.known = true,
            Event::Misconfigured(sentence) => self.hindrance = Some(sentence.clone()),
            Event::Signal(Signal::Stop(_)) => self.hindrance = Some("it is stopping".to_owned()),
            _ => {}
        }
    }

    /// Why commands are not served.
    fn trouble(&self) -> Option<String> {
        if self.hindrance.is_some() {
            self.hindrance.clone()
        } else if let Some(cause) = &self.lost {
            Some(format!("not connected: {cause}"))
        } else if !self.connected || !self.known {
            Some("it is connecting".to_owned())
        } else if self.ill {
            Some("connected, but Mattermost serves no requests".to_owned())
        } else {
            None
        }
    }
}

/// The loop's end of it.
#[derive(Debug)]
pub struct Teller(watch::Sender<Heard>);

impl Teller {
    /// Says from now on in the file of `lock` how the bot is.
    #[must_use]
    pub fn start(context: &Arc<Context>, lock: &Lock) -> Self {
        let (teller, heard) = watch::channel(Heard::default());
        match lock.status_line() {
            Ok(line) => {
                let chores = &context.chores;
                let telling = tell(Arc::clone(context), Arc::new(line), heard);
                drop(chores.spawn(chores.until_stopped(telling)));
            }
            Err(error) => {
                tracing::warn!(%error, "`matterbot status` will not learn how the bot is");
            }
        }
        Self(teller)
    }

    /// Takes in what `event` tells.
    pub fn take(&self, context: &Context, event: &Event) {
        self.0.send_if_modified(|heard| {
            let before = heard.clone();
            heard.take(context, event);
            *heard != before
        });
    }
}

/// Says how the bot is until it ends.
async fn tell(context: Arc<Context>, line: Arc<StatusLine>, mut heard: watch::Receiver<Heard>) {
    let mut since = context.started_at;
    let mut served = false;
    loop {
        let ledger = context.ledger.flush().await.err();
        let at = Timestamp::now();
        let (connected, trouble) = {
            let heard = heard.borrow_and_update();
            (heard.connected, heard.trouble())
        };
        let trouble = trouble.or_else(|| ledger.map(|unwritable| unwritable.to_string()));
        if std::mem::replace(&mut served, trouble.is_none()) != served {
            since = at;
        }
        let trouble = trouble.map(|text| text.chars().take(LONGEST_REASON).collect());
        let condition = Condition {
            at,
            since,
            connected,
            trouble,
        };
        say(&line, &condition).await;
        // A change that was seen already is not waited for.
        if let Ok(Err(_)) = tokio::time::timeout(EVERY, heard.changed()).await {
            return;
        }
    }
}

/// On a thread of its own: a slow disk must not hold the loop.
async fn say(line: &Arc<StatusLine>, condition: &Condition) {
    let Ok(text) = serde_json::to_string(condition) else {
        return;
    };
    let line = Arc::clone(line);
    let said = tokio::task::spawn_blocking(move || line.write(&text)).await;
    if let Ok(Err(error)) = said {
        tracing::debug!(%error, "the lock does not say how the bot is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_it_from_serving_is_named_the_greatest_first() {
        let mut heard = Heard::default();
        assert_eq!(heard.trouble().as_deref(), Some("it is connecting"));
        (heard.connected, heard.known) = (true, true);
        assert_eq!(heard.trouble(), None);
        heard.ill = true;
        let says = |heard: &Heard, words: &str| heard.trouble().unwrap().contains(words);
        assert!(says(&heard, "serves no requests"));
        heard.lost = Some("nothing listens".to_owned());
        assert!(says(&heard, "not connected: nothing listens"));
        heard.hindrance = Some("no such team".to_owned());
        assert!(says(&heard, "no such team"));
    }

    #[test]
    fn the_longest_status_line_fits() {
        let condition = Condition {
            at: Timestamp(i64::MAX),
            since: Timestamp(i64::MAX),
            connected: false,
            trouble: Some("\u{1F980}".repeat(LONGEST_REASON)),
        };
        assert!(serde_json::to_string(&condition).unwrap().len() < 1_000);
        let home = tempfile::tempdir().unwrap();
        let open = crate::lifecycle::state_directory::StateDirectory::open;
        let directory = open(home.path()).unwrap();
        let lock = directory.lock(Duration::ZERO).unwrap();
        let text = serde_json::to_string(&condition).unwrap();
        lock.status_line().unwrap().write(&text).unwrap();
        let read: Condition = serde_json::from_str(&directory.status_line().unwrap()).unwrap();
        assert_eq!(read, condition);
    }
}
