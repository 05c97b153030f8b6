//! Running out of file descriptors: accepting backs off without spinning, and all is well again afterwards.

use std::io::Write;
use std::time::Duration;

use crate::client::{connect, get, read_answer, request, status};
use crate::subject::{Subject, eventually};

/// Few enough to run out of quickly, enough to start with.
const LIMIT: usize = 96;

#[test]
fn exhaustion_is_waited_out() {
    let subject = Subject::start_limited(&[], Some(LIMIT));
    // One early connection for each entry point that is asked later.
    let mut early = connect(subject.at("web"));
    early.write_all(&request("whoami", "/")).unwrap();
    assert_eq!(status(&read_answer(&mut early)), Some(200));
    let crowd: Vec<_> = (0..LIMIT * 2).map(|_| connect(subject.at("web"))).collect();
    eventually("descriptors at their limit", || subject.descriptors() >= LIMIT, true);
    let before = subject.processor_time();
    std::thread::sleep(Duration::from_secs(1));
    let spent = subject.processor_time() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?} of processor time in a second of waiting");
    early.write_all(&request("whoami", "/")).unwrap();
    assert_eq!(status(&read_answer(&mut early)), Some(200), "who is connected is served");
    drop(crowd);
    assert_eq!(status(&get(subject.at("web"), "whoami", "/")), Some(200), "and then everybody again");
    drop(early);
    let back_offs = subject.metric("fairlead_accept_back_offs_total", "entrypoint=\"web\"");
    assert!((1.0..200.0).contains(&back_offs), "{back_offs} pauses");
    subject.assert_unharmed();
    subject.stop();
}
