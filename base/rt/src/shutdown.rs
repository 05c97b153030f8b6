//! Ending in two stages.

use tokio_util::sync::CancellationToken;

/// Tells everyone to end: first *drain* (take nothing new, finish what there is), then *stop* (drop it).
///
/// Clones tell the same story.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// Nothing ends yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the first stage.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Begins the second stage, and with it the first.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// One stage further: the first time drain, the second time stop.
    pub fn advance(&self) {
        if self.is_draining() { self.stop() } else { self.drain() }
    }

    /// Whether the first stage has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether the second stage has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits for the first stage; may be dropped and awaited again.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits for the second stage; may be dropped and awaited again.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// A part that can end alone, and ends with the whole.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { drain: self.drain.child_token(), stop: self.stop.child_token() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_come_in_order_and_reach_children() {
        let all = Shutdown::new();
        let (part, other) = (all.child(), all.child());
        part.stop();
        assert!(part.is_draining() && part.is_stopping());
        assert!(!all.is_draining() && !other.is_draining());
        all.advance();
        other.draining().await;
        assert!(!other.is_stopping());
        all.advance();
        other.stopping().await;
        assert!(all.is_stopping());
    }
}
