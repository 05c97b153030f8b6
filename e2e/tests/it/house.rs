//! A gateway with what is around it.

use std::net::SocketAddr;

use fairlead_e2e::{Answer, Ask, Case, Stage, Subject, ask};

/// Stage and subject of one test.
pub(crate) struct House {
    pub(crate) stage: Stage,
    pub(crate) subject: Subject,
}

impl House {
    /// Starts the gateway with a case that has no steps, without its `about`.
    pub(crate) async fn start(yaml: &str) -> House {
        let tree = Case::parse(&format!("about: a test\n{yaml}"), "test.yml").unwrap();
        let stage = Stage::new(&tree).unwrap();
        let case = Case::decode(&tree, &stage.words).unwrap();
        let subject = stage.start(&case).await.unwrap();
        House { stage, subject }
    }

    pub(crate) fn addr(&self, entry_point: &str) -> SocketAddr {
        self.stage.ports[entry_point]
    }

    /// Text with the placeholders of a case.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.stage
            .words
            .iter()
            .fold(text.to_owned(), |text, (name, word)| text.replace(&format!("${{{name}}}"), word))
    }

    /// Replaces the dynamic configuration.
    pub(crate) fn write(&self, yaml: &str) {
        // As JSON, like what the stage wrote, so that equal options are equal text.
        let tree = Case::parse(&self.fill(yaml), "new.yml").unwrap();
        self.stage.dir.write("dynamic/case.yml", tree.to_string());
    }

    /// `METHOD http://host/path` on `web`, or on `websecure` with https.
    pub(crate) async fn ask(&self, text: &str) -> anyhow::Result<Answer> {
        let asked = Ask::parse(text)?;
        ask(self.addr(if asked.scheme == "https" { "websecure" } else { "web" }), &asked).await
    }

    /// As `ask` on the API's entry point.
    pub(crate) async fn api(&self, path: &str) -> anyhow::Result<Answer> {
        ask(self.addr("traefik"), &Ask::parse(&format!("GET http://localhost{path}"))?).await
    }
}

/// One router for every host in front of backend `a`, and the same over TLS.
pub(crate) const ONE: &str = r#"
backends: {a: http}
certificates: {shop: [shop.example]}
dynamic:
  tls: {certificates: [{certFile: "${cert.shop}", keyFile: "${key.shop}"}]}
  http:
    routers:
      plain: {rule: "PathPrefix(`/`)", service: s, entryPoints: [web]}
      secure: {rule: "PathPrefix(`/`)", service: s, entryPoints: [websecure], tls: {}}
    services: {s: {loadBalancer: {servers: [{url: "${backend.a}"}]}}}
"#;
