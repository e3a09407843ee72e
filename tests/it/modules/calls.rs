//! What modules answer, and what is said when they do not.

use serde_json::{Value, json};

use super::rig::Rig;

#[tokio::test]
async fn a_module_is_told_who_asks_what_and_where() {
    let mut rig = Rig::dice().await;
    let told = "@Dice call command parameters channel username user_id 2D6 “x” 8[.]8";
    let answer = rig.answer(&rig.scenario.olga, told).await;
    let json = answer.trim_matches(['`', '\n']);
    let call: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(call["command"], "@dice");
    assert_eq!(call["username"], "@olga");
    assert_eq!(call["user_id"], rig.scenario.olga.id.as_str());
    assert_eq!(call["channel"], "lab");
    let words: Vec<&str> = told.split(' ').skip(1).collect();
    assert_eq!(call["parameters"], json!(words));
    rig.scenario.finish(&mut rig.bot).await;
}
