//! The REST routes, by the first word of their paths.

pub(crate) mod bots;
pub(crate) mod channels;
pub(crate) mod files;
pub(crate) mod hooks;
pub(crate) mod lists;
pub(crate) mod members;
pub(crate) mod posts;
pub(crate) mod reactions;
pub(crate) mod roles;
pub(crate) mod status;
pub(crate) mod system;
pub(crate) mod teams;
pub(crate) mod tokens;
pub(crate) mod users;

use super::call::{Answer, Call};
use super::error::unknown_route;

/// Finds the route of a request and answers it.
pub(crate) fn dispatch(call: &mut Call<'_>) -> Answer {
    let asked = call.asked;
    let words: Vec<&str> = asked.path.split('/').skip(1).collect();
    let method = asked.method.as_str();
    match words.as_slice() {
        ["hooks", id] if method == "POST" => hooks::receive(call, id),
        ["api", "v4", path @ ..] => {
            let answer = match path.first().copied().unwrap_or_default() {
                "users" => users::route(call, method, path),
                "bots" => bots::route(call, method, path),
                "teams" => teams::route(call, method, path),
                "channels" => channels::route(call, method, path),
                "posts" => posts::route(call, method, path),
                "reactions" => reactions::route(call, method, path),
                "files" => files::route(call, method, path),
                "hooks" => hooks::route(call, method, path),
                _ => system::route(call, method, path),
            };
            answer.unwrap_or_else(|| Err(unknown_route(&asked.path)))
        }
        _ => Err(unknown_route(&asked.path)),
    }
}
