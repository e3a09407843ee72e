//! `matterbot try`: one command, without a Mattermost.
