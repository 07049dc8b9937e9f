//! The page at `/`, for people with a browser. It asks `/api` for everything that it shows.
//!
//! One file that a server without any network can show: it loads nothing, and its headers see to it
//! that it never does. Names in a question are written by strangers, so the browser is told to run
//! this script only, by its hash, and to refuse to make markup or code of a string (`trusted-types`).

use std::sync::LazyLock;

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::IntoResponse,
};
use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

/// The page and its headers.
pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // What it shows is out of date at once, and the next version of the server has another page.
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, PAGE)
}

static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash_of("<script>", "</script>"),
        hash_of("<style>", "</style>"),
    )
});

/// What Content-Security-Policy calls a part of the page.
fn hash_of(begin: &str, end: &str) -> String {
    let (_, rest) = PAGE.split_once(begin).expect("the page has one");
    let (text, _) = rest.split_once(end).expect("it ends");
    format!("sha256-{}", BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref()))
}

const PAGE: &str = include_str!("page.html");
