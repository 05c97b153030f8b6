//! curl, the client that most people have at hand.

use std::process::Command;

use crate::house::{House, ONE};

/// Runs curl and returns what it printed.
fn curl(arguments: &[&str]) -> String {
    let all = ["--silent", "--show-error", "--max-time", "20"].iter().chain(arguments);
    let output = Command::new("curl")
        .args(all)
        .output()
        .expect("these tests need curl (Debian: apt-get install curl)");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const VERSION: &str = "\n%{http_version} %{http_code}";

#[tokio::test]
async fn it_speaks_http2_without_tls() {
    let house = House::start(ONE).await;
    let url = format!("http://{}/p", house.addr("web"));
    let answer = curl(&["--http2-prior-knowledge", "-w", VERSION, &url]);
    assert!(answer.ends_with("\n2 200") && answer.contains("\"target\":\"/p\""), "{answer}");
}

#[tokio::test]
async fn an_offered_upgrade_to_http2_is_declined() {
    let house = House::start(ONE).await;
    let url = format!("http://{}/p", house.addr("web"));
    let answer = curl(&["--http2", "-w", VERSION, &url]);
    assert!(answer.ends_with("\n1.1 200"), "{answer}");
}

#[tokio::test]
async fn it_believes_the_certificate_and_chooses_the_protocol() {
    let house = House::start(ONE).await;
    let port = house.addr("websecure").port();
    let (url, ca) = (format!("https://shop.example:{port}/p"), house.fill("${ca}"));
    let resolve = format!("shop.example:{port}:127.0.0.1");
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answer = curl(&[flag, "--cacert", &ca, "--resolve", &resolve, "-w", VERSION, &url]);
        assert!(answer.ends_with(&format!("\n{version} 200")), "{answer}");
    }
    for (flag, version) in [("--tlsv1.3", "1.3"), ("--tls-max", "1.2")] {
        let mut arguments =
            vec!["--cacert", &ca, "--resolve", &resolve, "-o", "/dev/null", "-w", "%{http_code}", &url, flag];
        if flag == "--tls-max" {
            arguments.push(version);
        }
        assert_eq!(curl(&arguments), "200", "TLS {version}");
    }
}

#[tokio::test]
async fn early_hints_reach_it_in_both_protocols() {
    let house = House::start(
        r#"
backends: {hints: hints}
dynamic:
  http:
    routers: {r: {rule: "PathPrefix(`/`)", service: s, entryPoints: [web]}}
    services: {s: {loadBalancer: {servers: [{url: "${backend.hints}"}]}}}
"#,
    )
    .await;
    let url = format!("http://{}/", house.addr("web"));
    for (flag, first) in [("--http1.1", "HTTP/1.1 103"), ("--http2-prior-knowledge", "HTTP/2 103")] {
        let heads = curl(&[flag, "-D", "-", &url]);
        assert!(
            heads.starts_with(first) && heads.to_lowercase().contains("link: </a.css>; rel=preload"),
            "{heads}"
        );
        assert!(heads.contains(" 200") && heads.ends_with("ok"), "{heads}");
    }
}

#[tokio::test]
async fn it_uploads_in_chunks_and_waits_for_100_continue() {
    let house = House::start(ONE).await;
    let file = house.stage.dir.write("upload", vec![b'x'; 3 << 20]);
    let (url, data) = (format!("http://{}/grpc", house.addr("web")), format!("@{}", file.display()));
    for header in ["Transfer-Encoding: chunked", "Expect: 100-continue"] {
        let got = curl(&[
            "--http1.1",
            "-H",
            header,
            "--data-binary",
            &data,
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
            &url,
        ]);
        assert_eq!(got, (3 << 20).to_string(), "{header}");
    }
}
