//! A scenario with fault switches: the playground's own, or those of a proxy between the bot and its server.

use std::ops::Deref;
use std::time::Duration;

use matterbot::playground::{Flavour, Options};
use serde_json::{Value, json};

use super::{Call, Person, Scenario};
use crate::support::poll;
use crate::support::proxy::Proxy;

/// A scenario whose server, or the way there, can be made to fail.
pub(crate) struct WithFaults {
    scenario: Scenario,
}

impl Deref for WithFaults {
    type Target = Scenario;

    fn deref(&self) -> &Scenario {
        &self.scenario
    }
}

/// Whether tests are to run on a server that is not ours.
fn a_server_is_named() -> bool {
    std::env::var_os("MATTERBOT_TEST_SERVER").is_some()
}

/// Says that a playground is used in the place of a named server, which would need `what`.
pub(super) fn pass_over_the_named(what: &str) {
    if a_server_is_named() {
        eprintln!("The named server is passed over, a playground is used: it needs {what}.");
    }
}

impl Scenario {
    /// With faults that a proxy can make as well: on the server that the environment names through one, else on a
    /// playground of its own by its switches.
    pub(crate) async fn with_faults() -> WithFaults {
        if a_server_is_named() {
            return Self::through_proxy().await;
        }
        WithFaults {
            scenario: Self::start().await,
        }
    }

    /// On any server, with a proxy before it, which makes the faults.
    pub(crate) async fn through_proxy() -> WithFaults {
        let mut scenario = Self::start().await;
        let proxy = Proxy::before(scenario.admin.base(), &scenario.bot.id).await;
        scenario.proxy = Some(proxy);
        WithFaults { scenario }
    }

    /// On a playground in any case, for `what` no proxy can make.
    pub(crate) async fn inside(what: &str) -> WithFaults {
        pass_over_the_named(what);
        WithFaults {
            scenario: Self::on_playground(Options::default()).await,
        }
    }

    /// On a playground that behaves as a server of version 5.37.
    pub(crate) async fn on_old_server() -> WithFaults {
        pass_over_the_named("to be of version 5.37");
        let flavour = Flavour::V5_37;
        let options = Options {
            flavour,
            ..Options::default()
        };
        WithFaults {
            scenario: Self::on_playground(options).await,
        }
    }
}

impl WithFaults {
    /// Whether a proxy makes the faults.
    pub(crate) fn is_by_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// Whether this fault can be made here; says so if it cannot.
    pub(crate) fn can(&self, switch: &Value) -> bool {
        let can = self.proxy.as_ref().is_none_or(|proxy| proxy.can(switch));
        if !can {
            eprintln!("Passed over, since a proxy cannot make it: {switch}");
        }
        can
    }

    /// Turns a switch on.
    pub(crate) async fn fault(&self, switch: Value) {
        match &self.proxy {
            Some(proxy) => proxy.fault(&switch),
            None => drop(self.admin.faults("POST", switch).await),
        }
    }

    /// Turns all switches off.
    pub(crate) async fn mend(&self) {
        match &self.proxy {
            Some(proxy) => proxy.mend(),
            None => drop(self.admin.faults("DELETE", Value::Null).await),
        }
    }

    /// Has `asker` ask for help, which takes the time of a slow look-up; what is asked after him waits behind it, and a
    /// drain waits for it. Gives the call when it runs.
    pub(crate) async fn holds_up(&self, asker: &Person, delay: Duration) -> Call {
        let slow = json!({"kind": "slow_answer", "delay_ms": delay.as_millis()});
        let whom = json!({"path": format!("/api/v4/users/{}", asker.id)});
        let before = self.hits().await;
        self.fault(json!({"fault": slow, "scope": whom, "times": 1}))
            .await;
        let call = asker.asks(&self.lab, "@help status").await;
        self.until_hit(before + 1).await;
        call
    }

    /// How often the switches that are on were hit.
    pub(crate) async fn hits(&self) -> u64 {
        if let Some(proxy) = &self.proxy {
            return proxy.hits();
        }
        let faults = self.admin.faults("GET", Value::Null).await;
        let faults = faults["faults"].as_array().unwrap();
        faults
            .iter()
            .map(|fault| fault["hits"].as_u64().unwrap())
            .sum()
    }

    /// Until the switches have been hit so often.
    pub(crate) async fn until_hit(&self, times: u64) {
        let hit = async || (self.hits().await >= times).then_some(());
        poll("a fault was hit", hit).await;
    }
}
