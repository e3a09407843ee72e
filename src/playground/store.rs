//! The state on disk: one file, written whole when something changed, at most once a second.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::server::Server;
use super::state::State;

/// The file's name in the state directory.
const NAME: &str = "server.json";

/// Why the kept state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refuses.
    #[error("{}: cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is there and holds something else.
    #[error("{}: not a state of the playground; remove it to start anew", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where it stops being one.
        #[source]
        source: serde_json::Error,
    },
}

/// Where the state is kept.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::File { path, source }
}

impl Store {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What an earlier start kept; nothing if there was none.
    pub(crate) fn load(&self) -> Result<Option<State>, StoreError> {
        let path = self.directory.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(&path)(error)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| StoreError::Content { path, source })
    }

    fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        fs::create_dir_all(&self.directory).map_err(file_error(&self.directory))?;
        let path = self.directory.join(NAME);
        let temporary = self.directory.join(format!("{NAME}.new"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary).map_err(file_error(&temporary))?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(file_error(&temporary))?;
        fs::rename(&temporary, &path).map_err(file_error(&path))
    }

    /// Writes the state if it changed; a failure is logged and tried again with the next change.
    pub(crate) fn save(&self, server: &Server) {
        let bytes = server.change(|state| {
            std::mem::take(&mut state.changed)
                .then(|| serde_json::to_vec(state).unwrap_or_default())
        });
        if let Some(Err(error)) = bytes.map(|bytes| self.write(&bytes)) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the state was not written"
            );
        }
    }

    /// Saves once a second until the server stops.
    pub(crate) async fn keep(self: Arc<Self>, server: Arc<Server>) {
        loop {
            tokio::select! {
                () = server.tasks.stopped() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => self.save(&server),
            }
        }
    }
}
