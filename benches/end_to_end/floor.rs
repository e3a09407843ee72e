//! The floor: the least code on the bot's libraries that answers one command. It checks nothing, remembers nothing,
//! and does not come back.

use std::borrow::Cow;

use anyhow::Context as _;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Deserialize, Default)]
struct Data<'a> {
    #[serde(borrow, default)]
    post: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Post<'a> {
    id: &'a str,
    channel_id: &'a str,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// Answers every `@status` that the server at `address` shows to the account of `token`, until the connection ends.
///
/// # Errors
/// Whatever happens first.
pub(crate) fn run(address: &str, token: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(address, token))
}

async fn serve(address: &str, token: &str) -> anyhow::Result<()> {
    let http = client()?;
    let bearer = format!("Bearer {token}");
    let mut request = format!("ws://{address}/api/v4/websocket").into_client_request()?;
    request
        .headers_mut()
        .insert("authorization", bearer.parse()?);
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let mut answers = JoinSet::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let frame: Frame<'_> = serde_json::from_str(&text)?;
        if frame.event != "posted" {
            continue;
        }
        let post = frame.data.post.context("an event without its post")?;
        let post: Post<'_> = serde_json::from_str(&post)?;
        if post.message == "@status" {
            let body = serde_json::json!({
                "channel_id": post.channel_id, "root_id": post.id, "message": "I am up."
            });
            let request = http
                .post(format!("http://{address}/api/v4/posts"))
                .header("authorization", &bearer)
                .body(body.to_string());
            answers.spawn(async move { request.send().await?.bytes().await });
        }
        while let Some(answered) = answers.try_join_next() {
            answered??;
        }
    }
    Ok(())
}

/// A client without TLS, proxies and redirections, as the bot's is on loopback.
///
/// # Errors
/// If it cannot be prepared.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    // The client wants a provider also where nothing is encrypted; an error says that there is one.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Ok(reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()?)
}
