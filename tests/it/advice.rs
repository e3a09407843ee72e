//! A server that cannot be reached, or does not let us in: what the log says of it, and `check --online`.

use std::fs;
use std::sync::Arc;

use matterbot::tasks::Tasks;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::playground::Server;
use crate::support::program::{Home, NO_TOKEN, PROGRAM, Program, Settings};

/// Replaces `old` by `new` in the configuration.
fn rewrite(home: &Home, old: &str, new: &str) {
    let text = fs::read_to_string(home.config()).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(home.config(), text.replace(old, new)).unwrap();
}

/// The bot says these words in one line, the check says them too, and the end of the bot is `status`; a bot that tries
/// on is stopped.
async fn says(home: &Home, words: &[&str], status: Option<i32>) {
    let mut start = home.command(PROGRAM, &[]);
    start.env("NO_PROXY", "*");
    let mut program = Program::start(start);
    let (first, rest) = words.split_first().unwrap();
    let line = program.line(first).await;
    assert!(rest.iter().all(|word| line.contains(word)), "{line}");
    match status {
        Some(status) => assert_eq!(program.end().await.code(), Some(status), "{line}"),
        None => program.stop().await,
    }
    let mut check = home.command(PROGRAM, &["check", "--online"]);
    let checked = check.env("NO_PROXY", "*").output().await.unwrap();
    let text = [checked.stdout, checked.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert_eq!(checked.status.code(), Some(status.unwrap_or(0)), "{text}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named_with_its_keys() {
    let home = Home::new(&Settings::alone());
    let words = [
        "nothing listens at 127.0.0.1:9",
        "Matterbot.host and Matterbot.port",
    ];
    says(&home, &words, None).await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_named() {
    let home = Home::new(&Settings::alone());
    rewrite(&home, "\"127.0.0.1\"", "chat.matterbot.invalid");
    let words = [
        "\"chat.matterbot.invalid\" cannot be resolved",
        "Matterbot.host",
    ];
    says(&home, &words, None).await;
}

#[tokio::test]
async fn the_wrong_scheme_is_told_from_both_sides() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    rewrite(&home, "scheme: http", "scheme: https");
    let words = ["does not speak TLS", "set Matterbot.scheme to http,"];
    says(&home, &words, None).await;

    let (tls, _tasks) = tls_server().await;
    let home = Home::new(&Settings {
        host: tls,
        ..Settings::alone()
    });
    let words = [
        "does not answer as a server without TLS",
        "set Matterbot.scheme to https",
    ];
    says(&home, &words, None).await;

    // What the HTTP server of Go answers, on which Mattermost stands.
    let answer =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let (go, _tasks) = answering(answer).await;
    let home = Home::new(&Settings {
        host: go,
        ..Settings::alone()
    });
    says(&home, &words, None).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_with_the_reason() {
    let (tls, _tasks) = tls_server().await;
    let home = Home::new(&Settings {
        host: tls,
        ..Settings::alone()
    });
    rewrite(&home, "scheme: http", "scheme: https");
    let words = [
        "the certificate of 127.0.0.1:",
        "is not accepted (",
        "SSL_CERT_FILE",
    ];
    says(&home, &words, None).await;
}

#[tokio::test]
async fn the_wrong_path_is_told() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    rewrite(&home, "basepath: /api/v4", "basepath: /chat/api/v4");
    let words = [
        "/chat/api/v4, but it is not Mattermost's API",
        "correct Matterbot.basepath",
    ];
    says(&home, &words, None).await;

    let (page, _tasks) =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>It works!").await;
    let home = Home::new(&Settings {
        host: page,
        ..Settings::alone()
    });
    says(
        &home,
        &["but it is not Mattermost's API", "It works!"],
        None,
    )
    .await;
}

#[tokio::test]
async fn a_refused_token_is_told_with_its_source_and_how_to_get_another() {
    let server = Server::start().await;
    let home = Home::new(&Settings {
        token: NO_TOKEN,
        ..Settings::with(&server)
    });
    for (variable, source) in [
        (None, "(Matterbot.password)"),
        (Some(NO_TOKEN), "(the variable MATTERBOT_TOKEN)"),
    ] {
        let mut command = home.command(PROGRAM, &[]);
        command.envs(variable.map(|token| ("MATTERBOT_TOKEN", token)));
        let mut program = Program::start(command);
        let line = program.line("the server refuses the token").await;
        for words in [
            source,
            "Integrations > Bot Accounts",
            "status 78",
            "the next try is in",
        ] {
            assert!(line.contains(words), "{line}");
        }
        assert!(!line.contains(NO_TOKEN), "{line}");
        program.stop().await;
    }
}

#[tokio::test]
async fn a_team_that_the_bot_is_not_in_ends_with_78() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let team = json!({"name": "others", "display_name": "Others", "type": "O"});
    admin.post("/teams", team).await.expect(201);
    let with = |team| {
        Home::new(&Settings {
            team,
            ..Settings::with(&server)
        })
    };
    let words = [
        "@matter-bot is not a member of the team \"others\"",
        "invite it",
        "Matterbot.teamname",
    ];
    says(&with("others"), &words, Some(78)).await;
    let words = [
        "no team named \"oops\"",
        "Matterbot.teamname",
        "(it is in: ops)",
    ];
    says(&with("oops"), &words, Some(78)).await;
}

#[tokio::test]
async fn a_persons_token_is_a_warning() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let home = Home::new(&Settings {
        token: &pat.token,
        ..Settings::with(&server)
    });
    says(
        &home,
        &["not a bot account's", "the person @pat", "Bot Accounts"],
        None,
    )
    .await;
}

/// A server of TLS whose certificate nobody trusts; it lives as long as the tasks.
async fn tls_server() -> (String, Guard) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listen(move |stream| {
        let accepted = acceptor.accept(stream);
        async move { drop(accepted.await) }
    })
    .await
}

/// A server that answers whatever is asked with `text`, and closes.
async fn answering(text: &'static str) -> (String, Guard) {
    listen(move |mut stream| async move {
        let mut asked = [0; 4096];
        tokio::io::AsyncReadExt::read(&mut stream, &mut asked)
            .await
            .ok();
        stream.write_all(text.as_bytes()).await.ok();
    })
    .await
}

/// Ends what serves when it is dropped.
struct Guard(Tasks);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (String, Guard)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tasks = Tasks::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream).await;
        }
    });
    (address, Guard(tasks))
}
