//! The checker must see what is not as promised: faults that no switch makes, planted from outside the program.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::deck::Owed;
use super::judge::judge;
use super::world::{World, kill};
use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

impl World {
    /// Has `person` ask in the lab; gives the call's name.
    async fn asks(&self, person: &Person, text: &str) -> String {
        let post = person.says(&self.scenario.lab, text).await;
        self.owes(&post, &[Owed::Words]).remove(0)
    }

    /// Until nothing is wrong.
    async fn is_fine(&self, bot: &BotUnderTest) {
        let fine = async || judge(&self.evidence(bot).await).is_empty().then_some(());
        poll("everything was as promised", fine).await;
    }

    /// Until the outcome of `call` was told so often, or begins to be.
    async fn tells(&self, bot: &BotUnderTest, call: &str, times: usize) {
        let name = json!(call);
        let told = async || {
            let posts = self.evidence(bot).await.posts;
            let tells = |post: &&Value| {
                let props = &post["props"]["matterbot"];
                let calls = props["calls"].as_array();
                let first = props["kind"] == "outcome" && props["part"] == 1;
                first && calls.is_some_and(|calls| calls.contains(&name))
            };
            (posts.iter().filter(tells).count() >= times).then_some(())
        };
        poll("the outcome was told again", told).await;
    }

    /// What is wrong with `call`.
    async fn complaint(&self, bot: &BotUnderTest, call: &str) -> String {
        let wrong = judge(&self.evidence(bot).await);
        let about = wrong.iter().find(|complaint| complaint.starts_with(call));
        about.unwrap_or_else(|| panic!("{wrong:?}")).clone()
    }
}

#[tokio::test]
async fn a_start_row_that_is_gone_between_two_kills_is_noticed() {
    let world = World::new().await;
    let mut bot = world.bot().await;
    let call = world.asks(&world.scenario.pat, "@status").await;
    world.is_fine(&bot).await;
    kill(&mut bot).await;
    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    let deleted = ledger.execute("DELETE FROM call WHERE post || ':0' = ?", [&call]);
    assert_eq!(deleted, Ok(1));
    drop(ledger);
    bot.restart_process();
    world.tells(&bot, &call, 2).await;
    kill(&mut bot).await;
    let complaint = world.complaint(&bot, &call).await;
    assert!(complaint.contains("parts [1, 1"), "{complaint}");
}

#[tokio::test]
async fn a_key_that_a_proxy_takes_away_is_noticed() {
    let world = World::in_scenario(Scenario::through_proxy().await).await;
    let bot = world.bot().await;
    let honest = world.asks(&world.scenario.pat, "@status").await;
    world.is_fine(&bot).await;
    // And the first answer is lost, so that nothing shows that there is a post already.
    for (kind, times) in [("stripped_key", None), ("lost_answer", Some(1))] {
        let posts = json!({"posting": "/api/v4/posts"});
        let switch = json!({"fault": {"kind": kind}, "scope": posts, "times": times});
        world.scenario.fault(switch).await;
    }
    let call = world.asks(&world.scenario.pat, "@help status").await;
    world.tells(&bot, &call, 2).await;
    let wrong = judge(&world.evidence(&bot).await);
    assert!(
        !wrong.iter().any(|complaint| complaint.starts_with(&honest)),
        "{wrong:?}"
    );
    assert!(
        wrong[0].starts_with("a post of the bot without its key"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn a_reaction_that_is_gone_is_noticed() {
    let world = World::new().await;
    let bot = world.bot().await;
    // More than the rate allows in any one second.
    for _ in 0..3 {
        let asked = (0..16).map(|_| world.asks(&world.scenario.pat, "@status"));
        futures_util::future::join_all(asked).await;
    }
    world.is_fine(&bot).await;
    let silent = world.evidence(&bot).await.silent;
    let call = silent.keys().next().expect("one was beyond the rate");
    let post = call.split(':').next().unwrap();
    let reaction = format!("/users/me/posts/{post}/reactions/hourglass_flowing_sand");
    world.scenario.bot.delete(&reaction).await.expect(200);
    let complaint = world.complaint(&bot, call).await;
    assert!(complaint.contains("by no reaction"), "{complaint}");
}

#[tokio::test]
async fn a_marker_and_a_ledger_that_are_put_back_are_noticed() {
    let world = World::new().await;
    let mut bot = world.bot().await;
    let (pat, olga) = (&world.scenario.pat, &world.scenario.olga);
    let held = world.scenario.holds_up(pat, Duration::from_secs(20)).await;
    world.owes(&held.post, &[Owed::Words]);
    let restart = world.asks(olga, "@restart").await;
    bot.says(" restarting", 1).await;
    kill(&mut bot).await;
    let copy = tempfile::tempdir().unwrap();
    let state = bot.state("");
    copy_files(&state, copy.path());
    assert!(copy.path().join("restart-marker.json").exists());
    bot.restart_process();
    world.is_fine(&bot).await;
    kill(&mut bot).await;
    for file in fs::read_dir(&state).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    copy_files(copy.path(), &state);
    bot.restart_process();
    world.tells(&bot, &restart, 2).await;
    kill(&mut bot).await;
    let complaint = world.complaint(&bot, &restart).await;
    assert!(complaint.contains("parts [1, 1"), "{complaint}");
}

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
