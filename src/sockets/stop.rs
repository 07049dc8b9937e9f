//! How the rooms are told to stop: a watched `false` that becomes `true`, or whose sender is gone.

use tokio::sync::watch;

/// Comes back when it is time to stop.
pub async fn requested(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so being gone says it too.
    let _ = stop.wait_for(|&stopped| stopped).await;
}

/// Whether that time has come.
pub fn is_requested(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}
