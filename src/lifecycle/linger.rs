//! Lingering: whether the services of a user go on when nobody of that name is logged in (`loginctl enable-linger`).

use std::time::Duration;

use zbus::OwnedObjectPath;
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;

/// The unit that `matterbot install --user` writes.
const UNIT: &str = "matterbot.service";

/// How long the managers may take to answer all questions.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the bot is a service of this user, and would end with his last session. Who cannot be asked denies it.
pub async fn is_missing() -> bool {
    let asked = tokio::time::timeout(PATIENCE, ask()).await;
    asked.is_ok_and(|lingers| lingers == Ok(false))
}

/// Whether this user's services linger, if the bot is one of them.
async fn ask() -> zbus::Result<bool> {
    let session = Builder::session().build().await?;
    ManagerProxy::new(&session)
        .await?
        .get_unit_file_state(UNIT)
        .await?;
    let system = Builder::system().build().await?;
    let id = rustix::process::geteuid().as_raw();
    let path = LoginProxy::new(&system).await?.get_user(id).await?;
    let user = UserProxy::builder(&system)
        .path(&path)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    user.linger().await
}

/// The user's manager, as far as it is asked.
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    /// An error if there is no such unit.
    fn get_unit_file_state(&self, file: &str) -> zbus::Result<String>;
}

/// `systemd-logind`, as far as it is asked.
#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    fn get_user(&self, id: u32) -> zbus::Result<OwnedObjectPath>;
}

/// A user, as far as he is asked for.
#[zbus::proxy(
    interface = "org.freedesktop.login1.User",
    default_service = "org.freedesktop.login1"
)]
trait User {
    #[zbus(property(emits_changed_signal = "false"))]
    fn linger(&self) -> zbus::Result<bool>;
}
