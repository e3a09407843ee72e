//! In tmux: the same pane, the same process, a terminal as it was; and an end with the pane.

use std::fs;
use std::path::PathBuf;

use crate::support::playground::{Server, Socket};
use crate::support::program::{Home, PROGRAM, Settings, command, eventually, gone, needs, output};

/// A tmux server of its own, with one session.
struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// A shell in a pane.
    async fn start(home: &Home) -> Self {
        let tmux = Self {
            socket: home.path().join("tmux"),
        };
        tmux.tell(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-s",
            "bot",
            "-x",
            "200",
            "-y",
            "50",
            "/bin/sh",
        ])
        .await;
        tmux
    }

    async fn tell(&self, order: &[&str]) -> String {
        let mut tmux = command("tmux");
        // Inside of another one, it would take that for its own.
        tmux.env_remove("TMUX")
            .arg("-S")
            .arg(&self.socket)
            .args(order);
        let output = output(tmux).await;
        assert!(output.status.success(), "{order:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn types(&self, line: &str) {
        self.tell(&["send-keys", "-t", "bot", line, "Enter"]).await;
    }

    /// The pane, its shell and its terminal.
    async fn pane(&self) -> String {
        let format = "#{pane_id} #{pane_pid} #{pane_tty} #{pane_dead}";
        self.tell(&["list-panes", "-t", "bot", "-F", format]).await
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "a test ends what it started")]
        let ended = std::process::Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
        drop(ended);
    }
}

/// A bot that serves in a pane, in a shell that says in files how its terminal was before and is after.
struct InPane {
    server: Server,
    home: Home,
    tmux: Tmux,
}

impl InPane {
    async fn serving() -> Self {
        let server = Server::start().await;
        let home = Home::new(&Settings {
            service_manager: "auto",
            ..Settings::with(&server)
        });
        let tmux = Tmux::start(&home).await;
        let (folder, config) = (home.path().display(), home.config());
        let config = config.display();
        tmux.types(&format!(
            "cd {folder}; stty -a > before; {PROGRAM} --config {config}; echo $? > status; stty -a > after"
        ))
        .await;
        let pane = Self { server, home, tmux };
        pane.ready(1).await;
        pane
    }

    /// Until the run of this number is ready.
    async fn ready(&self, number: usize) {
        let ready = || {
            let runs = self.home.runs();
            runs.len() == number && runs[0].ready_at.is_some()
        };
        eventually("a bot that serves", ready).await;
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.home.path().join(name)).ok()
    }

    fn bot(&self) -> u32 {
        self.home.runs()[0].pid
    }

    /// The bot's process group, session, terminal and the group in its foreground (proc(5)).
    fn place(&self) -> Vec<String> {
        let status = fs::read_to_string(format!("/proc/{}/stat", self.bot())).unwrap();
        let (_, fields) = status.rsplit_once(") ").unwrap();
        fields
            .split(' ')
            .skip(2)
            .take(4)
            .map(str::to_owned)
            .collect()
    }

    /// Restarts it by a message, and waits for the notice.
    async fn restarts(&self) {
        let admin = self.server.log_in("admin").await;
        let channel = admin.channel("town-square").await;
        let mut ear: Socket = admin.listen().await;
        admin.say(&channel, "@restart").await;
        while !ear.posted().await["message"]
            .as_str()
            .unwrap()
            .starts_with("Back up. ✅")
        {}
    }
}

#[tokio::test]
async fn a_restart_in_a_pane_keeps_process_pane_and_terminal() {
    if !needs("tmux", "tmux") {
        return;
    }
    let pane = InPane::serving().await;
    let (before, bot, place) = (pane.tmux.pane().await, pane.bot(), pane.place());
    pane.restarts().await;
    pane.ready(2).await;
    assert_eq!(pane.home.ends(), [None, Some("reexec".to_owned())]);
    assert_eq!((pane.bot(), pane.place()), (bot, place));
    assert_eq!(pane.tmux.pane().await, before);
    // The successor hears the terminal as its predecessor did.
    pane.tmux.tell(&["send-keys", "-t", "bot", "C-c"]).await;
    let shell_goes_on = || {
        pane.file("after")
            .is_some_and(|after| after.ends_with('\n'))
    };
    eventually("the shell's next command", shell_goes_on).await;
    assert_eq!(pane.file("status").as_deref(), Some("0\n"));
    assert_eq!(pane.file("after"), pane.file("before"));
    assert_eq!(pane.home.ends()[0].as_deref(), Some("stop"));
}

#[tokio::test]
async fn a_pane_that_is_closed_ends_the_bot() {
    if !needs("tmux", "tmux") {
        return;
    }
    let pane = InPane::serving().await;
    pane.restarts().await;
    pane.ready(2).await;
    let bot = pane.bot();
    pane.tmux.tell(&["kill-session", "-t", "bot"]).await;
    gone(&bot.to_string()).await;
    assert_eq!(pane.home.ends()[0].as_deref(), Some("stop"));
}
