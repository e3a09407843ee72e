//! `recursion`: what a module answers may call modules, one level deep.

use std::sync::Arc;

use crate::bot::context::Context;
use crate::bot::event::Event;
use crate::bot::identity::Room;
use crate::bot::outbox::shape;
use crate::command::table;
use crate::ledger::CallKey;
use crate::mattermost::model::Post;

/// Tells the loop of `answered`, a post of ours, if it answers calls of modules that somebody else asked for.
pub(super) async fn follow(context: Arc<Context>, answered: Box<(Room, Post)>) {
    let is_ours = shape::key(&answered.1).is_some_and(|key| context.ledger.is_ours(key));
    let call = shape::answered(&answered.1);
    let (true, Some((post, ordinal)), Some(identity)) = (is_ours, call, context.identity()) else {
        return;
    };
    let Ok(known) = context.ledger.known(vec![post]).await else {
        return;
    };
    let is_of_module = |key: &&CallKey| key.ordinal == ordinal && table::named(&key.name).is_none();
    let Some(key) = known.iter().find(is_of_module) else {
        return;
    };
    let asker = context.ledger.asker(key).await.ok().flatten();
    if asker.is_some_and(|asker| asker != identity.me) {
        context.tell(Event::Answered(answered));
    }
}
