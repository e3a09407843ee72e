//! `@help [word]`: what the asker may run here, or one command explained.

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::command::table::{self, Row};
use crate::command::{Role, role};

/// The help for whoever asked; an account that cannot be looked up is shown what everyone may run.
pub async fn text(context: &Context, ticket: &Ticket) -> String {
    let role = match context.api.user(ticket.post.user_id).await {
        Ok(user) => role::role_of(&context.settings().policy, &user),
        Err(error) => {
            tracing::debug!(error = %causes(&error), "who asks for help could not be looked up");
            Role::Everyone
        }
    };
    let may = |row: &&Row| row.role <= role && (row.role == Role::Everyone || !ticket.room.foreign);
    let rows: Vec<&'static Row> = table::TABLE.iter().filter(may).collect();
    match ticket.invocation.arguments.first() {
        None => reply::help(&rows, &context.settings().vocabulary),
        Some(word) => {
            let name = format!("@{}", word.trim_start_matches(['@', '!']).to_lowercase());
            match rows
                .iter()
                .find(|row| context.settings().vocabulary.word(row.builtin) == name)
            {
                Some(row) => reply::help_on(row, &context.settings().vocabulary),
                None => {
                    let allowed: Vec<_> = rows.iter().map(|row| row.builtin).collect();
                    reply::help_unknown(
                        word,
                        &context.settings().vocabulary.suggestions(&name, &allowed),
                    )
                }
            }
        }
    }
}
