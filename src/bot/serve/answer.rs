//! What a module answers, as posts: its messages in order, each with its files.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::ledger::Part;
use crate::mattermost::api::ApiError;
use crate::module::protocol::{Answer, Message, Upload};
use crate::text;

use super::parts;

/// So much text of a call is posted, in bytes; more of it goes as a file.
pub(super) const MOST_TEXT: usize = 1 << 20;
/// The server takes so many files with one post (`model.PostFileidsMaxRunes` allows more only in characters).
const FILES_A_POST: usize = 10;
/// So many messages of a call are posted; the text of the others comes as one file.
const MOST_MESSAGES: usize = 50;
/// So many files of a call are sent.
const MOST_FILES: usize = 100;
/// So often an upload is tried that the server could not answer.
const ATTEMPTS: usize = 3;

/// The posts of `answer`, whose files are on the server then, with so much text as there is `room` for.
pub(super) async fn posts(
    context: &Context,
    (ticket, module): (&Ticket, &str),
    answer: Answer,
    mut room: usize,
) -> Vec<Part> {
    let mut posts = Vec::new();
    for mut message in bounded(module, answer.messages) {
        if message.text.len() > room {
            let text = std::mem::replace(&mut message.text, reply::text_as_file());
            message.uploads.push(as_file(module, &text));
        }
        room = room.saturating_sub(message.text.len());
        posts.extend(of_message(context, ticket, module, message).await);
    }
    posts
}

/// `messages`, as many as are posted, with as many files as are sent.
fn bounded(module: &str, mut messages: Vec<Message>) -> Vec<Message> {
    let (mut room, mut unsent) = (MOST_FILES, 0);
    for message in &mut messages {
        unsent += message.uploads.len().saturating_sub(room);
        message.uploads.truncate(room);
        room -= message.uploads.len();
    }
    if messages.len() > MOST_MESSAGES {
        let rest = messages.split_off(MOST_MESSAGES - 1);
        let (mut texts, mut uploads) = (Vec::new(), Vec::new());
        for message in rest {
            texts.push(message.text);
            uploads.extend(message.uploads);
        }
        uploads.insert(0, as_file(module, &texts.join("\n\n")));
        let text = reply::rest_as_file();
        messages.push(Message { text, uploads });
    }
    if let Some(last) = messages.last_mut().filter(|_| unsent > 0) {
        last.text.push_str("\n\n");
        last.text.push_str(&reply::files_not_sent(unsent));
    }
    messages
}

fn as_file(module: &str, text: &str) -> Upload {
    Upload {
        filename: format!("{module}.md"),
        bytes: BASE64_STANDARD.encode(text),
    }
}

async fn of_message(
    context: &Context,
    ticket: &Ticket,
    module: &str,
    message: Message,
) -> Vec<Part> {
    let mut text = text::without_channel_mentions(&message.text);
    let mut files = Vec::new();
    for file in message.uploads {
        match upload(context, ticket, &file).await {
            Ok(id) => files.push(id),
            Err(reason) => {
                tracing::warn!(module, file = file.filename, reason, post = %ticket.post.id,
                    "a file of a module could not be sent");
                text.push_str("\n\n");
                text.push_str(&reply::file_not_sent(&file.filename));
            }
        }
    }
    with_files(parts(context, module, &text), files)
}

/// `posts` with `files` on the last of them, and on further ones without text.
fn with_files(mut posts: Vec<Part>, files: Vec<String>) -> Vec<Part> {
    let mut files = files.into_iter();
    if let Some(last) = posts.last_mut() {
        // A text that was too long for posts takes the place of one file.
        let room = FILES_A_POST - usize::from(last.attachment.is_some());
        last.files = files.by_ref().take(room).collect();
    }
    loop {
        let more: Vec<String> = files.by_ref().take(FILES_A_POST).collect();
        if more.is_empty() {
            return posts;
        }
        posts.push(Part {
            files: more,
            ..Part::default()
        });
    }
}

/// Uploads `file` and gives its identifier; or says why not, for the log.
async fn upload(context: &Context, ticket: &Ticket, file: &Upload) -> Result<String, String> {
    let bytes = BASE64_STANDARD
        .decode(&file.bytes)
        .map_err(|error| format!("its content is no base64: {error}"))?;
    let name = file.filename.rsplit('/').next().unwrap_or_default();
    let name = if name.is_empty() { "file" } else { name };
    let mut attempt = 1;
    loop {
        let uploaded = context
            .api
            .upload(ticket.post.channel_id, name, bytes.clone());
        match uploaded.await {
            Ok(id) => return Ok(id),
            Err(error) if attempt == ATTEMPTS || error.is_refusal() => {
                return Err(causes(&error).to_string());
            }
            Err(ApiError::RateLimited { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            Err(_) => {}
        }
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_comes_as_one_file() {
        let message = |number: usize| Message {
            text: number.to_string(),
            uploads: vec![as_file("dice", ""); 3],
        };
        let few: Vec<Message> = (0..MOST_MESSAGES / 3).map(message).collect();
        assert_eq!(bounded("dice", few.clone()), few);
        let many = bounded("dice", (0..1_000).map(message).collect());
        assert_eq!(many.len(), MOST_MESSAGES);
        let files: usize = many.iter().map(|message| message.uploads.len()).sum();
        assert_eq!(files, MOST_FILES + 1);
        let (last, before) = many.split_last().unwrap();
        assert_eq!(before[48].text, "48");
        let rest: Vec<String> = (49..1_000).map(|number| number.to_string()).collect();
        assert_eq!(last.uploads, [as_file("dice", &rest.join("\n\n"))]);
        assert!(last.text.ends_with("\n\n*2900 more files were not sent.*"));
    }

    #[test]
    fn a_post_has_at_most_ten_files() {
        let files = |count: usize| (0..count).map(|file| file.to_string()).collect();
        let counts = |posts: Vec<Part>| -> Vec<(String, usize)> {
            let each = posts.into_iter().map(|part| (part.text, part.files.len()));
            each.collect()
        };
        let text = |text: &str| Part {
            text: text.to_owned(),
            ..Part::default()
        };
        let long = vec![text("a"), text("b")];
        let expected = [("a", 0), ("b", 10), ("", 10), ("", 1)];
        let expected = expected.map(|(text, count)| (text.to_owned(), count));
        assert_eq!(counts(with_files(long, files(21))), expected);
        assert_eq!(
            counts(with_files(Vec::new(), files(1))),
            [(String::new(), 1)]
        );
        assert!(with_files(Vec::new(), files(0)).is_empty());
    }
}
