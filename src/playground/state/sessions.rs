//! Logins and personal access tokens.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::State;
use crate::id::random_token;
use crate::playground::error::ApiError;

/// A personal access token; of a bot it never ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) user_id: String,
    pub(crate) description: String,
    pub(crate) is_active: bool,
}

/// A login.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) create_at: i64,
}

/// All sessions, by what proves them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sessions {
    pub(crate) logins: HashMap<String, Login>,
    /// By token, not by its id.
    pub(crate) tokens: HashMap<String, AccessToken>,
}

/// Passwords that may be wrong in a row (`MaximumLoginAttempts`).
const MAXIMUM_ATTEMPTS: i64 = 10;

impl State {
    /// Whose session `token` proves; nobody's if it was revoked, disabled, or its user deactivated.
    pub(crate) fn session_user(&self, token: &str) -> Option<&str> {
        let user_id = match self.sessions.logins.get(token) {
            Some(login) => &login.user_id,
            None => {
                let found = self.sessions.tokens.get(token)?;
                found.is_active.then_some(&found.user_id)?
            }
        };
        let account = self.accounts.get(user_id)?;
        (account.delete_at == 0).then_some(user_id)
    }

    /// Opens a session by user name or address, and password.
    pub(crate) fn log_in(
        &mut self,
        login_id: &str,
        password: &str,
    ) -> Result<(String, String), ApiError> {
        let wrong = ApiError::new(
            401,
            "api.user.login.invalid_credentials_email_username",
            "Enter a valid email or username and/or password.",
        );
        let login_id = login_id.to_lowercase();
        let now = self.now();
        let account = self
            .accounts
            .values_mut()
            .find(|account| account.username == login_id || account.email == login_id)
            .ok_or_else(|| wrong.clone())?;
        if account.failed_attempts >= MAXIMUM_ATTEMPTS {
            return Err(ApiError::new(
                401,
                "api.user.check_user_login_attempts.too_many.app_error",
                "Your account is locked because of too many failed password attempts. Please reset your password.",
            ));
        }
        if account.bot.is_some() {
            return Err(ApiError::new(
                401,
                "api.user.login.bot_login_forbidden.app_error",
                "Bot login is forbidden.",
            ));
        }
        if account.password != password {
            account.failed_attempts += 1;
            account.update_at = now;
            self.changed = true;
            return Err(wrong);
        }
        if account.delete_at > 0 {
            return Err(ApiError::new(
                401,
                "api.user.login.inactive.app_error",
                "Login failed because your account has been deactivated.  Please contact an administrator.",
            ));
        }
        account.failed_attempts = 0;
        let user_id = account.id.clone();
        Ok((self.open_session(&user_id), user_id))
    }

    fn open_session(&mut self, user_id: &str) -> String {
        let token = random_token();
        let login = Login {
            id: random_token(),
            user_id: user_id.to_owned(),
            create_at: self.now(),
        };
        self.sessions.logins.insert(token.clone(), login);
        self.changed = true;
        token
    }

    /// Ends the login that `token` proves.
    pub(crate) fn log_out(&mut self, token: &str) {
        if let Some(login) = self.sessions.logins.remove(token) {
            self.doubted.push(login.user_id);
            self.changed = true;
        }
    }

    /// Ends all logins of a user; access tokens make a new session at their next use.
    pub(crate) fn revoke_logins(&mut self, user_id: &str) {
        self.sessions
            .logins
            .retain(|_, login| login.user_id != user_id);
        self.changed = true;
    }

    /// Ends all logins of a user on an administrator's word.
    pub(crate) fn revoke_sessions(&mut self, user_id: &str) {
        self.revoke_logins(user_id);
        // 5.37 left the open websockets alone.
        if !self.is_old() {
            self.doubted.push(user_id.to_owned());
        }
    }

    /// Makes an access token.
    pub(crate) fn create_token(&mut self, user_id: &str, description: &str) -> AccessToken {
        let token = AccessToken {
            id: random_token(),
            token: random_token(),
            user_id: user_id.to_owned(),
            description: description.to_owned(),
            is_active: true,
        };
        self.sessions
            .tokens
            .insert(token.token.clone(), token.clone());
        self.changed = true;
        token
    }

    pub(crate) fn token_by_id(&self, id: &str) -> Option<&AccessToken> {
        self.sessions.tokens.values().find(|token| token.id == id)
    }

    /// Enables or disables an access token.
    pub(crate) fn set_token_active(&mut self, id: &str, active: bool) {
        let found = self
            .sessions
            .tokens
            .values_mut()
            .find(|token| token.id == id);
        if let Some(token) = found {
            token.is_active = active;
            self.changed = true;
            // 5.37 left the open websockets alone.
            if !active && !self.is_old() {
                let user_id = self.token_by_id(id).map(|token| token.user_id.clone());
                self.doubted.extend(user_id);
            }
        }
    }

    /// Revokes an access token for good.
    pub(crate) fn revoke_token(&mut self, id: &str) {
        self.set_token_active(id, false);
        self.sessions.tokens.retain(|_, token| token.id != id);
    }
}
