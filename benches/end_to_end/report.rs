//! The figures of all rounds: medians, ratios, targets.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::asker::Dispatch;
use crate::large_ledger::Answers;
use crate::machine::Machine;
use crate::modules::Loads;
use crate::restart::{Gaps, Restart};
use crate::samples::{Samples, median};
use crate::session::Measures;

/// One round.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) bot: Measures,
    pub(crate) floor: Measures,
}

impl Round {
    /// What two synced writes took in the middle, in milliseconds, while `of` was measured of both clients.
    fn syncs(&self, of: fn(&Measures) -> &Dispatch) -> f64 {
        let mut syncs = of(&self.bot).syncs.clone();
        syncs.extend(of(&self.floor).syncs.clone());
        milliseconds(syncs.percentile(50))
    }
}

/// What is measured of the bot alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) restarts: Vec<(Restart, Gaps)>,
    /// Before "Back up.", of a start with 300 channels of which 3 have changed.
    pub(crate) requests: u64,
    pub(crate) ledgers: Answers,
    pub(crate) modules: Loads,
}

/// A line of the table; medians over the rounds.
#[derive(Debug, Serialize)]
struct Figure {
    figure: Cow<'static, str>,
    unit: &'static str,
    bot: Option<f64>,
    floor: Option<f64>,
    /// The median of the rounds' ratios, or differences.
    compared: Option<f64>,
    comparison: &'static str,
    /// What is to be at most so much.
    target: Option<Target>,
    met: Option<bool>,
}

#[derive(Debug, Clone, Copy, Serialize)]
enum Target {
    /// Of the comparison.
    Compared(f64),
    /// Of the bot's own figure.
    Bot(f64),
}

/// All rounds, and where they were measured.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    rounds: Vec<Round>,
    figures: Vec<Figure>,
}

impl fmt::Display for Round {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dispatch = |measures: &Measures| milliseconds(measures.dispatch.answers.percentile(50));
        write!(
            formatter,
            "dispatch {:.2} ms, floor {:.2} ms, two syncs {:.2} ms",
            dispatch(&self.bot),
            dispatch(&self.floor),
            self.syncs(|measures| &measures.dispatch)
        )
    }
}

impl Report {
    pub(crate) fn new(machine: Machine, rounds: Vec<Round>, alone: &Alone) -> Self {
        let mut figures = figures(&rounds);
        figures.extend(alone.figures());
        Self {
            machine,
            rounds,
            figures,
        }
    }

    /// A table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.machine);
        text.push_str("| Figure | Bot | Floor | Compared | Target | Met |\n|:-|-:|-:|-:|-:|:-|\n");
        for figure in &self.figures {
            let value =
                |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
            let compared = figure.compared.map_or_else(String::new, |compared| {
                format!("{compared:.2} {}", figure.comparison)
            });
            let target = match figure.target {
                None => String::new(),
                Some(Target::Compared(most)) => format!("≤ {most:.2} {}", figure.comparison),
                Some(Target::Bot(most)) => format!("≤ {most:.2} {}", figure.unit),
            };
            let met = match figure.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "no",
            };
            let (name, unit) = (&figure.figure, figure.unit);
            let (bot, floor) = (value(figure.bot), value(figure.floor));
            // Writing to a String cannot fail.
            writeln!(
                text,
                "| {name} ({unit}) | {bot} | {floor} | {compared} | {target} | {met} |"
            )
            .ok();
        }
        text
    }

    /// The machine, each round and each figure, a line each.
    ///
    /// # Errors
    /// None that is known: all of it is numbers and texts.
    pub(crate) fn json_lines(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut line = |value: &serde_json::Value| writeln!(text, "{value}");
        line(&json!({"machine": self.machine}))?;
        for (number, round) in (1..).zip(&self.rounds) {
            for (client, measures) in [("bot", &round.bot), ("floor", &round.floor)] {
                line(&json!({"round": number, "client": client, "measures": as_json(measures)}))?;
            }
        }
        for figure in &self.figures {
            line(&serde_json::to_value(figure)?)?;
        }
        Ok(text)
    }
}

fn as_json(measures: &Measures) -> serde_json::Value {
    json!({
        "start_ms": milliseconds(measures.start),
        "dispatch_p50_ms": milliseconds(measures.dispatch.answers.percentile(50)),
        "dispatch_p99_ms": milliseconds(measures.dispatch.answers.percentile(99)),
        "dispatch_two_syncs_p50_ms": milliseconds(measures.dispatch.syncs.percentile(50)),
        "slow_dispatch_p50_ms": milliseconds(measures.slow_dispatch.answers.percentile(50)),
        "slow_dispatch_p99_ms": milliseconds(measures.slow_dispatch.answers.percentile(99)),
        "slow_dispatch_two_syncs_p50_ms": milliseconds(measures.slow_dispatch.syncs.percentile(50)),
        "answers_per_second": measures.answers_per_second,
        "memory_at_rest_mib": mebibytes(measures.memory_at_rest),
        "memory_after_commands_mib": mebibytes(measures.memory_after_commands),
        "memory_after_crowd_mib": mebibytes(measures.memory_after_crowd),
        "memory_after_events_mib": mebibytes(measures.memory_after_events),
        "cpu_of_100000_events_s": measures.events.as_secs_f64(),
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn figures(rounds: &[Round]) -> Vec<Figure> {
    let all = |of: &dyn Fn(&Round) -> f64| median(rounds.iter().map(of));
    // A figure of both clients, without a comparison.
    let both = |figure: &'static str, unit, of: &dyn Fn(&Measures) -> f64| Figure {
        figure: figure.into(),
        unit,
        bot: Some(all(&|round| of(&round.bot))),
        floor: Some(all(&|round| of(&round.floor))),
        compared: None,
        comparison: "",
        target: None,
        met: None,
    };
    let percentile =
        |dispatch: &Dispatch, percent| milliseconds(dispatch.answers.percentile(percent));
    let against_syncs = |dispatch: fn(&Measures) -> &Dispatch, figure| {
        let of = move |measures: &Measures| percentile(dispatch(measures), 50);
        both(figure, "ms", &of)
            .compared(
                all(&|round| of(&round.bot) / (of(&round.floor) + round.syncs(dispatch))),
                "× (floor + two syncs)",
            )
            .target(Target::Compared(1.25))
    };
    let rest = |measures: &Measures| mebibytes(measures.memory_at_rest);
    let later = |measures: &Measures| mebibytes(measures.memory_after_commands);
    let events = |measures: &Measures| measures.events.as_secs_f64();
    vec![
        against_syncs(|measures| &measures.dispatch, "dispatch p50"),
        both("dispatch p99", "ms", &|measures| {
            percentile(&measures.dispatch, 99)
        }),
        against_syncs(
            |measures| &measures.slow_dispatch,
            "dispatch p50, POST 5 ms slower",
        ),
        both("dispatch p99, POST 5 ms slower", "ms", &|measures| {
            percentile(&measures.slow_dispatch, 99)
        }),
        both("answers a second, 20 asking at once", "1/s", &|measures| {
            measures.answers_per_second
        }),
        Figure {
            bot: None,
            floor: None,
            ..both("two synced writes of 16 KiB p50", "ms", &|_| 0.0)
        }
        .compared(
            all(&|round| round.syncs(|measures| &measures.dispatch)),
            "ms",
        ),
        both("memory at rest", "MiB", &rest).target(Target::Bot(10.0)),
        both("memory after 10,000 commands, one by one", "MiB", &later)
            .compared(
                all(&|round| later(&round.bot) - rest(&round.bot)),
                "MiB more than at rest",
            )
            .target(Target::Compared(1.0)),
        both("memory after 5,000 more, 20 at once", "MiB", &|measures| {
            mebibytes(measures.memory_after_crowd)
        }),
        both("memory after the events too", "MiB", &|measures| {
            mebibytes(measures.memory_after_events)
        }),
        both("processor time of 100,000 irrelevant events", "s", &events)
            .compared(
                all(&|round| events(&round.bot) / events(&round.floor)),
                "× floor",
            )
            .target(Target::Compared(1.5)),
        both("from exec to the first answer", "ms", &|measures| {
            milliseconds(measures.start)
        })
        .target(Target::Bot(100.0)),
    ]
}

impl Alone {
    fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (restart, gaps) in &self.restarts {
            for (what, samples) in [
                ("the first command served", &gaps.served),
                ("“Back up.”", &gaps.back),
            ] {
                let name = format!("from “Restarting now” to {what}, by {}", restart.name);
                let figure = Figure::of_bot(name, p50(samples));
                figures.push(match restart.target {
                    Some(most) => figure.target(Target::Bot(most)),
                    None => figure,
                });
            }
        }
        let name = "requests before “Back up.”, 300 channels, 3 of them changed";
        let requests = Figure {
            unit: "requests",
            ..Figure::of_bot(name.to_owned(), self.requests as f64)
        };
        figures.push(requests.target(Target::Bot(9.0)));
        let Answers { empty, large, rows } = &self.ledgers;
        let name = format!("dispatch p50 with a ledger of {rows} calls");
        let ratio = p50(large) / p50(empty);
        let large = Figure::of_bot(name, p50(large)).compared(ratio, "× with an empty ledger");
        figures.push(large.target(Target::Compared(1.1)));
        figures.extend(self.modules.figures());
        figures
    }
}

impl Loads {
    fn figures(&self) -> [Figure; 3] {
        let (ready, floor) = (p50(&self.ready), p50(&self.floor));
        let name = format!(
            "{} modules in Python, until they can be called",
            self.modules
        );
        let loaded = Figure {
            floor: Some(floor),
            ..Figure::of_bot(name, ready)
        };
        let (call, direct) = (p50(&self.call), p50(&self.direct));
        let called = Figure {
            floor: Some(direct),
            ..Figure::of_bot("a call of one of them, p50".to_owned(), call)
        };
        let (with, without) = (mebibytes(self.memory_with), mebibytes(self.memory_without));
        let name = format!("memory of the bot itself with {} modules", self.modules);
        let memory = Figure {
            unit: "MiB",
            ..Figure::of_bot(name, with)
        };
        [
            memory
                .compared(with - without, "MiB more than without")
                .target(Target::Compared(1.0)),
            loaded
                .compared(ready / floor, "× one interpreter's import")
                .target(Target::Compared(1.5)),
            called
                .compared(call - direct, "ms over a direct call")
                .target(Target::Compared(2.0)),
        ]
    }
}

fn p50(samples: &Samples) -> f64 {
    milliseconds(samples.percentile(50))
}

impl Figure {
    /// A figure of the bot alone, in milliseconds.
    fn of_bot(figure: String, milliseconds: f64) -> Self {
        Self {
            figure: figure.into(),
            unit: "ms",
            bot: Some(milliseconds),
            floor: None,
            compared: None,
            comparison: "",
            target: None,
            met: None,
        }
    }

    fn compared(self, compared: f64, comparison: &'static str) -> Self {
        Self {
            compared: Some(compared),
            comparison,
            ..self
        }
    }

    fn target(self, target: Target) -> Self {
        let (measured, most) = match target {
            Target::Compared(most) => (self.compared, most),
            Target::Bot(most) => (self.bot, most),
        };
        Self {
            target: Some(target),
            met: measured.map(|measured| measured <= most),
            ..self
        }
    }
}
