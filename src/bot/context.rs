//! What every call is served with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::audit::{Audit, Entry, Verdict};
use crate::ledger::Ledger;
use crate::lifecycle::notify::Notify;
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::state_directory::StateDirectory;
use crate::mattermost::api::Api;
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use super::binds::Binds;
use super::event::Event;
use super::identity::Identity;
use super::modules::Modules;
use super::names::Names;
use super::newcomers::Newcomers;
use super::notices::Notices;
use super::outbox::Outbox;
use super::settings::Settings;
use super::status;
use super::stores::Reopened;
use super::ticket::Ticket;
use super::unrecorded::Unrecorded;

/// The mechanisms and the configuration, shared by all that serves.
#[derive(Debug)]
pub struct Context {
    /// For commands and everything else.
    pub api: Api,
    /// With the part of the rate that is kept for lifecycle commands.
    pub lifecycle_api: Api,
    /// The durable record.
    pub ledger: Ledger,
    /// Whether neither it nor the trail could be opened.
    pub without_stores: bool,
    /// The trail of decisions.
    pub audit: Audit,
    /// Where answers go.
    pub outbox: Outbox,
    /// The state directory.
    pub directory: StateDirectory,
    /// What the configuration says now.
    pub settings: watch::Sender<Arc<Settings>>,
    /// How this process was started.
    pub origin: Origin,
    /// Whether unknown keys of the configuration are errors.
    pub strict: bool,
    /// When somebody else started the bot in this boot, this process included; not known without the ledger.
    pub starts: Option<Vec<Timestamp>>,
    /// When the last runs before this one began, whoever began them; not known without the ledger.
    pub earlier: Option<Vec<Timestamp>>,
    /// The supervisor's ear.
    pub notify: Notify,
    /// The modules, and where they are available.
    pub binds: Binds,
    /// The modules as they are called.
    pub modules: Modules,
    /// Held by whoever reloads.
    pub reloading: tokio::sync::Mutex<()>,
    /// Who we are, once the server has told.
    pub identity: watch::Sender<Option<Arc<Identity>>>,
    /// What people and channels are called.
    pub names: Names,
    /// What was said a short while ago, and need not be said again.
    pub notices: Notices,
    /// Who has joined the welcome channel.
    pub newcomers: Newcomers,
    /// The outcomes that the ledger did not take.
    pub unrecorded: Unrecorded,
    /// What the bot starts over with.
    pub reopened: Reopened,
    /// The calls, which a drain waits for; they are stopped when it begins, so that those which only wait are given up.
    pub calls: Tasks,
    /// What is given up at the end.
    pub chores: Tasks,
    /// When this process was started, by this host's clock.
    pub started_at: Timestamp,
    /// Back to the loop.
    pub events: mpsc::UnboundedSender<Event>,
}

impl Context {
    /// How often the bot was started within `window`, this time included; not known without the ledger.
    #[must_use]
    pub fn starts_within(&self, window: Duration) -> Option<usize> {
        let since = Timestamp::now().minus(window);
        let earlier = self.earlier.as_ref()?.iter();
        Some(1 + earlier.filter(|start| **start >= since).count())
    }

    /// What the configuration says now; whoever does one thing asks once.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// What `@status` tells of the modules.
    #[must_use]
    pub fn modules_status(&self) -> status::Modules {
        let known = self.binds.modules();
        status::Modules {
            absent: self.modules.are_absent(),
            wanted: known.wanted || self.settings().config.modules.commanddir_is_named,
            ..known
        }
    }

    /// Who we are, if the server has told.
    #[must_use]
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.identity.borrow().clone()
    }

    /// The interface that `ticket`'s look-ups and reactions use.
    #[must_use]
    pub fn api_for(&self, ticket: &Ticket) -> &Api {
        if ticket.is_lifecycle() {
            &self.lifecycle_api
        } else {
            &self.api
        }
    }

    /// Hands `event` to the loop; once the loop has ended nobody needs it any more.
    pub fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }

    /// The audit's line about `ticket`.
    #[must_use]
    pub fn entry(
        &self,
        ticket: &Ticket,
        verdict: Verdict,
        reason: Option<&str>,
        outcome: Option<&str>,
    ) -> Entry {
        self.names
            .is_channel(ticket.post.channel_id, &ticket.room.name);
        Entry {
            at: Timestamp::now(),
            post: ticket.post.id,
            ordinal: ticket.invocation.ordinal,
            channel: ticket.post.channel_id,
            user: ticket.post.user_id,
            command: std::iter::once(ticket.invocation.word.as_str())
                .chain(ticket.invocation.arguments.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" "),
            module: None,
            verdict,
            reason: reason.map(str::to_owned),
            outcome: outcome.map(str::to_owned),
        }
    }
}
