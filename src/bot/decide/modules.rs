//! Decisions about the words of modules: what they call where, and what of it is never run late.

use std::sync::Arc;

use crate::bot::effect::Effect;
use crate::bot::identity::Room;
use crate::bot::ticket::Ticket;
use crate::command::parse::{Invocation, Target};
use crate::command::{Catalogue, table};
use crate::mattermost::model::Post;
use crate::module::protocol::Risk;

use super::State;

impl State {
    pub(super) fn modules_changed(&mut self, catalogue: Arc<Catalogue>) -> Vec<Effect> {
        self.catalogue = catalogue;
        Vec::new()
    }

    /// The modules that `invocation` calls in `room`. Whether somebody may use them in a direct or group message is asked
    /// at the call's turn; and there the asker is told while nobody knows where modules are available. A module that is
    /// named as a built-in is not called: its rows would be taken for that one's.
    pub(super) fn modules_of(&self, room: &Room, invocation: &Invocation) -> Vec<String> {
        if invocation.target != Target::Bind {
            return Vec::new();
        }
        let withheld = self.catalogue.is_withheld() && invocation.sigil;
        let asked_later = withheld || room.is_conversation();
        self.catalogue
            .bound_to(&invocation.word)
            .filter(|module| asked_later || module.serves(&room.name))
            .filter(|module| table::named(&module.name).is_none())
            .map(|module| module.name.clone())
            .collect()
    }

    /// Words whose modules are not available in `room` are no commands there: nobody but the log is told.
    pub(super) fn log_unavailable(&self, room: &Room, post: &Post, calls: &[Ticket]) {
        for call in calls.iter().filter(|call| !call.is_call()) {
            tracing::info!(user = %post.user_id, channel = %room.name, command = call.invocation.word,
                "a command is not available in this channel");
        }
    }

    /// Whether a module that `ticket` calls changes something: found late, it is not run, and the others that have the same
    /// word are not either.
    pub(super) fn acts(&self, ticket: &Ticket) -> bool {
        let modules = ticket.modules.iter();
        modules
            .filter_map(|name| self.catalogue.get(name))
            .any(|module| module.risk > Risk::Read)
    }
}
