//! The contract: the playground answers as two real servers did, status by status and key by key.

mod difference;
mod exceptions;
mod frames;
pub(crate) mod recording;
mod replay;
mod request;
mod scenario;
mod shape;
pub(crate) mod sockets;
mod translate;

use matterbot::playground::Flavour;

async fn the_playground_answers_as_recorded(version: &'static str, flavour: Flavour) {
    let differences = replay::replay(version, flavour).await;
    assert!(
        differences.is_empty(),
        "{}",
        difference::report(version, &differences)
    );
}

#[tokio::test]
async fn the_playground_answers_as_mattermost_11_6_did() {
    the_playground_answers_as_recorded("11.6", Flavour::V11_6).await;
}

#[tokio::test]
async fn the_playground_answers_as_mattermost_5_37_did() {
    the_playground_answers_as_recorded("5.37", Flavour::V5_37).await;
}
