//! A supervisor's notify socket, and what it is told.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixDatagram;

use super::playground::DEADLINE;

/// A bound socket, to be named in `NOTIFY_SOCKET`.
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    path: String,
    told: Vec<String>,
}

impl NotifySocket {
    pub(crate) fn bind(directory: &Path) -> Self {
        let path = directory.join("notify");
        Self {
            socket: UnixDatagram::bind(&path).unwrap(),
            path: path.to_str().unwrap().to_owned(),
            told: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Reads until an assignment begins with `beginning`, and gives it back.
    pub(crate) async fn until(&mut self, beginning: &str) -> String {
        self.until_within(beginning, DEADLINE).await
    }

    pub(crate) async fn until_within(&mut self, beginning: &str, deadline: Duration) -> String {
        let found = tokio::time::timeout(deadline, async {
            loop {
                let mut datagram = [0; 4096];
                let length = self.socket.recv(&mut datagram).await.unwrap();
                let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
                self.told.extend(text.lines().map(str::to_owned));
                if let Some(line) = text.lines().find(|line| line.starts_with(beginning)) {
                    return line.to_owned();
                }
            }
        });
        match found.await {
            Ok(line) => line,
            Err(_) => panic!("no {beginning:?} in:\n{}", self.told.join("\n")),
        }
    }

    /// Everything that was told so far, what waits in the socket too.
    pub(crate) fn told(&mut self) -> &[String] {
        let mut datagram = [0; 4096];
        while let Ok(length) = self.socket.try_recv(&mut datagram) {
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            self.told.extend(text.lines().map(str::to_owned));
        }
        &self.told
    }

    /// Forgets what was told so far.
    pub(crate) fn forget(&mut self) {
        self.told();
        self.told.clear();
    }
}
