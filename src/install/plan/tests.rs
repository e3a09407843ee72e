//! What is there, against what is planned.

use std::path::PathBuf;

use super::super::folders::{Folders, Known};
use super::super::layout::{Layout, MODULES_SERVICE, MODULES_SOCKET};
use super::*;

fn fresh(layout: Layout) -> Facts {
    Facts {
        lingering: (layout.scope == Scope::User).then_some(true),
        layout,
        executable: PathBuf::from("/root/matterbot"),
        program: Program::Absent,
        units: Vec::new(),
        declarations: Vec::new(),
        configured: false,
        credential: false,
        state: false,
        drop_ins: Vec::new(),
        booted: true,
        active: "inactive".to_owned(),
        folders: None,
        modules_state: false,
        user_exists: false,
        modules_user_exists: false,
        user_id: 0,
    }
}

fn host() -> Facts {
    fresh(Layout::of_host())
}

fn user() -> Facts {
    fresh(Layout::of_user(
        Path::new("/home/ada"),
        Path::new("/home/ada/.config"),
    ))
}

/// The host as [`install`] leaves it.
fn installed() -> Facts {
    let facts = host();
    let found = |path: &Path, text: &str| Found {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let places = facts.layout.host.clone().unwrap();
    Facts {
        program: Program::Same,
        units: vec![found(&facts.layout.unit, facts.layout.unit_text())],
        declarations: vec![
            found(&places.sysusers, SYSUSERS),
            found(&places.tmpfiles, TMPFILES),
            found(&places.modules.socket, MODULES_SOCKET),
            found(&places.modules.service, MODULES_SERVICE),
        ],
        configured: true,
        credential: true,
        state: true,
        modules_state: true,
        user_exists: true,
        modules_user_exists: true,
        ..facts
    }
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_fresh_host_gets_program_user_configuration_modes_and_unit_in_this_order() {
    let plan = install(&host()).unwrap();
    assert_eq!(
        lines(&plan),
        [
            "copy       /root/matterbot to /usr/local/bin/matterbot",
            "write      /etc/sysusers.d/matterbot.conf (mode 0644)",
            "run        systemd-sysusers /etc/sysusers.d/matterbot.conf",
            "write      /etc/matterbot/config.yaml (mode 0600)",
            "write      /etc/tmpfiles.d/matterbot.conf (mode 0644)",
            "run        systemd-tmpfiles --create /etc/tmpfiles.d/matterbot.conf",
            "write      /etc/systemd/system/matterbot.service (mode 0644)",
            "write      /etc/systemd/system/matterbot-modules.socket (mode 0644)",
            "write      /etc/systemd/system/matterbot-modules.service (mode 0644)",
            "run        systemctl daemon-reload",
        ]
    );
    assert!(
        plan.advice[0].contains("systemctl enable --now matterbot"),
        "{:?}",
        plan.advice
    );
}

#[test]
fn a_second_install_writes_nothing() {
    let plan = install(&installed()).unwrap();
    let changes =
        |step: &&Step| !matches!(step, Step::Unchanged(_) | Step::Keep(..) | Step::Run(_));
    assert_eq!(plan.steps.iter().find(changes), None);
    assert!(
        !lines(&plan)
            .iter()
            .any(|line| line.contains("daemon-reload"))
    );
}

#[test]
fn an_upgrade_replaces_program_and_unit_and_keeps_the_configuration() {
    let mut facts = installed();
    facts.program = Program::Other;
    facts.active = "active".to_owned();
    facts.units[0].text.push_str("# of an earlier version\n");
    let plan = install(&facts).unwrap();
    let lines = lines(&plan);
    for line in [
        "copy       /root/matterbot to /usr/local/bin/matterbot",
        "keep       /etc/matterbot/config.yaml (your configuration)",
        "write      /etc/systemd/system/matterbot.service (mode 0644)",
        "run        systemctl daemon-reload",
    ] {
        assert!(
            lines.iter().any(|found| found == line),
            "{line} in {lines:#?}"
        );
    }
    assert!(plan.advice[0].contains("@restart"), "{:?}", plan.advice);
}

#[test]
fn a_service_of_a_user_needs_neither_root_nor_declarations() {
    let mut facts = user();
    facts.lingering = Some(false);
    let plan = install(&facts).unwrap();
    assert_eq!(
        lines(&plan),
        [
            "copy       /root/matterbot to /home/ada/.local/bin/matterbot",
            "make       /home/ada/.local/state/matterbot (mode 0700)",
            "write      /home/ada/.config/matterbot/config.yaml (mode 0600)",
            "write      /home/ada/.config/systemd/user/matterbot.service (mode 0644)",
            "run        systemctl --user daemon-reload",
        ]
    );
    assert!(
        plan.advice[0].contains("systemctl --user enable --now matterbot"),
        "{:?}",
        plan.advice
    );
    assert!(
        plan.advice[1].contains("loginctl enable-linger"),
        "{:?}",
        plan.advice
    );
}

#[test]
fn a_unit_of_somebody_else_is_refused_with_the_commands_to_move_over() {
    let mut facts = host();
    facts.units = vec![Found {
        path: facts.layout.unit.clone(),
        text:
            "[Service]\nWorkingDirectory=/opt/matterbot\nExecStart=/usr/bin/python3 matterbot.py\n"
                .to_owned(),
    }];
    let refusal = install(&facts).unwrap_err().to_string();
    for line in [
        "/etc/systemd/system/matterbot.service was not written by `matterbot install`",
        "  systemctl disable --now matterbot.service\n",
        "  mv /etc/systemd/system/matterbot.service /etc/systemd/system/matterbot.service.old\n",
        "  /root/matterbot install\n",
        "  cp /opt/matterbot/config.yaml /etc/matterbot/config.yaml\n",
        "  #   Modules.commanddir: \"/opt/matterbot/commands\"\n",
        "  #   Matterbot.bindmap: \"/var/lib/matterbot/bindmap.json\"\n",
        "  /root/matterbot install   # once more, for the folders that the configuration names now\n",
        "  systemctl enable --now matterbot.service",
    ] {
        assert!(refusal.contains(line), "{line} in {refusal}");
    }
    let refusal = uninstall(&facts, true).unwrap_err().to_string();
    assert!(
        refusal.starts_with(
            "/etc/systemd/system/matterbot.service was not written by `matterbot install`: "
        ) && refusal.ends_with("nothing has been removed")
            && !refusal.contains('\n'),
        "{refusal}"
    );
    facts.units[0].text = "WorkingDirectory=/opt/Matter Bot\n".to_owned();
    facts.executable = "/home/ada/my bot/matterbot".into();
    let refusal = install(&facts).unwrap_err().to_string();
    for line in [
        "  cp '/opt/Matter Bot/config.yaml' /etc/matterbot/config.yaml\n",
        "  '/home/ada/my bot/matterbot' install\n",
    ] {
        assert!(refusal.contains(line), "{line} in {refusal}");
    }
}

#[test]
fn a_masked_unit_and_a_packaged_one_are_somebody_elses() {
    let mut facts = host();
    facts.units = vec![Found {
        path: facts.layout.unit.clone(),
        text: String::new(),
    }];
    let refusal = install(&facts).unwrap_err().to_string();
    assert!(
        refusal.contains("systemctl unmask matterbot.service"),
        "{refusal}"
    );
    let mut facts = installed();
    facts.units.push(Found {
        path: PathBuf::from("/usr/lib/systemd/system/matterbot.service"),
        text: "[Service]\n".to_owned(),
    });
    assert!(install(&facts).is_err());
}

#[test]
fn another_program_of_our_name_is_left_alone() {
    let mut facts = host();
    facts.program = Program::Other;
    assert!(matches!(install(&facts), Err(Refusal::Program(_))));
    let plan = uninstall(&facts, true).unwrap();
    assert_eq!(plan.steps, []);
}

#[test]
fn uninstall_keeps_what_is_yours_and_says_so() {
    let mut facts = installed();
    facts.active = "failed".to_owned();
    facts.drop_ins = vec![PathBuf::from("/etc/systemd/system/matterbot.service.d")];
    assert_eq!(
        lines(&uninstall(&facts, false).unwrap()),
        [
            "run        systemctl disable --now matterbot.service",
            "run        systemctl reset-failed matterbot.service",
            "remove     /etc/systemd/system/matterbot.service",
            "run        systemctl stop matterbot-modules.socket matterbot-modules.service",
            "remove     /etc/systemd/system/matterbot-modules.socket",
            "remove     /etc/systemd/system/matterbot-modules.service",
            "run        systemctl daemon-reload",
            "remove     /usr/local/bin/matterbot",
            "remove     /etc/sysusers.d/matterbot.conf",
            "remove     /etc/tmpfiles.d/matterbot.conf",
            "keep       /etc/systemd/system/matterbot.service.d (your changes to the unit)",
            "keep       /etc/matterbot (your configuration)",
            "keep       /var/lib/matterbot (the bot's state)",
            "keep       /var/lib/matterbot-modules (what the command modules keep)",
            "keep       /etc/credstore/matterbot.token (the token)",
        ]
    );
}

#[test]
fn purge_removes_everything_of_the_service_and_nothing_else() {
    let lines = lines(&uninstall(&installed(), true).unwrap());
    assert_eq!(
        lines[9..],
        [
            "remove     /etc/matterbot and all in it",
            "remove     /var/lib/matterbot and all in it",
            "remove     /var/lib/matterbot-modules and all in it",
            "remove     /etc/credstore/matterbot.token",
            "run        userdel matterbot",
            "run        userdel matterbot-modules",
        ]
    );
}

#[test]
fn uninstall_of_nothing_does_nothing() {
    for facts in [host(), user()] {
        let plan = uninstall(&facts, true).unwrap();
        assert_eq!(plan.steps, []);
        assert_eq!(plan.advice, ["No service of this name is installed."]);
    }
}

#[test]
fn folders_of_modules_that_the_sandbox_hides_get_a_drop_in_that_goes_when_it_is_not_needed() {
    let at = |checkout: &str| {
        Some(Folders::Known(Known {
            checkout: PathBuf::from(checkout),
            interpreter: Vec::new(),
            writable: Vec::new(),
        }))
    };
    let drop_in = "/etc/systemd/system/matterbot-modules.service.d/10-folders.conf";
    let mut facts = installed();
    facts.folders = at("/home/ada/matterbot");
    let written = lines(&install(&facts).unwrap());
    assert!(
        written.contains(&format!("write      {drop_in} (mode 0644)")),
        "{written:#?}"
    );
    facts.declarations.push(Found {
        path: PathBuf::from(drop_in),
        text: MARK.to_owned(),
    });
    let uninstalled = lines(&uninstall(&facts, false).unwrap());
    let folder = "remove     /etc/systemd/system/matterbot-modules.service.d if it is empty";
    assert!(uninstalled.contains(&folder.to_owned()), "{uninstalled:#?}");
    facts.folders = Some(Folders::Unknown);
    let kept = lines(&install(&facts).unwrap());
    assert!(
        kept.iter()
            .any(|line| line.starts_with(&format!("keep       {drop_in} ("))),
        "{kept:#?}"
    );
    facts.folders = at("/opt/matterbot");
    let removed = lines(&install(&facts).unwrap());
    assert!(
        removed.contains(&format!("remove     {drop_in}")),
        "{removed:#?}"
    );
    assert!(removed.contains(&"run        systemctl daemon-reload".to_owned()));
}
