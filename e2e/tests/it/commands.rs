//! The commands beside `gateway`. They are ours alone.

use std::path::PathBuf;
use std::process::{Command, Output};

use fairlead_e2e::{Kind, Subject, binary, eventually, free_port};
use fairlead_testkit::Dir;
use serde_json::Value;

use crate::house::{House, ONE};

/// Our binary; `None` when another one is under test.
fn fairlead() -> Option<PathBuf> {
    let (kind, path) = binary().unwrap();
    (kind == Kind::Fairlead).then_some(path)
}

fn run(arguments: &[&str]) -> Option<Output> {
    Some(Command::new(fairlead()?).args(arguments).output().unwrap())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A static configuration with a good and a bad dynamic file.
fn files(dir: &Dir) -> [String; 3] {
    let good = dir.write(
        "good.yml",
        "http:\n  routers:\n    r:\n      rule: Host(`a.example`) && PathPrefix(`/cart`)\n      service: s\n      entryPoints: [web]\n  services:\n    s:\n      loadBalancer:\n        servers:\n        - url: http://127.0.0.1:1\n",
    );
    let bad = dir.write("bad.yml", "http:\n  routers:\n    r:\n      rul: Host(`a.example`)\n      service: s\n    three:\n      rule: Host(`c.example`)\n      service: missing\n    two:\n      rule: Hosst(`b.example`)\n      service: noop@internal\n");
    let statics = dir.write(
        "static.yml",
        format!(
            "entryPoints:\n  web:\n    address: 127.0.0.1:{}\nproviders:\n  file:\n    filename: {}\n",
            free_port(),
            good.display()
        ),
    );
    [statics, good, bad].map(|path| path.display().to_string())
}

#[test]
fn check_tells_everything_at_once() {
    let dir = Dir::new();
    let [statics, good, bad] = files(&dir);
    for arguments in [vec!["check", &good], vec!["check", "--configFile", &statics]] {
        let Some(output) = run(&arguments) else { return };
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let output = run(&["check", &bad]).unwrap();
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in ["bad.yml:4:7", "rul", "rule", "Hosst", "missing"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn check_writes_json_and_sarif() {
    let dir = Dir::new();
    let [_, _, bad] = files(&dir);
    let Some(output) = run(&["check", "--format", "json", &bad]) else { return };
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told.to_string().contains("bad.yml"), "{told}");
    let output = run(&["check", "--format", "sarif", &bad]).unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["version"], "2.1.0");
    let results = told["runs"][0]["results"].as_array().unwrap();
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert!(results.len() >= 2 && place["region"]["startLine"].is_u64(), "{told}");
}

#[test]
fn a_broken_static_configuration_does_not_start_and_tells_everything() {
    let dir = Dir::new();
    let statics = dir.write("static.yml", "entryPoints:\n  web:\n    adress: ':1'\nproviders:\n  file:\n    directori: x\nlog:\n  level: LOUD\n");
    let Some(output) = run(&["gateway", &format!("--configFile={}", statics.display())]) else { return };
    let told = text(&output);
    assert!(!output.status.success(), "{told}");
    for part in ["adress", "address", "directori", "directory", "LOUD"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

#[test]
fn explain_request_says_which_router_and_why_not() {
    let dir = Dir::new();
    let [_, good, _] = files(&dir);
    let Some(output) = run(&["explain-request", "--dynamic", &good, "http://a.example/cart/1"]) else {
        return;
    };
    assert!(output.status.success() && text(&output).contains("r@file"), "{}", text(&output));
    let output = run(&["explain-request", "--dynamic", &good, "http://a.example/card"]).unwrap();
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("PathPrefix(`/cart`)"), "{told}");
    let output = run(&["explain-request", "--json", "--dynamic", &good, "http://a.example/cart"]).unwrap();
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{}", text(&output));
}

#[tokio::test]
async fn healthcheck_asks_the_running_gateway() {
    if fairlead().is_none() {
        return;
    }
    let house = House::start(ONE).await;
    let flag = format!("--configFile={}", house.stage.dir.join("static.yml").display());
    let output = run(&["healthcheck", &flag]).unwrap();
    assert!(output.status.success(), "{}", text(&output));
    drop(house.subject);
    assert!(!run(&["healthcheck", &flag]).unwrap().status.success());
}

#[tokio::test]
async fn up_serves_a_file_and_says_where() {
    let Some(path) = fairlead() else { return };
    let dir = Dir::new();
    let port = free_port();
    let text = format!(
        "entryPoints:\n  traefik:\n    address: 127.0.0.1:{port}\nping: {{}}\napi: {{insecure: true}}\n"
    );
    let file = dir.write("static.yml", text);
    let mut command = Command::new(path);
    command.arg("up").arg("-c").arg(file);
    let mut subject = Subject::spawn(command, &dir.join("output.log")).unwrap();
    let addr = ([127, 0, 0, 1], port).into();
    subject.ready(addr, "http://localhost/ping", |body| body == "OK").await.unwrap();
    // It greets when it listens, so that an answer may come first.
    eventually(async || {
        let told = subject.log();
        anyhow::ensure!(told.contains("is up") && told.contains(&port.to_string()), "{told}");
        Ok(())
    })
    .await
    .unwrap();
}

/// A gateway that is started without a file, and says so on ping.
async fn serves(mut command: Command, port: u16) {
    let dir = Dir::new();
    if let Some(path) = fairlead() {
        let mut ours = Command::new(path);
        ours.arg("gateway")
            .args(command.get_args())
            .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command = ours;
    }
    let mut subject = Subject::spawn(command, &dir.join("output.log")).unwrap();
    let addr = ([127, 0, 0, 1], port).into();
    subject.ready(addr, "http://localhost/ping", |body| body == "OK").await.unwrap();
    subject
        .ready(addr, "http://localhost/api/entrypoints/web", |body| body.contains("\"name\":\"web\""))
        .await
        .unwrap();
}

#[tokio::test]
async fn flags_configure_the_gateway() {
    let port = free_port();
    let mut command = Command::new(binary().unwrap().1);
    command
        .args(["--global.checkNewVersion=false", "--PING", "--api", "--api.insecure=true"])
        .arg(format!("--entryPoints.web.address=127.0.0.1:{}", free_port()))
        .arg(format!("--ENTRYPOINTS.traefik.ADDRESS=127.0.0.1:{port}"));
    serves(command, port).await;
}

#[tokio::test]
async fn variables_configure_the_gateway() {
    let port = free_port();
    let mut command = Command::new(binary().unwrap().1);
    command
        .envs([
            ("TRAEFIK_GLOBAL_CHECKNEWVERSION", "false"),
            ("TRAEFIK_PING", "true"),
            ("TRAEFIK_API_INSECURE", "true"),
        ])
        .env("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", format!("127.0.0.1:{}", free_port()))
        .env("TRAEFIK_ENTRYPOINTS_TRAEFIK_ADDRESS", format!("127.0.0.1:{port}"));
    serves(command, port).await;
}

#[test]
fn every_code_is_explained() {
    let Some(output) = run(&["explain"]) else { return };
    let listed = String::from_utf8(output.stdout).unwrap();
    let first = listed.split_whitespace().next().unwrap().to_owned();
    let output = run(&["explain", &first]).unwrap();
    assert!(output.status.success() && text(&output).contains(&first), "{}", text(&output));
    assert!(!run(&["explain", "FLD-NONE-0000"]).unwrap().status.success());
}
