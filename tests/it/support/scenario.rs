//! A server with a team, people and a bot account, made by REST alone: the playground, or a real server if the
//! variables `MATTERBOT_TEST_SERVER` (its address) and `MATTERBOT_TEST_ADMIN_TOKEN` name one.

mod faults;
mod person;
mod promise;

use std::path::Path;
use std::sync::Mutex;

use matterbot::id::random_token;
use matterbot::playground::{Options, PASSWORD, Playground};
use serde_json::{Value, json};

pub(crate) use faults::WithFaults;
pub(crate) use person::{Call, Person, places};

use person::Reach;

use super::bot::BotUnderTest;
use super::playground::client;
use super::proxy::Proxy;

/// Everything that a test of the bot starts from.
pub(crate) struct Scenario {
    /// Dropping it stops the server; none if the server is not ours.
    playground: Option<Playground>,
    /// What the bot under test takes for the server.
    proxy: Option<Proxy>,
    pub(crate) team: String,
    pub(crate) team_name: String,
    /// A channel of the team where all are.
    pub(crate) lab: String,
    /// An admin of the server.
    pub(crate) admin: Person,
    /// A listed operator.
    pub(crate) olga: Person,
    /// Another one.
    pub(crate) otto: Person,
    /// Nobody in particular.
    pub(crate) pat: Person,
    /// The account of the bot under test.
    pub(crate) bot: Person,
    operators: Mutex<Vec<String>>,
}

/// A name that nobody else has on this server.
fn unique(name: &str) -> String {
    let tail: String = random_token().chars().take(12).collect();
    format!("{name}-{tail}")
}

impl Scenario {
    /// On the server that the environment names, else on a playground of its own.
    pub(crate) async fn start() -> Self {
        Self::start_on(Options::default()).await
    }

    /// The same, with guests where the server is ours.
    pub(crate) async fn with_guests() -> Self {
        Self::start_on(Options {
            licensed: true,
            ..Options::default()
        })
        .await
    }

    async fn start_on(options: Options) -> Self {
        let named = std::env::var("MATTERBOT_TEST_SERVER");
        let token = std::env::var("MATTERBOT_TEST_ADMIN_TOKEN");
        match (named, token) {
            (Ok(base), Ok(token)) => {
                let reach = Reach::to(base.trim_end_matches('/'), client());
                Self::furnish(None, Person::with_token(&reach, &token).await).await
            }
            _ => Self::on_playground(options).await,
        }
    }

    /// On a playground that keeps its state in `directory`, so that another one can go on from there.
    pub(crate) async fn kept_in(directory: &Path) -> Self {
        faults::pass_over_the_named("to be stopped and started again");
        let state = Some(directory.to_owned());
        Self::on_playground(Options {
            state,
            ..Options::default()
        })
        .await
    }

    /// Stops the server; it is one that was [kept](Self::kept_in).
    pub(crate) async fn stop_server(&mut self) {
        self.playground.take().unwrap().stop().await;
    }

    /// Starts it again at the same address, with what was kept in `directory`.
    pub(crate) async fn start_server(&mut self, directory: &Path) {
        let base = reqwest::Url::parse(self.admin.base()).unwrap();
        let options = Options {
            listen: base.socket_addrs(|| None).unwrap()[0],
            state: Some(directory.to_owned()),
            ..Options::default()
        };
        self.playground = Some(Playground::start(options).await.unwrap());
    }

    async fn on_playground(options: Options) -> Self {
        let playground = Playground::start(options).await.unwrap();
        let reach = Reach::to(&playground.base_url(), client());
        let admin = Person::log_in(&reach, "admin", PASSWORD).await;
        Self::furnish(Some(playground), admin).await
    }

    async fn furnish(playground: Option<Playground>, admin: Person) -> Self {
        let team_name = unique("crew");
        let team = json!({"name": team_name, "display_name": "Crew", "type": "O"});
        let team = admin.post("/teams", team).await.expect(201);
        let team = team["id"].as_str().unwrap().to_owned();
        let lab = admin.opens_channel(&team, "lab").await;
        let bot = robot(&admin, &team, &lab, "matter-bot").await;
        let mut people = Vec::new();
        for name in ["olga", "otto", "pat"] {
            people.push(newcomer(&admin, &team, &lab, name).await);
        }
        let [olga, otto, pat] = people.try_into().ok().unwrap();
        let operators = Mutex::new(vec![olga.id.clone(), otto.id.clone()]);
        Self {
            playground,
            proxy: None,
            team,
            team_name,
            lab,
            admin,
            olga,
            otto,
            pat,
            bot,
            operators,
        }
    }

    /// Another person in the team and its lab.
    pub(crate) async fn newcomer(&self, name: &str) -> Person {
        newcomer(&self.admin, &self.team, &self.lab, name).await
    }

    /// The same as an operator; only bots that start later know it.
    pub(crate) async fn new_operator(&self, name: &str) -> Person {
        let operator = self.newcomer(name).await;
        self.operators.lock().unwrap().push(operator.id.clone());
        operator
    }

    /// Another bot's account in the team and its lab.
    pub(crate) async fn robot(&self, name: &str) -> Person {
        robot(&self.admin, &self.team, &self.lab, name).await
    }

    /// A guest who is listed as an operator; none where the server has no guests.
    pub(crate) async fn guest(&self) -> Option<Person> {
        let guest = self.new_operator("gina").await;
        let demoted = self
            .admin
            .post(&format!("/users/{}/demote", guest.id), json!({}))
            .await;
        (demoted.status == 200).then_some(guest)
    }

    /// A public channel of the team, with these people and the bot in it.
    pub(crate) async fn channel(&self, name: &str, people: &[&Person]) -> String {
        let channel = self.admin.opens_channel(&self.team, name).await;
        for person in people.iter().chain([&&self.bot]) {
            self.admin.adds_to_channel(&channel, &person.id).await;
        }
        channel
    }

    /// A channel of another team, with the bot and `person` in it.
    pub(crate) async fn elsewhere(&self, person: &Person) -> String {
        let team = json!({"name": unique("others"), "display_name": "Others", "type": "O"});
        let team = self.admin.post("/teams", team).await.expect(201);
        let team = team["id"].as_str().unwrap();
        let channel = self.admin.opens_channel(team, "lounge").await;
        for member in [person, &self.bot] {
            self.admin.adds_to_team(team, &member.id).await;
            self.admin.adds_to_channel(&channel, &member.id).await;
        }
        channel
    }

    /// The configuration of the bot under test, as one would write it for this server.
    pub(crate) fn config(&self) -> Value {
        let mut base = reqwest::Url::parse(self.admin.base()).unwrap();
        if let Some(proxy) = &self.proxy {
            base.set_scheme("http").unwrap();
            base.set_ip_host(proxy.address().ip()).unwrap();
            base.set_port(Some(proxy.address().port())).unwrap();
        }
        json!({
            "Matterbot": {
                "host": base.host_str().unwrap(),
                "port": base.port_or_known_default().unwrap(),
                "scheme": base.scheme(),
                "basepath": format!("{}/api/v4", base.path().trim_end_matches('/')),
                "username": self.bot.username,
                "password": self.bot.token,
                "teamname": self.team_name,
                "botadmins": ["system_admin"],
                "botoperators": *self.operators.lock().unwrap(),
                "service_manager": "none",
                "logfile": "-",
                "bindmap": "state/bindmap.json",
                "feedmap": "state/feedmap.json",
            },
            "Lifecycle": {"state_dir": "state"},
        })
    }

    /// Lets the bot finish what runs and end, and checks that the promise was kept.
    pub(crate) async fn finish(&self, bot: &mut BotUnderTest) {
        bot.terminate();
        assert_eq!(bot.exit_code().await, Some(0), "after SIGTERM");
        bot.check_bind_map();
        self.check_promise().await;
    }
}

impl Drop for Scenario {
    /// An unlicensed server has room for few active accounts: those that were made here are deactivated again.
    fn drop(&mut self) {
        if self.playground.is_some() || std::env::var_os("MATTERBOT_TEST_SERVER").is_none() {
            return;
        }
        let admin = self.admin.clone();
        let leave = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(admin.sends_everybody_home(client()));
        };
        // This thread's runtime cannot wait any more.
        if std::thread::spawn(leave).join().is_err() {
            eprintln!("the accounts of this test are still active");
        }
    }
}

async fn newcomer(admin: &Person, team: &str, lab: &str, name: &str) -> Person {
    let username = unique(name);
    // The server may be anybody's, and what is made there stays.
    let password = format!("Aa-1{}", random_token());
    let account = json!({"username": username, "password": password, "email": format!("{username}@example.test")});
    let account = admin.post("/users", account).await.expect(201);
    let id = account["id"].as_str().unwrap();
    admin.made(id);
    admin.adds_to_team(team, id).await;
    admin.adds_to_channel(lab, id).await;
    Person::log_in(admin.reach(), &username, &password).await
}

async fn robot(admin: &Person, team: &str, lab: &str, name: &str) -> Person {
    let account =
        json!({"username": unique(name), "display_name": "Robot", "description": "of a test"});
    let account = admin.post("/bots", account).await.expect(201);
    let id = account["user_id"].as_str().unwrap();
    admin.made(id);
    admin.adds_to_team(team, id).await;
    admin.adds_to_channel(lab, id).await;
    let path = format!("/users/{id}/tokens");
    let token = admin
        .post(&path, json!({"description": "of a test"}))
        .await
        .expect(200);
    Person::with_token(admin.reach(), token["token"].as_str().unwrap()).await
}
