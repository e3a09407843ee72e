//! The connections and the one place where events are delivered to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Flavour;
use super::event::{Encoded, Outgoing, Recipients};
use super::faults::{DeafPing, Delivery, Scope, SocketFault};
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
    /// A fault: so many numbers that no event gets.
    Skip(i64),
    /// A fault: the end, with a close frame of this code or with none.
    Close(Option<u16>),
    /// A fault: the connection stays, and nothing is written or read any more.
    HalfOpen,
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
    /// A fault: no event goes out, and what a ping gets.
    deaf: Option<DeafPing>,
}

/// An event that a fault holds back.
pub(crate) struct Late {
    delay: Duration,
    queue: mpsc::WeakSender<Frame>,
    encoded: Arc<Encoded>,
}

impl Late {
    /// Delivers the event when its time has come, if the connection is still there.
    pub(crate) async fn deliver(self) {
        tokio::time::sleep(self.delay).await;
        if let Some(queue) = self.queue.upgrade()
            && queue.try_send(Frame::Event(self.encoded)).is_err()
        {
            tracing::debug!("a late event found a full queue");
        }
    }
}

impl Connection {
    /// Puts an event into the queue as the switches want it; false if the queue is full.
    fn send(&self, encoded: Arc<Encoded>, delivery: &Delivery, late: &mut Vec<Late>) -> bool {
        let frames = match delivery {
            Delivery::Now => vec![Frame::Event(encoded)],
            Delivery::Never => Vec::new(),
            Delivery::Twice => vec![Frame::Event(Arc::clone(&encoded)), Frame::Event(encoded)],
            Delivery::Jumped(by) => vec![Frame::Skip(*by), Frame::Event(encoded)],
            Delivery::Late(delay) => {
                late.push(Late {
                    delay: *delay,
                    queue: self.queue.downgrade(),
                    encoded,
                });
                Vec::new()
            }
        };
        frames
            .into_iter()
            .all(|frame| self.queue.try_send(frame).is_ok())
    }

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
    /// What faults hold back, for whoever can wait.
    pub(crate) late: Vec<Late>,
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
            deaf: None,
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
        // One that was given up because its queue ran full has its session until the queue is written out.
        self.connections
            .get_mut(&number)
            .is_none_or(|connection| connection.is_authenticated(state))
    }

    /// Answers a request; a connection whose queue is full is given up.
    pub(crate) fn reply(&mut self, number: u64, text: String) {
        if let Some(connection) = self.connections.get(&number)
            && connection.deaf != Some(DeafPing::Unanswered)
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

    /// A fault of a connection as a whole.
    pub(crate) fn hit(&mut self, number: u64, fault: SocketFault) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let frame = match fault {
            SocketFault::Deaf(ping) => {
                connection.deaf = Some(ping);
                return;
            }
            SocketFault::HalfOpen => Frame::HalfOpen,
            SocketFault::Close(code) => Frame::Close(code),
        };
        let is_full = connection.queue.try_send(frame).is_err();
        if is_full || matches!(fault, SocketFault::Close(_)) {
            self.remove(number);
        }
    }

    /// A fault of all connections that are open and in its scope.
    pub(crate) fn strike(&mut self, scope: &Scope, fault: SocketFault) {
        let numbers = self
            .connections
            .iter()
            .filter(|(_, connection)| match scope {
                Scope::All => true,
                Scope::Path(_) => false,
                Scope::User(user_id) => *user_id == connection.user_id,
            });
        for number in numbers.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.hit(number, fault);
        }
    }

    /// Whether a fault makes the connection refuse requests as one whose session has ended.
    pub(crate) fn is_refusing(&self, number: u64) -> bool {
        let connection = self.connections.get(&number);
        connection.is_some_and(|connection| connection.deaf == Some(DeafPing::Fail))
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
            if !connection.is_authenticated(state) || connection.deaf.is_some() {
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
            let delivery = state.faults.delivery(outgoing.event, &connection.user_id);
            if !connection.send(encoded, &delivery, &mut self.late) {
                overflowed.push(number);
            }
        }
        for number in overflowed {
            self.remove(number);
        }
    }

    fn receivers(&self, outgoing: &Outgoing) -> Vec<u64> {
        let heard = |user_id: &&String| !outgoing.omits(user_id);
        let mut numbers: Vec<u64> = match &outgoing.recipients {
            Recipients::Everyone => {
                let users = self.users.keys().filter(heard);
                users.flat_map(|user_id| self.numbers(user_id)).collect()
            }
            Recipients::Users(users) => {
                let users = users.iter().filter(heard);
                users.flat_map(|user_id| self.numbers(user_id)).collect()
            }
        };
        numbers.sort_unstable();
        numbers
    }

    fn numbers(&self, user_id: &str) -> impl Iterator<Item = u64> {
        self.users.get(user_id).into_iter().flatten().copied()
    }
}

/// The same event as the mentioned `user_id` sees it.
fn mentioning(outgoing: &Outgoing, user_id: &str) -> Outgoing {
    let own = super::wire::to_text(&[user_id]);
    outgoing.clone().with("mentions", &own)
}
