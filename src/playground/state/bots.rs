//! Bots: accounts with an owner and without a password.

use serde::{Deserialize, Serialize};

use super::State;
use super::accounts::{Account, invalid_username, is_reserved, is_valid_username};
use crate::playground::error::ApiError;
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

impl State {
    /// Makes a bot, and the direct message in which it greets its owner.
    pub(crate) fn create_bot(
        &mut self,
        username: &str,
        details: BotDetails,
    ) -> Result<String, ApiError> {
        if !is_valid_username(username) {
            // 5.37 found a reserved name only when it made the user behind the bot.
            return Err(if self.is_old() && is_reserved(username) {
                invalid_username()
            } else {
                ApiError::new(
                    400,
                    "model.bot.is_valid.username.app_error",
                    "Invalid username.",
                )
            });
        }
        // The real server names the wrong field for a display name.
        for (what, text, most) in [
            ("user_id", &details.display_name, 64),
            ("description", &details.description, 1_024),
        ] {
            if text.chars().count() > most {
                let id = format!("model.bot.is_valid.{what}.app_error");
                return Err(ApiError::new(400, id, format!("Invalid {what}.")));
            }
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
}
