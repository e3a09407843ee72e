//! The connections and the one place where events are delivered to them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Flavour;
use super::event::{Encoded, Outgoing};
use super::state::State;

/// How many frames wait for a slow reader before its connection is given up (`sendQueueSize`).
pub(crate) const QUEUE: usize = 256;
/// From this many waiting frames on, unimportant events are dropped (`sendSlowWarn`).
const SLOW: usize = 128;

/// What a connection's writer gets; the end of the queue means an empty close frame.
#[derive(Debug)]
pub(crate) enum Frame {
    /// An event, numbered when it is written.
    Event(Arc<Encoded>),
    /// An answer, which has no number.
    Reply(String),
}

/// How sure the server is of a connection's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    Known,
    /// To be looked up again at the next occasion.
    Doubtful,
    /// The look-up failed; nothing brings it back but a new challenge.
    Lost,
}

struct Connection {
    user_id: String,
    token: String,
    queue: mpsc::Sender<Frame>,
    session: Session,
}

impl Connection {
    fn is_authenticated(&mut self, state: &State) -> bool {
        if self.session == Session::Doubtful {
            self.session = match state.session_user(&self.token) {
                Some(user) if user == self.user_id => Session::Known,
                _ => Session::Lost,
            };
        }
        self.session == Session::Known
    }
}

/// All connections by number.
#[derive(Default)]
pub(crate) struct Hub {
    connections: HashMap<u64, Connection>,
    users: HashMap<String, Vec<u64>>,
    last: u64,
}

impl Hub {
    /// Adds a connection whose session was just looked up.
    pub(crate) fn register(
        &mut self,
        user_id: &str,
        token: &str,
        queue: mpsc::Sender<Frame>,
    ) -> u64 {
        self.last += 1;
        let connection = Connection {
            user_id: user_id.to_owned(),
            token: token.to_owned(),
            queue,
            session: Session::Known,
        };
        self.connections.insert(self.last, connection);
        self.users
            .entry(user_id.to_owned())
            .or_default()
            .push(self.last);
        self.last
    }

    /// Gives a connection whose session was lost a new one.
    pub(crate) fn authenticate_again(&mut self, number: u64, token: &str) {
        if let Some(connection) = self.connections.get_mut(&number) {
            token.clone_into(&mut connection.token);
            connection.session = Session::Known;
        }
    }

    /// Forgets a connection; its queue ends.
    pub(crate) fn remove(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else {
            return;
        };
        if let Some(numbers) = self.users.get_mut(&connection.user_id) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.users.remove(&connection.user_id);
            }
        }
    }

    /// Whether `user_id` has a connection, be it deaf.
    pub(crate) fn is_connected(&self, user_id: &str) -> bool {
        self.users.contains_key(user_id)
    }

    /// The sessions of `user_id` are to be looked up again before they hear anything more.
    pub(crate) fn doubt(&mut self, user_id: &str) {
        for number in self.users.get(user_id).into_iter().flatten() {
            if let Some(connection) = self.connections.get_mut(number)
                && connection.session == Session::Known
            {
                connection.session = Session::Doubtful;
            }
        }
    }

    /// Whether the connection still has a valid session.
    pub(crate) fn is_authenticated(&mut self, number: u64, state: &State) -> bool {
        self.connections
            .get_mut(&number)
            .is_some_and(|connection| connection.is_authenticated(state))
    }

    /// Answers a request; a connection whose queue is full is given up.
    pub(crate) fn reply(&mut self, number: u64, text: String) {
        if let Some(connection) = self.connections.get(&number)
            && connection.queue.try_send(Frame::Reply(text)).is_err()
        {
            self.remove(number);
        }
    }

    /// Puts a frame that only one connection gets into its queue.
    pub(crate) fn send_to(&mut self, number: u64, outgoing: &Outgoing) {
        if let Some(connection) = self.connections.get(&number) {
            let frame = Frame::Event(Arc::new(Encoded::compact(outgoing)));
            if connection.queue.try_send(frame).is_err() {
                self.remove(number);
            }
        }
    }

    /// Delivers an event to everybody whom it is for.
    pub(crate) fn deliver(&mut self, state: &State, outgoing: &Outgoing) {
        if self.connections.is_empty() {
            return;
        }
        let mut for_all = None;
        let mut overflowed = Vec::new();
        for number in self.receivers(outgoing) {
            let Some(connection) = self.connections.get_mut(&number) else {
                continue;
            };
            if !connection.is_authenticated(state) {
                continue;
            }
            let encoded = if outgoing.mentions.contains(&connection.user_id) {
                Arc::new(Encoded::compact(&mentioning(outgoing, &connection.user_id)))
            } else {
                Arc::clone(for_all.get_or_insert_with(|| {
                    Arc::new(match state.flavour {
                        Flavour::V11_6 => Encoded::spaced(outgoing),
                        Flavour::V5_37 => Encoded::compact(outgoing),
                    })
                }))
            };
            let waiting = QUEUE - connection.queue.capacity();
            if encoded.droppable && waiting >= SLOW {
                continue;
            }
            if connection.queue.try_send(Frame::Event(encoded)).is_err() {
                overflowed.push(number);
            }
        }
        for number in overflowed {
            self.remove(number);
        }
    }

    fn receivers(&self, outgoing: &Outgoing) -> Vec<u64> {
        let mut numbers: Vec<u64> = self
            .users
            .iter()
            .filter(|(user_id, _)| outgoing.reaches(user_id))
            .flat_map(|(_, numbers)| numbers.iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The same event as the mentioned `user_id` sees it.
fn mentioning(outgoing: &Outgoing, user_id: &str) -> Outgoing {
    let own = super::wire::to_text(&[user_id]);
    outgoing.clone().with("mentions", &own)
}
