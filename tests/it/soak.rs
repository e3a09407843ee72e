//! The promise under everything at once: random people, random commands, every fault, `kill -9` and `@restart`.
//!
//! `MATTERBOT_SOAK_ROUNDS` asks for more rounds, `MATTERBOT_SOAK_SEED` for others. A seed draws the same rounds again;
//! what meets what in them is up to the machine.

mod deck;
mod judge;
mod planted;
mod witness;
mod world;

use crate::support::scenario::Scenario;

use deck::Deck;
use world::World;

const ROUNDS: u64 = 200;
/// And so many through a proxy, whose faults others than the server's switches are.
const ROUNDS_BY_PROXY: u64 = 60;
/// After so many rounds all switches are turned off: some would stay on for good.
const MEND_EVERY: u64 = 8;

const SEED: u64 = 20_261_121;

fn number(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Plays the usual number of rounds, or another one that is asked for.
async fn soak(world: World, usually: u64) {
    let rounds = number("MATTERBOT_SOAK_ROUNDS", usually);
    let seed = number("MATTERBOT_SOAK_SEED", SEED);
    eprintln!("MATTERBOT_SOAK_SEED={seed} MATTERBOT_SOAK_ROUNDS={rounds}");
    let mut bot = world.bot().await;
    let mut deck = Deck::new(seed, world.people.len(), world.places());
    deck.by_proxy = world.scenario.is_by_proxy();
    for number in 1..=rounds {
        let round = deck.round(&world.scenario.bot.id);
        world.plays(&mut bot, round).await;
        if number % MEND_EVERY == 0 {
            world.mends().await;
        }
    }
    let wrong = world.settles(&mut bot).await;
    let summary = world.evidence(&bot).await.summary();
    eprintln!("{} starts; {summary}", bot.starts());
    assert!(
        wrong.is_empty(),
        "seed {seed}, {rounds} rounds:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn each_call_has_one_outcome_whatever_happens() {
    soak(World::new().await, ROUNDS).await;
}

#[tokio::test]
async fn each_call_has_one_outcome_whatever_happens_on_the_way() {
    let world = World::in_scenario(Scenario::through_proxy().await).await;
    soak(world, ROUNDS_BY_PROXY).await;
}
