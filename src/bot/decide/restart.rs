//! Decisions about going away and coming back.

use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::restart::{Manner, Request, Return};
use crate::bot::ticket::Ticket;
use crate::command::Builtin;
use crate::lifecycle::marker::Marker;
use crate::lifecycle::{Outcome, Status as ExitStatus};

use super::{Phase, Restart, State};

impl State {
    /// Whether a call that arrives during a restart joins it.
    pub(super) fn joins(&self, ticket: &Ticket) -> bool {
        ticket.invocation.builtin == Builtin::Restart
            && matches!(self.phase, Phase::Leaving(_) | Phase::Draining(Some(_)))
    }

    /// Somebody who may has asked for a restart: the first one starts it, the others join.
    pub(super) fn restart_asked(&mut self, now: Now, request: Request) -> Vec<Effect> {
        let joining = request.for_marker();
        let reason = if request.asker.is_some() {
            "@restart"
        } else {
            "SIGUSR1"
        };
        match &mut self.phase {
            Phase::Leaving(restart) | Phase::Draining(Some(restart)) => {
                restart.marker.requests.extend(joining);
                restart.askers.push(request);
            }
            Phase::Waiting | Phase::Serving => {
                let marker = Marker {
                    version: Marker::VERSION,
                    nonce: request.nonce.clone(),
                    requests: joining.into_iter().collect(),
                    reason: reason.to_owned(),
                    from_version: self.rules.version.to_owned(),
                    boot_id: self.rules.boot_id.clone(),
                    written_at: now.wall,
                    written_since_boot: u64::try_from(now.since_boot.as_millis())
                        .unwrap_or(u64::MAX),
                };
                self.phase = Phase::Leaving(Restart {
                    marker,
                    askers: vec![request],
                    settled: 0,
                });
            }
            // The process is stopping for good; its successor says what became of the call.
            Phase::Draining(None) | Phase::Finished => return Vec::new(),
        }
        match &self.phase {
            Phase::Leaving(restart) | Phase::Draining(Some(restart)) => {
                let asker = restart.askers.len() - 1;
                vec![Effect::LeaveMarker {
                    marker: Box::new(restart.marker.clone()),
                    asker,
                }]
            }
            _ => Vec::new(),
        }
    }

    /// Without a marker nobody goes anywhere.
    pub(super) fn marker_left(&mut self, asker: usize, result: Result<(), String>) -> Vec<Effect> {
        let (Phase::Leaving(restart) | Phase::Draining(Some(restart))) = &mut self.phase else {
            return Vec::new();
        };
        let Some(request) = restart.askers.get(asker).cloned() else {
            return Vec::new();
        };
        restart.settled += 1;
        let refused = request.for_marker().map(|request| request.post);
        let request = Box::new(request);
        match (std::mem::replace(&mut self.phase, Phase::Serving), result) {
            (Phase::Leaving(restart), Ok(())) => {
                self.phase = Phase::Draining(Some(restart));
                vec![
                    Effect::AnnounceRestart {
                        request,
                        joined: false,
                    },
                    Effect::Drain,
                ]
            }
            (Phase::Draining(restart), Ok(())) => {
                self.phase = Phase::Draining(restart);
                vec![Effect::AnnounceRestart {
                    request,
                    joined: true,
                }]
            }
            (Phase::Draining(Some(mut restart)), Err(reason)) => {
                restart
                    .marker
                    .requests
                    .retain(|request| Some(request.post) != refused);
                self.phase = Phase::Draining(Some(restart));
                vec![Effect::RefuseRestart { request, reason }]
            }
            (Phase::Leaving(restart), Err(reason)) => {
                if self.identity.is_none() {
                    self.phase = Phase::Waiting;
                }
                let refuse = |request| Effect::RefuseRestart {
                    request: Box::new(request),
                    reason: reason.clone(),
                };
                restart.askers.into_iter().map(refuse).collect()
            }
            (phase, _) => {
                self.phase = phase;
                Vec::new()
            }
        }
    }

    /// SIGTERM or SIGINT: finish what runs, then end; the second one ends at once.
    pub(super) fn stop(&mut self) -> Vec<Effect> {
        if matches!(self.phase, Phase::Draining(None) | Phase::Finished) {
            return self.finish(Outcome::Exit(ExitStatus::Stopped));
        }
        match std::mem::replace(&mut self.phase, Phase::Draining(None)) {
            // The drain goes on; the marker stays, and whoever is started next says that we are back.
            Phase::Draining(_) => Vec::new(),
            _ => vec![Effect::Drain],
        }
    }

    pub(super) fn drained(&mut self) -> Vec<Effect> {
        match &self.phase {
            // Somebody joined at the last moment, and his marker is still being written.
            Phase::Draining(Some(restart)) if restart.settled < restart.askers.len() => {
                vec![Effect::Drain]
            }
            Phase::Draining(Some(_)) => self.finish(Outcome::Reexec),
            Phase::Draining(None) => self.finish(Outcome::Exit(ExitStatus::Stopped)),
            _ => Vec::new(),
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Vec<Effect> {
        if matches!(self.phase, Phase::Finished) {
            return Vec::new();
        }
        self.phase = Phase::Finished;
        vec![Effect::Finish(outcome)]
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
        let Some(back) = &mut self.back else {
            return Vec::new();
        };
        if !back.due
            || back.announced
            || self.connection.since.is_none()
            || !matches!(self.phase, Phase::Serving)
        {
            return Vec::new();
        }
        back.announced = true;
        let downtime = back
            .marker
            .age(now.wall, &self.rules.boot_id, now.since_boot);
        let announcement = Return {
            downtime,
            interrupted: back.interrupted,
            late: back.late,
            unread: back.unread.len(),
            manner: Manner::of(downtime, self.rules.notice_expiry),
            mishap: self.rules.mishap.clone(),
            marker: back.marker.clone(),
        };
        vec![Effect::AnnounceReturn(Box::new(announcement))]
    }

    /// The announcement is in the ledger, or will be tried again at the next tick.
    pub(super) fn returned(&mut self, told: bool) -> Vec<Effect> {
        if told {
            self.back = None;
        } else if let Some(back) = &mut self.back {
            back.announced = false;
        }
        Vec::new()
    }
}
