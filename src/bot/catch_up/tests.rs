//! What a sweep hands over of the posts that it read.

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::id::{ChannelId, PostId, TeamId, UserId};
use crate::ledger::Ledger;
use crate::mattermost::api::{Api, Connection};
use crate::secret::Secret;

use super::*;

fn sweep(ledger: Ledger) -> (Sweep, UnboundedReceiver<Event>) {
    let (events, inbox) = unbounded_channel();
    let identity = Identity {
        me: UserId::random(),
        username: "matter-bot".to_owned(),
        is_bot: true,
        team: TeamId::random(),
        lifecycle_channels: None,
        post_size: 16_383,
    };
    let connection = Connection::new("http://127.0.0.1:9", Secret::new("token".to_owned()));
    let sweep = Sweep {
        api: Api::new(&connection).unwrap(),
        ledger,
        identity,
        authors: Authors::default(),
        max_posts: 200,
        events,
    };
    (sweep, inbox)
}

fn room() -> Room {
    Room::open(ChannelId::random(), "town-square")
}

fn post(room: &Room, created: i64) -> Post {
    let post = json!({
        "id": PostId::random(), "create_at": created, "user_id": UserId::random(), "channel_id": room.id,
        "message": "@status",
    });
    serde_json::from_value(post).unwrap()
}

#[tokio::test]
async fn nothing_is_handed_over_while_nobody_knows_what_was_served() {
    let (sweep, mut inbox) = sweep(Ledger::unopened("no room".to_owned()));
    let room = room();
    let told = sweep.found(&room, vec![post(&room, 1)]).await;
    assert!(told.is_err());
    assert!(inbox.try_recv().is_err());
}
