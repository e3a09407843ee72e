//! `@restart [bot]`: the checks that precede the restart; the loop does the rest.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::Verdict;
use crate::bot::context::Context;
use crate::bot::event::Event;
use crate::bot::reply;
use crate::bot::restart::Request;
use crate::bot::ticket::{Fate, Ticket};
use crate::command::{Builtin, Grant};
use crate::config::Quota;
use crate::ledger::{CallState, Recent, Unwritable};
use crate::timestamp::Timestamp;

use super::{Answer, audited};

/// Why a restart is not allowed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The last one is too young; after this time it may be asked for again.
    Cooldown(Duration),
    /// There were too many; after this time it may be asked for again.
    Budget(Quota, Duration),
    /// A companion was named, and there is nobody who keeps companions.
    NoWard,
}

impl Refusal {
    /// The word for ledger and audit.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Cooldown(_) => "cooldown",
            Self::Budget(..) => "budget",
            Self::NoWard => "no_ward",
        }
    }

    /// The sentence for the asker.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Cooldown(wait) => reply::cooldown(wait),
            Self::Budget(quota, wait) => reply::budget(quota.count, quota.window, wait),
            Self::NoWard => reply::no_ward(),
        }
    }
}

/// Whether `ticket` may restart the bot now; anything but a restart may.
///
/// # Errors
/// The ledger cannot be read, so that nothing is known of earlier restarts.
pub async fn allowance(
    context: &Context,
    ticket: &Ticket,
) -> Result<Result<(), Refusal>, Unwritable> {
    match ticket.builtin() {
        Some(Builtin::Restart) => {}
        Some(other) if other.needs_ward() => return Ok(Err(Refusal::NoWard)),
        _ => return Ok(Ok(())),
    }
    if !matches!(ticket.invocation.arguments.as_slice(), [] | [_]) || !names_the_bot(ticket) {
        return Ok(Err(Refusal::NoWard));
    }
    if ticket.fate == Fate::Join {
        return Ok(Ok(()));
    }
    let (now, lifecycle) = (Timestamp::now(), &context.settings().config.lifecycle);
    let horizon = lifecycle.budget.window.max(lifecycle.cooldown);
    let recent = context
        .ledger
        .recent_calls(ticket.name(), now.minus(horizon))
        .await?;
    // What was started by this process and has no outcome is being prepared: whoever asks now joins it.
    let joins =
        |call: &Recent| call.state == CallState::Running && call.recorded_at >= context.started_at;
    if recent.iter().any(joins) {
        return Ok(Ok(()));
    }
    Ok(within(&recent, now, lifecycle.cooldown, lifecycle.budget))
}

fn names_the_bot(ticket: &Ticket) -> bool {
    ticket
        .invocation
        .arguments
        .iter()
        .all(|name| name.eq_ignore_ascii_case("bot"))
}

/// Holds `recent` restarts, newest call first, against the cooldown and the budget. A restart counts once, from when it
/// was first asked for.
fn within(
    recent: &[Recent],
    now: Timestamp,
    cooldown: Duration,
    budget: Quota,
) -> Result<(), Refusal> {
    let mut restarts: Vec<(&str, Duration)> = Vec::new();
    let counts = |call: &&Recent| matches!(call.state, CallState::Running | CallState::Done);
    for call in recent.iter().filter(counts) {
        // The detail of those that are done names the restart; what still runs is asked for of one only.
        let (restart, age) = (call.detail.as_str(), now.since(call.recorded_at));
        match restarts.iter_mut().find(|(known, _)| *known == restart) {
            Some((_, since)) => *since = age.max(*since),
            None => restarts.push((restart, age)),
        }
    }
    let mut ages: Vec<Duration> = restarts.into_iter().map(|(_, age)| age).collect();
    ages.sort_unstable();
    if let Some(age) = ages.first().filter(|age| **age < cooldown) {
        return Err(Refusal::Cooldown(cooldown.saturating_sub(*age)));
    }
    ages.retain(|age| *age < budget.window);
    let limit = usize::try_from(budget.count).unwrap_or(usize::MAX);
    match ages.get(limit.saturating_sub(1)) {
        Some(age) => Err(Refusal::Budget(budget, budget.window.saturating_sub(*age))),
        None => Ok(()),
    }
}

/// Writes the audit's line and hands the restart to the loop; `_grant` proves that the asker may.
pub async fn ask(context: &Arc<Context>, ticket: &Ticket, _grant: Grant) -> Answer {
    let entry = context.entry(ticket, Verdict::Allowed, None, Some("restarting"));
    context.log_command(&entry);
    if let Err(unwritable) = audited(context, ticket, entry).await {
        return unwritable;
    }
    context.tell(Event::RestartAsked(Box::new(Request::new(Some(
        ticket.clone(),
    )))));
    Answer::HandedOver
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call for a restart, so many seconds ago; those that are done name theirs.
    fn call(seconds_ago: u64, state: CallState, detail: &str) -> Recent {
        let recorded_at = Timestamp(1_000_000).minus(Duration::from_secs(seconds_ago));
        Recent {
            state,
            detail: detail.to_owned(),
            recorded_at,
        }
    }

    fn done(seconds_ago: u64, restart: &str) -> Recent {
        call(seconds_ago, CallState::Done, restart)
    }

    fn check(recent: &[Recent]) -> Result<(), Refusal> {
        let budget = Quota {
            count: 3,
            window: Duration::from_secs(300),
        };
        let cooldown = Duration::from_secs(10);
        within(recent, Timestamp(1_000_000), cooldown, budget)
    }

    #[test]
    fn a_restart_waits_for_the_cooldown() {
        let left = Refusal::Cooldown(Duration::from_secs(4));
        assert_eq!(check(&[done(6, "a")]), Err(left));
        assert_eq!(check(&[done(10, "a")]), Ok(()));
    }

    #[test]
    fn the_budget_counts_restarts_and_not_denials() {
        assert_eq!(check(&[done(20, "a"), done(30, "b")]), Ok(()));
        let refused = check(&[done(20, "a"), done(30, "b"), done(40, "c")]);
        assert!(
            matches!(refused, Err(Refusal::Budget(_, wait)) if wait == Duration::from_secs(260))
        );
        let vain = [
            call(5, CallState::Denied, "rate"),
            call(6, CallState::Failed, "no such team"),
            done(20, "a"),
            done(30, "b"),
        ];
        assert_eq!(check(&vain), Ok(()));
    }

    #[test]
    fn those_who_joined_a_restart_do_not_make_it_two() {
        let joined = [
            done(8, "b"),
            done(9, "b"),
            done(12, "b"),
            done(30, "a"),
            done(31, "a"),
        ];
        assert_eq!(check(&joined), Ok(()));
        // What the process before was asked for, and is not settled yet.
        let running = [
            call(11, CallState::Running, ""),
            call(12, CallState::Running, ""),
            done(20, "b"),
        ];
        assert_eq!(check(&running), Ok(()));
        assert!(check(&[&running[..], &[done(30, "a")]].concat()).is_err());
    }
}
