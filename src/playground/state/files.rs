//! Uploaded files.

use serde::{Deserialize, Serialize};

use super::State;
use super::posts::Post;
use crate::id::random_token;
use crate::playground::wire;

/// A file; it belongs to a post once one has taken it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) post_id: String,
    pub(crate) channel_id: String,
    pub(crate) create_at: i64,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) content: Vec<u8>,
}

fn extension(name: &str) -> String {
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase())
        .unwrap_or_default()
}

/// The type that goes with a name's extension.
fn mime_type(name: &str) -> &'static str {
    match extension(name).as_str() {
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        _ => "application/octet-stream",
    }
}

impl State {
    pub(crate) fn file_info(&self, file: &File) -> wire::FileInfo {
        wire::FileInfo {
            id: file.id.clone(),
            user_id: file.user_id.clone(),
            post_id: file.post_id.clone(),
            // 5.37 did not show it.
            channel_id: self.newer(file.channel_id.clone()).unwrap_or_default(),
            create_at: file.create_at,
            update_at: file.create_at,
            delete_at: 0,
            name: file.name.clone(),
            extension: extension(&file.name),
            size: file.content.len(),
            mime_type: file.mime_type.clone(),
            mini_preview: None,
            remote_id: "",
            archived: self.newer(false),
        }
    }

    pub(crate) fn file_infos(&self, ids: &[String]) -> Vec<wire::FileInfo> {
        ids.iter()
            .filter_map(|id| self.files.get(id))
            .map(|file| self.file_info(file))
            .collect()
    }

    pub(crate) fn add_file(
        &mut self,
        user_id: &str,
        channel_id: &str,
        name: &str,
        content: &[u8],
    ) -> wire::FileInfo {
        let file = File {
            id: random_token(),
            user_id: user_id.to_owned(),
            post_id: String::new(),
            channel_id: channel_id.to_owned(),
            create_at: self.now(),
            name: name.to_owned(),
            mime_type: mime_type(name).to_owned(),
            content: content.to_vec(),
        };
        let info = self.file_info(&file);
        self.files.insert(file.id.clone(), file);
        self.changed = true;
        info
    }

    /// Gives the post its files; those of others and those that have a post are dropped without a word.
    pub(crate) fn attach_files(&mut self, post: &mut Post) {
        let asked = std::mem::take(&mut post.file_ids);
        for id in &asked {
            if let Some(file) = self.files.get_mut(id)
                && file.user_id == post.user_id
                && file.post_id.is_empty()
            {
                post.id.clone_into(&mut file.post_id);
                post.channel_id.clone_into(&mut file.channel_id);
                post.file_ids.push(id.clone());
            }
        }
        if post.file_ids.len() < asked.len() {
            post.lost_files = post.file_ids.is_empty();
            post.update_at = self.now();
        }
    }
}
