//! What modules answer, and what is said when they do not.

use serde_json::{Value, json};

use super::rig::Rig;
use crate::support::poll;

#[tokio::test]
async fn a_module_is_told_who_asks_what_and_where() {
    let mut rig = Rig::dice().await;
    let told = "@Dice call command parameters channel username user_id 2D6 “x” 8[.]8";
    let answer = rig.answer(&rig.scenario.olga, told).await;
    let json = answer.trim_matches(['`', '\n']);
    let call: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(call["command"], "@dice");
    let username = format!("@{}", rig.scenario.olga.username);
    assert_eq!(call["username"], username);
    assert_eq!(call["user_id"], rig.scenario.olga.id.as_str());
    assert_eq!(call["channel"], "lab");
    let words: Vec<&str> = told.split(' ').skip(1).collect();
    assert_eq!(call["parameters"], json!(words));
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn messages_come_in_order_and_silence_is_a_reaction() {
    let mut rig = Rig::dice().await;
    let (olga, lab) = (&rig.scenario.olga, &rig.scenario.lab);
    let asked = olga.asks(lab, "@dice two").await;
    assert_eq!(asked.outcome().await, "first\nsecond");
    let posts = asked.posts().await;
    assert_eq!(
        posts[1]["metadata"]["files"][0]["name"], "b.txt",
        "{posts:?}"
    );
    let asked = olga.asks(lab, "@dice progress").await;
    assert_eq!(asked.outcome().await, "whole");
    assert_eq!(asked.posts().await[0]["message"], "half");
    let many = olga.asks(lab, "@dice files 12").await;
    assert_eq!(many.outcome().await, "\n");
    let counts: Vec<usize> = many
        .posts()
        .await
        .iter()
        .map(|post| post["file_ids"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [10, 2]);
    let silent = olga.says(lab, "@dice nothing").await;
    rig.reacted(&silent, "white_check_mark").await;
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn what_a_module_says_meanwhile_is_bounded_and_takes_room_of_its_answer() {
    let mut rig = Rig::dice().await;
    let (olga, lab) = (&rig.scenario.olga, &rig.scenario.lab);
    let asked = olga.asks(lab, "@dice chatter 2 20000 1020000").await;
    assert_eq!(
        asked.outcome().await,
        "*This answer is so long that it comes as a file.*"
    );
    let posts = asked.posts().await;
    let texts: String = posts
        .iter()
        .filter_map(|post| post["message"].as_str())
        .collect();
    assert_eq!(texts.matches('x').count(), 2 * (16_384 - 1));
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn what_an_exception_says_stays_in_the_log() {
    let mut rig = Rig::dice().await;
    let answer = rig.answer(&rig.scenario.olga, "@dice fail").await;
    assert!(
        answer.starts_with("The module `dice` failed at `@dice`."),
        "{answer}"
    );
    assert!(!answer.contains("hunter2"));
    let reference = answer.rsplit('`').nth(1).unwrap();
    let log = rig.bot.log();
    let line = log.lines().find(|line| line.contains(reference)).unwrap();
    assert!(line.contains("KeyError: 'hunter2'"), "{line}");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn several_commands_of_a_message_run_in_order() {
    let mut rig = Rig::dice().await;
    let (olga, lab) = (&rig.scenario.olga, &rig.scenario.lab);
    let first = olga
        .asks(lab, "@dice echo one\nand @dice echo two @help dice")
        .await;
    let second = olga.notes(first.post.clone(), 1);
    let third = olga.notes(first.post.clone(), 2);
    assert!(third.outcome().await.contains("dice"));
    assert_eq!(
        (first.outcome().await, second.outcome().await),
        ("one".to_owned(), "two".to_owned())
    );
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn an_indicator_asks_the_modules_that_take_it() {
    let word = json!({"binds": ["@ioc"], "accepts": ["ip"]});
    let other = json!({"binds": ["@ioc"], "accepts": ["domain", "url"]});
    let modules = [("first", word), ("second", other)];
    let mut rig = Rig::new(&modules, json!({})).await;
    let olga = &rig.scenario.olga;
    for (message, expected) in [
        ("@ioc 8[.]8.8.8", "first: 8[.]8.8.8"),
        ("@ioc Example.org x", "second: Example.org x"),
        (
            "@ioc what",
            "`what` is no address, network, domain, URL or hash that I know, so `@ioc` was not asked about it.",
        ),
        (
            "@ioc 10.0.0.0/8",
            "No module that answers to `@ioc` here looks up networks.",
        ),
    ] {
        assert_eq!(rig.answer(olga, message).await, expected);
    }
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_word_of_several_modules_has_an_outcome_of_each() {
    let word = json!({"binds": ["@both"]});
    let modules = [("first", word.clone()), ("second", word)];
    let mut rig = Rig::new(&modules, json!({})).await;
    let asked = rig.scenario.olga.asks(&rig.scenario.lab, "@both x").await;
    let answered = async || {
        let posts = asked.posts().await;
        (posts.len() == 2).then_some(posts)
    };
    let posts = poll("both have answered", answered).await;
    let mut told: Vec<(String, String)> = posts
        .iter()
        .map(|post| {
            let name = &post["props"]["matterbot"]["names"][0];
            (name.as_str().unwrap().into(), post["message"].to_string())
        })
        .collect();
    told.sort();
    let expected = [("first", "\"first: x\""), ("second", "\"second: x\"")];
    assert_eq!(
        told,
        expected.map(|(name, text)| (name.into(), text.into()))
    );
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_module_is_called_where_it_is_available() {
    let only = json!({"channels": ["lab"]});
    let mut rig = Rig::new(&[("dice", only), ("free", json!({}))], json!({})).await;
    let scenario = &rig.scenario;
    let olga = &scenario.olga;
    let war = &scenario.channel("war", &[olga]).await;
    olga.says(war, "@dice echo nothing").await;
    assert_eq!(
        olga.asks(war, "@free echo something").await.outcome().await,
        "something"
    );
    rig.bot
        .says("a command is not available in this channel", 1)
        .await;
    let direct = olga.direct(&scenario.bot).await;
    assert_eq!(
        olga.asks(&direct, "@dice echo told").await.outcome().await,
        "told"
    );
    let outsider = &scenario.otto;
    let direct = outsider.direct(&scenario.bot).await;
    let asked = outsider.asks(&direct, "@free echo any").await;
    assert_eq!(asked.outcome().await, "any");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn nobody_pings_a_whole_channel() {
    let mut rig = Rig::dice().await;
    let answer = rig
        .answer(&rig.scenario.olga, "@dice echo @All of @channelling")
        .await;
    assert_eq!(answer, "@\u{200b}All of @channelling");
    rig.scenario.finish(&mut rig.bot).await;
}
