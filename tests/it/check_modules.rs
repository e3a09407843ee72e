//! `matterbot check --modules`: what is the matter with the command modules, before anybody calls them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use matterbot::module::link::Link;
use matterbot::module::protocol::{Loading, Stage};
use matterbot::module::standalone::StandaloneHost;
use matterbot::module::user::User;

use crate::support::program::{Home, PROGRAM, Settings, command, output};

/// A home whose modules lie in the folder `commands`: these, each with its `command.py`, and words of its own.
fn home(modules: &[(&str, &str, &str)]) -> Home {
    let home = Home::new(&Settings::alone());
    let mut config = fs::OpenOptions::new()
        .append(true)
        .open(home.config())
        .unwrap();
    writeln!(config, "Modules:\n  python: python3").unwrap();
    fs::create_dir(home.path().join("commands")).unwrap();
    for (name, code, binds) in modules {
        let folder = home.path().join("commands").join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("command.py"), code).unwrap();
        let defaults = format!("BINDS = {binds}\nCHANS = ['lab']\n");
        fs::write(folder.join("defaults.py"), defaults).unwrap();
    }
    home
}

const WORKS: &str =
    "def process(command, channel, username, params, files, conn):\n    return None\n";

/// What the check says with `arguments`, and its exit status.
async fn check(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let output = home.output(&[&["check"], arguments].concat()).await;
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said)
}

fn has(said: &str, lines: &[&str]) {
    for line in lines {
        let found = said.lines().any(|known| known.contains(line));
        assert!(found, "{line}\n-- is not in --\n{said}");
    }
}

#[tokio::test]
async fn modules_that_work_are_counted_and_nothing_is_changed() {
    let home = home(&[
        ("dice", WORKS, "['@dice', '@roll']"),
        ("roll", WORKS, "['@roll']"),
    ]);
    let (status, said) = check(&home, &["--modules", "--strict"]).await;
    assert_eq!(status, Some(0), "{said}");
    has(
        &said,
        &[
            "note: 2 modules were loaded, those in Python by /",
            "bindmap.json gets these modules at the start: dice (lab), roll (lab)",
            "note: words of several modules: @roll (dice, roll)",
            ": no errors, no warnings: the bot would start",
        ],
    );
    let has_user =
        fs::read_to_string("/etc/passwd").is_ok_and(|users| users.contains("matterbot-modules:"));
    if !has_user {
        has(
            &said,
            &[
                "note: modules run as the bot's own user: its token and files are protected against accidents only",
            ],
        );
    }
    assert!(!home.path().join("bindmap.json").exists());
}

#[tokio::test]
async fn what_cannot_be_loaded_is_a_warning_and_strictly_a_failure() {
    let home = home(&[
        ("dice", WORKS, "['@dice']"),
        ("geo", "import no_such_package.inner\n", "['@geo']"),
        ("raises", "1 / 0\n", "['@raises']"),
    ]);
    let program = home.path().join("commands/ends/command");
    fs::create_dir(program.parent().unwrap()).unwrap();
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (status, said) = check(&home, &["--modules"]).await;
    assert_eq!(status, Some(0), "{said}");
    has(
        &said,
        &[
            "warning: the module ends cannot be loaded: ",
            "warning: the module geo cannot be loaded: ModuleNotFoundError: No module named 'no_such_package' (a package \
             that is missing in /",
            "warning: the module raises cannot be loaded: ZeroDivisionError",
            "note: 1 module was loaded",
            ": no errors, 3 warnings: the bot would start (--online asks the server too), without 3 modules",
        ],
    );
    let (status, _) = check(&home, &["--modules", "--strict"]).await;
    assert_eq!(status, Some(1));
    let (status, said) = check(&home, &["--strict"]).await;
    assert_eq!(status, Some(0), "nothing is imported: {said}");
}

#[tokio::test]
async fn the_bind_map_is_held_against_the_modules() {
    let home = home(&[
        ("dice", WORKS, "['@dice', '@restart']"),
        ("Twin", WORKS, "['@twin']"),
        ("twin", WORKS, "['@twin']"),
    ]);
    let map = r#"{"dice": {"binds": ["@dice", "@help"], "chans": ["lab"]}, "gone": {"binds": ["@gone"], "chans": []}}"#;
    fs::write(home.path().join("bindmap.json"), map).unwrap();
    let (_, said) = check(&home, &["--modules"]).await;
    has(
        &said,
        &[
            "/twin would both be the module twin; rename one of them",
            "warning: the module dice is bound to @restart, which is a command of the bot itself",
            "names modules that have no folder below",
            "bindmap.json says, dice no longer answers to @help, and now answers to @restart",
            "bindmap.json gets these modules at the start: twin (lab)",
        ],
    );
    assert!(
        !said.contains("bound to @help"),
        "the module's words count: {said}"
    );
    let kept = fs::read_to_string(home.path().join("bindmap.json")).unwrap();
    assert_eq!(kept, map);
    let (_, said) = check(&home, &[]).await;
    has(&said, &["the module dice is bound to @help"]);
}

#[tokio::test]
async fn a_folder_or_an_interpreter_that_is_not_there_is_named() {
    let home = home(&[("dice", WORKS, "['@dice']")]);
    let config = fs::read_to_string(home.config()).unwrap();
    let no_such = config.replace("python: python3", "python: no-such-python");
    fs::write(home.config(), no_such).unwrap();
    let (status, said) = check(&home, &["--modules", "--strict"]).await;
    assert_eq!(status, Some(1), "{said}");
    has(
        &said,
        &[
            "warning: no module in Python was loaded: no-such-python cannot be executed: No such file",
            ", without any module: none could be loaded",
        ],
    );
    let (status, _) = check(&home, &["--modules"]).await;
    assert_eq!(status, Some(1), "not one could be loaded");
    fs::remove_dir_all(home.path().join("commands")).unwrap();
    let (status, said) = check(&home, &["--modules", "--strict"]).await;
    assert_eq!(status, Some(1), "{said}");
    has(&said, &["commands cannot be read"]);
    assert!(Path::new(&home.config()).exists());
}

/// As the check does it that root types on a host with the modules' user; here another one without rights stands for it.
#[tokio::test]
async fn roots_rights_are_not_given_to_modules() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root can become another user");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (program, module) = (place.path().join("matterbot"), place.path().join("c/who"));
    fs::create_dir_all(&module).unwrap();
    // Neither may be open for writing here when it is executed.
    let script = "cp \"$1\" \"$2\" && printf '%s\\n' '#!/bin/sh' 'printf \"{\\\"type\\\":\\\"hello\\\",\\\"protocol\\\":1,\
                  \\\"binds\\\":[\\\"%s\\\"]}\\n\" \"$(id -u) $(id -G) $HOME\"' 'cat >/dev/null' >\"$3\" && chmod 755 \"$3\"";
    let mut shell = command("/bin/sh");
    shell.args(["-c", script, "sh", PROGRAM]);
    shell.arg(&program).arg(module.join("command"));
    assert!(output(shell).await.status.success());
    let user = User {
        id: 65534,
        group: 65533,
    };
    let mut host = StandaloneHost::new(Link::spawn_as(&program, user).unwrap(), |_| {});
    let stage = Stage {
        generation: 1,
        folder: place.path().join("c"),
        python: None,
        workers: 1,
    };
    let staged = host.load(stage).await.unwrap();
    assert!(host.end().await);
    let Loading::Description(description) = &staged.modules[0].loading else {
        panic!("{staged:?}");
    };
    assert_eq!(
        description.binds,
        ["65534 65533 /var/lib/matterbot-modules"]
    );
}

#[tokio::test]
async fn what_the_configuration_names_and_is_not_there_is_told_without_loading() {
    let home = home(&[]);
    let config = fs::read_to_string(home.config()).unwrap();
    let (nowhere, python) = (home.path().join("nowhere"), home.path().join("no/python3"));
    let named = format!(
        "commanddir: {}\n  python: {}",
        nowhere.display(),
        python.display()
    );
    fs::write(home.config(), config.replace("python: python3", &named)).unwrap();
    let (status, said) = check(&home, &[]).await;
    assert_eq!(status, Some(0), "{said}");
    has(
        &said,
        &[
            &format!(
                "warning: there is no folder of modules {}",
                nowhere.display()
            ),
            &format!("warning: there is no interpreter {}", python.display()),
        ],
    );
    let (status, said) = check(&home, &["--modules"]).await;
    assert_eq!(status, Some(1), "{said}");
    has(&said, &[", without any module: none could be loaded"]);
}
