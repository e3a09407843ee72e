//! People and bots.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::State;
use crate::id::random_token;
use crate::playground::error::{ApiError, permissions};
use crate::playground::event::Outgoing;
use crate::playground::wire;

/// What makes an account a bot's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BotDetails {
    pub(crate) display_name: String,
    pub(crate) description: String,
    pub(crate) owner_id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
}

/// A person or a bot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) nickname: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) position: String,
    pub(crate) roles: String,
    /// In plain text: the server listens on loopback only and its passwords are published.
    pub(crate) password: String,
    pub(crate) last_password_update: i64,
    pub(crate) last_picture_update: i64,
    pub(crate) failed_attempts: i64,
    pub(crate) bot: Option<BotDetails>,
    pub(crate) status: String,
    pub(crate) status_is_manual: bool,
    pub(crate) last_activity_at: i64,
}

impl Account {
    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles.split_whitespace().any(|word| word == role)
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.has_role("system_admin")
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.has_role("system_guest")
    }
}

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

/// What is asked for when an account is made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewAccount {
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) nickname: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) position: String,
}

/// The names that nobody may have (`restrictedUsernames`).
const RESTRICTED: [&str; 4] = ["all", "channel", "matterbot", "system"];

/// `model.IsValidUsername`: lower case, at most 64 characters, not reserved.
pub(crate) fn is_valid_username(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c))
        && !RESTRICTED.contains(&name)
}

pub(crate) fn invalid_username() -> ApiError {
    ApiError::new(
        400,
        "model.user.is_valid.username.app_error",
        "Username must begin with a letter, and contain between 3 to 22 lowercase characters made up of numbers, \
         letters, and the symbols \".\", \"-\", and \"_\".",
    )
}

impl State {
    pub(crate) fn account_by_name(&self, username: &str) -> Option<&Account> {
        self.accounts
            .values()
            .find(|account| account.username == username)
    }

    /// Adds an account; the first of a person is the system admin, as on an empty real server.
    ///
    /// # Errors
    /// The server's own, for a name, address or password that cannot be had.
    pub(crate) fn create_account(&mut self, new: NewAccount) -> Result<String, ApiError> {
        let username = new.username.to_lowercase();
        if !is_valid_username(&username) {
            return Err(invalid_username());
        }
        if !new.email.contains('@') || new.email.len() > 128 {
            return Err(ApiError::new(
                400,
                "model.user.is_valid.email.app_error",
                "Invalid email.",
            ));
        }
        if new.password.len() < 8 {
            return Err(ApiError::new(
                400,
                "model.user.is_valid.pwd_min_length.app_error",
                "Your password must contain at least 8 characters.",
            ));
        }
        if self.accounts.values().any(|other| other.email == new.email) {
            return Err(ApiError::new(
                400,
                "app.user.save.email_exists.app_error",
                "An account with that email already exists.",
            ));
        }
        self.refuse_taken_name(&username)?;
        let is_first = self.accounts.values().all(|account| account.bot.is_some());
        let now = self.now();
        let account = Account {
            create_at: now,
            update_at: now,
            username,
            email: new.email.to_lowercase(),
            nickname: new.nickname,
            first_name: new.first_name,
            last_name: new.last_name,
            position: new.position,
            roles: if is_first {
                "system_admin system_user"
            } else {
                "system_user"
            }
            .to_owned(),
            password: new.password,
            last_password_update: now,
            ..Account::default()
        };
        let id = self.add_account(account);
        self.emit(Outgoing::new("new_user").with("user_id", &id));
        Ok(id)
    }

    pub(crate) fn refuse_taken_name(&self, username: &str) -> Result<(), ApiError> {
        match self.account_by_name(username) {
            None => Ok(()),
            Some(_) => Err(ApiError::new(
                400,
                "app.user.save.username_exists.app_error",
                "An account with that username already exists.",
            )),
        }
    }

    pub(crate) fn add_account(&mut self, mut account: Account) -> String {
        account.id = random_token();
        account.status = "offline".to_owned();
        let id = account.id.clone();
        self.accounts.insert(id.clone(), account);
        self.changed = true;
        id
    }

    /// Makes a bot, and the direct message in which it greets its owner.
    pub(crate) fn create_bot(
        &mut self,
        username: &str,
        details: BotDetails,
    ) -> Result<String, ApiError> {
        if !is_valid_username(username) {
            return Err(if self.is_old() {
                invalid_username()
            } else {
                ApiError::new(
                    400,
                    "model.bot.is_valid.username.app_error",
                    "Invalid username.",
                )
            });
        }
        self.refuse_taken_name(username)?;
        let now = self.now();
        let owner_id = details.owner_id.clone();
        let id = self.add_account(Account {
            create_at: now,
            update_at: now,
            username: username.to_owned(),
            email: format!("{username}@localhost"),
            first_name: details.display_name.clone(),
            roles: "system_user".to_owned(),
            last_password_update: now,
            bot: Some(details),
            ..Account::default()
        });
        self.greet_owner(&id, &owner_id);
        Ok(id)
    }

    fn greet_owner(&mut self, bot_id: &str, owner_id: &str) {
        let channel = self.direct_channel(bot_id, owner_id);
        self.system_post(
            &channel,
            bot_id,
            "add_bot_teams_channels",
            "Please add me to teams and channels you want me to interact in. To do this, use the browser or \
             Mattermost Desktop App."
                .to_owned(),
            wire::Props::new(),
        );
    }

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

    pub(crate) fn user(&self, account: &Account, view: View) -> wire::User {
        let own = view == View::Own;
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
            notify_props: (view != View::Other).then(|| notify_props(self.is_old())),
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

    /// Gives a user new global roles and tells only that user.
    pub(crate) fn set_roles(&mut self, id: &str, roles: &str) -> Result<(), ApiError> {
        let other_admin = self
            .accounts
            .values()
            .any(|other| other.is_admin() && other.id != id && other.delete_at == 0);
        let now = self.now();
        let account = self.accounts.get_mut(id).ok_or_else(permissions)?;
        let stays_admin = roles.split_whitespace().any(|role| role == "system_admin");
        if account.is_admin() && !stays_admin && !other_admin {
            return Err(ApiError::new(
                400,
                "app.user.update.lastAdmin.app_error",
                "Unable to remove the last system admin.",
            ));
        }
        roles.clone_into(&mut account.roles);
        account.update_at = now;
        self.changed = true;
        self.emit(
            Outgoing::new("user_role_updated")
                .with("user_id", &id)
                .with("roles", &roles)
                .to_user(id),
        );
        Ok(())
    }

    /// Activates or deactivates an account; its sessions end with it.
    pub(crate) fn set_active(&mut self, id: &str, active: bool) -> Result<(), ApiError> {
        let now = self.now();
        let account = self.accounts.get_mut(id).ok_or_else(permissions)?;
        account.delete_at = if active { 0 } else { now };
        account.update_at = now;
        let is_person = account.bot.is_none();
        self.changed = true;
        if !active {
            self.revoke_logins(id);
            self.doubted.push(id.to_owned());
            self.go_offline(id);
        }
        self.emit_user_updated(id);
        if is_person && !active {
            let bots: Vec<String> = self
                .accounts
                .values()
                .filter(|other| {
                    other.delete_at == 0 && other.bot.as_ref().is_some_and(|bot| bot.owner_id == id)
                })
                .map(|bot| bot.id.clone())
                .collect();
            for bot in bots {
                self.set_bot_active(&bot, false)?;
            }
        }
        Ok(())
    }

    /// Enables or disables a bot, the account behind it included.
    pub(crate) fn set_bot_active(&mut self, id: &str, active: bool) -> Result<(), ApiError> {
        self.set_active(id, active)?;
        let now = self.now();
        if let Some(bot) = self
            .accounts
            .get_mut(id)
            .and_then(|account| account.bot.as_mut())
        {
            bot.update_at = now;
            bot.delete_at = if active { 0 } else { now };
        }
        Ok(())
    }

    /// Tells everybody that a user changed; what each sees depends on who it is.
    pub(crate) fn emit_user_updated(&mut self, id: &str) {
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
            .to_user(id);
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
        for_others.recipients = crate::playground::event::Recipients::Users(others);
        let mut for_admins = for_admins.omitting(id);
        for_admins.recipients = crate::playground::event::Recipients::Users(admins);
        self.emit(for_others);
        self.emit(for_admins);
        self.emit(own);
    }

    /// Marks a user as changed at this instant, as joining a team and a failed login do.
    pub(crate) fn touch_account(&mut self, id: &str) {
        let now = self.now();
        if let Some(account) = self.accounts.get_mut(id) {
            account.update_at = now;
            self.changed = true;
        }
    }
}
