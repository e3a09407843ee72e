//! The outbox against a server: every delivery ends, and is visible at most once.

mod relay;

use std::sync::Arc;
use std::time::Duration;

use matterbot::bot::identity::Identity;
use matterbot::bot::outbox::{Outbox, Timing};
use matterbot::id::TeamId;
use matterbot::ledger::{
    Attachment, Call, CallKey, CallState, Delivery, Kind, Ledger, Part, Reply, Settlement,
};
use matterbot::mattermost::api::{Api, Connection, Timeouts};
use matterbot::secret::Secret;
use matterbot::tasks::Tasks;
use matterbot::timestamp::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::playground::DEADLINE;
use crate::support::scenario::{Scenario, WithFaults};
use relay::{Relay, Trick};

/// The longest that a request which posts waits for its answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A tenth of the usual times, about.
const TIMING: Timing = Timing {
    same_post: Duration::from_millis(1_500),
    readable: Duration::from_millis(2_500),
    retry_min: Duration::from_millis(20),
    retry_max: Duration::from_millis(200),
};

const EXPLAINED: &str = "I could not post this answer where you asked for it:\n\n";

/// An outbox that posts as the bot of a scenario.
struct Rig {
    scenario: WithFaults,
    relay: Relay,
    ledger: Ledger,
    home: TempDir,
    outbox: Outbox,
    tasks: Tasks,
    _identity: watch::Sender<Option<Arc<Identity>>>,
}

impl Rig {
    async fn new() -> Self {
        let scenario = Scenario::with_faults().await;
        let config = scenario.config();
        let server = format!(
            "http://{}:{}",
            config["Matterbot"]["host"].as_str().unwrap(),
            config["Matterbot"]["port"]
        );
        let relay = Relay::before(server).await;
        let token = Secret::new(scenario.bot.token.clone());
        let api = Api::new(&Connection {
            timeouts: Timeouts {
                create_post: PATIENCE,
                retry_step: Duration::from_millis(20),
                ..Timeouts::default()
            },
            ..Connection::new(format!("http://{}/api/v4", relay.address), token)
        })
        .unwrap();
        let identity = Identity {
            me: scenario.bot.id.parse().unwrap(),
            username: scenario.bot.username.clone(),
            team: TeamId::random(),
            lifecycle_channels: None,
            post_size: 4_000,
        };
        let (known, identity) = watch::channel(Some(Arc::new(identity)));
        let home = TempDir::new().unwrap();
        let (ledger, _) = Ledger::open(home.path()).unwrap();
        let tasks = Tasks::new();
        let outbox = Outbox::new(ledger.clone(), api, identity, tasks.clone()).with_timing(TIMING);
        Self {
            scenario,
            relay,
            ledger,
            home,
            outbox,
            tasks,
            _identity: known,
        }
    }

    /// Has pat ask in `channel`, and settles that with these parts.
    async fn owes(&self, channel: &str, parts: Vec<Part>) -> Vec<Delivery> {
        let asked = self.scenario.pat.says(channel, "@status").await;
        let post = asked["id"].as_str().unwrap().parse().unwrap();
        self.owes_in(channel, post, parts).await
    }

    async fn owes_in(
        &self,
        channel: &str,
        root: matterbot::id::PostId,
        parts: Vec<Part>,
    ) -> Vec<Delivery> {
        let key = CallKey {
            post: matterbot::id::PostId::random(),
            ordinal: 0,
            name: "dice".to_owned(),
        };
        let channel = channel.parse().unwrap();
        let reply = Reply {
            channel,
            root: Some(root),
            kind: Kind::Outcome,
            calls: vec![key.clone()],
            parts,
        };
        let call = Call {
            key,
            channel,
            root,
            user: self.scenario.pat.id.parse().unwrap(),
            text: "@dice".to_owned(),
            plan: "{}".to_owned(),
            asked_at: Timestamp::now(),
        };
        let settlement = Settlement {
            call,
            state: CallState::Done,
            detail: "as tested".to_owned(),
            replies: vec![reply],
        };
        self.ledger.settle(vec![settlement]).await.unwrap()
    }

    async fn owes_in_lab(&self) -> Vec<Delivery> {
        self.owes(&self.scenario.lab, vec![part("answer")]).await
    }

    /// A fault of the requests that the bot makes.
    async fn fault(&self, fault: Value, times: Option<u32>) {
        let whom = json!({"user": self.scenario.bot.id});
        self.scenario
            .fault(json!({"fault": fault, "scope": whom, "times": times}))
            .await;
    }

    /// Until everything that was to be sent has its end.
    async fn done(&self) {
        assert!(self.tasks.drain(DEADLINE).await, "some delivery has no end");
        self.ledger.flush().await.unwrap();
    }

    /// The texts of the bot in the thread of `delivery`, as pat sees them.
    async fn visible(&self, delivery: &Delivery) -> Vec<String> {
        let root = delivery.root.unwrap();
        self.texts(self.scenario.pat.thread(root.as_str()).await)
    }

    /// What the bot told pat directly.
    async fn told(&self) -> Vec<String> {
        let direct = self.scenario.pat.direct(&self.scenario.bot).await;
        self.texts(self.scenario.pat.reads(&direct).await)
    }

    fn texts(&self, posts: Vec<Value>) -> Vec<String> {
        posts
            .into_iter()
            .filter(|post| post["user_id"] == self.scenario.bot.id.as_str() && post["type"] == "")
            .map(|post| post["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Why deliveries were given up.
    fn given_up(&self) -> Vec<String> {
        let ledger = rusqlite::Connection::open(self.home.path().join("ledger.db")).unwrap();
        let mut select = ledger.prepare("SELECT reason FROM undeliverable").unwrap();
        let reasons = select.query_map([], |row| row.get(0)).unwrap();
        reasons.map(Result::unwrap).collect()
    }
}

fn part(text: &str) -> Part {
    Part {
        text: text.to_owned(),
        attachment: None,
    }
}

/// Pretends that an earlier process left it, queued so long ago.
fn left_behind(deliveries: &mut [Delivery], ago: Duration) {
    for delivery in deliveries {
        delivery.queued_at = Timestamp::now().minus(ago);
        delivery.first_attempt_at = Some(delivery.queued_at);
        delivery.last_attempt_ended_at = Some(delivery.queued_at);
    }
}

#[tokio::test]
async fn trouble_that_passes_leaves_one_post() {
    let rig = Rig::new().await;
    let after_save = json!({"kind": "server_error", "status": 500, "when": "after_save"});
    for faults in [
        vec![json!({"kind": "server_error", "status": 500, "when": "before_save"})],
        vec![after_save.clone()],
        vec![json!({"kind": "slow_answer", "delay_ms": 900})],
        vec![json!({"kind": "rewritten_message", "suffix": "!"})],
        vec![json!({"kind": "stripped_props"})],
        vec![json!({"kind": "stripped_props"}), after_save],
        vec![json!({"kind": "unauthorized"})],
        vec![json!({"kind": "proxy_page", "status": 502})],
        vec![json!({"kind": "proxy_page", "status": 413})],
        vec![json!({"kind": "late_commit", "delay_ms": 900})],
    ] {
        let owed = rig.owes_in_lab().await;
        for fault in &faults {
            rig.fault(fault.clone(), Some(1)).await;
        }
        rig.outbox.send(owed.clone());
        rig.done().await;
        assert_eq!(rig.visible(&owed[0]).await.len(), 1, "{faults:?}");
        assert_eq!(rig.scenario.hits().await, faults.len() as u64, "{faults:?}");
        rig.scenario.mend().await;
    }
    assert_eq!(rig.given_up(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_after_an_unclear_attempt_does_not_clear_it() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    // The first attempt arrives when its sender has given up and has looked; the second one is told to wait so long that
    // the server has forgotten the key.
    rig.relay
        .play(&[Trick::Late(PATIENCE * 2), Trick::Limited(3)]);
    rig.outbox.send(owed.clone());
    let visible = async || (rig.visible(&owed[0]).await.len() == 1).then_some(());
    crate::support::poll("the late request was served", visible).await;
    assert_eq!(rig.relay.posts(), 2, "the refused attempt came before");
    let ahead = json!({"fault": {"kind": "clock_offset", "offset_ms": 60_000}});
    rig.scenario.fault(ahead).await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
    assert_eq!(rig.relay.posts(), 2, "the post was found");
}

#[tokio::test]
async fn what_arrives_after_the_window_is_waited_for() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    // All attempts that the window allows are lost but the first, which arrives after it.
    rig.relay.play(&[Trick::Late(TIMING.same_post + PATIENCE)]);
    rig.relay.play(&[Trick::Lost; 5]);
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
    assert!(rig.relay.posts() <= 6, "{}", rig.relay.posts());
}

#[tokio::test]
async fn a_server_that_starts_again_has_forgotten_the_key_but_not_the_post() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    let after_save = json!({"kind": "server_error", "status": 500, "when": "after_save"});
    rig.fault(after_save, Some(1)).await;
    rig.outbox.send(owed.clone());
    rig.scenario.until_hit(1).await;
    rig.scenario
        .fault(json!({"fault": {"kind": "restart"}}))
        .await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
}

#[tokio::test]
async fn what_an_earlier_process_posted_is_found_and_the_rest_is_posted() {
    let rig = Rig::new().await;
    for (ago, is_there) in [(1, true), (1, false), (600, true), (600, false)] {
        let mut owed = rig.owes_in_lab().await;
        if is_there {
            rig.outbox.send(owed.clone());
            rig.done().await;
        }
        let before = rig.relay.posts();
        left_behind(&mut owed, Duration::from_secs(ago));
        rig.outbox.send(owed.clone());
        rig.done().await;
        assert_eq!(rig.visible(&owed[0]).await, ["answer"], "{ago} {is_there}");
        let attempts = rig.relay.posts() - before;
        assert_eq!(attempts, u32::from(!is_there), "{ago} {is_there}");
    }
}

#[tokio::test]
async fn a_foreign_post_under_our_key_is_not_taken_for_ours() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    let (pat, lab) = (&rig.scenario.pat, &rig.scenario.lab);
    pat.posts(json!({"channel_id": lab, "message": "mine", "pending_post_id": owed[0].key}))
        .await;
    rig.outbox.send(owed.clone());
    let asked = async || (rig.relay.posts() == 1).then_some(());
    crate::support::poll("the first attempt was made", asked).await;
    let ahead = json!({"fault": {"kind": "clock_offset", "offset_ms": 60_000}});
    rig.scenario.fault(ahead).await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
}

#[tokio::test]
async fn foreign_posts_without_end_are_given_up() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    let (pat, lab) = (&rig.scenario.pat, &rig.scenario.lab);
    pat.posts(json!({"channel_id": lab, "message": "mine", "pending_post_id": owed[0].key}))
        .await;
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    let [reason] = &rig.given_up()[..] else {
        panic!("{:?}", rig.given_up())
    };
    assert!(reason.contains("not ours"), "{reason}");
}

#[tokio::test]
async fn the_asker_is_told_directly_once_whatever_happens_then() {
    let rig = Rig::new().await;
    let doomed = rig.scenario.channel("doomed", &[&rig.scenario.pat]).await;
    let full = "x".repeat(3_990);
    let owed = rig.owes(&doomed, vec![part("answer"), part(&full)]).await;
    let path = format!("/channels/{doomed}");
    rig.scenario.admin.delete(&path).await.expect(200);
    // Three refusals by the channel, then trouble in the direct message.
    let no = Trick::Page(403);
    rig.relay
        .play(&[no, no, no, Trick::Limited(1), Trick::Late(PATIENCE * 2)]);
    rig.outbox.send(owed);
    rig.done().await;
    assert_eq!(rig.told().await, [format!("{EXPLAINED}answer"), full]);
    assert_eq!(rig.given_up().len(), 2);
}

#[tokio::test]
async fn a_bot_that_was_removed_gives_up_looking() {
    let rig = Rig::new().await;
    let name = json!({"team_id": rig.scenario.team, "name": "secret", "display_name": "Secret", "type": "P"});
    let (admin, bot) = (&rig.scenario.admin, &rig.scenario.bot);
    let secret = admin.post("/channels", name).await.expect(201);
    let secret = secret["id"].as_str().unwrap();
    for member in [&rig.scenario.pat, bot] {
        admin.adds_to_channel(secret, &member.id).await;
    }
    let mut owed = rig.owes(secret, vec![part("answer")]).await;
    left_behind(&mut owed, Duration::from_secs(600));
    let path = format!("/channels/{secret}/members/{}", bot.id);
    admin.delete(&path).await.expect(200);
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.told().await, [format!("{EXPLAINED}answer")]);
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    assert_eq!(rig.given_up().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_refused_is_not_said_to_be_attached() {
    let rig = Rig::new().await;
    let whole = Part {
        text: "the beginning\n\n*The whole text is attached.*".to_owned(),
        attachment: Some(Attachment {
            name: "dice.md".to_owned(),
            text: "all of it".to_owned(),
        }),
    };
    for (trick, last) in [
        (None, "*The whole text is attached.*"),
        (Some(Trick::Page(413)), "*The rest could not be sent.*"),
        (Some(Trick::Page(500)), "*The rest could not be sent.*"),
    ] {
        rig.relay.uploads(trick);
        let owed = rig.owes(&rig.scenario.lab, vec![whole.clone()]).await;
        rig.outbox.send(owed.clone());
        rig.done().await;
        let expected = format!("the beginning\n\n{last}");
        assert_eq!(rig.visible(&owed[0]).await, [expected], "{trick:?}");
    }
}

#[tokio::test]
async fn a_thread_keeps_its_order_and_holds_no_other() {
    let rig = Rig::new().await;
    let owed = rig
        .owes(&rig.scenario.lab, ["1", "2", "3"].map(part).to_vec())
        .await;
    let other = rig.owes_in_lab().await;
    rig.relay.play(&[Trick::Late(PATIENCE * 2)]);
    rig.outbox.send(owed.clone());
    let asked = async || (rig.relay.posts() == 1).then_some(());
    crate::support::poll("the first attempt was made", asked).await;
    rig.outbox.send(other.clone());
    let visible = async || (rig.visible(&other[0]).await == ["answer"]).then_some(());
    crate::support::poll("the other thread was answered", visible).await;
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["1", "2", "3"]);
}
