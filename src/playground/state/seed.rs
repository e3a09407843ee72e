//! What a new playground holds: the team, its channels and the published accounts.

use super::State;
use super::accounts::Account;
use super::bots::BotDetails;
use super::channels::NewChannel;
use crate::playground::error::ApiError;

/// The password of every seeded person.
pub(crate) const PASSWORD: &str = "Playground-1";

/// The seeded bot's user name; the server refuses `matterbot`, as the real one does.
pub(crate) const BOT: &str = "matter-bot";

impl State {
    fn seed_account(&mut self, username: &str, roles: &str) -> String {
        let now = self.now();
        self.add_account(Account {
            create_at: now,
            update_at: now,
            username: username.to_owned(),
            email: format!("{username}@playground.test"),
            first_name: username
                .chars()
                .next()
                .map(|c| c.to_uppercase().to_string())
                .unwrap_or_default()
                + username.chars().skip(1).collect::<String>().as_str(),
            roles: roles.to_owned(),
            password: PASSWORD.to_owned(),
            last_password_update: now,
            ..Account::default()
        })
    }

    /// Fills an empty server.
    ///
    /// # Errors
    /// Never on an empty one; each step is one that a client could take, too.
    pub(crate) fn seed(&mut self) -> Result<(), ApiError> {
        let admin = self.seed_account("admin", "system_admin system_user");
        let team = self.create_team("ops", ("Ops", "O"), &admin)?;
        let incidents = NewChannel {
            team_id: team.clone(),
            name: "incidents".to_owned(),
            display_name: "Incidents".to_owned(),
            kind: "O".to_owned(),
            ..NewChannel::default()
        };
        let incidents = self.create_channel(&incidents, &admin)?.id;
        for username in ["olga", "pat", "gone"] {
            let id = self.seed_account(username, "system_user");
            self.join_team(&team, &id)?;
            self.join_channel(&incidents, &id, &admin)?;
            if username == "gone" {
                self.set_active(&id, false)?;
            }
        }
        let guest = self.seed_account("guest", "system_guest");
        self.join_team(&team, &guest)?;
        let now = self.now();
        let details = BotDetails {
            display_name: "MatterBot".to_owned(),
            description: "The bot under trial".to_owned(),
            owner_id: admin.clone(),
            create_at: now,
            update_at: now,
            delete_at: 0,
        };
        let bot = self.create_bot(BOT, details)?;
        self.join_team(&team, &bot)?;
        self.join_channel(&incidents, &bot, &admin)?;
        self.create_token(&bot, "playground");
        self.outgoing.clear();
        self.doubted.clear();
        Ok(())
    }

    /// A token of the seeded bot that works.
    pub(crate) fn seeded_token(&self) -> Option<String> {
        let bot = self.account_by_name(BOT)?;
        let mut tokens = self.sessions.tokens.values();
        tokens
            .find(|token| token.user_id == bot.id && token.is_active)
            .map(|token| token.token.clone())
    }
}
