//! What becomes of a call whose serving panics, and of an answer that only memory holds.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::audit::Audit;
use crate::bot::identity::{Identity, Room};
use crate::bot::modules::Modules;
use crate::bot::names::Names;
use crate::bot::notices::Notices;
use crate::bot::outbox::Outbox;
use crate::bot::settings::Settings;
use crate::bot::stores::Reopened;
use crate::bot::unrecorded::Unrecorded;

use crate::config::{self, Environment};
use crate::id::{ChannelId, TeamId, UserId};
use crate::ledger::Ledger;
use crate::lifecycle::notify::Notify;
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::state_directory::StateDirectory;
use crate::mattermost::api::{Api, Connection};
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use super::*;
use crate::bot::binds::Binds;
use crate::bot::newcomers::Newcomers;

/// A bot that knows no server, with its state in `home`.
fn bot(home: &std::path::Path, ledger: Ledger) -> (Arc<Context>, mpsc::UnboundedReceiver<Event>) {
    let file = home.join("config.yaml");
    let settings = json!({
        "Matterbot": {"host": "127.0.0.1", "port": 9, "scheme": "http", "password": "k1h7xqnd3fyw8mgqj5s9e6ro4a",
                      "teamname": "ops", "botadmins": ["system_admin"]},
        "Lifecycle": {"state_dir": home},
    });
    fs::write(&file, settings.to_string()).unwrap();
    let config = config::load(&file, &Environment::default(), false)
        .unwrap()
        .config;
    let address = config.matterbot.api_url();
    let api = Api::new(&Connection::new(address, config.matterbot.token.clone())).unwrap();
    let (identity, known) = watch::channel(None);
    let (tell, events) = mpsc::unbounded_channel();
    let context = Context {
        lifecycle_api: api.for_lifecycle(),
        outbox: Outbox::new(ledger.clone(), api.clone(), known, Tasks::new()),
        api,
        ledger,
        audit: Audit::open(home).unwrap(),
        directory: StateDirectory::open(home).unwrap(),
        binds: Binds::read(&config.matterbot.bindmap, tell.clone()),
        settings: watch::Sender::new(Arc::new(Settings::new(config))),
        modules: Modules::default(),
        origin: Origin::remember().unwrap(),
        strict: false,
        starts: None,
        earlier: None,
        without_stores: false,
        notify: Notify::of_process(),
        reloading: tokio::sync::Mutex::default(),
        identity,
        notices: Notices::default(),
        names: Names::default(),
        newcomers: Newcomers::default(),
        unrecorded: Unrecorded::default(),
        reopened: Reopened::default(),
        calls: Tasks::new(),
        chores: Tasks::new(),
        started_at: Timestamp::now(),
        events: tell,
    };
    (Arc::new(context), events)
}

fn ticket(context: &Context) -> Ticket {
    let post = json!({
        "id": crate::id::PostId::random(), "user_id": UserId::random(), "channel_id": ChannelId::random(),
        "create_at": 1, "message": "@status",
    });
    let post: crate::mattermost::model::Post = serde_json::from_value(post).unwrap();
    let vocabulary = &context.settings().vocabulary;
    let invocation = vocabulary.parse(&post.message, |_| false).remove(0);
    Ticket {
        room: Room::open(post.channel_id, "town-square"),
        post: Arc::new(post),
        invocation,
        modules: Vec::new(),
        fate: Fate::Run,
        found: false,
    }
}

#[tokio::test]
async fn a_call_whose_serving_panics_has_failed_and_its_lane_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(home.path()).unwrap();
    let (context, mut events) = bot(home.path(), ledger.clone());
    for started in [false, true] {
        let ticket = ticket(&context);
        if started {
            ledger.start(ticket.call()).await.unwrap();
        }
        finish(&context, &ticket, async { panic!("as tested") }).await;
        let ended = events.recv().await.unwrap();
        assert!(
            matches!(&ended, Event::Ended { key, written: true } if *key == ticket.key()),
            "{ended:?}"
        );
        let known = ledger.start(ticket.call()).await.unwrap();
        assert_eq!(known, Started::Known(CallState::Failed));
        let line = context.audit.last(1).await.remove(0);
        assert_eq!(line.reason.as_deref(), Some("panicked: as tested"));
        assert_eq!(line.post, ticket.post.id);
    }
    context.audit.close().await;
    ledger.close().await.unwrap();
    let (_, left) = Ledger::open(home.path()).unwrap();
    assert_eq!(left.unfinished, []);
    assert_eq!(left.undelivered.len(), 2);
    for answer in left.undelivered {
        assert!(
            answer
                .text
                .starts_with("`@status` failed because of a defect of mine."),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains(answer.calls[0].post.as_str()),
            "a reference"
        );
    }
}

#[tokio::test]
async fn a_panic_without_a_ledger_is_kept_until_it_can_be_written() {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::unopened("as tested".to_owned());
    let (context, mut events) = bot(home.path(), ledger);
    let ticket = ticket(&context);
    finish(&context, &ticket, async { panic!("as tested") }).await;
    let ended = events.recv().await.unwrap();
    assert!(
        matches!(ended, Event::Ended { written: true, .. }),
        "{ended:?}"
    );
    assert!(context.unrecorded.holds(&ticket.key()));
}

#[tokio::test]
async fn an_answer_from_memory_is_not_tried_for_ever() {
    let home = tempfile::tempdir().unwrap();
    let (context, _events) = bot(home.path(), Ledger::unopened("as tested".to_owned()));
    let identity = Identity {
        me: UserId::random(),
        username: "matter-bot".to_owned(),
        is_bot: true,
        team: TeamId::random(),
        lifecycle_channels: None,
        post_size: 16_383,
    };
    context.identity.send_replace(Some(Arc::new(identity)));
    let ticket = ticket(&context);
    let answer = answer(&context, &ticket, "as tested");
    let saying = memory::say(&context, &ticket, answer, Duration::from_millis(50));
    let said = tokio::time::timeout(Duration::from_secs(20), saying).await;
    assert_eq!(said, Ok(false));
}

#[tokio::test]
async fn what_is_kept_is_written_once_there_is_a_ledger() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(home.path()).unwrap();
    let (context, _events) = bot(home.path(), ledger.clone());
    let tickets: Vec<Ticket> = (0..1_000).map(|_| ticket(&context)).collect();
    for ticket in &tickets {
        assert!(!context.unrecorded.is_plenty());
        let outcome = Outcome::done("as tested".to_owned());
        context.keep(record(&context, ticket, outcome));
    }
    assert!(context.unrecorded.is_plenty());
    assert!(context.unrecorded.holds(&tickets[999].key()));
    assert_eq!(context.write_unrecorded().await.len(), 1_000);
    for ticket in &tickets {
        assert!(!context.unrecorded.holds(&ticket.key()));
    }
    let posts = tickets.iter().map(|ticket| ticket.post.id).collect();
    assert_eq!(ledger.known(posts).await.unwrap().len(), 1_000);
    assert_eq!(context.write_unrecorded().await.len(), 0);
}
