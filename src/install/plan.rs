//! From what is there to what is done; pure.

mod modules;

use std::path::Path;

use crate::module::user;
use crate::text::shell_word;

use super::facts::{Facts, Found, Program};
use super::layout::{MARK, SYSUSERS, Scope, TMPFILES, UNIT};
use super::step::Step;

/// What is done, in this order, and what is said at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Paragraphs for the person who reads.
    pub advice: Vec<String>,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A file in our place is not ours.
    #[error(
        "{path} was not written by `matterbot install`, so nothing has been changed.\nTo move over, type:\n{commands}"
    )]
    Foreign {
        /// The file.
        path: String,
        /// The command lines to move over.
        commands: String,
    },
    /// What is to be removed is not ours.
    #[error(
        "{0} was not written by `matterbot install`: another service has this name, so nothing has been removed"
    )]
    Another(String),
    /// Another program has our name.
    #[error(
        "{0} is there already, and no service of ours uses it: move it away, and try again; nothing has been changed"
    )]
    Program(String),
}

/// What makes the running program a service.
///
/// # Errors
/// A file in our place is somebody else's.
pub fn install(facts: &Facts) -> Result<Plan, Refusal> {
    refuse_foreign(facts)?;
    let layout = &facts.layout;
    if facts.program == Program::Other && facts.units.is_empty() {
        return Err(Refusal::Program(layout.program.display().to_string()));
    }
    let mut steps = vec![match facts.program {
        Program::Same => Step::Unchanged(layout.program.clone()),
        Program::Absent | Program::Other => Step::Copy {
            from: facts.executable.clone(),
            to: layout.program.clone(),
        },
    }];
    if let Some(host) = &layout.host {
        steps.push(declare(facts, &host.sysusers, SYSUSERS));
        steps.push(Step::run(&[
            "systemd-sysusers",
            &host.sysusers.to_string_lossy(),
        ]));
    } else if !facts.state {
        steps.push(Step::MakeDirectory(layout.state.clone(), 0o700));
    }
    steps.push(if facts.configured {
        Step::Keep(layout.config.clone(), "your configuration")
    } else {
        // systemd-tmpfiles gives the host's to the group that reads it; until then it is root's alone.
        Step::Write {
            path: layout.config.clone(),
            text: layout.config_text(),
            mode: 0o600,
        }
    });
    if let Some(host) = &layout.host {
        steps.push(declare(facts, &host.tmpfiles, TMPFILES));
        steps.push(Step::run(&[
            "systemd-tmpfiles",
            "--create",
            &host.tmpfiles.to_string_lossy(),
        ]));
    }
    let mut units = vec![write(&facts.units, &layout.unit, layout.unit_text())];
    units.extend(modules::install(facts));
    let changes = |step: &Step| !matches!(step, Step::Unchanged(_) | Step::Keep(..));
    let reload = facts.booted && units.iter().any(changes);
    steps.extend(units);
    if reload {
        steps.push(systemctl(layout.scope, &["daemon-reload"]));
    }
    Ok(Plan {
        steps,
        advice: advice_after_install(facts),
    })
}

/// What takes the service away; with `purge` everything of it.
///
/// # Errors
/// The unit is somebody else's.
pub fn uninstall(facts: &Facts, purge: bool) -> Result<Plan, Refusal> {
    if let Some(found) = foreign(&facts.units).or_else(|| foreign(&facts.declarations)) {
        return Err(Refusal::Another(found.path.display().to_string()));
    }
    let layout = &facts.layout;
    let mut steps = Vec::new();
    if !facts.units.is_empty() {
        if facts.booted {
            steps.push(systemctl(layout.scope, &["disable", "--now", UNIT]));
            if facts.active == "failed" {
                steps.push(systemctl(layout.scope, &["reset-failed", UNIT]));
            }
        }
        steps.push(Step::Remove(layout.unit.clone()));
        steps.extend(modules::uninstall(facts));
        if facts.booted {
            steps.push(systemctl(layout.scope, &["daemon-reload"]));
        }
    }
    // Without a unit or a declaration of ours the program in that place may be anybody's.
    if facts.program != Program::Absent
        && !(facts.units.is_empty() && facts.declarations.is_empty())
    {
        steps.push(Step::Remove(layout.program.clone()));
    }
    let others = facts
        .declarations
        .iter()
        .filter(|found| facts.units.is_empty() || !modules::is_theirs(layout, &found.path));
    steps.extend(others.map(|found| Step::Remove(found.path.clone())));
    leave(facts, purge, &mut steps);
    let nothing = steps.iter().all(|step| matches!(step, Step::Keep(..)));
    let advice = if nothing {
        "No service of this name is installed.".to_owned()
    } else if purge {
        "Everything of the service has been removed.".to_owned()
    } else {
        "What is kept serves the next `matterbot install`; `matterbot uninstall --purge` removes it too.".to_owned()
    };
    Ok(Plan {
        steps,
        advice: vec![advice],
    })
}

/// Configuration, token, state, drop-ins, the user: gone or kept.
fn leave(facts: &Facts, purge: bool, steps: &mut Vec<Step>) {
    let layout = &facts.layout;
    let config = layout
        .config
        .parent()
        .unwrap_or(Path::new("/etc/matterbot"));
    let mut tree = |path: &Path, why| {
        steps.push(if purge {
            Step::RemoveTree(path.to_owned())
        } else {
            Step::Keep(path.to_owned(), why)
        });
    };
    for folder in &facts.drop_ins {
        tree(folder, "your changes to the unit");
    }
    if facts.configured {
        tree(config, "your configuration");
    }
    if facts.state {
        tree(&layout.state, "the bot's state");
    }
    let Some(host) = &layout.host else { return };
    if facts.modules_state {
        tree(&host.modules.state, "what the command modules keep");
    }
    if facts.credential {
        steps.push(if purge {
            Step::Remove(host.credential.clone())
        } else {
            Step::Keep(host.credential.clone(), "the token")
        });
    }
    if facts.user_exists && purge {
        steps.push(Step::run(&["userdel", "matterbot"]));
    }
    if facts.modules_user_exists && purge {
        steps.push(Step::run(&["userdel", user::NAME]));
    }
}

fn declare(facts: &Facts, path: &Path, text: &str) -> Step {
    write(&facts.declarations, path, text)
}

fn write(found: &[Found], path: &Path, text: &str) -> Step {
    if found
        .iter()
        .any(|found| found.path == path && found.text == text)
    {
        return Step::Unchanged(path.to_owned());
    }
    Step::Write {
        path: path.to_owned(),
        text: text.to_owned(),
        mode: 0o644,
    }
}

fn systemctl(scope: Scope, arguments: &[&str]) -> Step {
    let mut words = vec!["systemctl"];
    if scope == Scope::User {
        words.push("--user");
    }
    words.extend(arguments);
    Step::run(&words)
}

fn advice_after_install(facts: &Facts) -> Vec<String> {
    let layout = &facts.layout;
    let (sudo, user) = match layout.scope {
        Scope::System => ("sudo ", ""),
        Scope::User => ("", " --user"),
    };
    let mut advice = Vec::new();
    if facts.active == "active" {
        advice.push(format!(
            "The bot runs. For the new program: `@restart` in chat, or `{sudo}systemctl{user} restart matterbot`."
        ));
    } else {
        let mut next = format!("Next:\n  {sudo}editor {}\n", layout.config.display());
        if let Some(host) = &layout.host {
            next.push_str(&format!(
                "  sudo install -m 0600 /dev/stdin {}   # paste the bot's access token, then Ctrl-D\n",
                host.credential.display()
            ));
        }
        next.push_str(&format!(
            "  {sudo}systemctl{user} enable --now matterbot\n  {sudo}systemctl{user} status matterbot"
        ));
        advice.push(next);
    }
    if facts.lingering == Some(false) {
        advice.push(
            "Warning: the services of this user end when its last session does, and do not start at boot. \
             To let them: loginctl enable-linger"
                .to_owned(),
        );
    }
    if !facts.booted {
        advice.push(
            "No systemd runs here, so it has not been told of the unit; the next boot finds it."
                .to_owned(),
        );
    }
    advice
}

/// What of `found` is somebody else's.
fn foreign(found: &[Found]) -> Option<&Found> {
    found.iter().find(|found| !found.text.starts_with(MARK))
}

fn refuse_foreign(facts: &Facts) -> Result<(), Refusal> {
    if let Some(unit) = foreign(&facts.units) {
        return Err(Refusal::Foreign {
            path: unit.path.display().to_string(),
            commands: commands(&move_over(facts, unit)),
        });
    }
    match foreign(&facts.declarations) {
        None => Ok(()),
        Some(found) => {
            let path = word(&found.path);
            let lines = [
                format!("mv {path} {path}.old"),
                format!("{} install", word(&facts.executable)),
            ];
            Err(Refusal::Foreign {
                path: found.path.display().to_string(),
                commands: commands(&lines),
            })
        }
    }
}

/// `path` as a shell takes it for one word.
fn word(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}

fn commands(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// The command lines that put our service into the place of `unit`, with its configuration, binds and modules.
fn move_over(facts: &Facts, unit: &Found) -> Vec<String> {
    let path = word(&unit.path);
    let user = match facts.layout.scope {
        Scope::User => " --user",
        Scope::System => "",
    };
    let mut lines = if unit.text.trim().is_empty() {
        vec![format!("systemctl{user} unmask {UNIT}")]
    } else {
        vec![
            format!("systemctl{user} disable --now {UNIT}"),
            format!("mv {path} {path}.old"),
        ]
    };
    lines.push(format!("systemctl{user} daemon-reload"));
    let install = format!("{} install{user}", word(&facts.executable));
    lines.push(install.clone());
    let mut settings = unit.text.lines();
    let directory = settings.find_map(|line| line.strip_prefix("WorkingDirectory="));
    if let Some(directory) = directory.map(|value| value.trim().trim_start_matches('-')) {
        lines.extend(take_along(facts, Path::new(directory)));
        lines.push(format!(
            "{install}   # once more, for the folders that the configuration names now"
        ));
    }
    lines.push(format!("systemctl{user} enable --now {UNIT}"));
    lines
}

/// The command lines that give our service what lies in `directory`. Relative paths in a configuration are relative to
/// its own folder, so those that lead to what stays have to be written out.
fn take_along(facts: &Facts, directory: &Path) -> Vec<String> {
    let layout = &facts.layout;
    let old = |name: &str| word(&directory.join(name));
    let set = |key: &str, path: &Path| format!("#   {key}: \"{}\"", path.display());
    let mut lines = vec![
        format!("cp {} {}", old("config.yaml"), word(&layout.config)),
        format!(
            "cp {} {} {}/",
            old("bindmap.json"),
            old("feedmap.json"),
            word(&layout.state)
        ),
        format!("editor {}   # and set:", word(&layout.config)),
        set("Modules.commanddir", &directory.join("commands")),
        set("Matterbot.bindmap", &layout.state.join("bindmap.json")),
        set("Matterbot.feedmap", &layout.state.join("feedmap.json")),
        "#   every other path that is relative, such as logfile: as an absolute one".to_owned(),
    ];
    if let Some(host) = &layout.host {
        lines.push(format!(
            "chown -R matterbot:matterbot {}",
            word(&layout.state)
        ));
        lines.push(format!(
            "systemd-tmpfiles --create {}",
            word(&host.tmpfiles)
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
