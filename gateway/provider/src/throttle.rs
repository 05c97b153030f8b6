//! Between the providers and the gateway: newest wins, nothing twice, not too often.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Message;

/// The newest messages of the providers that have something new to say.
#[derive(Clone, Debug)]
pub struct Batch {
    /// At most one of each provider, sorted by its name.
    pub messages: Vec<Message>,
}

/// Collects messages and hands out batches, one in `interval` at most. The first message of each provider is not
/// held back. Holds one message for each provider, however fast they come.
pub struct Throttle {
    messages: mpsc::Receiver<Message>,
    interval: Duration,
    /// What the gateway has.
    applied: HashMap<Arc<str>, Message>,
    /// What it shall get next.
    pending: HashMap<Arc<str>, Message>,
    /// When the next batch may leave.
    not_before: Instant,
}

impl Throttle {
    /// A throttle of `providersThrottleDuration` on the receiving end of the providers' channel.
    #[must_use]
    pub fn new(messages: mpsc::Receiver<Message>, interval: Duration) -> Self {
        Throttle {
            messages,
            interval,
            applied: HashMap::new(),
            pending: HashMap::new(),
            not_before: Instant::now(),
        }
    }

    /// The next batch; `None` when all providers have ended and everything has been handed out. May be dropped and
    /// called again without loss.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            while let Ok(message) = self.messages.try_recv() {
                self.take(message);
            }
            if self.is_due() {
                return Some(self.hand_out());
            }
            if self.pending.is_empty() {
                let message = self.messages.recv().await?;
                self.take(message);
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.not_before) => {}
                message = self.messages.recv() => match message {
                    Some(message) => self.take(message),
                    None => tokio::time::sleep_until(self.not_before).await,
                },
            }
        }
    }

    /// Remembers a message if it says something new; one that takes the last one back removes it.
    fn take(&mut self, message: Message) {
        let known =
            self.applied.get(&message.provider).is_some_and(|applied| applied.says_the_same(&message));
        if known {
            self.pending.remove(&message.provider);
        } else {
            self.pending.insert(message.provider.clone(), message);
        }
    }

    fn is_due(&self) -> bool {
        let first = || self.pending.keys().any(|provider| !self.applied.contains_key(provider));
        !self.pending.is_empty() && (Instant::now() >= self.not_before || first())
    }

    fn hand_out(&mut self) -> Batch {
        self.not_before = Instant::now() + self.interval;
        let mut messages: Vec<Message> = self.pending.drain().map(|(_, message)| message).collect();
        messages.sort_by(|a, b| a.provider.cmp(&b.provider));
        self.applied.extend(messages.iter().map(|message| (message.provider.clone(), message.clone())));
        Batch { messages }
    }
}

#[cfg(test)]
mod tests {
    use fairlead_diag::{Finding, Findings};
    use fairlead_model::Dynamic;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    fn message(provider: &str, version: &str) -> Message {
        let yaml = format!("http: {{routers: {{r: {{rule: 'Path(`/{version}`)', service: s}}}}}}");
        let node = fairlead_conf::yaml::parse(&yaml, "test.yml").unwrap();
        let mut findings = Findings::new();
        let dynamic = Arc::new(Dynamic::decode(&node, &mut findings));
        assert!(!findings.has_errors(), "{findings:?}");
        Message { provider: provider.into(), dynamic, findings }
    }

    fn throttle() -> (mpsc::Sender<Message>, Throttle) {
        let (sender, receiver) = mpsc::channel(16);
        (sender, Throttle::new(receiver, INTERVAL))
    }

    fn names(batch: &Batch) -> Vec<&str> {
        batch.messages.iter().map(|message| &*message.provider).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_leaves_at_once_and_the_newest_after_the_interval() {
        let (sender, mut throttle) = throttle();
        let start = Instant::now();
        sender.send(message("file", "1")).await.unwrap();
        assert_eq!(names(&throttle.next().await.unwrap()), ["file"]);
        assert_eq!(start.elapsed(), Duration::ZERO);
        for version in ["2", "3", "4"] {
            sender.send(message("file", version)).await.unwrap();
        }
        let batch = throttle.next().await.unwrap();
        assert!(start.elapsed() >= INTERVAL);
        assert!(batch.messages[0].says_the_same(&message("file", "4")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_speaks_for_the_first_time_is_not_held_back() {
        let (sender, mut throttle) = throttle();
        let start = Instant::now();
        for provider in ["file", "docker"] {
            sender.send(message(provider, "1")).await.unwrap();
            assert_eq!(names(&throttle.next().await.unwrap()), [provider]);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_the_same_or_takes_itself_back_makes_no_batch() {
        let (sender, mut throttle) = throttle();
        sender.send(message("file", "1")).await.unwrap();
        throttle.next().await.unwrap();
        for version in ["1", "2", "1"] {
            sender.send(message("file", version)).await.unwrap();
        }
        drop(sender);
        assert!(throttle.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn new_findings_alone_make_a_batch() {
        let (sender, mut throttle) = throttle();
        sender.send(message("file", "1")).await.unwrap();
        throttle.next().await.unwrap();
        let mut broken = message("file", "1");
        broken.findings.push(Finding::new(&crate::codes::KEPT_LAST_GOOD, "old"));
        sender.send(broken).await.unwrap();
        assert_eq!(throttle.next().await.unwrap().messages[0].findings.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_pending_survives_a_dropped_call_and_the_end_of_the_providers() {
        let (sender, mut throttle) = throttle();
        sender.send(message("file", "1")).await.unwrap();
        throttle.next().await.unwrap();
        sender.send(message("file", "2")).await.unwrap();
        drop(sender);
        assert!(tokio::time::timeout(INTERVAL / 2, throttle.next()).await.is_err());
        assert_eq!(names(&throttle.next().await.unwrap()), ["file"]);
        assert!(throttle.next().await.is_none());
    }
}
