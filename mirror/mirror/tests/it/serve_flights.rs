//! Many clients, one download; and downloads that break.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body::Body as _;
use tokio::sync::Semaphore;

use crate::fake::{Fake, Reply};
use crate::mirror::{Subject, zip};

const ZIP: &str = "/a.example/x/@v/v1.0.0.zip";

fn good(len: usize) -> Vec<u8> {
    zip("a.example/x", "v1.0.0", len)
}

#[tokio::test]
async fn fifty_clients_are_one_request_even_when_the_first_leaves() {
    let gate = Arc::new(Semaphore::new(0));
    let bytes = good(400_000);
    let held = Reply { before: Some(gate.clone()), ..Reply::ok(bytes.clone()) };
    let upstream = Fake::always(held).await;
    let subject = Arc::new(Subject::new(&format!("upstreams: '{}'", upstream.url)));
    let client = || {
        let subject = Arc::clone(&subject);
        fairlead_rt::spawn("client", async move { subject.ask(Method::GET, ZIP, &[]).await })
    };
    let first = client();
    while upstream.paths().is_empty() {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (0..49).map(|_| client()).collect();
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.is_err());
    gate.add_permits(1);
    let mut words = Vec::new();
    for client in others {
        let answer = client.await.unwrap();
        assert_eq!(answer.body.as_ref().unwrap(), &bytes);
        words.push(answer.cache().to_owned());
    }
    assert!(words.iter().all(|word| word == "joined"), "{words:?}");
    assert_eq!(upstream.paths().len(), 1);
    subject.mirror.settled().await;
    let again = subject.get(ZIP).await;
    assert_eq!((again.cache(), again.body.as_ref().unwrap().len()), ("hit", bytes.len()));
    assert_eq!(upstream.paths().len(), 1);
}

#[tokio::test]
async fn a_zip_that_breaks_off_is_resumed_where_it_broke() {
    let bytes = good(300_000);
    let whole = bytes.clone();
    let upstream = Fake::new(move |seen| match seen.header("range") {
        None => Reply::ok(whole.clone()).with("ETag", "\"one\"").cut(100_000),
        Some(range) => {
            let at: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
            let shown = format!("bytes {at}-{}/{}", whole.len() - 1, whole.len());
            Reply::ok(&whole[at..]).status(206).with("Content-Range", shown)
        }
    })
    .await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    let answer = subject.get(ZIP).await;
    assert_eq!(answer.body.unwrap(), bytes);
    let seen = upstream.seen();
    assert_eq!(
        (seen.len(), seen[1].header("range"), seen[1].header("if-range")),
        (2, Some("bytes=100000-"), Some("\"one\""))
    );
}

#[tokio::test]
async fn a_zip_that_breaks_off_twice_comes_from_the_next_upstream() {
    let bytes = good(300_000);
    let broken = Fake::always(Reply::ok(bytes.clone()).cut(100_000)).await;
    let healthy = Fake::always(Reply::ok(bytes.clone())).await;
    let subject = Subject::new(&format!("upstreams: '{}|{}'", broken.url, healthy.url));
    assert_eq!(subject.get(ZIP).await.body.unwrap(), bytes);
    assert_eq!((broken.paths().len(), healthy.paths().len()), (2, 1));
    let alone = Subject::new(&format!("upstreams: '{}'", broken.url));
    assert_eq!(alone.get(ZIP).await.status, 502);
    broken.answers(move |_| Reply::ok(bytes.clone()));
    assert_eq!(alone.get(ZIP).await.status, 200, "nothing broken was kept");
}

#[tokio::test]
async fn what_is_tampered_with_is_put_into_quarantine_and_comes_from_elsewhere() {
    let (true_zip, false_zip) = (good(1000), zip("a.example/x", "v1.0.0", 999));
    let h1 = fairlead_gomod::zip::verify(&true_zip, "a.example/x", "v1.0.0").unwrap().h1;
    let folder = tempfile::tempdir().unwrap();
    let go_sum = folder.path().join("go.sum");
    std::fs::write(&go_sum, format!("a.example/x v1.0.0 {h1}\n")).unwrap();
    let bad = Fake::always(Reply::ok(false_zip)).await;
    let good = Fake::always(Reply::ok(true_zip.clone())).await;
    let yaml = |list: String| format!("upstreams: '{list}'\ngoSums: ['{}']", go_sum.display());
    let subject = Subject::new(&yaml(format!("{}|{}", bad.url, good.url)));
    assert_eq!(subject.get(ZIP).await.body.unwrap(), true_zip);
    let kept = subject.mirror.quarantine().list().await;
    assert_eq!((kept.len(), kept[0].cause.as_str()), (1, "untrusted"));
    let alone = Subject::new(&yaml(bad.url.clone()));
    let answer = alone.get(ZIP).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("checksum mismatch"), "{}", answer.text());
    let text = alone.metrics.text();
    assert!(
        text.contains(&format!("fairlead_mirror_untrusted_total{{upstream=\"{}/\"}} 1", bad.url)),
        "{text}"
    );
}

#[tokio::test]
async fn a_slow_zip_flows_but_is_never_whole_before_it_is_proved() {
    let bytes = good(1 << 20);
    for is_true in [true, false] {
        let gate = Arc::new(Semaphore::new(0));
        let mut sent = bytes.clone();
        if !is_true {
            let at = sent.len() - 40_000;
            sent[at] ^= 1;
        }
        let upstream = Fake::always(Reply { between: Some(gate.clone()), ..Reply::ok(sent) }).await;
        let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
        let mut response = subject.begin(Method::GET, ZIP, &[]).await;
        assert_eq!(response.status, 200, "the head is there while the zip still flows");
        assert_eq!(response.body.exact_len(), Some(bytes.len() as u64));
        let mut read = 0;
        let mut gate = Some(gate);
        let ended = loop {
            let next = std::future::poll_fn(|cx| Pin::new(&mut response.body).poll_frame(cx));
            match tokio::time::timeout(Duration::from_secs(30), next).await.unwrap() {
                Some(Ok(frame)) => read += frame.into_data().unwrap().len(),
                Some(Err(_)) => break false,
                None => break true,
            }
            if let Some(gate) = gate.take() {
                assert!(read < bytes.len());
                gate.add_permits(1);
            }
        };
        assert_eq!(ended, is_true);
        assert!(if is_true { read == bytes.len() } else { read + 60_000 < bytes.len() }, "{read}");
    }
}

/// Reads a body that is flowing; opens the gate when the first bytes are there.
async fn drain(response: &mut fairlead_http::Response, gate: &Semaphore) -> Result<Vec<u8>, usize> {
    let (mut read, mut is_open) = (Vec::new(), false);
    loop {
        let next = std::future::poll_fn(|cx| Pin::new(&mut response.body).poll_frame(cx));
        match tokio::time::timeout(Duration::from_secs(30), next).await.unwrap() {
            Some(Ok(frame)) => read.extend_from_slice(&frame.into_data().unwrap()),
            Some(Err(_)) => return Err(read.len()),
            None => return Ok(read),
        }
        if !std::mem::replace(&mut is_open, true) {
            gate.add_permits(100);
        }
    }
}

#[tokio::test]
async fn a_client_who_is_being_served_gets_the_rest_from_the_next_upstream() {
    let bytes = good(1 << 20);
    let gate = Arc::new(Semaphore::new(0));
    let first = Reply { between: Some(gate.clone()), ..Reply::ok(bytes.clone()).cut(900_000) };
    let broken = Fake::always(first).await;
    // This one breaks off earlier than the first and brings nothing; the last has it all.
    let worse = Fake::always(Reply::ok(bytes.clone()).cut(200_000)).await;
    let healthy = Fake::always(Reply::ok(bytes.clone())).await;
    let list = format!("upstreams: '{}|{}|{}'", broken.url, worse.url, healthy.url);
    let subject = Subject::new(&list);
    let mut response = subject.begin(Method::GET, ZIP, &[]).await;
    assert_eq!(response.body.exact_len(), Some(bytes.len() as u64), "it flows");
    assert!(drain(&mut response, &gate).await.unwrap() == bytes);
    assert_eq!(healthy.paths().len(), 1);
    subject.mirror.settled().await;
    let again = subject.get(ZIP).await;
    assert_eq!(again.cache(), "hit");
    assert!(again.body.unwrap() == bytes);
}

#[tokio::test]
async fn a_client_is_cut_off_when_the_next_upstream_has_another_zip() {
    let bytes = good(1 << 20);
    let mut other = bytes.clone();
    other[100_000] ^= 1;
    let longer = good((1 << 20) + 1);
    for sent in [other, longer] {
        let gate = Arc::new(Semaphore::new(0));
        let first = Reply { between: Some(gate.clone()), ..Reply::ok(sent).cut(900_000) };
        let broken = Fake::always(first).await;
        let healthy = Fake::always(Reply::ok(bytes.clone())).await;
        let list = format!("upstreams: '{}|{}'", broken.url, healthy.url);
        let subject = Subject::new(&list);
        let mut response = subject.begin(Method::GET, ZIP, &[]).await;
        let cut = drain(&mut response, &gate).await.unwrap_err();
        assert!(cut + 60_000 < bytes.len(), "{cut}");
        let again = subject.get(ZIP).await;
        assert!(again.body.unwrap() == bytes, "what is right is kept");
        assert_eq!(healthy.paths().len(), 1);
    }
}

#[tokio::test]
async fn a_zip_is_resumed_as_long_as_that_brings_something() {
    let bytes = good(300_000);
    let whole = bytes.clone();
    let upstream = Fake::new(move |seen| {
        let at = seen
            .header("range")
            .map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
        let shown = format!("bytes {at}-{}/{}", whole.len() - 1, whole.len());
        let status = if at == 0 { 200 } else { 206 };
        let rest = whole.len() - at;
        Reply::ok(&whole[at..]).status(status).with("Content-Range", shown).cut(rest.min(80_000))
    })
    .await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    assert!(subject.get(ZIP).await.body.unwrap() == bytes);
    assert_eq!(upstream.paths().len(), 4);
}
