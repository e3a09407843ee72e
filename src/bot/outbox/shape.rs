//! Our posts as the server gets them, and how they are known again.

use serde_json::{Value, json};

use crate::id::{PostId, UserId};
use crate::ledger::Delivery;
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
        "kind": delivery.kind,
        "part": delivery.part,
        "parts": delivery.parts,
    })
}

/// The key by which a post of ours is known; anybody may have written the props.
#[must_use]
pub fn key(post: &Post) -> Option<&str> {
    post.props.get("matterbot")?.get("key")?.as_str()
}

/// The outcome that `post` says it is: the first call that it answers, as its post and its place there.
#[must_use]
pub fn answered(post: &Post) -> Option<(PostId, u16)> {
    let props = post.props.get("matterbot")?;
    if props.get("kind")?.as_str()? != "outcome" {
        return None;
    }
    let call = props.get("calls")?.as_array()?.first()?.as_str()?;
    let (post, ordinal) = call.split_once(':')?;
    Some((post.parse().ok()?, ordinal.parse().ok()?))
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
