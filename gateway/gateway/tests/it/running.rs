//! A gateway in this process, whose configuration the test hands in and whose snapshots it can look at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use fairlead_diag::Findings;
use fairlead_gateway::shared::Shared;
use fairlead_gateway::snapshot::Snapshot;
use fairlead_gateway::{Gateway, Setup};
use fairlead_model::{Dynamic, Static};
use fairlead_provider::{Message, Provider};
use fairlead_rt::Shutdown;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::subject::eventually;

/// One entry point, and reloads without a pause between them.
pub(crate) const STATIC: &str = r#"
entryPoints: {web: {address: "127.0.0.1:0"}}
serversTransport: {forwardingTimeouts: {idleConnTimeout: 10s}}
metrics: {prometheus: {entryPoint: web, manualRouting: true, addRoutersLabels: true}}
providers: {providersThrottleDuration: 1ms}
"#;

/// A gateway with two providers, `file` and `other`, that say what the test says.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) addr: SocketAddr,
    file: mpsc::Sender<Message>,
    other: mpsc::Sender<Message>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it with the dynamic configuration of `file`; `other` says nothing yet.
    pub(crate) fn start(dynamic: &str) -> Running {
        let ((file, files), (other, others)) = (mpsc::channel(1), mpsc::channel(1));
        file.try_send(message("file", dynamic)).unwrap();
        other.try_send(message("other", "")).unwrap();
        let providers: Vec<Box<dyn Provider>> = vec![
            Box::new(Told { name: "file", messages: files }),
            Box::new(Told { name: "other", messages: others }),
        ];
        let shutdown = Shutdown::new();
        let setup = Setup {
            statics: statics(),
            findings: Findings::new(),
            providers,
            systems: Vec::new(),
            metrics: fairlead_gateway::metrics(&statics()),
            // One worker, so that what a connection sees does not depend on where the kernel puts it.
            workers: 1,
            shutdown: shutdown.clone(),
        };
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let Ok(gateway) = Gateway::start(setup).await else { panic!("it does not start") };
                let addr = gateway.listening().iter().find(|(name, _)| &**name == "web").unwrap().1;
                tell.send((Arc::clone(gateway.shared()), addr)).unwrap();
                gateway.run().await;
            });
        });
        let (shared, addr) = told.recv().unwrap();
        Running { shared, addr, file, other, shutdown, thread: Some(thread) }
    }

    /// What is being served.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// Lets `file` say something new, and waits until it is served.
    pub(crate) fn apply(&self, dynamic: &str) -> Arc<Snapshot> {
        self.apply_as("file", dynamic)
    }

    /// As [`Running::apply`], for either provider.
    pub(crate) fn apply_as(&self, provider: &str, dynamic: &str) -> Arc<Snapshot> {
        let before = self.snapshot().generation;
        self.tell(provider, dynamic);
        eventually("a new generation", || self.snapshot().generation > before, true);
        self.snapshot()
    }

    /// Lets a provider say something; returns when the gateway has heard it.
    pub(crate) fn tell(&self, provider: &str, dynamic: &str) {
        let sender = if provider == "file" { &self.file } else { &self.other };
        sender.blocking_send(message(provider, dynamic)).unwrap();
        eventually("the message taken", || sender.capacity(), sender.max_capacity());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.is_some_and(|ended| ended.is_ok()), "the gateway did not end well");
        }
    }
}

/// The static configuration.
pub(crate) fn statics() -> Static {
    let mut findings = Findings::new();
    let node = fairlead_conf::yaml::parse(STATIC, "static.yml").unwrap();
    let mut statics = Static::decode(&node, &mut findings).unwrap();
    assert!(!findings.has_errors(), "{findings:?}");
    // The implicit entry point would want a fixed port.
    statics.entry_points.shift_remove("traefik");
    statics
}

/// A dynamic configuration; broken objects are left out.
pub(crate) fn decode(text: &str) -> Arc<Dynamic> {
    let node = fairlead_conf::yaml::parse(text, "dynamic.yml").unwrap();
    Arc::new(Dynamic::decode(&node, &mut Findings::new()))
}

fn message(provider: &str, dynamic: &str) -> Message {
    Message { provider: provider.into(), dynamic: decode(dynamic), findings: Findings::new() }
}

/// Passes on what it is told.
struct Told {
    name: &'static str,
    messages: mpsc::Receiver<Message>,
}

impl Provider for Told {
    fn name(&self) -> &str {
        self.name
    }

    fn run(
        mut self: Box<Self>,
        out: mpsc::Sender<Message>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let message = tokio::select! {
                    message = self.messages.recv() => message,
                    () = stop.cancelled() => None,
                };
                let Some(message) = message else { return };
                if out.send(message).await.is_err() {
                    return;
                }
            }
        })
    }
}
