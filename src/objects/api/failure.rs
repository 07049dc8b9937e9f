//! What goes wrong between us and the API server, in words that say what to do.

use std::time::Duration;

use thiserror::Error;

/// Why a request or a watch failed. All of it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// 403.
    #[error("{0}")]
    Forbidden(String),
    /// 401.
    #[error("the API server does not accept the credentials: {0}")]
    Unauthorized(String),
    /// 410: what happened since is not kept any more.
    #[error("the API server has forgotten what happened since: {0}")]
    Gone(String),
    /// 429.
    #[error("the API server is busy and asks to wait")]
    Throttled(Option<Duration>),
    /// Another 4xx.
    #[error("the API server refuses the request ({0}): {1}")]
    Refused(u16, String),
    /// 5xx.
    #[error("the API server fails ({0}): {1}")]
    Failing(u16, String),
    /// No connection, or one that broke.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing was heard for so long.
    #[error("the API server has said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// What came is not of the form that the API has.
    #[error("the API server sends what is no event or list: {0}")]
    Garbled(String),
    /// We failed: a panic, of which the log has the place.
    #[error("a defect of clusterdns was met, please report what the log says of it")]
    Defect,
    /// The credentials cannot be read.
    #[error("{0}")]
    Access(String),
}

/// What a [`Failure::Gone`] is counted as.
pub const FORGOTTEN: &str = "gone";

impl Failure {
    /// One word: what failures are counted by.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::Unauthorized(_) => "unauthorized",
            Self::Gone(_) => FORGOTTEN,
            Self::Throttled(_) => "throttled",
            Self::Refused(..) => "refused",
            Self::Failing(..) => "failing",
            Self::Unreachable(_) => "unreachable",
            Self::Silent(_) => "silent",
            Self::Garbled(_) => "garbled",
            Self::Defect => "defect",
            Self::Access(_) => "access",
        }
    }

    /// The failure that an HTTP status or the `code` of a Status object stands for.
    pub(super) fn of(code: u16, message: &str, retry_after: Option<Duration>) -> Self {
        let message = message.chars().take(MESSAGE_CHARS_MAX).collect();
        match code {
            401 => Self::Unauthorized(message),
            403 => Self::Forbidden(message),
            410 => Self::Gone(message),
            429 => Self::Throttled(retry_after),
            500.. => Self::Failing(code, message),
            _ => Self::Refused(code, message),
        }
    }

    /// Whether nothing but new credentials, or another certificate of the authority, will help.
    pub(super) fn is_access(&self) -> bool {
        match self {
            Self::Unauthorized(_) => true,
            Self::Unreachable(why) => why.contains("certificate"),
            _ => false,
        }
    }

    /// Whether new credentials or another certificate of the authority may help.
    pub(super) fn may_be_access(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Unreachable(_) | Self::Access(_))
    }
}

/// What a line of log can hold.
const MESSAGE_CHARS_MAX: usize = 300;
