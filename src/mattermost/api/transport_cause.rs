//! Why a request got no whole answer, as far as the libraries tell: they nest it deep, and in words for programmers.

use std::error::Error;
use std::io;
use std::iter::successors;

use super::ApiError;

/// What stands between us and the server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportCause {
    /// Nobody listens at the address.
    NobodyListens,
    /// The name of the host has no address.
    NoSuchName,
    /// No answer in time.
    Slow,
    /// The server does not speak TLS.
    NoTls,
    /// The server's certificate is not accepted, for this reason.
    Certificate(String),
    /// A connection was made and ended without an answer of HTTP.
    NoHttp,
}

impl ApiError {
    /// Why there was no whole answer, if that is known.
    #[must_use]
    pub fn transport_cause(&self) -> Option<TransportCause> {
        let Self::Transport { source, .. } = self else {
            return None;
        };
        match sources(source).find_map(tls) {
            Some(rustls::Error::InvalidMessage(_)) => return Some(TransportCause::NoTls),
            Some(rustls::Error::InvalidCertificate(reason)) => {
                return Some(TransportCause::Certificate(reason.to_string()));
            }
            _ => {}
        }
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        // Of a name that is not found there is no type to be seen, only hyper-util's words.
        let unnamed = |error: &(dyn Error + 'static)| error.to_string().starts_with("dns error");
        if sources(source)
            .filter_map(|error| error.downcast_ref())
            .any(refused)
        {
            Some(TransportCause::NobodyListens)
        } else if sources(source).any(unnamed) {
            Some(TransportCause::NoSuchName)
        } else if source.is_timeout() {
            Some(TransportCause::Slow)
        } else if !source.is_connect() {
            Some(TransportCause::NoHttp)
        } else {
            None
        }
    }
}

fn sources<'a>(
    error: &'a reqwest::Error,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + use<'a> {
    let first: &'a (dyn Error + 'static) = error;
    successors(Some(first), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

/// The error of TLS in `error`, which may be an error of input and output made of it; that one's source is skipped.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    loop {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        error = error.downcast_ref::<io::Error>()?.get_ref()?;
    }
}
