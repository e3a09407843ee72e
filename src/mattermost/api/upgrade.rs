//! The websocket's upgrade, as a request like the others.
