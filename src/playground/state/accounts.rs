//! People and bots.

use serde::{Deserialize, Serialize};

use super::State;
use super::bots::BotDetails;
use crate::id::random_token;
use crate::playground::error::{ApiError, permissions};
use crate::playground::event::Outgoing;

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
pub(crate) const RESTRICTED: [&str; 4] = ["all", "channel", "matterbot", "system"];

/// `model.IsValidUsername`: lower case, at most 64 characters, not reserved.
pub(crate) fn is_valid_username(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c))
        && !is_reserved(name)
}

/// Whether nobody may have this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESTRICTED.contains(&name)
}

pub(crate) fn invalid_username() -> ApiError {
    ApiError::new(
        400,
        "model.user.is_valid.username.app_error",
        "Username must begin with a letter, and contain between 3 to 22 lowercase characters made up of numbers, \
         letters, and the symbols \".\", \"-\", and \"_\".",
    )
}

/// One address and nothing else, of at most 128 characters (`model.IsValidEmail`).
fn is_valid_email(email: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c))
    };
    let parts = email.split_once('@');
    email.len() <= 128 && parts.is_some_and(|(user, host)| is_word(user) && is_word(host))
}

/// What the server asks of a password by default: 8 characters, and as many as its hash takes in.
pub(crate) fn check_password(password: &str) -> Result<(), ApiError> {
    let (id, message) = if password.len() < 8 {
        (
            "model.user.is_valid.pwd_min_length.app_error",
            "Your password must contain at least 8 characters.",
        )
    } else if password.len() > 72 {
        (
            "model.user.is_valid.password_limit.app_error",
            "Unable to set a password over 72 characters due to the limitations of bcrypt.",
        )
    } else {
        return Ok(());
    };
    Err(ApiError::new(400, id, message))
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
        let email = new.email.to_lowercase();
        if !is_valid_email(&email) {
            return Err(ApiError::new(
                400,
                "model.user.is_valid.email.app_error",
                "Invalid email.",
            ));
        }
        check_password(&new.password)?;
        if self.accounts.values().any(|other| other.email == email) {
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
            email,
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
                .for_user(id),
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

    /// Marks a user as changed at this instant, as joining a team and a failed login do.
    pub(crate) fn touch_account(&mut self, id: &str) {
        let now = self.now();
        if let Some(account) = self.accounts.get_mut(id) {
            account.update_at = now;
            self.changed = true;
        }
    }
}
