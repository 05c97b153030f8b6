//! Password checks: computed beside the workers, a few at a time, and remembered for a short while.
//!
//! A verdict is kept under a keyed hash of user, password and stored hash, so memory holds no password, and a changed
//! password file makes old verdicts unreachable at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::htpasswd::{self, Scheme};

/// A verdict lives for one to two of these.
const GENERATION_LIFE: Duration = Duration::from_secs(30);
/// Most verdicts of a generation.
const GENERATION: usize = 4096;
/// Most checks that wait for their turn.
const MOST_WAITING: usize = 1024;

type Key = [u8; 32];

/// Verdicts of password checks, shared by all layers.
pub(crate) struct Verdicts {
    secret: [u8; 32],
    known: Mutex<Generations>,
    turns: Semaphore,
    waiting: AtomicUsize,
}

struct Generations {
    young: HashMap<Key, bool, foldhash::fast::RandomState>,
    old: HashMap<Key, bool, foldhash::fast::RandomState>,
    since: Instant,
}

/// Too many checks are waiting already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl Default for Verdicts {
    fn default() -> Self {
        let known = Generations { young: HashMap::default(), old: HashMap::default(), since: Instant::now() };
        let turns = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
        Verdicts {
            secret: rand::random(),
            known: Mutex::new(known),
            turns: Semaphore::new(turns),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Verdicts {
    /// Whether `password` gives `hash`. Cheap when it was asked a short while ago.
    ///
    /// # Errors
    /// [`Busy`] when too many checks wait.
    pub(crate) async fn check(&self, user: &str, password: &[u8], hash: &str) -> Result<bool, Busy> {
        if matches!(htpasswd::scheme(hash), None | Some(Scheme::Sha1)) {
            return Ok(htpasswd::verify(password, hash));
        }
        let key = self.key(user, password, hash);
        if let Some(verdict) = self.known.lock().find(&key, Instant::now()) {
            return Ok(verdict);
        }
        let _place = Place::take(&self.waiting).ok_or(Busy)?;
        let _turn = self.turns.acquire().await.map_err(|_| Busy)?;
        // Another request may have brought the same password while this one waited.
        if let Some(verdict) = self.known.lock().find(&key, Instant::now()) {
            return Ok(verdict);
        }
        let (password, hash) = (password.to_vec(), hash.to_owned());
        let verdict = tokio::task::spawn_blocking(move || htpasswd::verify(&password, &hash))
            .await
            .map_err(|_| Busy)?;
        self.known.lock().keep(key, verdict, Instant::now());
        Ok(verdict)
    }

    fn key(&self, user: &str, password: &[u8], hash: &str) -> Key {
        let mut digest = Sha256::new().chain_update(self.secret);
        for part in [user.as_bytes(), password, hash.as_bytes()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        // A second pass with the secret, so that the state after the first cannot be extended.
        Sha256::new().chain_update(self.secret).chain_update(digest.finalize()).finalize().into()
    }
}

impl Generations {
    fn find(&mut self, key: &Key, now: Instant) -> Option<bool> {
        self.age(now);
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn keep(&mut self, key: Key, verdict: bool, now: Instant) {
        self.age(now);
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        self.young.insert(key, verdict);
    }

    fn age(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= GENERATION_LIFE {
            let young = std::mem::take(&mut self.young);
            self.old = if age < 2 * GENERATION_LIFE { young } else { HashMap::default() };
            self.since = now;
        }
    }
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Place(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$apr1$abcdefgh$EfExgQSMBXioDhIVk8IOb1";

    #[tokio::test]
    async fn verdicts_are_remembered_and_right() {
        let verdicts = Verdicts::default();
        for _ in 0..2 {
            assert_eq!(verdicts.check("u", b"myPassword", HASH).await, Ok(true));
            assert_eq!(verdicts.check("u", b"other", HASH).await, Ok(false));
        }
        assert_eq!(verdicts.known.lock().young.len(), 2);
        assert_eq!(verdicts.check("u", b"password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=").await, Ok(true));
        assert_eq!(verdicts.known.lock().young.len(), 2, "a fast hash needs no memory");
    }

    #[test]
    fn keys_tell_the_parts_apart() {
        let verdicts = Verdicts::default();
        assert_ne!(verdicts.key("ab", b"c", "h"), verdicts.key("a", b"bc", "h"));
        assert_ne!(verdicts.key("a", b"b", "h"), verdicts.key("a", b"b", "i"));
        assert_ne!(verdicts.key("a", b"b", "h"), Verdicts::default().key("a", b"b", "h"));
    }

    #[test]
    fn verdicts_age_and_are_bounded() {
        let verdicts = Verdicts::default();
        let mut known = verdicts.known.lock();
        let start = Instant::now();
        known.keep([1; 32], true, start);
        assert_eq!(known.find(&[1; 32], start + GENERATION_LIFE), Some(true));
        assert_eq!(known.find(&[1; 32], start + 2 * GENERATION_LIFE), None);
        for number in 0..3 * GENERATION {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            known.keep(key, false, start);
            assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
        }
    }

    #[tokio::test]
    async fn a_full_queue_says_so() {
        let verdicts = Verdicts::default();
        verdicts.waiting.store(MOST_WAITING, Ordering::Relaxed);
        assert_eq!(verdicts.check("u", b"x", HASH).await, Err(Busy));
        assert_eq!(verdicts.waiting.load(Ordering::Relaxed), MOST_WAITING);
    }
}
