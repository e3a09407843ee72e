//! A websocket through the proxy: frames pass, and events keep numbers as if the server had sent what arrives.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::Proxy;
use super::request::Cut;
use super::switch::{DeafPing, Fault, SocketFault, Target};

/// Passes the upgrade on, and from then on frames.
pub(super) async fn opens(
    proxy: Proxy,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let answer = proxy.asks(parts).send().await.map_err(|_| Cut)?;
    let mut response = Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let body = answer.bytes().await.map_err(|_| Cut)?;
        return Ok(response.body(Body::from(body)).unwrap());
    }
    let tasks = proxy.shared.tasks.clone();
    let bridge = async move {
        let (Ok(bot), Ok(server)) = tokio::join!(upgrade, answer.upgrade()) else {
            return;
        };
        let bot = WebSocketStream::from_raw_socket(TokioIo::new(bot), Role::Server, None).await;
        let server = WebSocketStream::from_raw_socket(server, Role::Client, None).await;
        Bridge::between(proxy, bot, server).runs().await;
    };
    drop(tasks.spawn(bridge));
    Ok(response.body(Body::empty()).unwrap())
}

struct Bridge {
    proxy: Proxy,
    bot: WebSocketStream<TokioIo<Upgraded>>,
    server: WebSocketStream<reqwest::Upgraded>,
    /// What happens to this connection as a whole, from here and from whoever turns a switch on.
    strike: mpsc::UnboundedSender<SocketFault>,
    strikes: mpsc::UnboundedReceiver<SocketFault>,
    cuts: watch::Receiver<u64>,
    /// Events that are held back come from here again.
    late: (mpsc::UnboundedSender<Value>, mpsc::UnboundedReceiver<Value>),
    deaf: Option<DeafPing>,
    /// The number of the last event that the server sent, and by how much the next one's differs from it.
    last: i64,
    shift: i64,
}

/// Whether the bridge stands.
type Stands = Result<(), Cut>;

impl Bridge {
    fn between(
        proxy: Proxy,
        bot: WebSocketStream<TokioIo<Upgraded>>,
        server: WebSocketStream<reqwest::Upgraded>,
    ) -> Self {
        let (strike, strikes) = mpsc::unbounded_channel();
        proxy.shared.sockets.lock().unwrap().push(strike.clone());
        let cuts = proxy.shared.cuts.subscribe();
        Self {
            proxy,
            bot,
            server,
            strike,
            strikes,
            cuts,
            late: mpsc::unbounded_channel(),
            deaf: None,
            last: -1,
            shift: 0,
        }
    }

    async fn runs(mut self) {
        loop {
            let stands = tokio::select! {
                _ = self.cuts.changed() => return,
                Some(fault) = self.strikes.recv() => match fault {
                    SocketFault::Reset => return self.resets(),
                    SocketFault::HalfOpen => return self.holds().await,
                    fault => self.suffers(fault).await,
                },
                Some(event) = self.late.1.recv() => self.comes_late(event).await,
                said = self.bot.next() => match said {
                    Some(Ok(Message::Text(text))) => self.says(text).await,
                    Some(Ok(Message::Close(frame))) => return self.takes_leave(frame).await,
                    Some(Ok(_)) => Ok(()),
                    Some(Err(_)) | None => return,
                },
                heard = self.server.next() => match heard {
                    Some(Ok(Message::Text(text))) => self.hears(text).await,
                    Some(Ok(Message::Close(frame))) => {
                        drop(self.tells(Message::Close(frame)).await);
                        return;
                    }
                    Some(Ok(_)) => Ok(()),
                    Some(Err(_)) | None => return,
                },
            };
            if stands.is_err() {
                return;
            }
        }
    }

    async fn tells(&mut self, message: Message) -> Stands {
        self.bot.send(message).await.map_err(|_| Cut)
    }

    /// The bot has closed: the server hears so, and the bot reads to the end.
    async fn takes_leave(mut self, frame: Option<CloseFrame>) {
        if self.server.close(frame).await.is_ok() {
            while let Some(Ok(_)) = self.server.next().await {}
        }
        while let Some(Ok(_)) = self.bot.next().await {}
    }

    async fn suffers(&mut self, fault: SocketFault) -> Stands {
        match fault {
            SocketFault::Deaf(ping) => {
                self.deaf = Some(ping);
                Ok(())
            }
            SocketFault::Close(Some(code)) => {
                let reason = CloseFrame {
                    code: code.into(),
                    reason: "".into(),
                };
                self.tells(Message::Close(Some(reason))).await?;
                Err(Cut)
            }
            SocketFault::Close(None) | SocketFault::Reset | SocketFault::HalfOpen => Err(Cut),
        }
    }

    /// The kernel sends a reset where nothing lingers.
    fn resets(self) {
        let upgraded = self.bot.into_inner().into_inner();
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().unwrap();
        parts.io.into_inner().set_zero_linger().unwrap();
    }

    /// Nothing is read or written any more, on connections that stay open.
    async fn holds(mut self) {
        drop(self.cuts.changed().await);
    }

    /// What the bot asks.
    async fn says(&mut self, text: Utf8Bytes) -> Stands {
        match self.deaf {
            None => self.server.send(Message::Text(text)).await.map_err(|_| Cut),
            Some(DeafPing::Unanswered) => Ok(()),
            Some(DeafPing::Fail) => {
                let asked: Value = serde_json::from_str(&text).unwrap();
                let (id, text) = ("api.web_socket_router.not_authenticated.app_error", "Who?");
                let error =
                    json!({"id": id, "message": text, "detailed_error": "", "status_code": 401});
                let failed = json!({"status": "FAIL", "error": error, "seq_reply": asked["seq"]});
                self.tells(Message::text(failed.to_string())).await
            }
        }
    }

    /// What the server sends: events, which have numbers, and answers.
    async fn hears(&mut self, text: Utf8Bytes) -> Stands {
        let Ok(event) = serde_json::from_str::<Value>(&text) else {
            return self.tells(Message::Text(text)).await;
        };
        let Some(number) = event["seq"].as_i64() else {
            return match self.deaf {
                None => self.tells(Message::Text(text)).await,
                Some(_) => Ok(()),
            };
        };
        self.last = number;
        if event["event"] == "hello" {
            self.passes_on(event).await?;
            let switches = &self.proxy.shared.switches;
            let newcomer = switches.hit(Target::default(), Fault::of_socket);
            return match newcomer {
                Some(fault) => self.strike.send(fault).map_err(|_| Cut),
                None => Ok(()),
            };
        }
        self.delivers(event).await
    }

    async fn delivers(&mut self, event: Value) -> Stands {
        let is_post = event["event"] == "posted";
        if self.deaf.is_some() {
            self.shift -= 1;
            return Ok(());
        }
        let fault = self.proxy.shared.switches.hit(Target::default(), |fault| {
            let hits = match fault {
                Fault::LatePosted { .. } | Fault::MissingPosted => is_post,
                Fault::DoubledEvents | Fault::SeqJump { .. } => true,
                _ => false,
            };
            hits.then(|| fault.clone())
        });
        match fault {
            Some(Fault::MissingPosted) => {
                self.shift -= 1;
                Ok(())
            }
            Some(Fault::LatePosted { delay_ms }) => {
                self.shift -= 1;
                let back = self.late.0.clone();
                drop(self.proxy.shared.tasks.spawn(async move {
                    sleep(Duration::from_millis(delay_ms)).await;
                    back.send(event)
                }));
                Ok(())
            }
            Some(Fault::DoubledEvents) => {
                self.passes_on(event.clone()).await?;
                self.comes_late(event).await
            }
            Some(Fault::SeqJump { by }) => {
                self.shift += by;
                self.passes_on(event).await
            }
            _ => self.passes_on(event).await,
        }
    }

    /// Sends an event that has a number of the server's no more.
    async fn comes_late(&mut self, event: Value) -> Stands {
        self.shift += 1;
        self.passes_on(event).await
    }

    /// Sends an event as the next one.
    async fn passes_on(&mut self, mut event: Value) -> Stands {
        event["seq"] = json!(self.last + self.shift);
        self.tells(Message::text(event.to_string())).await
    }
}
