//! Callers who want the same thing at the same time.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use fairlead_sumdb::client::{BoxFuture, Client, Remote, RemoteError, SumError};

use crate::stage::{HEIGHT, Server, Store, block_on, key, log};

/// A server behind a gate that is shut at first.
struct Gate {
    server: Arc<Server>,
    asked: Mutex<Vec<String>>,
    /// Who waits, while the gate is shut.
    waiting: Mutex<Option<Vec<Waker>>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        let waiting = Mutex::new(Some(Vec::new()));
        Arc::new(Self { server: Server::new(log(30)), asked: Mutex::default(), waiting })
    }

    fn client(self: &Arc<Self>) -> Client {
        Client::new(key(), self.clone(), Arc::new(Store::default()), HEIGHT)
    }

    fn open(&self) {
        let waiting = self.waiting.lock().unwrap().take().unwrap();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Remote for Gate {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(path.to_owned());
            std::future::poll_fn(|context| match self.waiting.lock().unwrap().as_mut() {
                Some(waiting) => {
                    waiting.push(context.waker().clone());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            })
            .await;
            self.server.read(path).await
        })
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn the_same_lookup_asks_once() {
    let gate = Gate::new();
    let client = gate.client();
    let mut first = pin!(client.lookup("example.com/m5", "v1.5.0"));
    let mut second = pin!(client.lookup("example.com/m5", "v1.5.0/go.mod"));
    let mut other = pin!(client.lookup("example.com/m6", "v1.6.0"));
    for _ in 0..3 {
        assert!(first.as_mut().poll(&mut context()).is_pending());
        assert!(second.as_mut().poll(&mut context()).is_pending());
        assert!(other.as_mut().poll(&mut context()).is_pending());
    }
    assert_eq!(gate.asked(), 2);
    gate.open();
    let Poll::Ready(first) = first.as_mut().poll(&mut context()) else { panic!("the gate is open") };
    assert_eq!(first, block_on(second));
    assert!(block_on(other).is_ok());
    let mut asked = gate.asked.lock().unwrap().clone();
    let count = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), count);
}

#[test]
fn when_the_first_caller_leaves_another_does_the_work() {
    let gate = Gate::new();
    let client = gate.client();
    let mut first = Box::pin(client.lookup("example.com/m5", "v1.5.0"));
    let mut second = pin!(client.lookup("example.com/m5", "v1.5.0"));
    let mut third = pin!(client.lookup("example.com/m5", "v1.5.0"));
    assert!(first.as_mut().poll(&mut context()).is_pending());
    assert!(second.as_mut().poll(&mut context()).is_pending());
    assert!(third.as_mut().poll(&mut context()).is_pending());
    assert_eq!(gate.asked(), 1);
    drop(first);
    assert!(third.as_mut().poll(&mut context()).is_pending());
    assert!(second.as_mut().poll(&mut context()).is_pending());
    assert_eq!(gate.asked(), 2);
    gate.open();
    let (third, second) = (block_on(third), block_on(second));
    assert!(second.is_ok());
    assert_eq!(second, third);
}

#[test]
fn a_failure_is_shared_by_those_who_waited_and_by_nobody_else() {
    let gate = Gate::new();
    let client = gate.client();
    *gate.server.is_down.lock().unwrap() = true;
    let mut first = pin!(client.lookup("example.com/m5", "v1.5.0"));
    let mut second = pin!(client.lookup("example.com/m5", "v1.5.0"));
    assert!(first.as_mut().poll(&mut context()).is_pending());
    assert!(second.as_mut().poll(&mut context()).is_pending());
    gate.open();
    assert!(matches!(block_on(first), Err(SumError::Unreachable(_))));
    *gate.server.is_down.lock().unwrap() = false;
    assert!(matches!(block_on(second), Err(SumError::Unreachable(_))));
    assert_eq!(gate.asked(), 1);
    assert!(block_on(client.lookup("example.com/m5", "v1.5.0")).is_ok());
}

#[test]
fn many_threads_agree() {
    let server = Server::new(log(60));
    let store = Arc::new(Store::default());
    let client = crate::stage::client(&server, &store);
    std::thread::scope(|scope| {
        for start in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for number in (0..60).map(|number| (number + start * 7) % 60) {
                    assert_eq!(crate::stage::lookup(client, number).unwrap().len(), 2);
                }
            });
        }
    });
    assert_eq!(store.latest.lock().unwrap().clone(), log(60).head().ok());
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|path| path.starts_with("/lookup/")).count(), 60);
}
