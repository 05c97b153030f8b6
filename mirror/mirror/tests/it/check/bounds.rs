//! Order and number.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairlead_mirror::check::{CheckOptions, State, What, check, exit_code};
use fairlead_testkit::goproxy::{Fault, Upstream};
use parking_lot::Mutex;
use url::Url;

use super::stage::{modules, options};

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let upstream = Upstream::start(&modules());
    upstream.delay(Duration::from_millis(5));
    let urls = vec![Url::parse(&upstream.url()).unwrap(); 6];
    for jobs in [1, 3] {
        let options = CheckOptions { jobs, ..options() };
        let verdicts = check(&urls, &options, &|_| {}).await.unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.exit_code == 0), "{verdicts:#?}");
        let (_, peak) = upstream.in_flight();
        assert_eq!(peak, jobs, "the bound is used, and kept");
    }
}

#[tokio::test]
async fn verdicts_come_in_the_order_of_the_mirrors() {
    let (slow, bad, good) =
        (Upstream::start(&modules()), Upstream::start(&modules()), Upstream::start(&modules()));
    slow.delay(Duration::from_millis(30));
    bad.fault("*.zip", Fault::Tampered);
    let urls = [&slow, &bad, &good].map(|upstream| Url::parse(&upstream.url()).unwrap());
    let (started, finished) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let options = CheckOptions { fold_exit_codes: true, ..options() };
    let verdicts = check(&urls, &options, &|event| match event.what {
        What::Started => drop(started.fetch_add(1, Ordering::Relaxed)),
        What::Looked(_) => {}
        What::Finished(verdict) => finished.lock().push(verdict.url.clone()),
    })
    .await
    .unwrap();
    let states: Vec<State> = verdicts.iter().map(|verdict| verdict.state).collect();
    assert_eq!(states, [State::Active, State::Untrusted, State::Active]);
    assert_eq!((started.load(Ordering::Relaxed), finished.lock().len()), (3, 3));
    assert_eq!(exit_code(&verdicts, &options), 2, "3 is folded");
    assert_eq!(exit_code(&verdicts, &CheckOptions { fold_exit_codes: false, ..options }), 3);
}
