//! People and teams.

use super::call::Call;
use super::{Api, ApiError};
use crate::id::UserId;
use crate::mattermost::model::{Team, User};

impl Api {
    /// Whom the token belongs to.
    ///
    /// # Errors
    /// A 401 if the token is not good, or if the server's database is down.
    pub async fn me(&self) -> Result<User, ApiError> {
        self.get(&["users", "me"], &[]).await
    }

    /// The same in one attempt, for a caller that keeps its own times.
    pub(in crate::mattermost) async fn me_once(&self) -> Result<User, ApiError> {
        let call = Call::get(&["users", "me"], &[]);
        self.once(&call, self.timeouts.answer).await?.decode()
    }

    /// Somebody, freshly read; a deactivated account is found too.
    ///
    /// # Errors
    /// 404 if there is no such user; 403 if we may not see them.
    pub async fn user(&self, id: UserId) -> Result<User, ApiError> {
        self.get(&["users", id.as_str()], &[]).await
    }

    /// These people, as far as the server knows them and lets us see them.
    ///
    /// # Errors
    /// As any call.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, ApiError> {
        let call = Call::post(&["users", "ids"], ids)?;
        self.repeat(&call).await?.decode_each("an account")
    }

    /// The teams that we are a member of.
    ///
    /// # Errors
    /// As any call.
    pub async fn my_teams(&self) -> Result<Vec<Team>, ApiError> {
        self.get(&["users", "me", "teams"], &[]).await
    }

    /// The team with this name in its address.
    ///
    /// # Errors
    /// 404 if there is none, or if it is private and we are no member.
    pub async fn team_by_name(&self, name: &str) -> Result<Team, ApiError> {
        self.get(&["teams", "name", name], &[]).await
    }
}
