//! `@help [word]`: what the asker may run here, or one command or module explained.

use crate::bot::availability::{Availabilities, Availability};
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::command::catalogue::{Catalogue, Module};
use crate::command::table::{self, Row};
use crate::command::{Builtin, Role, role};

use super::binds::is_missing;

/// The help for whoever asked; an account that cannot be looked up is shown what everyone may run.
pub async fn text(context: &Context, ticket: &Ticket) -> String {
    let role = match context.api.user(ticket.post.user_id).await {
        Ok(user) => role::role_of(&context.settings().policy, &user),
        Err(error) => {
            tracing::debug!(error = %causes(&error), "who asks for help could not be looked up");
            Role::Everyone
        }
    };
    let settings = context.settings();
    let vocabulary = &settings.vocabulary;
    let foreign = ticket.room.foreign;
    let may = |row: &&Row| {
        let here = row.role == Role::Everyone || row.local || !foreign;
        row.role <= role && here && vocabulary.knows(row.builtin) && !row.builtin.needs_ward()
    };
    let rows: Vec<&'static Row> = table::TABLE.iter().filter(may).collect();
    let mut arguments = ticket.invocation.arguments.iter();
    let asked = arguments.next();
    let is_named = |row: &&&Row| asked.is_some_and(|word| vocabulary.is_word_of(row.builtin, word));
    if let Some(row) = rows.iter().find(is_named) {
        return reply::help_on(row, vocabulary);
    }
    let catalogue = context.binds.catalogue();
    let Some(asked) = asked else {
        let available = available(context, ticket, loaded(&catalogue)).await;
        let help = vocabulary.word(Builtin::Help);
        return reply::help(&rows, vocabulary) + &reply::help_words(&words(&available), &help);
    };
    let (missing, there): (Vec<&Module>, Vec<&Module>) =
        meant(&catalogue, asked).partition(|module| is_missing(&catalogue, &module.name));
    let meant = available(context, ticket, there.into_iter()).await;
    if !meant.is_empty() {
        let subcommand: Vec<String> = arguments.map(|word| word.to_lowercase()).collect();
        return reply::help_on_modules(&meant, &subcommand.join(" "));
    }
    if !available(context, ticket, missing.into_iter())
        .await
        .is_empty()
    {
        return reply::help_not_loaded(asked);
    }
    let allowed: Vec<_> = rows.iter().map(|row| row.builtin).collect();
    let available = available(context, ticket, loaded(&catalogue)).await;
    let suggestions = vocabulary.suggestions(asked, &allowed, &words(&available));
    reply::help_unknown(asked, &suggestions, vocabulary)
}

/// The modules that answer to `word`, or bear that name.
fn meant<'a>(catalogue: &'a Catalogue, word: &str) -> impl Iterator<Item = &'a Module> {
    let word = word.to_lowercase();
    catalogue
        .modules()
        .filter(move |module| module.name.to_lowercase() == word || module.binds.contains(&word))
}

/// The modules but those that are missing, which nobody can call.
fn loaded(catalogue: &Catalogue) -> impl Iterator<Item = &Module> {
    catalogue
        .modules()
        .filter(|module| !is_missing(catalogue, &module.name))
}

/// Those of `modules` that are available to whoever asked, where he asked.
async fn available<'a>(
    context: &Context,
    ticket: &Ticket,
    modules: impl Iterator<Item = &'a Module>,
) -> Vec<&'a Module> {
    let mut availabilities = Availabilities::new(context, &ticket.room, ticket.post.user_id);
    let mut available = Vec::new();
    for module in modules {
        if availabilities.of(module).await == Availability::Available {
            available.push(module);
        }
    }
    available
}

/// The words that call `modules`, in order.
fn words(modules: &[&Module]) -> Vec<String> {
    let mut words: Vec<String> = modules
        .iter()
        .flat_map(|module| module.binds.iter().cloned())
        .collect();
    words.sort();
    words.dedup();
    words
}
