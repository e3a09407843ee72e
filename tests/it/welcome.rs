//! The welcome: newcomers of one channel are greeted there, each once.

use std::fs;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Person, Scenario};

fn settings(channel: &str) -> Value {
    json!({"Matterbot": {
        "welcome": true,
        "welcome_channel": channel,
        "welcome_banner": "**Welcome aboard!**",
        "welcome_file": "state/welcome.msg",
    }})
}

/// What the bot said in `channel` on its own account, oldest first.
async fn greetings(scenario: &Scenario, channel: &str) -> Vec<Value> {
    let mut posts = scenario.admin.reads(channel).await;
    posts.retain(|post| {
        post["user_id"] == scenario.bot.id.as_str()
            && post["props"]["matterbot"]["kind"] == "notice"
    });
    posts
}

/// Until `person` was greeted; gives what the greeting says.
async fn greeted(scenario: &Scenario, channel: &str, person: &Person) -> String {
    let name = format!("@{}", person.username);
    let look = async || {
        let posts = greetings(scenario, channel).await;
        let texts = posts
            .iter()
            .map(|post| post["message"].as_str().unwrap().to_owned());
        texts.rev().find(|text| text.contains(&name))
    };
    scenario.admin.until("a newcomer was greeted", look).await
}

#[tokio::test]
async fn newcomers_of_the_channel_are_greeted_once_and_together() {
    let scenario = Scenario::start().await;
    let (admin, olga, otto, pat) = (
        &scenario.admin,
        &scenario.olga,
        &scenario.otto,
        &scenario.pat,
    );
    let harbour = scenario.channel("harbour", &[]).await;
    let mut bot = BotUnderTest::serving(&scenario, settings(&harbour)).await;
    fs::write(
        bot.state("welcome.msg"),
        "Read the rules.\nThen say hello.\n",
    )
    .unwrap();
    let robot = scenario.robot("other-bot").await;
    // By somebody else, and by himself.
    admin.adds_to_channel(&harbour, &olga.id).await;
    let path = format!("/channels/{harbour}/members");
    otto.post(&path, json!({"user_id": otto.id}))
        .await
        .expect(201);
    admin.adds_to_channel(&harbour, &robot.id).await;
    // Together, unless more than a moment has passed between them.
    let (one, other) = (
        greeted(&scenario, &harbour, olga).await,
        greeted(&scenario, &harbour, otto).await,
    );
    let names = [&olga.username, &otto.username].map(|name| format!("@{name}"));
    let whole =
        |names: &str| format!("{names}: **Welcome aboard!**\nRead the rules.\nThen say hello.");
    if one == other {
        assert_eq!(one, whole(&names.join(", ")));
    } else {
        assert_eq!([one, other], names.each_ref().map(|name| whole(name)));
    }
    // Without the file there is the banner; another channel is nobody's business.
    fs::remove_file(bot.state("welcome.msg")).unwrap();
    scenario.channel("pier", &[pat]).await;
    admin.adds_to_channel(&harbour, &pat.id).await;
    let text = greeted(&scenario, &harbour, pat).await;
    assert_eq!(text, format!("@{}: **Welcome aboard!**", pat.username));
    let posts = greetings(&scenario, &harbour).await;
    let texts: Vec<&str> = posts
        .iter()
        .map(|post| post["message"].as_str().unwrap())
        .collect();
    for person in [olga, otto, pat, &robot] {
        let name = format!("@{}", person.username);
        let times = texts.iter().filter(|text| text.contains(&name)).count();
        assert_eq!(
            times,
            usize::from(person.id != robot.id),
            "{name}: {texts:?}"
        );
    }
    assert!(posts.iter().all(|post| post["root_id"] == ""));
    admin.visits(&harbour);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn doubled_events_greet_nobody_twice() {
    let scenario = Scenario::with_faults().await;
    let harbour = scenario.channel("harbour", &[]).await;
    let mut bot = BotUnderTest::serving(&scenario, settings(&harbour)).await;
    let doubled = json!({"fault": {"kind": "doubled_events"}});
    scenario.fault(doubled).await;
    scenario
        .admin
        .adds_to_channel(&harbour, &scenario.olga.id)
        .await;
    greeted(&scenario, &harbour, &scenario.olga).await;
    scenario.mend().await;
    scenario
        .admin
        .adds_to_channel(&harbour, &scenario.pat.id)
        .await;
    greeted(&scenario, &harbour, &scenario.pat).await;
    assert_eq!(greetings(&scenario, &harbour).await.len(), 2);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_new_member_of_the_team_is_greeted_on_an_old_server_too_and_a_full_channel_is_no_obstacle()
 {
    let scenario = Scenario::on_old_server().await;
    let path = format!("/teams/{}/channels/name/town-square", scenario.team);
    let square = scenario.admin.get(&path).await.expect(200);
    let square = square["id"].as_str().unwrap();
    for _ in 0..60 {
        scenario.newcomer("early").await;
    }
    let mut bot = BotUnderTest::serving(&scenario, settings(square)).await;
    let late = scenario.newcomer("late").await;
    greeted(&scenario, square, &late).await;
    assert_eq!(greetings(&scenario, square).await.len(), 1);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn nobody_is_greeted_who_came_while_the_bot_was_away_or_where_that_is_off() {
    let scenario = Scenario::start().await;
    let (admin, olga, pat) = (&scenario.admin, &scenario.olga, &scenario.pat);
    let harbour = scenario.channel("harbour", &[]).await;
    let mut off = settings(&harbour);
    off["Matterbot"]["welcome"] = json!(false);
    let mut bot = BotUnderTest::serving(&scenario, off).await;
    admin.adds_to_channel(&harbour, &olga.id).await;
    admin.asks(&scenario.lab, "@status").await.outcome().await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    admin.adds_to_channel(&harbour, &pat.id).await;
    bot.configure(&scenario, settings(&harbour));
    bot.restart_process();
    bot.ready(2).await;
    admin.adds_to_channel(&harbour, &scenario.otto.id).await;
    let text = greeted(&scenario, &harbour, &scenario.otto).await;
    assert_eq!(
        text,
        format!("@{}: **Welcome aboard!**", scenario.otto.username)
    );
    assert_eq!(greetings(&scenario, &harbour).await.len(), 1);
    scenario.finish(&mut bot).await;
}
