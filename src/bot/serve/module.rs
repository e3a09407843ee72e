//! One word of modules, from its turn to the last answer; read from top to bottom.

use std::sync::Arc;

use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::ledger::Unwritable;

use super::{Ending, Outcome, record};

pub(super) async fn run(context: &Arc<Context>, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let outcome = Outcome::failed("not loaded".to_owned(), reply::not_loaded(ticket));
    context.record(record(context, ticket, outcome)).await?;
    Ok(Ending::Settled)
}
