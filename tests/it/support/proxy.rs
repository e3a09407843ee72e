//! A proxy between the bot under test and its server, with the faults that need nothing of the server's inside: what
//! networks, other proxies, limiters and hubs do wrong. The server may speak TLS; the bot speaks to the proxy without.

mod request;
mod socket;
mod switch;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use matterbot::tasks::Tasks;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::playground::client_builder;
use switch::{Fault, SocketFault, Switch, Switches};

/// The proxy; it is there as long as the test's runtime.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    address: SocketAddr,
    /// The server: scheme, host and port.
    server: String,
    /// What all paths of the server begin with.
    base_path: String,
    /// The account whose traffic it is.
    user: String,
    http: reqwest::Client,
    switches: Switches,
    sockets: Mutex<Vec<mpsc::UnboundedSender<SocketFault>>>,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
    /// How many requests to post came.
    posts: Mutex<u32>,
    tasks: Tasks,
}

impl Proxy {
    /// Before the server at `base`, for the account `user` alone.
    pub(crate) async fn before(base: &str, user: &str) -> Self {
        let url = reqwest::Url::parse(base).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // A connection of its own for each request: none is lost because the server was tired of an idle one.
        let http = client_builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0);
        let proxy = Self {
            shared: Arc::new(Shared {
                address: listener.local_addr().unwrap(),
                server: url.origin().ascii_serialization(),
                base_path: url.path().trim_end_matches('/').to_owned(),
                user: user.to_owned(),
                http: http.build().unwrap(),
                switches: Switches::default(),
                sockets: Mutex::default(),
                cuts: watch::Sender::new(0),
                posts: Mutex::default(),
                tasks: Tasks::new(),
            }),
        };
        drop(proxy.shared.tasks.spawn(proxy.clone().listens(listener)));
        proxy
    }

    /// Where the bot finds it, in the place of its server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// How many requests to post came so far.
    pub(crate) fn posts(&self) -> u32 {
        *self.shared.posts.lock().unwrap()
    }

    /// Whether it can make this fault.
    pub(crate) fn can(&self, switch: &Value) -> bool {
        Switch::read(switch, &self.shared.user).is_some()
    }

    /// Turns a switch on, which is written as for the playground.
    #[track_caller]
    pub(crate) fn fault(&self, switch: &Value) {
        let Some(switch) = Switch::read(switch, &self.shared.user) else {
            panic!("a proxy cannot make this fault: {switch}");
        };
        if let Some(fault) = switch.fault.of_socket() {
            let mut sockets = self.shared.sockets.lock().unwrap();
            sockets.retain(|socket| socket.send(fault).is_ok());
        }
        if switch.fault == Fault::Restart {
            self.shared.cuts.send_modify(|cuts| *cuts += 1);
        }
        self.shared.switches.turn_on(switch);
    }

    /// Turns all switches off.
    pub(crate) fn mend(&self) {
        self.shared.switches.turn_off();
    }

    /// How often the switches that are on were hit.
    pub(crate) fn hits(&self) -> u64 {
        self.shared.switches.hits()
    }

    async fn listens(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let serves = self.clone().serves(stream);
            drop(self.shared.tasks.spawn(serves));
        }
    }

    async fn serves(self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut cuts = self.shared.cuts.subscribe();
        let service = service_fn(|request| self.clone().answers(request));
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // How it ends is the bot's affair.
        tokio::select! {
            _ = connection => {}
            _ = cuts.changed() => {}
        }
    }
}
