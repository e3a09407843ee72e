//! systemd, asked over D-Bus whether our unit starts again after status 75; everybody may ask that, and nothing is changed.

use std::env;
use std::time::Duration;

use zbus::OwnedObjectPath;
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;

use super::super::ExitStatus;
use crate::timestamp::Timestamp;

/// How long the manager may take to answer all questions.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many starts must be left: ours, and one for a crash after it.
const SPARE_STARTS: usize = 2;

/// Why systemd does not prove to bring us back; a clause (no capital, no full stop).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It may bring us back, but it cannot be asked, or its start limit is too near.
    Unproved(String),
    /// It does not bring us back.
    Contradicted(String),
}

/// What systemd says about our unit; the names are those of `org.freedesktop.systemd1(5)`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    id: String,
    main_pid: u32,
    restart: String,
    remain_after_exit: bool,
    force: Vec<i32>,
    prevent: Vec<i32>,
    start_limit_burst: u32,
    /// Microseconds; 0 is no limit, the greatest value is for ever.
    start_limit_interval: u64,
}

/// Whether systemd itself executed this process: `SYSTEMD_EXEC_PID` is our process id (systemd.exec(5), since version
/// 248). A child inherits the variable, but not the process id; after an exec both are still right.
#[must_use]
pub fn executed_us() -> bool {
    env::var("SYSTEMD_EXEC_PID").is_ok_and(|pid| pid.parse() == Ok(std::process::id()))
}

/// The name of our unit, if it starts again after status 75; see [`super::departure`] for `starts` and `now`.
pub(super) async fn proof(starts: Option<&[Timestamp]>, now: Timestamp) -> Result<String, Doubt> {
    if !executed_us() {
        let reason = "systemd did not start this process (SYSTEMD_EXEC_PID is not its id)";
        return Err(Doubt::Contradicted(reason.to_owned()));
    }
    let asked = tokio::time::timeout(PATIENCE, ask()).await;
    let unit = asked
        .map_err(|_| {
            Doubt::Unproved(format!(
                "systemd did not answer within {} s",
                PATIENCE.as_secs()
            ))
        })?
        .map_err(|error| Doubt::Unproved(format!("systemd could not be asked: {error}")))?;
    judge(&unit, std::process::id(), starts, now)?;
    Ok(unit.id)
}

/// Whether `unit` starts its main process `pid` again after status 75.
fn judge(unit: &Unit, pid: u32, starts: Option<&[Timestamp]>, now: Timestamp) -> Result<(), Doubt> {
    let status = i32::from(ExitStatus::Restart.code());
    let Unit { id, restart, .. } = unit;
    if unit.main_pid != pid {
        let reason = format!(
            "the main process of {id} is {}, not this one",
            unit.main_pid
        );
        return Err(Doubt::Contradicted(reason));
    }
    if unit.prevent.contains(&status) {
        let reason =
            format!("{id} does not start again after status {status} (RestartPreventExitStatus=)");
        return Err(Doubt::Contradicted(reason));
    }
    if restart != "always" && !unit.force.contains(&status) {
        let reason =
            format!("{id} has Restart={restart}, and no {status} in RestartForceExitStatus=");
        return Err(Doubt::Contradicted(reason));
    }
    if unit.remain_after_exit {
        let reason = format!("{id} has RemainAfterExit=yes, which keeps it from starting again");
        return Err(Doubt::Contradicted(reason));
    }
    let (burst, interval) = (unit.start_limit_burst, unit.start_limit_interval);
    if burst == 0 || interval == 0 {
        return Ok(());
    }
    let Some(starts) = starts else {
        return Err(Doubt::Unproved(format!(
            "{id} limits its starts, and how often it was started is not known without the ledger"
        )));
    };
    let interval = Duration::from_micros(interval);
    // systemd's window begins with a start and does not slide, so ours counts no fewer.
    let counted = starts
        .iter()
        .filter(|start| now.since(**start) < interval)
        .count();
    let left = usize::try_from(burst)
        .unwrap_or(usize::MAX)
        .saturating_sub(counted);
    if left < SPARE_STARTS {
        return Err(Doubt::Unproved(format!(
            "{id} was started {counted} times within its StartLimitIntervalSec=, and its StartLimitBurst= is {burst}"
        )));
    }
    Ok(())
}

/// Asks the system's manager, and if we are the child of a user's manager, that one.
async fn ask() -> zbus::Result<Unit> {
    let pid = std::process::id();
    let unit = ask_manager(Builder::system(), pid).await?;
    // What a user's manager started is part of `user@UID.service` to the system's.
    if unit.main_pid != pid && unit.id.starts_with("user@") {
        return ask_manager(Builder::session(), pid).await;
    }
    Ok(unit)
}

/// The connection lives as long as the questions: none is kept for the next restart.
async fn ask_manager(bus: Builder<'_>, pid: u32) -> zbus::Result<Unit> {
    let connection = bus.build().await?;
    let path = ManagerProxy::builder(&connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?
        .get_unit_by_pid(pid)
        .await?;
    let unit = UnitProxy::builder(&connection)
        .path(&path)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let service = ServiceProxy::builder(&connection)
        .path(&path)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let id = unit.id().await?;
    // A scope or a slice has none of a service's properties, so nobody brings back what is in it.
    let Ok(main_pid) = service.main_pid().await else {
        return Ok(Unit::not_a_service(id));
    };
    Ok(Unit {
        id,
        main_pid,
        restart: service.restart().await?,
        remain_after_exit: service.remain_after_exit().await?,
        force: service.restart_force_exit_status().await?.0,
        prevent: service.restart_prevent_exit_status().await?.0,
        start_limit_burst: unit.start_limit_burst().await?,
        start_limit_interval: unit.start_limit_interval_usec().await?,
    })
}

impl Unit {
    fn not_a_service(id: String) -> Self {
        Self {
            id,
            main_pid: 0,
            restart: "no".to_owned(),
            remain_after_exit: false,
            force: Vec::new(),
            prevent: Vec::new(),
            start_limit_burst: 0,
            start_limit_interval: 0,
        }
    }
}

/// The manager, as far as it is asked.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    /// The unit that a process belongs to.
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
}

/// A unit, as far as it is asked.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Unit",
    default_service = "org.freedesktop.systemd1"
)]
trait Unit {
    #[zbus(property(emits_changed_signal = "false"))]
    fn id(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn start_limit_burst(&self) -> zbus::Result<u32>;
    #[zbus(
        property(emits_changed_signal = "false"),
        name = "StartLimitIntervalUSec"
    )]
    fn start_limit_interval_usec(&self) -> zbus::Result<u64>;
}

/// A service, as far as it is asked. The two sets are exit statuses and signals.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Service",
    default_service = "org.freedesktop.systemd1"
)]
trait Service {
    #[zbus(property(emits_changed_signal = "false"), name = "MainPID")]
    fn main_pid(&self) -> zbus::Result<u32>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn restart(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn remain_after_exit(&self) -> zbus::Result<bool>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn restart_force_exit_status(&self) -> zbus::Result<(Vec<i32>, Vec<i32>)>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn restart_prevent_exit_status(&self) -> zbus::Result<(Vec<i32>, Vec<i32>)>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = 4_711;
    const NOW: Timestamp = Timestamp(1_000_000_000);

    /// The unit that `install` writes.
    fn unit() -> Unit {
        Unit {
            id: "matterbot.service".to_owned(),
            main_pid: PID,
            restart: "always".to_owned(),
            remain_after_exit: false,
            force: Vec::new(),
            prevent: vec![64, 78],
            start_limit_burst: 6,
            start_limit_interval: 300_000_000,
        }
    }

    fn starts(seconds_ago: &[u64]) -> Vec<Timestamp> {
        seconds_ago
            .iter()
            .map(|ago| NOW.minus(Duration::from_secs(*ago)))
            .collect()
    }

    fn contradicted(unit: Unit) -> bool {
        matches!(
            judge(&unit, PID, Some(&[]), NOW),
            Err(Doubt::Contradicted(reason)) if reason.contains("matterbot.service")
        )
    }

    #[test]
    fn a_unit_that_always_restarts_is_proof() {
        assert_eq!(judge(&unit(), PID, Some(&starts(&[5])), NOW), Ok(()));
    }

    #[test]
    fn so_is_one_that_is_forced_to_by_status_75() {
        let forced = Unit {
            restart: "on-failure".to_owned(),
            force: vec![75],
            ..unit()
        };
        assert_eq!(judge(&forced, PID, Some(&[]), NOW), Ok(()));
    }

    #[test]
    fn a_unit_that_does_not_start_again_is_none() {
        for restart in [
            "no",
            "on-failure",
            "on-success",
            "on-abnormal",
            "on-watchdog",
            "on-abort",
        ] {
            let restart = restart.to_owned();
            assert!(contradicted(Unit { restart, ..unit() }));
        }
        assert!(contradicted(Unit {
            prevent: vec![75],
            force: vec![75],
            ..unit()
        }));
        assert!(contradicted(Unit {
            remain_after_exit: true,
            ..unit()
        }));
        assert!(contradicted(Unit {
            main_pid: 1,
            ..unit()
        }));
        assert!(contradicted(Unit::not_a_service(
            "matterbot.service".to_owned()
        )));
    }

    #[test]
    fn two_starts_must_be_left_within_the_interval() {
        let four = starts(&[0, 100, 200, 299]);
        assert_eq!(judge(&unit(), PID, Some(&four), NOW), Ok(()));
        let five = starts(&[0, 100, 200, 298, 299]);
        assert!(matches!(
            judge(&unit(), PID, Some(&five), NOW),
            Err(Doubt::Unproved(_))
        ));
        let one_is_old = starts(&[0, 100, 200, 299, 300]);
        assert_eq!(judge(&unit(), PID, Some(&one_is_old), NOW), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_none_and_an_endless_interval_counts_everything() {
        let many = starts(&[0; 40]);
        for (burst, interval) in [(0, 300_000_000), (6, 0)] {
            let unlimited = Unit {
                start_limit_burst: burst,
                start_limit_interval: interval,
                ..unit()
            };
            assert_eq!(judge(&unlimited, PID, Some(&many), NOW), Ok(()));
        }
        let endless = Unit {
            start_limit_interval: u64::MAX,
            ..unit()
        };
        let spread = starts(&[0, 10_000, 20_000, 30_000, 40_000]);
        assert!(matches!(
            judge(&endless, PID, Some(&spread), NOW),
            Err(Doubt::Unproved(_))
        ));
    }

    #[test]
    fn starts_that_are_not_known_may_be_too_many() {
        assert!(matches!(
            judge(&unit(), PID, None, NOW),
            Err(Doubt::Unproved(_))
        ));
        let unlimited = Unit {
            start_limit_burst: 0,
            ..unit()
        };
        assert_eq!(judge(&unlimited, PID, None, NOW), Ok(()));
    }
}
