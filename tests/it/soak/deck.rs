//! What happens in a soak, drawn by a seed: what people say and do, what goes wrong, and when the bot is killed.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// What the bot owes to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    /// One outcome in words, unless the asker is over his rate.
    Words,
    /// The same if it runs; without a sigil nothing is said of what does not run.
    WordsIfRun,
    /// One outcome, or none: it was edited meanwhile.
    AtMostOne,
    /// The same, and its parts may be missing: it was deleted meanwhile, and with it what answered it by then.
    Withdrawn,
}

use Owed::{AtMostOne, Withdrawn, Words, WordsIfRun};

/// Messages, and what is owed to each command in them.
const MESSAGES: [(&str, &[Owed]); 33] = [
    ("@status", &[Words]),
    ("!status", &[Words]),
    ("@Status bot", &[Words]),
    ("@status nobody", &[Words]),
    ("@help", &[Words]),
    ("!HELP restart", &[Words]),
    ("@help dance", &[Words]),
    ("I need @help status, and quickly", &[Words]),
    ("@help status\n\n@help audit", &[Words, Words]),
    ("help", &[WordsIfRun]),
    ("is there help for me?", &[WordsIfRun]),
    ("@audit", &[Words]),
    ("!audit 3", &[Words]),
    ("@audit 50", &[Words]),
    ("@audit everything", &[Words]),
    ("@restart", &[Words]),
    ("!Restart", &[Words]),
    ("@restart bot", &[Words]),
    ("@restart feed", &[Words]),
    ("@reload", &[Words]),
    ("@reload --dry-run", &[Words]),
    ("@note this", &[Words]),
    ("@note slow", &[Words]),
    ("please !note this\n\nand @note slow", &[Words, Words]),
    ("@note this, and @status is asked for too late", &[Words]),
    ("@change this", &[Words]),
    ("@dance", &[]),
    ("@@restart", &[]),
    ("@restart.", &[]),
    ("> @restart", &[]),
    ("```\n@restart\n```", &[]),
    ("@all lunch?", &[]),
    ("lunch?", &[]),
];

/// What a message says at first and what it is changed to, and what is owed to its command.
const EDITS: [(&str, &str, &[Owed]); 4] = [
    ("lunch?", "@status", &[AtMostOne]),
    ("@status", "@help", &[AtMostOne]),
    ("@restart", "never mind", &[AtMostOne]),
    ("never mind", "@restart", &[AtMostOne]),
];

/// What somebody does.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    pub(super) who: usize,
    pub(super) place: usize,
    pub(super) text: &'static str,
    pub(super) owed: &'static [Owed],
    pub(super) then: Then,
}

/// What he does to his message afterwards.
#[derive(Debug, Clone)]
pub(super) enum Then {
    Nothing,
    Edit(Duration, &'static str),
    Delete(Duration),
}

/// One round.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) deeds: Vec<Deed>,
    pub(super) fault: Option<Value>,
    /// For this time nothing can be written to the bot's disk.
    pub(super) full: Option<Duration>,
    /// After this time the bot is killed.
    pub(super) kill: Option<Duration>,
    /// Until the next round.
    pub(super) pause: Duration,
}

/// Where everything is drawn from.
pub(super) struct Deck {
    random: Rng,
    people: usize,
    places: usize,
    /// Whether a proxy makes the faults.
    pub(super) by_proxy: bool,
    /// Switches that were not drawn since all were.
    faults: Vec<Value>,
}

/// A fault is switched on in so many of a hundred rounds, the disk filled in so many, and the bot killed in so many.
const FAULTS: u32 = 25;
const FULL: u32 = 4;
const KILLS: u32 = 8;

impl Deck {
    pub(super) fn new(seed: u64, people: usize, places: usize) -> Self {
        Self {
            random: Rng::with_seed(seed),
            people,
            places,
            by_proxy: false,
            faults: Vec::new(),
        }
    }

    /// The next round; a fault concerns the account `bot`.
    pub(super) fn round(&mut self, bot: &str) -> Round {
        let burst = self.in_hundred(4);
        let deeds = if burst {
            self.burst()
        } else {
            (0..self.random.usize(1..=4)).map(|_| self.deed()).collect()
        };
        Round {
            deeds,
            fault: self.in_hundred(FAULTS).then(|| self.fault(bot)),
            full: self.in_hundred(FULL).then(|| self.moment(500)),
            kill: self.in_hundred(KILLS).then(|| self.moment(200)),
            pause: self.moment(250),
        }
    }

    fn in_hundred(&mut self, chances: u32) -> bool {
        self.random.u32(..100) < chances
    }

    fn moment(&mut self, at_most: u64) -> Duration {
        Duration::from_millis(self.random.u64(..at_most))
    }

    fn deed(&mut self) -> Deed {
        let (who, place) = (
            self.random.usize(..self.people),
            self.random.usize(..self.places),
        );
        let (text, owed, then) = match self.random.u32(..100) {
            0..8 => {
                let (text, changed, owed) = EDITS[self.random.usize(..EDITS.len())];
                (text, owed, Then::Edit(self.moment(80), changed))
            }
            8..14 => {
                let owed: &[Owed] = &[Withdrawn];
                ("@status", owed, Then::Delete(self.moment(80)))
            }
            _ => {
                let (text, owed) = MESSAGES[self.random.usize(..MESSAGES.len())];
                (text, owed, Then::Nothing)
            }
        };
        Deed {
            who,
            place,
            text,
            owed,
            then,
        }
    }

    /// More at once than one person may ask.
    fn burst(&mut self) -> Vec<Deed> {
        let deed = Deed {
            text: "@status",
            owed: &[Words],
            then: Then::Nothing,
            ..self.deed()
        };
        vec![deed; 16]
    }

    /// Another switch, until all have been drawn.
    fn fault(&mut self, bot: &str) -> Value {
        if self.faults.is_empty() {
            self.faults = switches(&mut self.random, bot);
            if self.by_proxy {
                self.faults.extend(of_the_way());
            }
            self.random.shuffle(&mut self.faults);
        }
        self.faults.pop().expect("there are switches")
    }
}

/// Every kind of switch, as it is asked for.
fn switches(random: &mut Rng, bot: &str) -> Vec<Value> {
    let mut delay = |at_most: u64| random.u64(50..at_most);
    let (late, slow, commit) = (delay(600), delay(900), delay(900));
    // Never before the first start, from which on the bot reads; and not so far that what is 20 s old seems to be 30 s old.
    let offset = random.u64(..8_000);
    let for_bot = |fault: Value, times: Option<u32>| match times {
        Some(times) => json!({"fault": fault, "scope": {"user": bot}, "times": times}),
        None => json!({"fault": fault, "scope": {"user": bot}}),
    };
    let for_all = |fault: Value, times: Option<u32>| match times {
        Some(times) => json!({"fault": fault, "times": times}),
        None => json!({ "fault": fault }),
    };
    vec![
        for_bot(json!({"kind": "close"}), None),
        for_bot(json!({"kind": "close", "code": 1001}), None),
        for_bot(json!({"kind": "half_open"}), None),
        for_bot(json!({"kind": "deaf", "ping": "unanswered"}), None),
        for_bot(json!({"kind": "deaf", "ping": "fail"}), None),
        for_bot(json!({"kind": "late_posted", "delay_ms": late}), Some(3)),
        for_bot(json!({"kind": "missing_posted"}), Some(3)),
        for_bot(json!({"kind": "doubled_events"}), Some(6)),
        for_bot(json!({"kind": "seq_jump", "by": 7}), Some(1)),
        for_bot(
            json!({"kind": "too_many_requests", "retry_after": 1}),
            Some(2),
        ),
        for_bot(json!({"kind": "too_many_requests"}), Some(1)),
        for_all(
            json!({"kind": "rate_limit", "per_second": 30, "max_burst": 30, "vary_by": "user"}),
            None,
        ),
        for_bot(
            json!({"kind": "server_error", "status": 500, "when": "before_save"}),
            Some(2),
        ),
        for_bot(
            json!({"kind": "server_error", "status": 500, "when": "after_save"}),
            Some(2),
        ),
        for_bot(json!({"kind": "lost_answer"}), Some(2)),
        for_all(json!({"kind": "file_store_down"}), None),
        for_bot(json!({"kind": "unauthorized"}), Some(2)),
        for_bot(
            json!({"kind": "unauthorized", "ping_healthy": false}),
            Some(2),
        ),
        for_bot(json!({"kind": "slow_answer", "delay_ms": slow}), Some(3)),
        for_bot(json!({"kind": "database_down"}), Some(5)),
        for_bot(
            json!({"kind": "database_down", "sessions_cached": false}),
            Some(5),
        ),
        for_bot(json!({"kind": "proxy_page", "status": 502}), Some(2)),
        for_bot(
            json!({"kind": "rewritten_message", "suffix": " (seen)"}),
            Some(3),
        ),
        // What takes the bot's props away makes its posts unknowable: `planted` shows what comes of that.
        json!({"fault": {"kind": "stripped_props"}, "scope": {"user": "admin"}, "times": 2}),
        for_all(json!({"kind": "same_instant"}), Some(4)),
        for_all(json!({"kind": "late_commit", "delay_ms": commit}), Some(2)),
        for_all(json!({"kind": "clock_offset", "offset_ms": offset}), None),
        for_all(json!({"kind": "restart"}), None),
    ]
}

/// What only a proxy can do.
fn of_the_way() -> Vec<Value> {
    vec![
        json!({"fault": {"kind": "reset"}}),
        json!({"fault": {"kind": "lost_answer"}, "times": 2}),
        json!({"fault": {"kind": "lost_request"}, "times": 1}),
        json!({"fault": {"kind": "late_request", "delay_ms": 700}, "times": 2}),
    ]
}

#[test]
fn a_seed_draws_the_same_again() {
    let draw = |seed| {
        let mut deck = Deck::new(seed, 5, 6);
        let rounds = (0..50).map(|_| format!("{:?}", deck.round("bot")));
        rounds.collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn every_switch_is_drawn_in_the_usual_rounds() {
    let mut deck = Deck::new(super::SEED, 5, 5);
    let rounds = (0..super::ROUNDS).map(|_| deck.round("bot"));
    let faults = rounds.filter_map(|round| round.fault);
    let drawn: std::collections::BTreeSet<String> = faults
        .map(|switch| switch["fault"]["kind"].as_str().unwrap().to_owned())
        .collect();
    let page = include_str!("../../../docs/playground.md");
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| where | kinds |"));
    let cells = table.skip(2).filter_map(|row| row.split('|').nth(2));
    // A kind stands before the names of its settings, which stand in parentheses.
    let kinds = cells.flat_map(|cell| {
        let mut depth = 0;
        let outside = cell.chars().filter(move |character| {
            depth += i32::from(*character == '(') - i32::from(*character == ')');
            depth == 0
        });
        let words = outside.collect::<String>();
        words
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    assert_eq!(drawn, kinds.collect());
}
