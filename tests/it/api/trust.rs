//! TLS, private certificate authorities, proxies: what the environment decides, so each test asks from a child process.
//!
//! The child is this test binary again, told by its environment to run the same test as the client.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use matterbot::mattermost::api::{Api, Connection};
use matterbot::mattermost::gateway::{Gateway, Update};
use matterbot::secret::Secret;
use matterbot::tasks::Tasks;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::peer::{TOKEN, read_request};
use crate::gateway::peer::{Peer, Script};
use crate::support::program::output;

/// A name that no resolver knows: only the proxy can lead there.
const HOST: &str = "chat.matterbot.invalid";
const SITE: &str = "https://chat.matterbot.invalid/api/v4";
/// How a proxy lets through.
const WELCOME: &str = "HTTP/1.1 200 OK\r\n\r\n";
/// Set in the child: the address of the interface.
const BASE: &str = "MATTERBOT_TEST_BASE";

/// The parent's side: a Mattermost behind TLS behind a proxy, and the file with the authority that it trusts.
struct Site {
    proxy: String,
    asked: Arc<Mutex<Vec<String>>>,
    authority: tempfile::NamedTempFile,
}

/// Runs `test` of this file as a child with this environment, in place of what it would inherit; gives its output.
#[expect(
    clippy::disallowed_methods,
    reason = "the child is this test itself, with an environment of its own"
)]
async fn child(test: &str, environment: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .args(["--exact", &format!("api::trust::{test}"), "--nocapture"])
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let output = output(command).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The child's side: asks who we are and opens the websocket, and writes down how that went.
async fn ask(base: String) {
    let mut connection = Connection::new(base, Secret::new(TOKEN));
    connection.timeouts.retry_step = Duration::from_millis(1);
    let api = match Api::new(&connection) {
        Ok(api) => api,
        Err(error) => return println!("set-up: {error}"),
    };
    match api.me().await {
        Ok(me) => println!("me: {}", me.username),
        Err(error) => println!("me: {}", with_sources(&error)),
    }
    match Gateway::new(api, 7).next().await {
        Update::Connected { .. } => println!("websocket: connected"),
        Update::Disconnected { cause, .. } => println!("websocket: {}", with_sources(&cause)),
        other => println!("websocket: {other:?}"),
    }
}

fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_sources(source)),
        None => error.to_string(),
    }
}

impl Site {
    /// The proxy answers a CONNECT with this line.
    async fn before(mattermost: SocketAddr, proxys_answer: &'static str) -> Self {
        let (acceptor, authority) = certificates();
        let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls_address = tls.local_addr().unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self {
            proxy: format!("http://{}", proxy.local_addr().unwrap()),
            asked: Arc::default(),
            authority,
        };
        let tasks = Tasks::new();
        tasks.clone().spawn(async move {
            loop {
                let (client, _) = tls.accept().await.unwrap();
                tasks.spawn(unwrap_tls(acceptor.clone(), client, mattermost));
            }
        });
        let asked = Arc::clone(&site.asked);
        let tasks = Tasks::new();
        tasks.clone().spawn(async move {
            loop {
                let (mut client, _) = proxy.accept().await.unwrap();
                let Some(request) = read_request(&mut client).await else {
                    continue;
                };
                asked.lock().unwrap().push(request.line);
                client.write_all(proxys_answer.as_bytes()).await.unwrap();
                tasks.spawn(tunnel(client, tls_address));
            }
        });
        site
    }

    fn authority(&self) -> &str {
        self.authority.path().to_str().unwrap()
    }
}

/// An authority, and a certificate for [`HOST`] from it.
fn certificates() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([HOST.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

async fn unwrap_tls(acceptor: TlsAcceptor, client: TcpStream, mattermost: SocketAddr) {
    // A client that does not trust the authority ends the handshake.
    if let Ok(client) = acceptor.accept(client).await {
        tunnel(client, mattermost).await;
    }
}

async fn tunnel(mut client: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr) {
    let mut server = TcpStream::connect(target).await.unwrap();
    // Either side may end it as it likes.
    copy_bidirectional(&mut client, &mut server).await.ok();
}

#[tokio::test]
async fn a_private_authority_and_a_proxy_hold_for_rest_and_websocket_alike() {
    if let Ok(base) = std::env::var(BASE) {
        return ask(base).await;
    }
    let mut mattermost = Peer::start(Script::default()).await;
    let site = Site::before(mattermost.address, WELCOME).await;
    let environment = [
        (BASE, SITE),
        ("HTTPS_PROXY", &site.proxy),
        ("SSL_CERT_FILE", site.authority()),
    ];
    let test = "a_private_authority_and_a_proxy_hold_for_rest_and_websocket_alike";
    let (output, _socket) = tokio::join!(child(test, &environment), mattermost.accept_and_greet());
    assert!(
        output.contains("me: matter-bot\nwebsocket: connected\n"),
        "{output}"
    );
    assert_eq!(site.asked.lock().unwrap()[0], format!("CONNECT {HOST}:443"));
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_gets_no_token() {
    if let Ok(base) = std::env::var(BASE) {
        return ask(base).await;
    }
    let mattermost = Peer::start(Script::default()).await;
    let site = Site::before(mattermost.address, WELCOME).await;
    let another = Site::before(mattermost.address, WELCOME).await;
    let environment = [
        (BASE, SITE),
        ("HTTPS_PROXY", &site.proxy),
        ("SSL_CERT_FILE", another.authority()),
    ];
    let output = child(
        "an_authority_that_is_not_trusted_gets_no_token",
        &environment,
    )
    .await;
    assert!(
        output.contains("me: GET /users/me got no answer from the server: "),
        "{output}"
    );
    assert!(
        output.contains("certificate"),
        "the operator sees why: {output}"
    );
    assert!(
        output.contains("websocket: the server cannot be reached: "),
        "{output}"
    );
    assert!(mattermost.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_that_does_not_let_us_through_is_told() {
    if let Ok(base) = std::env::var(BASE) {
        return ask(base).await;
    }
    let mattermost = Peer::start(Script::default()).await;
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let site = Site::before(mattermost.address, refusal).await;
    let environment = [
        (BASE, SITE),
        ("HTTPS_PROXY", &site.proxy),
        ("SSL_CERT_FILE", site.authority()),
    ];
    let output = child("a_proxy_that_does_not_let_us_through_is_told", &environment).await;
    assert!(
        output.contains("me: GET /users/me got no answer from the server: "),
        "{output}"
    );
    assert!(output.contains("proxy"), "the operator sees why: {output}");
}

#[tokio::test]
async fn a_server_on_this_host_is_asked_without_proxy_and_without_roots() {
    if let Ok(base) = std::env::var(BASE) {
        return ask(base).await;
    }
    let mut mattermost = Peer::start(Script::default()).await;
    let site = Site::before(mattermost.address, WELCOME).await;
    let base = format!("http://{}/api/v4", mattermost.address);
    let environment = [
        (BASE, base.as_str()),
        ("HTTP_PROXY", &site.proxy),
        ("ALL_PROXY", &site.proxy),
        ("SSL_CERT_FILE", "/nonexistent"),
    ];
    let test = "a_server_on_this_host_is_asked_without_proxy_and_without_roots";
    let (output, _socket) = tokio::join!(child(test, &environment), mattermost.accept_and_greet());
    assert!(
        output.contains("me: matter-bot\nwebsocket: connected\n"),
        "{output}"
    );
    assert!(site.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_host_without_roots_of_trust_is_told_at_once() {
    if let Ok(base) = std::env::var(BASE) {
        return ask(base).await;
    }
    let environment = [(BASE, SITE), ("SSL_CERT_FILE", "/nonexistent")];
    let output = child(
        "a_host_without_roots_of_trust_is_told_at_once",
        &environment,
    )
    .await;
    assert!(
        output.contains("set-up: the connection to Mattermost cannot be set up"),
        "{output}"
    );
    assert!(output.contains("SSL_CERT_FILE"), "{output}");
}
