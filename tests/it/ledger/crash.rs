//! A process that is killed at any instant leaves a ledger that opens and has all that was acknowledged.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use matterbot::id::PostId;
use matterbot::ledger::{CallState, Ledger, Started};

use super::{a_call, count, settlement};

/// Says where the child of a test shall keep its ledger.
const HOME: &str = "MATTERBOT_TEST_LEDGER";

/// Runs the test `name` of this binary as a child that keeps its ledger in `home`.
#[expect(clippy::disallowed_methods, reason = "a test starts itself")]
pub(super) fn child(name: &str, home: &Path) -> Child {
    // A file that grows beyond its limit shall be an error, as on a full disk, and not a signal.
    Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--quiet"])
        .env(HOME, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Where the ledger is, if this process is such a child.
pub(super) fn child_home() -> Option<std::path::PathBuf> {
    std::env::var_os(HOME).map(Into::into)
}

/// The child: calls without end, each acknowledgement reported in a line.
#[tokio::test]
async fn busy_child() {
    let Some(home) = child_home() else { return };
    let (ledger, _) = Ledger::open(&home).unwrap();
    let busy = async || {
        loop {
            let call = a_call();
            let post = call.key.post;
            ledger.start(call.clone()).await.unwrap();
            report("started", post);
            let sent = ledger
                .settle(vec![settlement(&call, CallState::Done, &["one", "two"])])
                .await
                .unwrap();
            report("settled", post);
            ledger.delivered(sent[0].id, PostId::random());
        }
    };
    tokio::join!(busy(), busy(), busy());
}

fn report(what: &str, post: PostId) {
    std::io::stdout()
        .write_all(format!("{what} {post}\n").as_bytes())
        .unwrap();
}

#[tokio::test]
async fn a_kill_at_any_instant_loses_nothing_that_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    for round in 0..12 {
        let mut child = child("ledger::crash::busy_child", home.path());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut lines, mut wanted) = (String::new(), random.usize(1..400));
        while wanted > 0 && output.read_line(&mut lines).unwrap() > 0 {
            wanted -= 1;
        }
        assert_eq!(wanted, 0, "the child ended by itself: {lines}");
        child.kill().unwrap();
        child.wait().unwrap();
        output.read_to_string(&mut lines).unwrap();
        check(home.path(), &lines, round).await;
    }
}

async fn check(home: &Path, lines: &str, round: usize) {
    let (ledger, recovered) = Ledger::open(home).unwrap();
    let mut settled = std::collections::HashSet::new();
    let reports = |word| {
        // A line that the kill cut short acknowledges nothing.
        let whole = lines
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        whole
            .filter_map(move |line| line.strip_prefix(word)?.parse::<PostId>().ok())
            .collect::<Vec<_>>()
    };
    for post in reports("settled ") {
        settled.insert(post);
        let parts: Vec<_> = recovered
            .undelivered
            .iter()
            .filter(|delivery| delivery.calls[0].post == post)
            .collect();
        assert!(
            parts.iter().any(|delivery| delivery.text == "two"),
            "round {round}: the answer to {post} is lost"
        );
    }
    for post in reports("started ") {
        let mut call = a_call();
        call.key.post = post;
        let Ok(Started::Known(state)) = ledger.start(call).await else {
            panic!("round {round}: the start of {post} is lost");
        };
        if settled.contains(&post) {
            assert_eq!(state, CallState::Done);
        }
    }
    // Each call that has no outcome is one whose answers are not queued, and the other way round.
    for call in recovered.unfinished {
        assert!(
            recovered
                .undelivered
                .iter()
                .all(|delivery| delivery.calls[0] != call.key)
        );
        ledger
            .settle(vec![settlement(
                &call,
                CallState::Interrupted,
                &["cut off"],
            )])
            .await
            .unwrap();
    }
    ledger.close().await.unwrap();
    assert_eq!(
        count(home, "pragma_integrity_check WHERE integrity_check = 'ok'"),
        1
    );
}
