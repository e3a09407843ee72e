//! What becomes of calls whose module, host or bot ends.

use super::rig::{GREETED, Rig, gone};

#[tokio::test]
async fn a_module_that_dies_is_told_of_and_called_again() {
    let mut rig = Rig::dice().await;
    let answer = rig.answer(&rig.scenario.olga, "@dice exit").await;
    assert!(
        answer.starts_with("The module `dice` ended before it answered at `@dice`."),
        "{answer}"
    );
    assert_eq!(
        rig.answer(&rig.scenario.olga, "@dice echo again").await,
        "again"
    );
    rig.scenario.finish(&mut rig.bot).await;
}
