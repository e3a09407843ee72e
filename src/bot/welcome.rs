//! The welcome of the section `Matterbot` (`welcome…`): whoever joins the channel is greeted there, once.
//!
//! ```text
//!  user_added ──▶ waits for MOMENT, with all who come meanwhile ──▶ one post
//! ```
//!
//! The event `user_added` tells of every joining, by oneself, by somebody else, or with the team; the server's post that
//! tells of it too adds nothing. Who joined while the bot was away is not greeted: days later it would surprise.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Welcome;
use crate::id::{ChannelId, UserId};
use crate::ledger::Reply;
use crate::mattermost::model::User;

use super::causes::causes;
use super::context::Context;
use super::reply;
use super::serve::parts;

/// So long others may join before all are greeted together.
const MOMENT: Duration = Duration::from_secs(2);

/// The longest text of a file that is posted, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// Where newcomers are greeted, if they are.
#[must_use]
pub fn channel(welcome: &Welcome) -> Option<ChannelId> {
    let channel = welcome.channel.as_deref().filter(|_| welcome.enabled)?;
    channel.parse().ok()
}

/// Greets `user`, who has joined `channel`, and all who join in the next moment.
pub async fn welcome(context: Arc<Context>, channel: ChannelId, user: UserId) {
    if !context.newcomers.joined(user, Instant::now()) {
        return;
    }
    tokio::time::sleep(MOMENT).await;
    let mut names = Vec::new();
    for user in context.newcomers.take() {
        match context.api.user(user).await {
            Ok(user) if is_greeted(&user) => names.push(user.username),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %causes(&error), %user, "a newcomer could not be looked up, and is not greeted");
            }
        }
    }
    let settings = context.settings();
    let welcome = &settings.config.matterbot.welcome;
    let Some(text) = reply::welcome(&names, &welcome.banner, &file(&welcome.file).await) else {
        return;
    };
    let notice = Reply::notice(channel, None, parts(&context, "welcome", &text));
    context.post(notice, "newcomers could not be greeted").await;
}

/// Programs are not greeted, nor whoever is gone again.
fn is_greeted(user: &User) -> bool {
    !user.is_bot && user.delete_at.0 == 0
}

/// The text of the file at `path`; empty if there is none.
async fn file(path: &Path) -> String {
    let (owned, shown) = (path.to_owned(), path.display());
    let reading = tokio::task::spawn_blocking(move || read(owned));
    let read = reading.await.unwrap_or_else(|error| Err(error.into()));
    read.unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, "{shown} cannot be read, and is left out of the welcome");
        }
        String::new()
    })
}

fn read(path: PathBuf) -> io::Result<String> {
    // What is no regular file may have no end, or no beginning.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_LIMIT)
        .read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
