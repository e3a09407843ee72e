//! Those who ask: people with sessions who post over REST, and one ear on the bot's account that hears every event
//! that the client hears, the answers among them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use matterbot::playground::{PASSWORD, Playground};
use matterbot::tasks::Tasks;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::disk::Disk;
use crate::floor;
use crate::samples::Samples;

/// The command that is asked.
const COMMAND: &str = "@status";

/// How many people ask at once.
pub(crate) const AT_ONCE: usize = 20;

/// An answer that takes longer never comes.
const NEVER: Duration = Duration::from_secs(20);

/// How often somebody asks a bot that is away.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// The server's addresses, as one sees them.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    http: reqwest::Client,
    base: String,
}

/// Somebody with a session.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    token: String,
}

/// An answer of the client, when it was heard.
#[derive(Debug)]
pub(crate) struct Answer {
    at: Instant,
    pub(crate) root: String,
    pub(crate) text: String,
}

/// Questions one after the other.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    /// From sending each to hearing its answer.
    pub(crate) answers: Samples,
    /// Pairs of synced writes in between.
    pub(crate) syncs: Samples,
}

/// All who ask.
pub(crate) struct Askers {
    pub(crate) server: Server,
    pub(crate) people: Vec<Person>,
    pub(crate) admin: Person,
    pub(crate) bot: Person,
    pub(crate) team: String,
    pub(crate) channel: String,
    pub(crate) answers: mpsc::UnboundedReceiver<Answer>,
    heard: Arc<AtomicU64>,
    tasks: Tasks,
}

impl Server {
    /// A request that must succeed, and its answer.
    pub(crate) async fn ask(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", who.token))
            .body(body.to_string());
        let response = request.send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        anyhow::ensure!(
            status.is_success(),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }

    /// Posts `text` and gives the post's identifier.
    pub(crate) async fn say(
        &self,
        who: &Person,
        channel: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let body = json!({"channel_id": channel, "message": text});
        let post = self.ask(who, Method::POST, "/api/v4/posts", &body).await?;
        string(&post, "id")
    }

    async fn log_in(&self, name: &str) -> anyhow::Result<Person> {
        let body = json!({"login_id": name, "password": PASSWORD}).to_string();
        let request = self.http.post(format!("{}/api/v4/users/login", self.base));
        let response = request.body(body).send().await?.error_for_status()?;
        let token = response.headers().get("token").context("no token")?;
        let token = token.to_str()?.to_owned();
        let user: Value = serde_json::from_slice(&response.bytes().await?)?;
        let id = string(&user, "id")?;
        Ok(Person { id, token })
    }
}

impl Askers {
    /// Logs in as many as ask at once, and begins to listen.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn gather(playground: &Playground) -> anyhow::Result<Self> {
        let server = Server {
            http: floor::client()?,
            base: playground.base_url(),
        };
        let admin = server.log_in("admin").await?;
        let bot = Person {
            id: playground.user_id("matter-bot").context("no bot")?,
            token: playground.bot_token().to_owned(),
        };
        let get = async |path| server.ask(&admin, Method::GET, path, &json!({})).await;
        let team = string(&get("/api/v4/teams/name/ops").await?, "id")?;
        let channel = get("/api/v4/teams/name/ops/channels/name/incidents").await?;
        let channel = string(&channel, "id")?;
        let mut people = Vec::new();
        for number in 1..=AT_ONCE {
            people.push(join(&server, &admin, (&team, &channel), number).await?);
        }
        let (tell, answers) = mpsc::unbounded_channel();
        let heard = Arc::default();
        let tasks = Tasks::new();
        let socket = listen(playground, &bot).await?;
        tasks.spawn(hear(socket, bot.id.clone(), tell, Arc::clone(&heard)));
        Ok(Self {
            server,
            people,
            admin,
            bot,
            team,
            channel,
            answers,
            heard,
            tasks,
        })
    }

    /// How many events the bot's account was sent so far.
    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Asks every few milliseconds until the first answer comes; gives its instant.
    ///
    /// # Errors
    /// If none comes.
    pub(crate) async fn first_answer(&mut self) -> anyhow::Result<Instant> {
        let until = Instant::now() + NEVER;
        loop {
            anyhow::ensure!(Instant::now() < until, "the client never answered");
            self.server
                .say(&self.people[0], &self.channel, COMMAND)
                .await?;
            let answer = tokio::time::timeout(Duration::from_millis(2), self.answers.recv());
            if let Ok(answer) = answer.await {
                return Ok(answer.context("the ear is deaf")?.at);
            }
        }
    }

    /// Waits until no answer has come for `lull`.
    pub(crate) async fn quiet(&mut self, lull: Duration) {
        while let Ok(Some(_)) = tokio::time::timeout(lull, self.answers.recv()).await {}
    }

    /// Asks and waits for the answer; gives the time from sending the POST to hearing the answer.
    ///
    /// # Errors
    /// If the answer never comes, or one to something else.
    pub(crate) async fn once(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let asked = self.server.say(&self.people[0], &self.channel, COMMAND);
        let (post, answer) = tokio::try_join!(asked, receive(&mut self.answers))?;
        anyhow::ensure!(answer.root == post, "an answer to something else came");
        Ok(answer.at - began)
    }

    /// Asks `count` times, one after the other, and times the disk in between: on a machine that does other things too,
    /// both meet the same.
    ///
    /// # Errors
    /// As [`Askers::once`], and the disk's.
    pub(crate) async fn one_by_one(
        &mut self,
        count: usize,
        disk: &mut Disk,
    ) -> anyhow::Result<Dispatch> {
        let mut dispatch = Dispatch::default();
        for _ in 0..count {
            dispatch.answers.push(self.once().await?);
            dispatch.syncs.push(disk.two_syncs()?);
        }
        Ok(dispatch)
    }

    /// Has the administrator restart the bot, and asks all the time from its goodbye on; gives the time from there to the
    /// first answer, and to "Back up.".
    ///
    /// # Errors
    /// If it does not go, or does not come back.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<(Duration, Duration)> {
        let restart = self.server.say(&self.admin, &self.channel, "@restart");
        let (restart, goodbye) = tokio::try_join!(restart, receive(&mut self.answers))?;
        anyhow::ensure!(
            goodbye.root == restart && goodbye.text.starts_with("Restarting now"),
            "it does not restart: {}",
            goodbye.text
        );
        let (mut served, mut back) = (None, None);
        let until = goodbye.at + NEVER;
        while served.is_none() || back.is_none() {
            anyhow::ensure!(Instant::now() < until, "it did not come back");
            if served.is_none() {
                self.server
                    .say(&self.people[0], &self.channel, COMMAND)
                    .await?;
            }
            let answer = tokio::time::timeout(ASK_EVERY, self.answers.recv());
            if let Ok(answer) = answer.await {
                let answer = answer.context("the ear is deaf")?;
                let gap = Some(answer.at - goodbye.at);
                if answer.root != restart {
                    served = served.or(gap);
                } else if answer.text.starts_with("Back up.") {
                    back = gap;
                }
            }
        }
        Ok((served.unwrap_or_default(), back.unwrap_or_default()))
    }

    /// Asks `count` times with [`AT_ONCE`] questions open; gives how many a second were answered.
    ///
    /// # Errors
    /// If an answer never comes.
    pub(crate) async fn at_once(&mut self, count: usize) -> anyhow::Result<f64> {
        let began = Instant::now();
        let (mut asked, mut answered) = (0, 0);
        let mut posts = FuturesUnordered::new();
        while answered < count {
            if asked < count && asked < answered + AT_ONCE {
                let person = &self.people[asked % AT_ONCE];
                posts.push(self.server.say(person, &self.channel, COMMAND));
                asked += 1;
                continue;
            }
            // Both arms only wait; what was not taken is there in the next turn.
            tokio::select! {
                Some(post) = posts.next() => drop(post?),
                answer = receive(&mut self.answers) => {
                    answer?;
                    answered += 1;
                }
            }
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }
}

impl Drop for Askers {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// The next answer.
pub(crate) async fn receive(
    answers: &mut mpsc::UnboundedReceiver<Answer>,
) -> anyhow::Result<Answer> {
    let answer = tokio::time::timeout(NEVER, answers.recv()).await;
    answer
        .context("an answer never came")?
        .context("the ear is deaf")
}

/// Makes an account that is a member of the team and the channel.
async fn join(
    server: &Server,
    admin: &Person,
    (team, channel): (&str, &str),
    number: usize,
) -> anyhow::Result<Person> {
    let name = format!("asker-{number}");
    let post = async |path: &str, body: Value| server.ask(admin, Method::POST, path, &body).await;
    let email = format!("{name}@playground.test");
    let user = json!({"username": name, "email": email, "password": PASSWORD});
    let id = string(&post("/api/v4/users", user).await?, "id")?;
    let member = json!({"team_id": team, "user_id": id});
    post(&format!("/api/v4/teams/{team}/members"), member).await?;
    let member = json!({"user_id": id});
    post(&format!("/api/v4/channels/{channel}/members"), member).await?;
    server.log_in(&name).await
}

async fn listen(
    playground: &Playground,
    who: &Person,
) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let url = format!("ws://{}/api/v4/websocket", playground.address());
    let mut request = url.into_client_request()?;
    let bearer = format!("Bearer {}", who.token).parse()?;
    request.headers_mut().insert("authorization", bearer);
    let stream = TcpStream::connect(playground.address()).await?;
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    post: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Post {
    user_id: String,
    root_id: String,
    message: String,
}

/// Counts events and tells of the posts of `bot`, until the connection ends.
async fn hear(
    mut socket: WebSocketStream<TcpStream>,
    bot: String,
    tell: mpsc::UnboundedSender<Answer>,
    heard: Arc<AtomicU64>,
) {
    while let Some(Ok(message)) = socket.next().await {
        let at = Instant::now();
        let Message::Text(text) = message else {
            continue;
        };
        heard.fetch_add(1, Ordering::Relaxed);
        if !text.contains(&bot) {
            continue;
        }
        let frame: Option<Frame<'_>> = serde_json::from_str(&text).ok();
        let post = frame
            .filter(|frame| frame.event == "posted")
            .and_then(|frame| serde_json::from_str::<Post>(&frame.data.post?).ok());
        if let Some(post) = post.filter(|post| post.user_id == bot) {
            let (root, text) = (post.root_id, post.message);
            if tell.send(Answer { at, root, text }).is_err() {
                return;
            }
        }
    }
}

pub(crate) fn string(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value.get(key).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("an answer without {key}"))?
        .to_owned())
}
