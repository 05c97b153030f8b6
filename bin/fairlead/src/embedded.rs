//! A dynamic configuration that the program brings along, as a provider.

use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_http::BoxFuture;
use fairlead_model::dynamic::Dynamic;
use fairlead_provider::{Message, Provider};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The provider of an embedded dynamic configuration.
pub(crate) struct Embedded {
    name: &'static str,
    dynamic: Arc<Dynamic>,
}

impl Embedded {
    /// A provider called `name` of a YAML text.
    pub(crate) fn new(name: &'static str, text: &str) -> anyhow::Result<Self> {
        let mut findings = Findings::new();
        let node = fairlead_conf::yaml::parse(text, "embedded").map_err(|f| anyhow::anyhow!(f.message))?;
        let dynamic = Arc::new(Dynamic::decode(&node, &mut findings));
        anyhow::ensure!(!findings.has_errors(), "the embedded configuration is broken");
        Ok(Embedded { name, dynamic })
    }
}

impl Provider for Embedded {
    fn name(&self) -> &str {
        self.name
    }

    fn run(self: Box<Self>, out: mpsc::Sender<Message>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let message =
                Message { provider: self.name.into(), dynamic: self.dynamic, findings: Findings::new() };
            // Nobody listens any more only when the gateway is stopping.
            let _ = out.send(message).await;
            stop.cancelled().await;
        })
    }
}
