//! An outbox that posts as the bot of a scenario, through a proxy.

use std::sync::Arc;
use std::time::Duration;

use matterbot::bot::identity::Identity;
use matterbot::bot::outbox::{Outbox, Timing};
use matterbot::id::{PostId, TeamId};
use matterbot::ledger::{
    Call, CallKey, CallState, Delivery, Kind, Ledger, Part, Reply, Settlement,
};
use matterbot::mattermost::api::{Api, Connection, Timeouts};
use matterbot::secret::Secret;
use matterbot::tasks::Tasks;
use matterbot::timestamp::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::playground::DEADLINE;
use crate::support::proxy::Proxy;
use crate::support::scenario::{Scenario, WithFaults};

/// The longest that a request which posts waits for its answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// A tenth of the usual times, about.
pub(super) const TIMING: Timing = Timing {
    same_post: Duration::from_millis(1_500),
    readable: Duration::from_millis(2_500),
    retry_min: Duration::from_millis(20),
    retry_max: Duration::from_millis(200),
};

pub(super) const EXPLAINED: &str = "I could not post this answer where you asked for it:\n\n";

/// An outbox that posts as the bot of a scenario.
pub(super) struct Rig {
    pub(super) scenario: WithFaults,
    pub(super) proxy: Proxy,
    ledger: Ledger,
    home: TempDir,
    pub(super) outbox: Outbox,
    tasks: Tasks,
    _identity: watch::Sender<Option<Arc<Identity>>>,
}

impl Rig {
    pub(super) async fn new() -> Self {
        let scenario = Scenario::inside("the server's clock and commits").await;
        let config = scenario.config();
        let server = format!(
            "http://{}:{}",
            config["Matterbot"]["host"].as_str().unwrap(),
            config["Matterbot"]["port"]
        );
        let proxy = Proxy::before(&server, &scenario.bot.id).await;
        let token = Secret::new(scenario.bot.token.clone());
        let api = Api::new(&Connection {
            timeouts: Timeouts {
                create_post: PATIENCE,
                retry_step: Duration::from_millis(20),
                ..Timeouts::default()
            },
            ..Connection::new(format!("http://{}/api/v4", proxy.address()), token)
        })
        .unwrap();
        let identity = Identity {
            me: scenario.bot.id.parse().unwrap(),
            username: scenario.bot.username.clone(),
            is_bot: true,
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
            proxy,
            ledger,
            home,
            outbox,
            tasks,
            _identity: known,
        }
    }

    /// Has pat ask in `channel`, and settles that with these parts.
    pub(super) async fn owes(&self, channel: &str, parts: Vec<Part>) -> Vec<Delivery> {
        let asked = self.scenario.pat.says(channel, "@status").await;
        let post = asked["id"].as_str().unwrap().parse().unwrap();
        self.owes_in(channel, post, parts).await
    }

    async fn owes_in(&self, channel: &str, root: PostId, parts: Vec<Part>) -> Vec<Delivery> {
        let key = CallKey {
            post: PostId::random(),
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

    pub(super) async fn owes_in_lab(&self) -> Vec<Delivery> {
        self.owes(&self.scenario.lab, vec![part("answer")]).await
    }

    /// A fault of the requests that the bot makes.
    pub(super) async fn fault(&self, fault: Value, times: Option<u32>) {
        let whom = json!({"user": self.scenario.bot.id});
        self.scenario
            .fault(json!({"fault": fault, "scope": whom, "times": times}))
            .await;
    }

    /// What happens to the next requests that post, one after the other.
    pub(super) fn play(&self, faults: &[Value]) {
        for fault in faults {
            let scope = json!({"posting": "/api/v4/posts"});
            self.proxy
                .fault(&json!({"fault": fault, "scope": scope, "times": 1}));
        }
    }

    /// What happens to all uploads from now on.
    pub(super) fn refuses_uploads(&self, refusal: Option<&Value>) {
        self.proxy.mend();
        if let Some(refusal) = refusal {
            let scope = json!({"posting": "/api/v4/files"});
            self.proxy.fault(&json!({"fault": refusal, "scope": scope}));
        }
    }

    /// Until everything that was to be sent has its end.
    pub(super) async fn done(&self) {
        assert!(self.tasks.drain(DEADLINE).await, "some delivery has no end");
        self.ledger.flush().await.unwrap();
    }

    /// The texts of the bot in the thread of `delivery`, as pat sees them.
    pub(super) async fn visible(&self, delivery: &Delivery) -> Vec<String> {
        let root = delivery.root.unwrap();
        self.texts(self.scenario.pat.thread(root.as_str()).await)
    }

    /// What the bot told pat directly.
    pub(super) async fn told(&self) -> Vec<String> {
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
    pub(super) fn given_up(&self) -> Vec<String> {
        let ledger = rusqlite::Connection::open(self.home.path().join("ledger.db")).unwrap();
        let mut select = ledger.prepare("SELECT reason FROM undeliverable").unwrap();
        let reasons = select.query_map([], |row| row.get(0)).unwrap();
        reasons.map(Result::unwrap).collect()
    }
}

/// It arrives so late.
pub(super) fn late(delay: Duration) -> Value {
    json!({"kind": "late_request", "delay_ms": delay.as_millis()})
}

/// It never arrives; the server's limiter says to come again after as many seconds.
pub(super) fn limited(seconds: u64) -> Value {
    json!({"kind": "too_many_requests", "retry_after": seconds})
}

/// It never arrives; the answer is no JSON.
pub(super) fn page(status: u16) -> Value {
    json!({"kind": "proxy_page", "status": status})
}

/// It never arrives and is never answered.
pub(super) fn lost() -> Value {
    json!({"kind": "lost_request"})
}

pub(super) fn part(text: &str) -> Part {
    Part {
        text: text.to_owned(),
        attachment: None,
        files: Vec::new(),
    }
}

/// Pretends that an earlier process left it, queued so long ago.
pub(super) fn left_behind(deliveries: &mut [Delivery], ago: Duration) {
    for delivery in deliveries {
        delivery.queued_at = Timestamp::now().minus(ago);
        delivery.first_attempt_at = Some(delivery.queued_at);
        delivery.last_attempt_ended_at = Some(delivery.queued_at);
    }
}
