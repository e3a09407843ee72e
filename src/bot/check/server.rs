//! What the server says to `matterbot check --online`.

use std::time::Duration;

use futures_util::future::join_all;

use crate::bot::causes::causes;
use crate::bot::identity::{Identity, Unidentified};
use crate::bot::{advice, report};
use crate::config::{Config, Matterbot};
use crate::id::UserId;
use crate::mattermost::api::{Api, ApiError, Connection, Timeouts};

/// How long it may take to answer one question.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

/// At most so many accounts of the role lists are asked for.
const MOST_ACCOUNTS: usize = 20;

/// What is the matter with the server.
pub(super) enum Trouble {
    /// A person must mend it.
    Final(String),
    /// It may pass.
    Passing(String),
}

/// Whether the server accepts the token, and has what the configuration names; gives what is odd about it.
pub(super) async fn ask(config: &Config) -> Result<Vec<String>, Trouble> {
    let timeouts = Timeouts {
        connect: ANSWER_PATIENCE,
        answer: ANSWER_PATIENCE,
        all_attempts: ANSWER_PATIENCE,
        ..Timeouts::default()
    };
    let connection = Connection {
        timeouts,
        ..Connection::new(config.matterbot.api_url(), config.matterbot.token.clone())
    };
    let api = Api::new(&connection).map_err(|error| Trouble::Final(causes(&error).to_string()))?;
    token(&api, &config.matterbot).await?;
    match Identity::ask(&api, config).await {
        Ok(identity) => {
            let mut oddities = strangers(&api, &config.matterbot).await;
            oddities.extend(report::odd_account(&identity));
            Ok(oddities)
        }
        Err(Unidentified::Misconfigured(sentence)) => Err(Trouble::Final(sentence)),
        Err(Unidentified::NotNow(error)) => Err(Trouble::Passing(format!("{error:#}"))),
    }
}

/// A refusal counts only from a server that is well before it and after it: a database that is down answers 401 too.
async fn token(api: &Api, matterbot: &Matterbot) -> Result<(), Trouble> {
    let passing = |error: ApiError| Trouble::Passing(advice::unreachable(&error, matterbot));
    match api.me().await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unauthorized() => {}
        Err(error) => return Err(passing(error)),
    }
    let healthy_before = api.healthy().await;
    match api.me().await {
        Ok(_) => Ok(()),
        Err(error) if !error.is_unauthorized() => Err(passing(error)),
        Err(_) => {
            let healthy = healthy_before && api.healthy().await;
            let sentence = report::refused(&matterbot.token_source, healthy);
            Err(if healthy {
                Trouble::Final(sentence)
            } else {
                Trouble::Passing(sentence)
            })
        }
    }
}

/// The user ids of the role lists that belong to nobody who can hold a role. What the server does not tell is passed over.
async fn strangers(api: &Api, matterbot: &Matterbot) -> Vec<String> {
    let listed = |key: &'static str, entries: &[String]| {
        let ids = entries.iter().filter_map(|entry| entry.parse().ok());
        ids.map(|id: UserId| (key, id)).collect::<Vec<_>>()
    };
    let mut ids = listed("botadmins", &matterbot.botadmins);
    ids.extend(listed("botoperators", &matterbot.botoperators));
    ids.truncate(MOST_ACCOUNTS);
    let asked = ids.into_iter().map(async |(key, id)| {
        let why = match api.user(id).await {
            Err(error) if error.is_not_found() => "the server has no account of this id",
            Ok(user) if user.delete_at.0 != 0 => "this account is deactivated",
            Ok(user) if user.is_bot => "this account is a bot's, which can hold no role",
            _ => return None,
        };
        Some(format!("Matterbot.{key}: {id}: {why}"))
    });
    join_all(asked).await.into_iter().flatten().collect()
}
