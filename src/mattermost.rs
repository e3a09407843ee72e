//! What of Mattermost we use, and why.
