//! A proxy between the bot and its server that takes the key out of what the bot posts, and loses the first answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use matterbot::tasks::Tasks;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The proxy; it ends with its last clone.
#[derive(Clone)]
pub(super) struct Thief {
    address: SocketAddr,
    steals: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
}

impl Thief {
    /// Before the server that `config` names.
    pub(super) async fn before(config: &Value) -> Self {
        let server = format!(
            "{}:{}",
            config["Matterbot"]["host"].as_str().unwrap(),
            config["Matterbot"]["port"]
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let thief = Self {
            address: listener.local_addr().unwrap(),
            steals: Arc::default(),
            lost: Arc::default(),
        };
        let (tasks, serves) = (Tasks::new(), thief.clone());
        tasks.clone().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let thief = serves.clone();
                drop(tasks.spawn(async move { thief.connects(client, server).await }));
            }
        });
        thief
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on keys are taken.
    pub(super) fn steals(&self) {
        self.steals.store(true, Ordering::Relaxed);
    }

    async fn connects(self, client: TcpStream, server: TcpStream) {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let lose = AtomicBool::new(false);
        // Whichever direction ends first, the other one is of no use any more.
        tokio::select! {
            _ = self.requests(BufReader::new(from_client), to_server, &lose) => {}
            _ = answers(from_server, to_client, &lose) => {}
        }
    }

    async fn requests(
        &self,
        mut from: BufReader<OwnedReadHalf>,
        mut to: OwnedWriteHalf,
        lose: &AtomicBool,
    ) -> std::io::Result<()> {
        loop {
            let (mut head, mut length, mut upgrade) = (String::new(), 0, false);
            loop {
                let start = head.len();
                if from.read_line(&mut head).await? == 0 {
                    return Ok(());
                }
                let line = head.split_at(start).1.trim().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                upgrade |= line == "upgrade: websocket";
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body).await?;
            let posts =
                head.starts_with("POST /api/v4/posts ") && self.steals.load(Ordering::Relaxed);
            if posts {
                body = without_key(&body);
                let announced = format!("content-length: {length}");
                lose.store(!self.lost.swap(true, Ordering::Relaxed), Ordering::Relaxed);
                head = head.replace(&announced, &format!("content-length: {}", body.len()));
            }
            to.write_all(head.as_bytes()).await?;
            to.write_all(&body).await?;
            if upgrade {
                copy(&mut from, &mut to).await?;
                return Ok(());
            }
        }
    }
}

/// Passes answers on, until one is to be lost: the server has done what was asked, and nobody hears of that.
async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    lose: &AtomicBool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 || lose.load(Ordering::Relaxed) {
            return Ok(());
        }
        to.write_all(buffer.get(..count).unwrap_or_default())
            .await?;
    }
}

fn without_key(body: &[u8]) -> Vec<u8> {
    let mut post: Value = serde_json::from_slice(body).unwrap();
    post.as_object_mut().unwrap().remove("pending_post_id");
    let ours = &mut post["props"]["matterbot"];
    ours.as_object_mut().unwrap().remove("key");
    serde_json::to_vec(&post).unwrap()
}
