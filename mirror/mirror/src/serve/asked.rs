//! When each blob was asked for last, so that eviction takes what nobody wants. Bounded; what is not known counts from when
//! it was put.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use hashbrown::HashMap;
use parking_lot::Mutex;

/// Most blobs that are remembered: 16 bytes each, about.
const MAX: usize = 1 << 18;
/// Bytes of a record on disk.
const RECORD: usize = 12;
/// Largest table on disk.
pub(super) const MAX_TABLE: u64 = (MAX * RECORD) as u64;

/// Times by key.
#[derive(Default)]
pub(super) struct Asked {
    /// Seconds since the epoch by hash of the key.
    times: Mutex<HashMap<u64, u32>>,
}

impl Asked {
    /// Adds what an earlier run wrote; what is known already is newer.
    pub(super) fn learn(&self, table: &[u8]) {
        let mut times = self.times.lock();
        for record in table.chunks_exact(RECORD).take(MAX.saturating_sub(times.len())) {
            let (key, time) = record.split_at(8);
            if let (Ok(key), Ok(time)) = (key.try_into(), time.try_into()) {
                times.entry(u64::from_le_bytes(key)).or_insert(u32::from_le_bytes(time));
            }
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let times = self.times.lock();
        let mut table = BytesMut::with_capacity(times.len() * RECORD);
        for (key, time) in times.iter() {
            table.extend_from_slice(&key.to_le_bytes());
            table.extend_from_slice(&time.to_le_bytes());
        }
        table.freeze()
    }

    /// The blob is asked for now.
    pub(super) fn touch(&self, key: &str) {
        let mut times = self.times.lock();
        if times.len() >= MAX {
            // Half of them go, whichever: forgetting costs a better guess, nothing else.
            let mut keep = false;
            times.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        times.insert(hash(key), seconds(SystemTime::now()));
    }

    pub(super) fn forget(&self, key: &str) {
        self.times.lock().remove(&hash(key));
    }

    /// When it was asked for last, in seconds since the epoch.
    pub(super) fn last(&self, key: &str, put: SystemTime) -> u32 {
        self.times.lock().get(&hash(key)).copied().unwrap_or(0).max(seconds(put))
    }
}

fn seconds(at: SystemTime) -> u32 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// FNV-1a: the same in every run.
fn hash(key: &str) -> u64 {
    key.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_a_restart() {
        let asked = Asked::default();
        asked.touch("mod/a");
        let again = Asked::default();
        again.learn(&asked.encode());
        assert!(again.last("mod/a", UNIX_EPOCH) > 0);
        assert_eq!(again.last("mod/b", UNIX_EPOCH + Duration::from_secs(7)), 7);
        again.forget("mod/a");
        assert_eq!(again.last("mod/a", UNIX_EPOCH), 0);
        again.learn(b"torn");
        assert_eq!(again.encode().len(), 0);
    }

    #[test]
    fn there_are_never_too_many() {
        let asked = Asked::default();
        for at in 0..=MAX {
            asked.touch(&at.to_string());
        }
        assert!(asked.times.lock().len() <= MAX);
        assert!(asked.last(&MAX.to_string(), UNIX_EPOCH) > 0);
    }
}
