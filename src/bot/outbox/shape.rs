//! Our posts as the server gets them, and how they are known again.

use serde_json::{Value, json};

use crate::id::UserId;
use crate::ledger::{Delivery, Kind};
use crate::mattermost::model::{NewPost, Post};
use crate::timestamp::Timestamp;

/// The post that `delivery` asks for.
pub(super) fn new_post(delivery: &Delivery) -> NewPost {
    NewPost {
        channel_id: delivery.channel,
        root_id: delivery.root,
        message: delivery.text.clone(),
        props: json!({ "matterbot": props(delivery) }),
        file_ids: delivery.files.clone(),
        pending_post_id: delivery.key.clone(),
    }
}

/// What our posts say of themselves, for a successor and for whoever checks the promise.
fn props(delivery: &Delivery) -> Value {
    json!({
        "v": 1,
        "key": delivery.key,
        "calls": delivery.calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        // One word may call several modules: these tell their outcomes apart.
        "names": delivery.calls.iter().map(|call| &call.name).collect::<Vec<_>>(),
        "kind": match delivery.kind {
            Kind::Progress => "progress",
            Kind::Outcome => "outcome",
            Kind::Notice => "notice",
        },
        "part": delivery.part,
        "parts": delivery.parts,
    })
}

fn key(post: &Post) -> Option<&str> {
    post.props.get("matterbot")?.get("key")?.as_str()
}

/// Whether `post`, which was read, is the one that `delivery` asked for. Its text does not count: plugins rewrite it.
pub(super) fn is_ours(post: &Post, delivery: &Delivery, me: UserId) -> bool {
    stands_there(post, delivery, me) && key(post) == Some(&*delivery.key)
}

/// Whether `post`, with which the server answered our request, is the one that we asked for.
///
/// Beside the post that was just made it can only be one that was made with our key, which nobody can guess. So ours
/// needs no props, which a plugin may have taken away, nor the key, which is echoed by the first answer only; but
/// somebody who saw our key may have used it since, and a plugin may have put the post elsewhere.
pub(super) fn is_answer(post: &Post, delivery: &Delivery, me: UserId) -> bool {
    stands_there(post, delivery, me) && key(post).is_none_or(|key| key == delivery.key)
}

fn stands_there(post: &Post, delivery: &Delivery, me: UserId) -> bool {
    post.user_id == me
        && post.channel_id == delivery.channel
        && post.root_id == delivery.root
        && post.delete_at == Timestamp::default()
}
