//! What the size of the ledger costs: two bots asked in turn, one with an empty ledger, one with that of many years.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use matterbot::ledger::Ledger;
use matterbot::playground::{Options, Playground};

use crate::asker::Askers;
use crate::client::{Client, Settings};
use crate::samples::Samples;

/// How much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Calls in the large ledger.
    pub(crate) rows: u32,
    /// So often each bot is asked [`IN_TURN`] times.
    turns: usize,
}

impl Size {
    /// Enough to measure.
    pub(crate) const FULL: Self = Self {
        rows: 1_000_000,
        turns: 60,
    };
    /// Enough to see that it works.
    pub(crate) const BRIEF: Self = Self {
        rows: 20_000,
        turns: 5,
    };
}

/// Questions to one bot before the other's turn comes.
const IN_TURN: usize = 10;

/// As long as this after its start a bot reads again what is asked.
const SECOND_LOOK_IS_OVER: Duration = Duration::from_secs(11);

/// No longer than this.
const AT_MOST: Duration = Duration::from_secs(180);

/// How long the answers took.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) empty: Samples,
    pub(crate) large: Samples,
    /// Calls in the large ledger.
    pub(crate) rows: u32,
}

/// A bot with its server and those who ask.
struct Side {
    playground: Playground,
    askers: Askers,
    bot: Client,
}

/// Asks two bots in turn.
///
/// # Errors
/// Whatever goes wrong, with a bot's last words.
pub(crate) async fn run(size: Size, directory: &Path) -> anyhow::Result<Answers> {
    let home = |name| directory.join(name);
    fill(home("large-ledger"), size.rows).await?;
    let mut empty = Side::start(&home("empty-ledger")).await?;
    let mut large = Side::start(&home("large-ledger")).await?;
    let asked = tokio::time::timeout(AT_MOST, ask(&mut empty, &mut large, size)).await;
    let asked = asked.context("it took too long").flatten();
    let words = || format!("{}\n{}", empty.bot.last_words(), large.bot.last_words());
    let answers = asked.with_context(words);
    empty.end().await?;
    large.end().await?;
    answers
}

async fn ask(empty: &mut Side, large: &mut Side, size: Size) -> anyhow::Result<Answers> {
    for side in [&mut *empty, &mut *large] {
        side.askers.first_answer().await?;
    }
    for side in [&mut *empty, &mut *large] {
        side.askers.quiet(SECOND_LOOK_IS_OVER).await;
    }
    let mut answers = Answers {
        rows: size.rows,
        ..Answers::default()
    };
    for turn in 0..=size.turns {
        for (side, samples) in [
            (&mut *empty, &mut answers.empty),
            (&mut *large, &mut answers.large),
        ] {
            for _ in 0..IN_TURN {
                let answer = side.askers.once().await?;
                // The first turn warms both up.
                if turn > 0 {
                    samples.push(answer);
                }
            }
        }
    }
    Ok(answers)
}

impl Side {
    async fn start(home: &Path) -> anyhow::Result<Self> {
        let playground = Playground::start(Options::default()).await?;
        let askers = Askers::gather(&playground).await?;
        let bot = Client::start_bot(Settings::SERVING, home, &playground)?;
        Ok(Self {
            playground,
            askers,
            bot,
        })
    }

    async fn end(self) -> anyhow::Result<()> {
        self.bot.kill().await?;
        drop(self.askers);
        self.playground.stop().await;
        Ok(())
    }
}

/// Makes a ledger with `rows` calls of the past two months, the newest an hour ago.
async fn fill(home: PathBuf, rows: u32) -> anyhow::Result<()> {
    let state = Client::state(&home)?;
    let (ledger, _) = Ledger::open(&state)?;
    // A run that ended well, after which a large ledger is not read through at the start.
    ledger.begin_run("0.0.0", "another boot").await?;
    ledger.end_run("stop").await?;
    ledger.close().await?;
    let fill = move || -> rusqlite::Result<()> {
        let ledger = rusqlite::Connection::open(state.join("ledger.db"))?;
        ledger.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        ledger.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;")?;
        ledger.execute(
            "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1),
                  instant(n, at) AS (SELECT n, (unixepoch() - 3600 - (?1 - n) * 5184000 / ?1) * 1000 FROM number)
             INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               answer, detail, text, plan)
             SELECT lower(hex(randomblob(13))), 0, 'status', 'done', lower(hex(randomblob(13))),
                    lower(hex(randomblob(13))), lower(hex(randomblob(13))), at, at, at,
                    lower(hex(randomblob(13))), 'done', '@status', '{\"word\":\"@status\",\"arguments\":[]}'
             FROM instant",
            [rows],
        )?;
        ledger.execute_batch(
            "UPDATE state SET settled_below = (SELECT max(id) + 1 FROM call); COMMIT;",
        )
    };
    Ok(tokio::task::spawn_blocking(fill).await??)
}
