//! `/files`: uploads as forms or as they are, and what was uploaded.

use serde::Serialize;

use crate::playground::call::{Answer, Call, Reply, is_id};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::faults::{Fault, Target};
use crate::playground::state::files::File;
use crate::playground::wire::FileInfo;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["files"]) => upload(call),
        ("GET", ["files", id]) => content(call, id),
        ("GET", ["files", id, "info"]) => info(call, id),
        _ => return None,
    })
}

#[derive(Serialize)]
struct Uploaded {
    file_infos: Vec<FileInfo>,
    client_ids: Option<Vec<String>>,
}

fn upload(call: &mut Call<'_>) -> Answer {
    let caller = call.user()?;
    let asked = call.asked;
    let Some((_, boundary)) = asked.content_type.split_once("boundary=") else {
        let name = asked
            .query("filename")
            .ok_or_else(|| invalid_body("filename"))?;
        let channel_id = asked.query("channel_id").unwrap_or_default();
        may_upload(call, &caller, channel_id)?;
        let info = call.state.add_file(&caller, channel_id, name, &asked.body);
        return Ok(Reply::json(
            201,
            &Uploaded {
                file_infos: vec![info],
                client_ids: None,
            },
        ));
    };
    let mut channel_id = asked.query("channel_id").unwrap_or_default().to_owned();
    let mut client_ids = Vec::new();
    let mut file_infos = Vec::new();
    for part in parts(&asked.body, boundary.trim_matches('"')) {
        let text = || String::from_utf8_lossy(part.content).into_owned();
        match (part.name.as_str(), part.filename) {
            ("channel_id", None) => channel_id = text(),
            ("client_ids", None) => client_ids.push(text()),
            ("files", Some(filename)) => {
                may_upload(call, &caller, &channel_id)?;
                file_infos.push(
                    call.state
                        .add_file(&caller, &channel_id, &filename, part.content),
                );
            }
            _ => {}
        }
    }
    if file_infos.is_empty() {
        may_upload(call, &caller, &channel_id)?;
        return Err(invalid_body("files"));
    }
    Ok(Reply::json(
        201,
        &Uploaded {
            file_infos,
            client_ids: Some(client_ids),
        },
    ))
}

fn may_upload(call: &Call<'_>, caller: &str, channel_id: &str) -> Result<(), ApiError> {
    if !is_id(channel_id) {
        return Err(invalid_body("channel_id"));
    }
    if !call.state.may_post(caller, channel_id) {
        return Err(permissions());
    }
    check_store(
        call,
        caller,
        "api.file.write_file.app_error",
        "Unable to write the file.",
    )
}

/// The file store's error, if it is down.
fn check_store(
    call: &Call<'_>,
    caller: &str,
    id: &'static str,
    message: &'static str,
) -> Result<(), ApiError> {
    let target = Target {
        path: &call.asked.path,
        user_id: caller,
    };
    let is_down = |fault: &Fault| matches!(fault, Fault::FileStoreDown).then_some(());
    match call.state.faults.hit(target, is_down) {
        Some(()) => Err(ApiError::new(500, id, message)),
        None => Ok(()),
    }
}

/// One part of a form.
struct Part<'a> {
    name: String,
    filename: Option<String>,
    content: &'a [u8],
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len().max(1))
        .position(|window| window == pattern)
}

/// Splits `bytes` around the first `pattern`.
fn split_once<'a>(bytes: &'a [u8], pattern: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (before, rest) = bytes.split_at_checked(find(bytes, pattern)?)?;
    Some((before, rest.get(pattern.len()..)?))
}

/// The parts of a `multipart/form-data` body; what is no part is left out.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let separator = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    let mut rest = split_once(body, delimiter.as_bytes()).map(|(_, rest)| rest);
    while let Some((part, after)) = rest.and_then(|rest| split_once(rest, separator.as_bytes())) {
        rest = Some(after);
        let Some((head, content)) = split_once(part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(head);
        let parameter = |name: &str| {
            let (_, value) = head.split_once(&format!("{name}=\""))?;
            value.split_once('"').map(|(value, _)| value.to_owned())
        };
        if let Some(name) = parameter(" name") {
            parts.push(Part {
                name,
                filename: parameter("filename"),
                content,
            });
        }
    }
    parts
}

/// The file if the caller may read it: its uploader's until a post has it, then the channel's.
fn readable<'a>(call: &'a Call<'_>, id: &str) -> Result<&'a File, ApiError> {
    let caller = call.user()?;
    let file = call.state.files.get(id).ok_or_else(|| {
        ApiError::new(
            404,
            "app.file_info.get.app_error",
            "Unable to get the file info.",
        )
    })?;
    let channel = call.state.channels.get(&file.channel_id);
    let may_read = channel.is_some_and(|channel| call.state.may_read(&caller, channel));
    if file.user_id == caller || may_read {
        Ok(file)
    } else {
        Err(permissions())
    }
}

fn info(call: &mut Call<'_>, id: &str) -> Answer {
    let file = readable(call, id)?;
    let reply = Reply::json(200, &call.state.file_info(file));
    Ok(reply.with_header("Cache-Control", "max-age=2592000, private"))
}

fn content(call: &mut Call<'_>, id: &str) -> Answer {
    let file = readable(call, id)?;
    let caller = call.user()?;
    check_store(
        call,
        &caller,
        "api.file.file_reader.app_error",
        "Unable to get a file reader.",
    )?;
    let mut name = String::new();
    for byte in file.name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    let reply = Reply {
        status: 200,
        content_type: Some(file.mime_type.clone()),
        body: file.content.clone(),
        ..Reply::default()
    };
    let age = if call.state.is_old() {
        "private, no-cache"
    } else {
        "private, max-age=86400"
    };
    Ok(reply
        .with_header("Accept-Ranges", "bytes")
        .with_header("Cache-Control", age)
        .with_header(
            "Content-Disposition",
            format!("attachment;filename=\"{name}\"; filename*=UTF-8''{name}"),
        )
        .with_header("Content-Security-Policy", "Frame-ancestors 'none'")
        .with_header("X-Frame-Options", "DENY")
        .with_header(
            "X-Uncompressed-Content-Length",
            file.content.len().to_string(),
        ))
}
