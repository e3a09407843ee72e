//! State that cannot be used: the bot ends with 78 and says what to type, and `check` says the same beforehand.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tokio::process::Command;

use crate::support::namespace;
use crate::support::program::{Home, PROGRAM, Settings, command, output};

/// The program as a user whom permissions bind: root, too, without its capabilities.
fn bound(home: &Home, arguments: &[&str]) -> Command {
    if !rustix::process::geteuid().is_root() {
        return home.command(PROGRAM, arguments);
    }
    let mut program = command("setpriv");
    program
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            PROGRAM,
            "--config",
        ])
        .arg(home.config())
        .args(arguments);
    program
}

/// Bot and checks end with 78, and their errors have these words.
async fn refuses(home: &Home, words: &[&str]) {
    for arguments in [&[][..], &["check"], &["check", "--online"]] {
        let output = output(bound(home, arguments)).await;
        // What a check finds is its result.
        let errors = [output.stderr, output.stdout].concat();
        let errors = String::from_utf8(errors).unwrap();
        assert_eq!(output.status.code(), Some(78), "{arguments:?}: {errors}");
        for word in words {
            assert!(errors.contains(word), "{arguments:?}, {word}: {errors}");
        }
    }
}

fn home() -> Home {
    Home::new(&Settings::alone())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_refused() {
    let home = home();
    let text = fs::read_to_string(home.config()).unwrap();
    let inner = text.replace("state_dir: state", "state_dir: missing/state");
    fs::write(home.config(), inner).unwrap();
    let parent = home.path().join("missing");
    let mkdir = format!("`mkdir -p {}`", parent.display());
    refuses(&home, &["missing/state cannot be used", &mkdir]).await;

    fs::create_dir(&parent).unwrap();
    set_mode(&parent, 0o500);
    let install = format!(
        "`sudo install -d -m 0750 -o {} ",
        rustix::process::geteuid().as_raw()
    );
    refuses(&home, &["Permission denied", &install]).await;
}

#[tokio::test]
async fn what_is_no_directory_is_refused() {
    let home = home();
    fs::remove_dir(home.state()).unwrap();
    fs::write(home.state(), "").unwrap();
    refuses(
        &home,
        &["state cannot be used", "has to lead to a directory"],
    )
    .await;
    fs::remove_file(home.state()).unwrap();
    symlink(home.path(), home.state()).unwrap();
    refuses(&home, &["state cannot be used", "symbolic link"]).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    let home = home();
    set_mode(&home.state(), 0o500);
    refuses(&home, &["Permission denied", "`sudo chmod u+rwx "]).await;
    set_mode(&home.state(), 0o770);
    refuses(
        &home,
        &["can be written by others (mode 0770)", "`chmod go-w "],
    )
    .await;
}

#[tokio::test]
async fn files_that_are_none_of_ours_are_refused() {
    for name in ["matterbot.lock", "audit.jsonl"] {
        let home = home();
        let path = home.state().join(name);
        fs::create_dir(&path).unwrap();
        let away = format!("move {} away", path.display());
        refuses(&home, &[&away]).await;
    }
    let home = home();
    let path = home.state().join("audit.jsonl");
    fs::write(home.path().join("other"), "").unwrap();
    fs::hard_link(home.path().join("other"), &path).unwrap();
    refuses(
        &home,
        &["audit.jsonl is not a regular file of this user with a single link"],
    )
    .await;
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    set_mode(&path, 0o000);
    refuses(&home, &["audit.jsonl", "Permission denied", "`sudo chown "]).await;
}

#[tokio::test]
async fn a_directory_is_not_taken_from_its_owner() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root can give a directory away");
        return;
    }
    let home = home();
    let nobody = 65_534;
    set_mode(&home.state(), 0o700);
    std::os::unix::fs::chown(home.state(), Some(nobody), None).unwrap();
    let output = output(bound(&home, &["check"])).await;
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(78), "{found}");
    assert!(found.contains("`sudo -u nobody …`"), "{found}");
    assert!(
        !found.contains("install -d") && !found.contains("chown"),
        "{found}"
    );
}

#[tokio::test]
async fn who_may_not_read_the_configuration_is_told_how_to_look() {
    let home = home();
    set_mode(&home.config(), 0o000);
    for (arguments, status) in [(&["status"][..], 4), (&["check"], 78)] {
        let output = output(bound(&home, arguments)).await;
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains("to look, type it with sudo"), "{said}");
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run in part: only root can be in a folder that it may not search");
        return;
    }
    // Nobody can tell whether there is one, so that it is not said that there is none.
    let folder = home.path().join("closed");
    fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o000);
    let mut program = command("setpriv");
    let bound = ["--bounding-set=-all", "--inh-caps=-all", PROGRAM, "status"];
    program.args(bound).current_dir(&folder);
    let output = output(program).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("./config.yaml: error: the user with"),
        "{said}"
    );
}

#[tokio::test]
async fn a_check_of_the_service_finds_the_token_where_systemd_does() {
    let Some(unshare) = namespace::unshare(&[]).await else {
        return;
    };
    let home = home();
    let text = fs::read_to_string(home.config()).unwrap();
    let lines = text.lines().filter(|line| !line.contains("password:"));
    let text: Vec<String> = lines
        .map(|line| line.replace(": state", &format!(": {}", home.state().display())))
        .collect();
    fs::write(home.path().join("service.yaml"), text.join("\n")).unwrap();
    let script = "mount -t tmpfs tmpfs /etc && mkdir /etc/matterbot /etc/credstore &&
        cp \"$0\" /etc/matterbot/config.yaml &&
        if [ -n \"$2\" ]; then echo \"$2\" > /etc/credstore/matterbot.token; fi &&
        exec \"$1\" --config /etc/matterbot/config.yaml check";
    for (token, status) in [("k1h7xqnd3fyw8mgqj5s9e6ro4a", 0), ("", 78), ("<token>", 78)] {
        let mut program = command(&unshare[0]);
        program.args(&unshare[1..]).args(["sh", "-c", script]);
        program.arg(home.path().join("service.yaml"));
        program.args([PROGRAM, token]).env_remove("MATTERBOT_TOKEN");
        let output = output(program).await;
        let found = [output.stdout, output.stderr].concat();
        let found = String::from_utf8(found).unwrap();
        assert_eq!(output.status.code(), Some(status), "{token}: {found}");
        assert!(!found.contains("k1h7"), "{found}");
    }
}
