//! Tests of `lifecycle::marker` and of its directory: what is left is found, what others left is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use matterbot::id::{ChannelId, PostId, UserId, random_token};
use matterbot::lifecycle::marker::{self, Marker, Refused, Request};
use matterbot::lifecycle::state_directory::{StateDirectory, StateDirectoryError};
use matterbot::timestamp::Timestamp;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_795_262_400_000);

struct Place {
    home: TempDir,
    state: StateDirectory,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(home.path()).unwrap();
        Self { home, state }
    }

    fn marker(&self) -> PathBuf {
        self.home.path().join(marker::NAME)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.home.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(&self, content: &[u8]) {
        fs::write(self.marker(), content).unwrap();
        fs::set_permissions(self.marker(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Reads a marker that must be refused for `reason`, and checks that it was set aside unharmed.
    fn refuses(&self, reason: &str) {
        let Refused {
            reason: found,
            renamed,
        } = marker::read(&self.state, NOW).unwrap_err();
        assert!(found.contains(reason), "{found:?} does not say {reason:?}");
        assert_eq!(renamed.unwrap(), format!("restart-marker.refused-{NOW}"));
        assert!(self.marker().symlink_metadata().is_err());
        assert_eq!(marker::read(&self.state, NOW).unwrap(), None);
        assert_eq!(marker::obstacle(&self.state, NOW), Ok(()));
    }
}

fn a_marker() -> Marker {
    let request = || Request {
        channel: ChannelId::random(),
        root: PostId::random(),
        post: PostId::random(),
        ordinal: 0,
        user: UserId::random(),
    };
    Marker {
        version: Marker::VERSION,
        nonce: random_token(),
        requests: vec![request(), request()],
        reason: "new module".to_owned(),
        from_version: "1.0.0".to_owned(),
        boot_id: marker::boot_id().unwrap(),
        written_at: NOW,
        written_since_boot: 1_000,
    }
}

fn json(marker: &Marker) -> Vec<u8> {
    serde_json::to_vec(marker).unwrap()
}

#[test]
fn what_was_left_is_read_until_it_is_removed() {
    let place = Place::new();
    assert_eq!(marker::read(&place.state, NOW).unwrap(), None);
    let (first, joined) = (a_marker(), a_marker());
    marker::leave(&place.state, &first).unwrap();
    marker::leave(&place.state, &joined).unwrap();
    assert_eq!(place.names(), [marker::NAME]);
    assert_eq!(place.marker().metadata().unwrap().mode() & 0o7777, 0o600);
    assert_eq!(marker::obstacle(&place.state, NOW), Ok(()));
    assert_eq!(marker::read(&place.state, NOW).unwrap(), Some(joined));
    marker::remove(&place.state).unwrap();
    assert_eq!(marker::read(&place.state, NOW).unwrap(), None);
    marker::remove(&place.state).unwrap();
}

#[test]
fn the_form_of_a_marker_is_kept() {
    let post: PostId = "k1h7xqnd3fyw8mgqj5s9e6ro4a".parse().unwrap();
    let request = Request {
        channel: "c1h7xqnd3fyw8mgqj5s9e6ro4a".parse().unwrap(),
        root: post,
        post,
        ordinal: 0,
        user: "u1h7xqnd3fyw8mgqj5s9e6ro4a".parse().unwrap(),
    };
    let marker = Marker {
        version: 1,
        nonce: "n1h7xqnd3fyw8mgqj5s9e6ro4a".to_owned(),
        requests: vec![request],
        reason: "new module".to_owned(),
        from_version: "1.0.0".to_owned(),
        boot_id: "6f0ca0f6-3f0c-4a39-a9c1-1d9d0a0a6a11".to_owned(),
        written_at: NOW,
        written_since_boot: 1_000,
    };
    let written = r#"{"version":1,"nonce":"n1h7xqnd3fyw8mgqj5s9e6ro4a","requests":[{"channel":"c1h7xqnd3fyw8mgqj5s9e6ro4a","root":"k1h7xqnd3fyw8mgqj5s9e6ro4a","post":"k1h7xqnd3fyw8mgqj5s9e6ro4a","ordinal":0,"user":"u1h7xqnd3fyw8mgqj5s9e6ro4a"}],"reason":"new module","from_version":"1.0.0","boot_id":"6f0ca0f6-3f0c-4a39-a9c1-1d9d0a0a6a11","written_at":1795262400000,"written_since_boot":1000}"#;
    assert_eq!(String::from_utf8(json(&marker)).unwrap(), written);
}

#[test]
fn a_symbolic_link_is_refused_and_its_target_untouched() {
    let place = Place::new();
    let target = place.home.path().join("target");
    fs::write(&target, json(&a_marker())).unwrap();
    symlink(&target, place.marker()).unwrap();
    assert!(marker::obstacle(&place.state, NOW).is_err());
    place.refuses("symbolic link");
    assert!(target.exists());
}

#[test]
fn a_dangling_symbolic_link_is_replaced_by_the_next_marker_not_followed() {
    let place = Place::new();
    let target = place.home.path().join("target");
    symlink(&target, place.marker()).unwrap();
    marker::leave(&place.state, &a_marker()).unwrap();
    assert!(place.marker().symlink_metadata().unwrap().is_file());
    assert!(!target.exists());
}

#[test]
fn a_second_name_is_refused() {
    let place = Place::new();
    place.write(&json(&a_marker()));
    fs::hard_link(place.marker(), place.home.path().join("other")).unwrap();
    place.refuses("2 names");
}

#[test]
fn every_mode_but_0600_is_refused() {
    for mode in [0o644, 0o640, 0o400, 0o700, 0o666, 0o4600] {
        let place = Place::new();
        place.write(&json(&a_marker()));
        fs::set_permissions(place.marker(), fs::Permissions::from_mode(mode)).unwrap();
        place.refuses("mode");
    }
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a file away.
    }
    let place = Place::new();
    place.write(&json(&a_marker()));
    std::os::unix::fs::chown(place.marker(), Some(65_534), None).unwrap();
    place.refuses("user id 65534");
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    fs::create_dir(place.marker()).unwrap();
    assert!(marker::leave(&place.state, &a_marker()).is_err());
    assert_eq!(
        place.names(),
        [marker::NAME],
        "a failed attempt leaves nothing"
    );
    let obstacle = marker::obstacle(&place.state, NOW).unwrap_err().to_string();
    assert!(
        obstacle.contains(marker::NAME) && obstacle.contains("not a regular file"),
        "{obstacle}"
    );
    place.refuses("not a regular file");

    // Nobody writes into this pipe: a blocking open would wait for ever.
    let place = Place::new();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, place.marker(), fifo, mode, 0).unwrap();
    place.refuses("not a regular file");

    let place = Place::new();
    let _socket = std::os::unix::net::UnixListener::bind(place.marker()).unwrap();
    place.refuses("cannot be opened");
}

#[test]
fn a_large_file_is_refused_unread() {
    let place = Place::new();
    let mut content = json(&a_marker());
    content.resize(10 * 1024 * 1024, b' ');
    place.write(&content);
    place.refuses("too large");
}

#[test]
fn the_largest_marker_that_is_left_is_read() {
    let place = Place::new();
    let mut marker = a_marker();
    marker.reason = "x".repeat(64 * 1024);
    assert!(marker::leave(&place.state, &marker).is_err());
    assert_eq!(place.names(), [""; 0]);
    marker.reason = "x".repeat(60 * 1024);
    marker::leave(&place.state, &marker).unwrap();
    assert_eq!(marker::read(&place.state, NOW).unwrap(), Some(marker));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = json(&a_marker());
    for length in (0..whole.len()).step_by(7) {
        let place = Place::new();
        place.write(&whole[..length]);
        place.refuses("damaged");
    }
}

#[test]
fn another_version_is_refused_even_if_the_rest_is_unknown() {
    let place = Place::new();
    place.write(br#"{"version":2,"what":"ever"}"#);
    place.refuses("version 2");
    place.write(br#"{"version":0}"#);
    place.refuses("version 0");
}

#[test]
fn a_marker_from_the_future_is_refused() {
    let place = Place::new();
    let mut marker = a_marker();
    marker.written_at = NOW.plus(Duration::from_millis(15 * 60 * 1000 + 1));
    marker::leave(&place.state, &marker).unwrap();
    place.refuses("future");
    marker.written_at = NOW.plus(Duration::from_secs(15 * 60));
    marker::leave(&place.state, &marker).unwrap();
    assert_eq!(marker::read(&place.state, NOW).unwrap(), Some(marker));
}

#[test]
fn a_refused_marker_that_cannot_be_renamed_stands_in_the_way() {
    let place = Place::new();
    place.write(b"{");
    let taken = place
        .home
        .path()
        .join(format!("restart-marker.refused-{NOW}"));
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("full"), "").unwrap();
    assert!(
        marker::read(&place.state, NOW)
            .unwrap_err()
            .renamed
            .is_err()
    );
    let obstacle = marker::obstacle(&place.state, NOW).unwrap_err().to_string();
    assert!(
        obstacle.contains(marker::NAME) && obstacle.contains("damaged"),
        "{obstacle}"
    );
}

#[test]
fn unfinished_markers_are_swept_and_nothing_else() {
    let place = Place::new();
    marker::leave(&place.state, &a_marker()).unwrap();
    fs::write(place.home.path().join("restart-marker.tmp-abc"), "{").unwrap();
    fs::write(place.home.path().join("restart-marker.tmp-def"), "").unwrap();
    fs::write(place.home.path().join("ledger.db"), "").unwrap();
    let directory = "restart-marker.tmp-ghi";
    fs::create_dir(place.home.path().join(directory)).unwrap();
    assert_eq!(marker::sweep(&place.state).unwrap(), 2);
    assert_eq!(marker::sweep(&place.state).unwrap(), 0);
    assert_eq!(place.names(), ["ledger.db", marker::NAME, directory]);
}

#[test]
fn a_directory_that_others_can_write_is_refused_at_any_time() {
    let place = Place::new();
    for mode in [0o770, 0o707, 0o720, 0o702, 0o1777] {
        fs::set_permissions(place.home.path(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = StateDirectory::open(place.home.path()).unwrap_err();
        assert!(
            matches!(refused, StateDirectoryError::Writable { .. }),
            "{mode:o}"
        );
        assert!(refused.to_string().contains("chmod go-w"), "{refused}");
        assert!(marker::leave(&place.state, &a_marker()).is_err());
        assert!(marker::obstacle(&place.state, NOW).is_err());
        assert_eq!(place.names(), [""; 0]);
    }
    fs::set_permissions(place.home.path(), fs::Permissions::from_mode(0o750)).unwrap();
    StateDirectory::open(place.home.path()).unwrap();
}

#[test]
fn a_directory_is_created_but_not_its_parents_and_no_link_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let new = home.path().join("state");
    StateDirectory::open(&new).unwrap();
    assert_eq!(new.metadata().unwrap().mode() & 0o027, 0);
    assert!(StateDirectory::open(&home.path().join("no/where")).is_err());
    let link = home.path().join("link");
    symlink(&new, &link).unwrap();
    assert!(StateDirectory::open(&link).is_err());
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(StateDirectory::open(&file).is_err());
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a directory away.
    }
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(home.path(), Some(65_534), None).unwrap();
    let refused = StateDirectory::open(home.path()).unwrap_err();
    assert!(matches!(
        refused,
        StateDirectoryError::Foreign { owner: 65_534, .. }
    ));
}

#[test]
fn a_directory_that_moves_stays_the_one_that_was_opened() {
    let home = tempfile::tempdir().unwrap();
    let (old, moved) = (home.path().join("old"), home.path().join("moved"));
    let state = StateDirectory::open(&old).unwrap();
    fs::rename(&old, &moved).unwrap();
    fs::create_dir(&old).unwrap();
    marker::leave(&state, &a_marker()).unwrap();
    assert!(is_marker_in(&moved) && !is_marker_in(&old));
}

fn is_marker_in(directory: &Path) -> bool {
    directory.join(marker::NAME).exists()
}
