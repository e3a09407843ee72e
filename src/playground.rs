//! A Mattermost-compatible server on loopback, with the real one's behaviour, bugs included.
