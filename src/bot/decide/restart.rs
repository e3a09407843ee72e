//! Decisions about going away and coming back.

use crate::bot::effect::{Effect, End};
use crate::bot::event::Now;
use crate::bot::reply;
use crate::bot::restart::{Manner, Request, Return};
use crate::bot::ticket::Ticket;
use crate::command::Builtin;
use crate::id::PostId;
use crate::ledger::CallKey;
use crate::lifecycle::marker::Marker;
use crate::lifecycle::supervisor::Departure;
use crate::lifecycle::{ExitStatus, Outcome};

use super::{Phase, Restart, Sequel, State};

impl State {
    /// Whether a call that arrives during a restart joins it.
    pub(super) fn joins(&self, ticket: &Ticket) -> bool {
        ticket.builtin() == Some(Builtin::Restart)
            && matches!(
                self.phase,
                Phase::Preparing(_)
                    | Phase::Settling(..)
                    | Phase::Leaving(_)
                    | Phase::Draining(Sequel::Restart(_))
            )
    }

    /// Somebody who may has asked for a restart: the first one starts it, the others join.
    pub(super) fn restart_asked(&mut self, request: Request) -> Vec<Effect> {
        match &mut self.phase {
            // A restart brings the ledger just as starting over does.
            Phase::Waiting | Phase::Serving | Phase::Draining(Sequel::StartOver) => {
                let acknowledge = acknowledge_later(&request);
                self.phase = Phase::Preparing(vec![request]);
                std::iter::once(Effect::Prepare)
                    .chain(acknowledge)
                    .collect()
            }
            Phase::Preparing(askers) | Phase::Settling(askers, _) => {
                let acknowledge = acknowledge_later(&request);
                askers.push(request);
                acknowledge.into_iter().collect()
            }
            Phase::Leaving(restart) | Phase::Draining(Sequel::Restart(restart)) => {
                restart.marker.requests.extend(request.for_marker());
                restart.askers.push(request);
                vec![restart.leave_marker()]
            }
            // The process is stopping for good; its successor says what became of the call.
            Phase::Draining(_) | Phase::Finished => Vec::new(),
        }
    }

    /// A preflight that takes a while is no reason to let anybody wonder whether he was heard.
    pub(super) fn acknowledgement_due(&self, key: &CallKey) -> Vec<Effect> {
        let (Phase::Preparing(askers) | Phase::Settling(askers, _)) = &self.phase else {
            return Vec::new();
        };
        let tickets = askers.iter().filter_map(|request| request.asker.as_ref());
        let waiting = tickets.filter(|ticket| ticket.key() == *key);
        waiting
            .cloned()
            .map(|ticket| Effect::Acknowledge(Box::new(ticket)))
            .collect()
    }

    /// The preflight has passed and it is known who brings us back; or the restart is refused.
    pub(super) fn prepared(&mut self, now: Now, result: Result<Departure, String>) -> Vec<Effect> {
        let Phase::Preparing(askers) = &mut self.phase else {
            return Vec::new();
        };
        let askers = std::mem::take(askers);
        match result {
            Ok(departure) if self.back.is_some() => {
                self.phase = Phase::Settling(askers, departure);
                self.return_now(now)
            }
            Ok(departure) => self.leave(now, departure, askers),
            Err(reason) => self.refuse(askers, &reason),
        }
    }

    fn leave(&mut self, now: Now, departure: Departure, askers: Vec<Request>) -> Vec<Effect> {
        let restart = self.restart(now, departure, askers);
        let effect = restart.leave_marker();
        self.phase = Phase::Leaving(Box::new(restart));
        vec![effect]
    }

    fn restart(&self, now: Now, departure: Departure, askers: Vec<Request>) -> Restart {
        let first = askers.first();
        let in_chat = first.is_some_and(|request| request.asker.is_some());
        let marker = Marker {
            version: Marker::VERSION,
            nonce: first.map_or_else(String::new, |request| request.nonce.clone()),
            requests: askers.iter().filter_map(Request::for_marker).collect(),
            reason: if in_chat { "@restart" } else { "SIGUSR1" }.to_owned(),
            from_version: self.rules.version.to_owned(),
            boot_id: self.rules.boot_id.clone(),
            written_at: now.wall,
            written_since_boot: u64::try_from(now.since_boot.as_millis()).unwrap_or(u64::MAX),
        };
        Restart {
            marker,
            departure,
            askers,
            told: 0,
        }
    }

    /// Without a marker nobody goes anywhere.
    pub(super) fn marker_left(&mut self, named: usize, result: Result<(), String>) -> Vec<Effect> {
        let (leaving, restart) = match &mut self.phase {
            Phase::Leaving(restart) => (true, restart),
            Phase::Draining(Sequel::Restart(restart)) => (false, restart),
            _ => return Vec::new(),
        };
        let asked = restart
            .askers
            .get(restart.told..named)
            .unwrap_or_default()
            .to_vec();
        let first = restart.told == 0;
        restart.told = restart.told.max(named);
        match result {
            Ok(()) => {
                let announce = |(index, request)| Effect::AnnounceRestart {
                    request: Box::new(request),
                    joined: !first || index > 0,
                };
                let mut effects: Vec<Effect> =
                    asked.into_iter().enumerate().map(announce).collect();
                if leaving {
                    self.drain();
                    effects.push(Effect::Drain);
                }
                effects
            }
            Err(reason) => {
                let refused: Vec<PostId> = asked
                    .iter()
                    .filter_map(|request| Some(request.for_marker()?.post))
                    .collect();
                restart
                    .marker
                    .requests
                    .retain(|request| !refused.contains(&request.post));
                // The marker of somebody who joined may still be left.
                if leaving && restart.told == restart.askers.len() {
                    return self.refuse(asked, &reason);
                }
                refuse(asked, &reason)
            }
        }
    }

    fn drain(&mut self) {
        let stopping = Phase::Draining(Sequel::Stop);
        if let Phase::Leaving(restart) = std::mem::replace(&mut self.phase, stopping) {
            self.phase = Phase::Draining(Sequel::Restart(restart));
        }
    }

    /// There is no restart after all; a ledger that could be opened meanwhile is started over with.
    fn refuse(&mut self, askers: Vec<Request>, reason: &str) -> Vec<Effect> {
        self.phase = if self.identity.is_some() {
            Phase::Serving
        } else {
            Phase::Waiting
        };
        let mut effects = refuse(askers, reason);
        if self.has_reopened {
            effects.extend(self.reopened());
        }
        effects
    }

    /// SIGTERM or SIGINT: finish what runs, then end; the second one ends at once.
    pub(super) fn stop(&mut self) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Draining(Sequel::Stop) => {
                self.finish(End::AtOnce(Outcome::Exit(ExitStatus::Success)))
            }
            Phase::Finished => Vec::new(),
            // The drain goes on, but nobody comes back after it; whoever starts us next finds the marker.
            Phase::Draining(sequel) => {
                *sequel = Sequel::Stop;
                vec![Effect::Stopping]
            }
            _ => {
                self.phase = Phase::Draining(Sequel::Stop);
                vec![Effect::Stopping, Effect::Drain]
            }
        }
    }

    /// The ledger can be opened after all: the bot starts over with it, and catch-up finds what did not run. Whoever leaves
    /// already comes back with it.
    pub(super) fn reopened(&mut self) -> Vec<Effect> {
        self.has_reopened = true;
        if !matches!(self.phase, Phase::Waiting | Phase::Serving) {
            return Vec::new();
        }
        self.phase = Phase::Draining(Sequel::StartOver);
        vec![Effect::Drain]
    }

    pub(super) fn drained(&mut self, all: bool) -> Vec<Effect> {
        let end = match &self.phase {
            // What still runs would answer beside the bot that takes over.
            Phase::Draining(Sequel::StartOver) if !all => return vec![Effect::Drain],
            // Somebody joined at the last moment, and his marker is still being written.
            Phase::Draining(Sequel::Restart(restart)) if restart.told < restart.askers.len() => {
                return vec![Effect::Drain];
            }
            Phase::Draining(Sequel::Restart(restart)) => End::Process(match restart.departure {
                Departure::Exit(_) => Outcome::Exit(ExitStatus::Restart),
                Departure::Reexec(_) => Outcome::Reexec,
            }),
            Phase::Draining(Sequel::Stop) => End::Process(Outcome::Exit(ExitStatus::Success)),
            Phase::Draining(Sequel::StartOver) => End::StartOver,
            _ => return Vec::new(),
        };
        self.finish(end)
    }

    pub(super) fn finish(&mut self, end: End) -> Vec<Effect> {
        if matches!(self.phase, Phase::Finished) {
            return Vec::new();
        }
        self.phase = Phase::Finished;
        vec![Effect::Finish(end)]
    }

    /// All channels have been read once, or it has been waited for long enough: now "Back up." is true.
    pub(super) fn return_due(&mut self, now: Now) -> Vec<Effect> {
        if let Some(back) = &mut self.back {
            back.due = true;
        }
        self.announce_return(now)
    }

    /// Says that we are back, if that is owed and due.
    pub(super) fn announce_return(&mut self, now: Now) -> Vec<Effect> {
        let possible = self.connection.since.is_some() && self.serves();
        match &self.back {
            Some(back) if back.due && possible => self.return_now(now),
            _ => Vec::new(),
        }
    }

    /// Says that we are back, if that is owed and not on its way.
    fn return_now(&mut self, now: Now) -> Vec<Effect> {
        let Some(back) = self.back.as_mut().filter(|back| !back.announced) else {
            return Vec::new();
        };
        back.announced = true;
        let downtime = back
            .marker
            .age(now.wall, &self.rules.boot_id, now.since_boot);
        let announcement = Return {
            downtime,
            interrupted: back.interrupted.clone(),
            late: back.late,
            unread: back.unread.len(),
            manner: Manner::of(downtime, self.rules.notice_expiry),
            mishap: self.rules.mishap.clone(),
            marker: back.marker.clone(),
        };
        vec![Effect::AnnounceReturn(Box::new(announcement))]
    }

    /// The announcement is in the ledger, or will be tried again at the next tick; a restart that waits for it is refused
    /// then, since the ledger cannot be written.
    pub(super) fn returned(&mut self, now: Now, told: bool) -> Vec<Effect> {
        if told {
            self.back = None;
        } else if let Some(back) = &mut self.back {
            back.announced = false;
        }
        match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Settling(askers, departure) if told => self.leave(now, departure, askers),
            Phase::Settling(askers, _) => self.refuse(askers, reply::RETURN_UNRECORDED),
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }
}

impl Restart {
    /// Names everybody who has asked so far.
    fn leave_marker(&self) -> Effect {
        Effect::LeaveMarker {
            marker: Box::new(self.marker.clone()),
            named: self.askers.len(),
        }
    }
}

fn acknowledge_later(request: &Request) -> Option<Effect> {
    let ticket = request.asker.as_ref()?;
    Some(Effect::AwaitAcknowledgement(ticket.key()))
}

fn refuse(askers: Vec<Request>, reason: &str) -> Vec<Effect> {
    let refuse = |request| Effect::RefuseRestart {
        request: Box::new(request),
        reason: reason.to_owned(),
    };
    askers.into_iter().map(refuse).collect()
}
