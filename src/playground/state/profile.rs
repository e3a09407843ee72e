//! Accounts as they are shown, and the news of their changes.

use std::collections::BTreeMap;

use super::State;
use super::accounts::Account;
use crate::playground::event::{Outgoing, Recipients};
use crate::playground::wire;

/// How much of a user is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// To the user.
    Own,
    /// To a system admin.
    Admin,
    /// To anybody else.
    Other,
}

fn notify_props(old: bool) -> BTreeMap<&'static str, &'static str> {
    let mut props = BTreeMap::from([
        ("channel", "true"),
        ("comments", "never"),
        ("desktop", "mention"),
        ("desktop_sound", "true"),
        ("email", "true"),
        ("first_name", "false"),
        ("mention_keys", ""),
        ("push", "mention"),
        ("push_status", "online"),
    ]);
    if !old {
        props.extend([
            ("desktop_threads", "all"),
            ("email_threads", "all"),
            ("push_threads", "all"),
        ]);
    }
    props
}

impl State {
    /// The account as `viewer` sees it, with the details that go with that.
    pub(crate) fn user_for(&self, id: &str, viewer: &str) -> Option<wire::User> {
        let view = if id == viewer {
            View::Own
        } else if self.accounts.get(viewer).is_some_and(Account::is_admin) {
            View::Admin
        } else {
            View::Other
        };
        self.accounts
            .get(id)
            .map(|account| self.user(account, view))
    }

    /// The account in a list: there, oneself is anybody.
    pub(crate) fn listed_user(&self, id: &str, viewer: &str) -> Option<wire::User> {
        let view = if self.is_admin(viewer) {
            View::Admin
        } else {
            View::Other
        };
        self.accounts
            .get(id)
            .map(|account| self.user(account, view))
    }

    pub(crate) fn user(&self, account: &Account, view: View) -> wire::User {
        let own = view == View::Own;
        let has_notify_props = own || (view == View::Admin && !self.is_old());
        wire::User {
            id: account.id.clone(),
            create_at: account.create_at,
            update_at: account.update_at,
            delete_at: account.delete_at,
            username: account.username.clone(),
            auth_data: (view == View::Other || self.is_old()).then_some(""),
            auth_service: "",
            email: account.email.clone(),
            nickname: account.nickname.clone(),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            position: account.position.clone(),
            roles: account.roles.clone(),
            notify_props: has_notify_props.then(|| notify_props(self.is_old())),
            last_password_update: if own { account.last_password_update } else { 0 },
            last_picture_update: account.last_picture_update,
            failed_attempts: if own { account.failed_attempts } else { 0 },
            locale: "en",
            timezone: wire::Timezone::DEFAULT,
            remote_id: (account.bot.is_none() && !self.is_old()).then_some(""),
            is_bot: account.bot.is_some(),
            bot_description: account
                .bot
                .as_ref()
                .map(|bot| bot.description.clone())
                .unwrap_or_default(),
            disable_welcome_email: false,
        }
    }

    /// The ETag of a user (`model.User.Etag`).
    pub(crate) fn user_etag(&self, id: &str) -> String {
        let update_at = self.accounts.get(id).map_or(0, |account| account.update_at);
        format!("{}.{id}.{update_at}..0.true.true.0", self.version())
    }

    /// Tells everybody that a user changed; what each sees depends on who it is.
    pub(crate) fn emit_user_updated(&mut self, id: &str) {
        self.cached_users.remove(id);
        let Some(account) = self.accounts.get(id) else {
            return;
        };
        let admins: Vec<String> = self
            .accounts
            .values()
            .filter(|other| other.is_admin() && other.id != id)
            .map(|other| other.id.clone())
            .collect();
        let for_others =
            Outgoing::new("user_updated").with("user", &self.user(account, View::Other));
        if self.is_old() {
            self.emit(for_others);
            return;
        }
        let own = Outgoing::new("user_updated")
            .with("user", &self.user(account, View::Own))
            .for_user(id);
        let for_admins =
            Outgoing::new("user_updated").with("user", &self.user(account, View::Admin));
        let mut for_others = for_others.omitting(id);
        for_others.broadcast.contains_sanitized_data = true;
        let others = self
            .accounts
            .keys()
            .filter(|other| !admins.contains(other))
            .cloned()
            .collect();
        for_others.recipients = Recipients::Users(others);
        let mut for_admins = for_admins.omitting(id);
        for_admins.recipients = Recipients::Users(admins);
        self.emit(for_others);
        self.emit(for_admins);
        self.emit(own);
    }
}
