//! The units of the command modules in a plan.

use std::path::Path;

use super::{declare, systemctl};
use crate::install::facts::Facts;
use crate::install::folders::Folders;
use crate::install::layout::{
    Layout, MODULES_SERVICE, MODULES_SERVICE_UNIT, MODULES_SOCKET, MODULES_SOCKET_UNIT,
};
use crate::install::step::Step;

/// The units of the command modules, and what they must see of the host.
pub(super) fn install(facts: &Facts) -> Vec<Step> {
    let Some(host) = &facts.layout.host else {
        return Vec::new();
    };
    let units = &host.modules;
    let mut steps = vec![
        declare(facts, &units.socket, MODULES_SOCKET),
        declare(facts, &units.service, MODULES_SERVICE),
    ];
    let folders = &units.folders;
    let is_there = facts
        .declarations
        .iter()
        .any(|found| &found.path == folders);
    let needed = match &facts.folders {
        Some(Folders::Known(known)) => Ok(known.drop_in()),
        _ => Err("the configuration does not tell where the modules lie"),
    };
    match needed {
        Ok(Some(text)) => steps.push(declare(facts, folders, &text)),
        Ok(None) if is_there => steps.extend(without_drop_in(folders)),
        Err(why) if is_there => steps.push(Step::Keep(folders.clone(), why)),
        _ => {}
    }
    steps
}

/// The drop-in goes, and its folder if it was the only one in it.
fn without_drop_in(folders: &Path) -> Vec<Step> {
    let folder = folders
        .parent()
        .map(|path| Step::RemoveEmpty(path.to_owned()));
    std::iter::once(Step::Remove(folders.to_owned()))
        .chain(folder)
        .collect()
}

/// The units of the command modules go.
pub(super) fn uninstall(facts: &Facts) -> Vec<Step> {
    let layout = &facts.layout;
    let mut steps: Vec<Step> = facts
        .declarations
        .iter()
        .filter(|found| is_theirs(layout, &found.path))
        .flat_map(|found| match &layout.host {
            Some(host) if found.path == host.modules.folders => without_drop_in(&found.path),
            _ => vec![Step::Remove(found.path.clone())],
        })
        .collect();
    if facts.booted && !steps.is_empty() {
        let stop = ["stop", MODULES_SOCKET_UNIT, MODULES_SERVICE_UNIT];
        steps.insert(0, systemctl(layout.scope, &stop));
    }
    steps
}

/// Whether it is a file of theirs that we write.
pub(super) fn is_theirs(layout: &Layout, path: &Path) -> bool {
    let host = layout.host.as_ref();
    host.is_some_and(|host| host.modules.files().into_iter().any(|file| file == path))
}
