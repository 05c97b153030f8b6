//! One single-threaded runtime per worker: a connection stays on one core from accept to close.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::spawn_on;

/// Threads for blocking calls, such as name look-ups, of one worker.
const MAX_BLOCKING_THREADS: usize = 64;
/// Tasks that a busy worker polls before it asks the kernel for news. Many, so that what is read together is also answered
/// together; a millisecond or so, as a poll takes some microseconds.
const POLLS: u32 = 256;
/// How long a worker that ends waits for its blocking calls.
const BLOCKING_GRACE: Duration = Duration::from_secs(1);

/// Cores we may use: affinity and the CPU quotas of cgroups v1 and v2 counted, at least 1.
#[must_use]
pub fn available_workers() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A set of running workers. Dropping it ends them without waiting.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    threads: Vec<thread::JoinHandle<()>>,
    stop: CancellationToken,
}

/// One worker, to spawn on.
#[derive(Debug, Clone)]
pub struct Worker {
    index: usize,
    runtime: Handle,
}

impl Workers {
    /// Starts `count` workers (at least one) on threads named `NAME-INDEX`.
    pub fn start(count: usize, name: &str) -> io::Result<Self> {
        let mut all = Self { workers: Vec::new(), threads: Vec::new(), stop: CancellationToken::new() };
        for index in 0..count.max(1) {
            all.add(index, format!("{name}-{index}"))?;
        }
        Ok(all)
    }

    fn add(&mut self, index: usize, name: String) -> io::Result<()> {
        let (tell, told) = mpsc::sync_channel(1);
        let stop = self.stop.clone();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(MAX_BLOCKING_THREADS)
                .event_interval(POLLS)
                .build();
            match runtime {
                Ok(runtime) => {
                    let _ = tell.send(Ok(runtime.handle().clone()));
                    runtime.block_on(stop.cancelled());
                    runtime.shutdown_timeout(BLOCKING_GRACE);
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            }
        })?;
        self.threads.push(thread);
        let runtime = told.recv().map_err(io::Error::other)??;
        self.workers.push(Worker { index, runtime });
        Ok(())
    }

    /// The workers, in order of their index.
    #[must_use]
    pub fn all(&self) -> &[Worker] {
        &self.workers
    }

    /// Drops all tasks of all workers and waits for their threads. Blocks: not for use in a task.
    pub fn stop(mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Worker {
    /// Number of the worker, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The runtime, to enter it or to spawn by other means.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs the future that `make` makes; `make` itself runs on the worker too.
    pub fn spawn<M, F>(&self, name: impl Into<Cow<'static, str>>, make: M) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_on(&self.runtime, name, async move { make().await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_its_thread_and_stop_joins() {
        let workers = Workers::start(3, "test").unwrap();
        let (tell, told) = mpsc::channel();
        for worker in workers.all() {
            let tell = tell.clone();
            worker.spawn("where", move || async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                tell.send(thread::current().name().map(str::to_owned)).unwrap();
            });
        }
        let mut names: Vec<_> = (0..3).map(|_| told.recv().unwrap().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["test-0", "test-1", "test-2"]);
        drop(tell);

        // A task that never ends is dropped, and with it its sender.
        let (held, gone) = mpsc::channel::<()>();
        workers.all()[1].spawn("endless", move || async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        workers.stop();
        assert_eq!(gone.recv(), Err(mpsc::RecvError));
    }

    #[test]
    fn a_panic_leaves_the_worker_running() {
        let workers = Workers::start(0, "sturdy").unwrap();
        assert_eq!(workers.all().len(), 1);
        let worker = &workers.all()[0];
        let panics = worker.spawn("worker panics", || async { panic!("on purpose") });
        let works = worker.spawn("worker works", || async { 7 });
        let both = worker.spawn("worker waits", || async { (panics.await.is_err(), works.await.unwrap()) });
        let seen = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(both).unwrap();
        assert_eq!(seen, (true, 7));
        workers.stop();
    }

    #[test]
    fn there_is_at_least_one_core() {
        assert!(available_workers() >= 1);
    }
}
