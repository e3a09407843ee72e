//! A bind map that cannot be read: what is said, and that it is left alone.

use std::fs;

use serde_json::json;

use super::{MAP, answer, hey};
use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn a_damaged_map_is_said_and_left_alone() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), "{\"dice\": ").await;
    let (admin, lab) = (&scenario.admin, &scenario.lab);
    bot.says("bindmap.json is damaged (it is not JSON", 1).await;
    let status = answer(admin, lab, "@status").await;
    assert!(
        status.contains("- ⚠ The list of binds cannot be read"),
        "{status}"
    );
    let map = answer(admin, lab, "@map").await;
    assert!(
        map.contains("I cannot read in which channels modules are available"),
        "{map}"
    );
    let refused = answer(admin, lab, "@bind dice").await;
    assert!(
        refused.starts_with("I cannot read in which channels modules are available"),
        "{refused}"
    );
    assert_eq!(
        fs::read_to_string(bot.state("bindmap.json")).unwrap(),
        "{\"dice\": "
    );
    fs::write(bot.state("bindmap.json"), MAP).unwrap();
    let bound = answer(admin, lab, "@bind dice").await;
    assert_eq!(
        bound,
        "The `dice` module is now available in the `LAB` channel."
    );
    let status = answer(admin, lab, "@status").await;
    assert!(
        status.ends_with("\n- Modules: ⚠ not loaded: there is no folder of modules"),
        "{status}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn whoever_calls_a_module_meanwhile_is_told_and_a_reload_reads_the_mended_map() {
    let scenario = Scenario::start().await;
    let folder = hey();
    let settings = json!({"Modules": {"commanddir": folder.path()}});
    let mut bot = BotUnderTest::serving_binds(&scenario, settings, "{\"hey\": ").await;
    bot.says("the modules have been greeted", 1).await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let told = answer(pat, lab, "@hey").await;
    assert!(
        told.starts_with("`@hey` was not run, since I cannot read in which channels modules"),
        "{told}"
    );
    let report = answer(admin, lab, "@reload").await;
    assert!(
        report.starts_with("Reloaded, but the list of binds is as it was. ⚠\n- ⚠ ")
            && report.contains("is damaged"),
        "{report}"
    );
    fs::write(bot.state("bindmap.json"), r#"{"hey": {"chans": ["war"]}}"#).unwrap();
    let report = answer(admin, lab, "@reload").await;
    assert!(!report.contains('⚠'), "{report}");
    let map = answer(admin, lab, "@map").await;
    assert!(map.contains("| hey | **NO** | `@hey` |"), "{map}");
    let status = answer(pat, lab, "@status").await;
    assert!(!status.contains('⚠'), "{status}");
    scenario.finish(&mut bot).await;
}
