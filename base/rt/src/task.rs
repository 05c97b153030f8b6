//! Tasks with names. Counters are kept per name, not per task, because every connection is a task.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// More names than this are counted together as [`OVERFLOW`].
const MAX_NAMES: usize = 1024;
const OVERFLOW: &str = "other";

/// All tasks of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// The name they were spawned under.
    pub name: Cow<'static, str>,
    /// How many run now.
    pub live: u64,
    /// How many were ever spawned.
    pub spawned: u64,
    /// How many ended in a panic.
    pub panicked: u64,
    /// For how long at least one has been running without a gap; `None` when none runs.
    pub busy_for: Option<Duration>,
}

/// Spawns a task on the current runtime. A panic ends the task alone: it is logged, counted, and in the handle.
///
/// # Panics
/// Outside of a runtime.
pub fn spawn<F>(name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_on(&Handle::current(), name, future)
}

/// [`spawn`] on a given runtime.
pub fn spawn_on<F>(runtime: &Handle, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let running = Running::begin(group(name.into()));
    runtime.spawn(async move {
        let _running = running;
        future.await
    })
}

/// Everything that was ever spawned, by name.
#[must_use]
pub fn tasks() -> Vec<TaskInfo> {
    GROUPS.read().values().map(|group| group.info()).collect()
}

static GROUPS: RwLock<BTreeMap<Cow<'static, str>, Arc<Group>>> = RwLock::new(BTreeMap::new());

struct Group {
    name: Cow<'static, str>,
    live: AtomicU64,
    spawned: AtomicU64,
    panicked: AtomicU64,
    /// When the number of live tasks last rose from nought.
    since: Mutex<Instant>,
}

fn group(name: Cow<'static, str>) -> Arc<Group> {
    if let Some(group) = GROUPS.read().get(&name) {
        return Arc::clone(group);
    }
    let mut groups = GROUPS.write();
    let name = if groups.len() < MAX_NAMES { name } else { Cow::Borrowed(OVERFLOW) };
    let new = || {
        Arc::new(Group {
            name: name.clone(),
            live: AtomicU64::new(0),
            spawned: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            since: Mutex::new(Instant::now()),
        })
    };
    Arc::clone(groups.entry(name.clone()).or_insert_with(new))
}

impl Group {
    fn info(&self) -> TaskInfo {
        let live = self.live.load(Ordering::Relaxed);
        TaskInfo {
            name: self.name.clone(),
            live,
            spawned: self.spawned.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            busy_for: (live > 0).then(|| self.since.lock().elapsed()),
        }
    }
}

/// Counts a task for as long as its future exists.
struct Running(Arc<Group>);

impl Running {
    fn begin(group: Arc<Group>) -> Self {
        group.spawned.fetch_add(1, Ordering::Relaxed);
        if group.live.fetch_add(1, Ordering::Relaxed) == 0 {
            *group.since.lock() = Instant::now();
        }
        Self(group)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
        if std::thread::panicking() {
            self.0.panicked.fetch_add(1, Ordering::Relaxed);
            tracing::error!(task = %self.0.name, "task panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str) -> TaskInfo {
        tasks().into_iter().find(|task| task.name == name).unwrap()
    }

    #[tokio::test]
    async fn tasks_are_counted_by_name() {
        let (end, ended) = tokio::sync::watch::channel(false);
        let wait = |mut ended: tokio::sync::watch::Receiver<bool>| async move {
            ended.wait_for(|end| *end).await.map(|end| *end).unwrap()
        };
        let handles: Vec<_> = (0..3).map(|_| spawn("counted", wait(ended.clone()))).collect();
        let before = info("counted");
        assert_eq!((before.live, before.spawned), (3, 3));
        assert!(before.busy_for.is_some());
        end.send(true).unwrap();
        for handle in handles {
            assert!(handle.await.unwrap());
        }
        let after = info("counted");
        assert_eq!((after.live, after.spawned, after.panicked, after.busy_for), (0, 3, 0, None));
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_only() {
        let panics = spawn("panics", async { panic!("on purpose") });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(spawn(String::from("panics"), async { 7 }).await.unwrap(), 7);
        let info = info("panics");
        assert_eq!((info.live, info.spawned, info.panicked), (0, 2, 1));
    }

    #[tokio::test]
    async fn an_aborted_task_is_not_live() {
        let task = spawn("aborted", std::future::pending::<()>());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(info("aborted").live, 0);
    }
}
