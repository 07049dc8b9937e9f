//! The page at `/`, as its octets show it. What it does is seen in a browser: `tests/browser`.

use super::api;

#[tokio::test]
async fn the_page_loads_nothing_and_runs_nothing_but_itself() {
    let (running, _) = api::start();
    let page = running.get("/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // That these hashes are the page's own is seen by a browser only: tests/browser.
    let policy = page.header("content-security-policy").expect("there is one");
    for part in [
        "default-src 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for path in ["health", "ready", "metrics", "api/status", "api/services"] {
        assert!(page.body.contains(&format!("href=\"{path}\"")), "{path}");
    }
    // The one address in it is the name of SVG's namespace, which nobody asks for anything.
    let page = page.body.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=", "@import", "url(", "innerHTML", "insertAdjacentHTML", "eval("] {
        assert!(!page.contains(outside), "{outside}");
    }
}
