//! What modules ask of the server through us: a fixed list of methods, with our rights and no more.

use std::sync::Arc;

use crate::bot::context::Context;
use crate::module::protocol::{Outcome, Request, Response, ToHost};

/// Answers `request` beside everything else.
pub(super) fn serve(context: &Arc<Context>, request: Request) {
    let outcome = Outcome::Error(format!("{} is not offered", request.method));
    context.modules.order(ToHost::Response(Response {
        id: request.id,
        outcome,
    }));
}
