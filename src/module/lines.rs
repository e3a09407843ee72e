//! Lines of bytes from a stream, none longer than a limit.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The stream is broken.
    #[error("reading a line")]
    Read(#[source] io::Error),
    /// A line is longer than the limit; this is its beginning, and what is read next is its rest.
    #[error("a line is longer than {} bytes", .0.len())]
    TooLong(Vec<u8>),
}

/// Reads `stream` line by line.
#[derive(Debug)]
pub struct LineReader<R> {
    stream: BufReader<R>,
    /// What was read of a line that has not ended.
    begun: Vec<u8>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Lines have at most `limit` bytes.
    pub fn new(stream: R, limit: usize) -> Self {
        Self {
            stream: BufReader::with_capacity(PIECE, stream),
            begun: Vec::new(),
            limit,
        }
    }

    /// The next line without its line feed; `None` at the end of the stream. A last line may lack the line feed.
    /// Cancel-safe: what was read of a line is kept.
    ///
    /// # Errors
    /// The stream is broken, or the line is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let read = self.stream.fill_buf().await.map_err(LineError::Read)?;
            if read.is_empty() {
                let rest = std::mem::take(&mut self.begun);
                return Ok((!rest.is_empty()).then_some(rest));
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let room = self.limit - self.begun.len();
            let taken = end.unwrap_or(read.len()).min(room);
            self.begun
                .extend_from_slice(read.get(..taken).unwrap_or_default());
            let ends_here = end == Some(taken);
            let too_long = !ends_here && taken < read.len();
            self.stream.consume(taken + usize::from(ends_here));
            if ends_here {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
            if too_long {
                return Err(LineError::TooLong(std::mem::take(&mut self.begun)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_at_line_feeds_and_at_the_end() {
        let mut lines = LineReader::new(&b"one\n\nthree"[..], 5);
        assert_eq!(lines.next().await.unwrap(), Some(b"one".to_vec()));
        assert_eq!(lines.next().await.unwrap(), Some(Vec::new()));
        assert_eq!(lines.next().await.unwrap(), Some(b"three".to_vec()));
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_in_pieces() {
        let mut lines = LineReader::new(&b"abcde\nabcdefg\nx"[..], 5);
        assert_eq!(lines.next().await.unwrap(), Some(b"abcde".to_vec()));
        let error = lines.next().await.unwrap_err();
        assert!(matches!(error, LineError::TooLong(begun) if begun == b"abcde"));
        assert_eq!(lines.next().await.unwrap(), Some(b"fg".to_vec()));
        assert_eq!(lines.next().await.unwrap(), Some(b"x".to_vec()));
    }
}
