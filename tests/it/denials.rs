//! Who asks and how: everybody whom `@restart` and `@audit` must not obey, in one table, and the few whom they must.

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

/// What becomes of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is denied, in these words.
    Denied(&'static str),
    /// It is answered by a text that begins so.
    Answered(&'static str),
    /// Nobody answers.
    Nothing,
}
use Expected::{Answered, Denied, Nothing};

const NOT_YOU: Expected = Denied("You do not have permission to use `@restart`.");
const NOT_YOUR_AUDIT: Expected = Denied("You do not have permission to use `@audit`.");
const AUDIT: Expected = Answered("| When (UTC) | Who |");
const EDITED: Expected = Answered("Edited messages are not run");

/// Posts `post` as `person`, and waits for what is expected of it.
async fn case(what: &str, person: &Person, post: Value, expected: Expected) {
    let post = person.posts(post).await;
    let beginning = match expected {
        Nothing => return,
        Denied(words) | Answered(words) => words,
    };
    let answer = person.notes(post, 0).outcome().await;
    assert!(answer.starts_with(beginning), "{what}: {answer}");
    if let Denied(words) = expected {
        assert_eq!(answer, words, "{what}");
    }
}

#[tokio::test]
async fn only_a_persons_own_words_are_obeyed_and_only_from_those_who_may() {
    let scenario = Scenario::with_guests().await;
    let Scenario {
        admin,
        olga,
        pat,
        lab,
        ..
    } = &scenario;
    let elsewhere = scenario.elsewhere(olga).await;
    let (nora, guest) = (scenario.newcomer("nora").await, scenario.guest().await);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let direct = pat.direct(&scenario.bot).await;
    let group = pat.group(&[olga, &scenario.bot]).await;
    let say = |channel: &str, message: &str| json!({"channel_id": channel, "message": message});

    case(
        "admin by role",
        admin,
        say(lab, "@status"),
        Answered("**matterbot**"),
    )
    .await;
    case("admin by role", admin, say(lab, "@audit"), AUDIT).await;
    case("operator", olga, say(lab, "@audit"), NOT_YOUR_AUDIT).await;
    case("anybody", pat, say(lab, "@restart"), NOT_YOU).await;
    case("anybody, directly", pat, say(&direct, "@restart"), NOT_YOU).await;
    case(
        "anybody, in a group",
        pat,
        say(&group, "!Restart bot"),
        NOT_YOU,
    )
    .await;
    case(
        "anybody, with a name",
        pat,
        say(lab, "@restart feed"),
        NOT_YOU,
    )
    .await;
    case("another team", olga, say(&elsewhere, "@restart"), Nothing).await;
    case("another team", olga, say(&elsewhere, "@status"), Nothing).await;
    case("in code", olga, say(lab, "```\n@restart\n```"), Nothing).await;
    case("quoted", olga, say(lab, "> @restart"), Nothing).await;
    case(
        "of a type",
        olga,
        json!({"channel_id": lab, "message": "@restart", "type": "me"}),
        Nothing,
    )
    .await;
    for key in ["from_webhook", "from_bot", "from_plugin", "from_oauth_app"] {
        for value in [
            json!("true"),
            json!("false"),
            json!(false),
            json!(""),
            json!(1),
        ] {
            let post = json!({"channel_id": lab, "message": "@restart", "props": {key: value}});
            case("a forged mark", olga, post, Nothing).await;
        }
    }
    let props = json!({"override_username": admin.username, "user_id": admin.id});
    let post = json!({"channel_id": lab, "message": "@restart", "props": props});
    case("a false name", pat, post, NOT_YOU).await;

    if let Some(guest) = &guest {
        case(
            "a guest",
            guest,
            say(lab, "@status"),
            Answered("**matterbot**"),
        )
        .await;
        let words = Denied("A guest account cannot use `@restart`.");
        case("a listed guest", guest, say(lab, "@restart"), words).await;
    }

    // The role counts that the account has at this moment.
    let path = format!("/users/{}/roles", nora.id);
    case("before", &nora, say(lab, "@audit"), NOT_YOUR_AUDIT).await;
    admin
        .put(&path, json!({"roles": "system_user system_admin"}))
        .await
        .expect(200);
    case("promoted", &nora, say(lab, "@audit"), AUDIT).await;
    admin
        .put(&path, json!({"roles": "system_user"}))
        .await
        .expect(200);
    case("demoted", &nora, say(lab, "@audit"), NOT_YOUR_AUDIT).await;
    case("demoted", &nora, say(lab, "@restart"), NOT_YOU).await;

    let post = olga.says(lab, "soon").await;
    olga.edits(&post, "@restart").await;
    assert!(
        olga.notes(post, 0).outcome().await.starts_with("Edited"),
        "{EDITED:?}"
    );

    by_webhook(&scenario).await;
    // A change of the header is a post of whoever made it.
    let header = json!({"header": "@restart"});
    olga.put(&format!("/channels/{lab}/patch"), header)
        .await
        .expect(200);
    by_another_bot(&scenario).await;

    case(
        "afterwards",
        pat,
        say(lab, "@status"),
        Answered("**matterbot**"),
    )
    .await;
    let pid = bot.pid();
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1, "{pid:?} never restarted");
    assert!(!bot.state("restart-marker.json").exists());
    let restarts: Vec<Value> = bot
        .audit()
        .into_iter()
        .filter(|line| line["command"].as_str().unwrap().contains("restart"))
        .collect();
    assert!(
        restarts.iter().all(|line| line["verdict"] == "denied"),
        "{restarts:?}"
    );
    let expected = if guest.is_some() { 8 } else { 7 };
    assert_eq!(restarts.len(), expected, "{restarts:?}");
}

/// A webhook posts under the name of the admin who made it, to whoever knows its address.
async fn by_webhook(scenario: &Scenario) {
    let Scenario { admin, lab, .. } = scenario;
    let hook = json!({"channel_id": lab, "display_name": "alerts"});
    let hook = admin.post("/hooks/incoming", hook).await.expect(201);
    let hook_id = hook["id"].as_str().unwrap();
    let hook = format!("/hooks/{hook_id}");
    let to_bot = format!("@{}", scenario.bot.username);
    for message in [
        json!({"text": "@restart"}),
        json!({"text": "@restart", "username": "admin"}),
        json!({"text": "@status", "channel": to_bot}),
        json!({"text": "@restart", "channel": to_bot}),
    ] {
        admin.calls_hook(&hook, message).await;
    }
    // It would let anybody speak as the admin.
    let path = format!("/hooks/incoming/{hook_id}");
    admin.delete(&path).await.expect(200);
    let direct = admin.direct(&scenario.bot).await;
    admin.visits(&direct);
    let posts = admin.reads(&direct).await;
    let texts: Vec<&Value> = posts.iter().map(|post| &post["message"]).collect();
    assert!(
        texts.ends_with(&[&json!("@status"), &json!("@restart")]),
        "{texts:?}"
    );
}

/// Another bot's account, listed as an admin or not, is nobody.
async fn by_another_bot(scenario: &Scenario) {
    let robot = scenario.robot("robot").await;
    robot.says(&scenario.lab, "@restart").await;
    robot.says(&scenario.lab, "@status").await;
}

#[tokio::test]
async fn an_account_that_was_deactivated_meanwhile_is_not_obeyed() {
    let scenario = Scenario::with_faults().await;
    let gone = scenario.new_operator("gone").await;
    let boss = scenario.newcomer("boss").await;
    let (admin, lab) = (&scenario.admin, &scenario.lab);
    let path = format!("/users/{}/roles", boss.id);
    admin
        .put(&path, json!({"roles": "system_user system_admin"}))
        .await
        .expect(200);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    // The first look over the channels would find what comes late as an event.
    poll("the channel was read", async || bot.looked_at(lab)).await;
    // The bot hears of it when they are deactivated already.
    let late = json!({"kind": "late_posted", "delay_ms": 1_000});
    scenario
        .fault(json!({"fault": late, "scope": {"user": scenario.bot.id}, "times": 2}))
        .await;
    let restart = gone.says(lab, "@restart").await;
    let audit = boss.says(lab, "@audit").await;
    for person in [&gone, &boss] {
        let path = format!("/users/{}/active", person.id);
        admin.put(&path, json!({"active": false})).await.expect(200);
    }
    // Their sessions are gone, so somebody else looks.
    let restart = admin.notes(restart, 0).outcome().await;
    assert_eq!(restart, "A deactivated account cannot use `@restart`.");
    let audit = admin.notes(audit, 0).outcome().await;
    assert_eq!(audit, "A deactivated account cannot use `@audit`.");
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
    let verdicts: Vec<Value> = bot
        .audit()
        .iter()
        .map(|line| line["reason"].clone())
        .collect();
    assert_eq!(verdicts, ["deactivated", "deactivated"]);
}

#[tokio::test]
async fn whoever_cannot_be_looked_up_is_denied_with_the_reason() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    let whom = json!({"path": format!("/api/v4/users/{}", olga.id)});
    for fault in [
        json!({"kind": "server_error", "status": 500, "when": "before_save"}),
        json!({"kind": "unauthorized"}),
        json!({"kind": "proxy_page", "status": 502}),
        json!({"kind": "database_down", "sessions_cached": false}),
    ] {
        let switch = json!({"fault": fault, "scope": whom});
        if !scenario.can(&switch) {
            continue;
        }
        scenario.fault(switch).await;
        let denied = olga.asks(lab, "@restart").await.outcome().await;
        assert_eq!(
            denied,
            "I could not ask the server who you are, so `@restart` was not run. Please try again.",
            "{fault}"
        );
        // What is for everyone needs no look-up.
        olga.asks(lab, "@status").await.outcome().await;
        olga.asks(lab, "@help").await.outcome().await;
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}
