//! Faults that pass while one request is being answered.

use fairlead_testkit::goproxy::{Fault, Upstream};

use super::stage::{Stage, plain};
use super::truth::truth;

const MOD: &str = "/one.example/!mod/@v/v1.2.0.mod";
const ZIP: &str = "/two.example/other/v2/@v/v2.0.0.zip";

#[tokio::test]
async fn what_may_pass_is_asked_for_again() {
    let good = truth();
    for fault in
        [Fault::RetryAfter(503, 0), Fault::RetryAfter(429, 0), Fault::Reset, Fault::Close, Fault::Truncated]
    {
        let upstream = Upstream::start(good);
        upstream.fault_times("*.mod", fault, 2);
        let mut settings = plain(&upstream.url(), &upstream.sumdb());
        settings.client.retries = 2;
        let stage = Stage::start(settings);
        let said = stage.get(MOD).await;
        assert_eq!(said.body.as_ref().ok(), good.get(MOD), "{fault:?} {}", said.text());
        assert_eq!(upstream.requests("*.mod"), 3, "{fault:?}");
        assert_eq!(stage.mirror.upstreams()[0].failures, 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for status in [401, 403, 404, 410, 451] {
        let upstream = Upstream::start(truth());
        upstream.fault("*.mod", Fault::Status(status));
        let mut settings = plain(&upstream.url(), &upstream.sumdb());
        settings.client.retries = 2;
        Stage::start(settings).get(MOD).await;
        assert_eq!(upstream.requests("*.mod"), 1, "{status}");
    }
}

#[tokio::test]
async fn a_zip_that_breaks_off_once_is_whole() {
    let good = truth();
    for fault in [Fault::Truncated, Fault::ChunkedCut] {
        let upstream = Upstream::start(good);
        upstream.fault_times("*.zip", fault, 1);
        let stage = Stage::start(plain(&upstream.url(), &upstream.sumdb()));
        let said = stage.get(ZIP).await;
        assert_eq!(said.body.as_ref().ok(), good.get(ZIP), "{fault:?} {}", said.text());
        assert_eq!(upstream.requests("*.zip"), 2, "{fault:?}");
        stage.assert_true(good).await;
    }
}

#[tokio::test]
async fn the_rest_of_another_file_is_no_rest() {
    let good = truth();
    let (first, second) = (Upstream::start(good), Upstream::start(good));
    first.fault("*.zip", Fault::Tampered);
    first.fault_times("*.zip", Fault::Truncated, 1);
    let stage = Stage::start(plain(&format!("{}|{}", first.url(), second.url()), &second.sumdb()));
    let said = stage.get(ZIP).await;
    assert_eq!(said.body.as_ref().ok(), good.get(ZIP), "{}", said.text());
    assert_eq!((first.requests("*.zip"), second.requests("*.zip")), (2, 1));
    assert_eq!(stage.mirror.upstreams()[0].failures, 1);
    stage.assert_true(good).await;
}

#[tokio::test]
async fn a_zip_that_came_while_the_process_ends_is_stored_before_its_client_leaves() {
    let good = truth();
    let upstream = Upstream::start(good);
    let stage = Stage::start(plain(&upstream.url(), &upstream.sumdb()));
    stage.drain();
    let said = stage.get(ZIP).await;
    assert_eq!(said.body.as_ref().ok(), good.get(ZIP), "{}", said.text());
    let hash = format!("mod{ZIP}hash");
    assert!(stage.mirror.cache().blobs().read(&hash, 1000).await.unwrap().is_some());
}
