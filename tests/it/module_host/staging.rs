//! Greeting: what is found, what is told of it, what fails.

use std::fs;

use matterbot::module::protocol::{Loading, StagedModule};

use super::rig::Rig;

fn failure(module: &StagedModule) -> (&str, &str) {
    match &module.loading {
        Loading::Failure(failure) => (&failure.summary, &failure.trace),
        Loading::Description(_) => panic!("{} was loaded", module.name),
    }
}

#[tokio::test]
async fn modules_tell_what_they_are() {
    let mut rig = Rig::new().await;
    rig.module("Dice", "", r#""concurrency": 3, "channels": ["any"]"#);
    let staged = rig.stage(1).await;
    let [dice] = &staged.modules[..] else {
        panic!("{staged:?}");
    };
    let Loading::Description(description) = &dice.loading else {
        panic!("{dice:?}");
    };
    assert_eq!(dice.name, "dice");
    assert_eq!(description.binds, ["@module"]);
    assert_eq!(
        (description.concurrency, &description.channels[..]),
        (3, &["any".to_owned()][..])
    );
    assert_eq!(staged.problems, [""; 0]);
}

#[tokio::test]
async fn one_broken_module_costs_one_module() {
    let mut rig = Rig::new().await;
    rig.module("dice", "", "");
    rig.program("exits", "#!/bin/sh\necho no key >&2\nexit 3\n");
    rig.program(
        "later",
        "#!/bin/sh\necho '{\"type\":\"hello\",\"protocol\":99}'\nexec cat\n",
    );
    rig.program("missing", "#!/no/such/interpreter\n");
    rig.program("speechless", "#!/bin/sh\nexec >&-\nexec sleep 1000\n");
    let staged = rig.serve(1).await;
    let found = |name: &str| {
        staged
            .modules
            .iter()
            .find(|module| module.name == name)
            .unwrap()
    };
    let (summary, trace) = failure(found("exits"));
    assert!(summary.contains("exit status 3"), "{summary}");
    assert_eq!(trace, "no key");
    let (summary, _) = failure(found("later"));
    assert!(summary.contains("version 99"), "{summary}");
    let (_, trace) = failure(found("missing"));
    assert!(trace.contains("cannot be executed"), "{trace}");
    let (summary, _) = failure(found("speechless"));
    assert!(summary.contains("closed its standard output"), "{summary}");
    assert_eq!(rig.ask("echo hello").await, "hello");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_told() {
    let mut rig = Rig::new().await;
    fs::remove_dir(rig.path()).unwrap();
    let staged = rig.stage(1).await;
    assert_eq!(staged.modules, []);
    assert!(staged.problems[0].contains("cannot be read"), "{staged:?}");
}

#[tokio::test]
async fn many_modules_are_greeted() {
    let mut rig = Rig::new().await;
    let script = "#!/bin/sh\necho '{\"type\":\"hello\",\"protocol\":1}'\nexec cat >/dev/null\n";
    for number in 0..40 {
        rig.program(&format!("module{number}"), script);
    }
    let staged = rig.stage(1).await;
    assert_eq!(staged.modules.len(), 40);
    for module in &staged.modules {
        assert!(
            matches!(module.loading, Loading::Description(_)),
            "{module:?}"
        );
    }
}
