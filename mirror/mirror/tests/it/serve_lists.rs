//! Who is asked, who is not, and what the client is told.

use std::time::Duration;

use crate::fake::{Fake, Reply};
use crate::mirror::Subject;

const LIST: &str = "/a.example/x/@v/list";

#[tokio::test]
async fn separators_decide_for_each_kind_of_failure() {
    let cases = [
        (Reply::text(404, "not found: no such module"), true),
        (Reply::text(410, "gone: for good"), true),
        (Reply::text(403, "forbidden: not you"), false),
        (Reply::text(451, "unavailable for legal reasons"), false),
        (Reply::text(500, "oops"), false),
        (Reply::text(503, "busy"), false),
        (Reply::html(), false),
        (Reply::ok("v1.0.0\n").cut(3), false),
    ];
    for (reply, is_absence) in cases {
        for (separator, goes_on) in [(",", is_absence), ("|", true)] {
            let first = Fake::always(reply.clone()).await;
            let second = Fake::always(Reply::ok("v1.2.3\n")).await;
            let subject = Subject::new(&format!("upstreams: '{}{separator}{}'", first.url, second.url));
            let answer = subject.get(LIST).await;
            let what = format!("{} {separator} {:?}", reply.status, reply.body);
            assert_eq!(second.paths().len(), usize::from(goes_on), "{what}");
            if goes_on {
                assert_eq!(answer.text(), "v1.2.3\n", "{what}");
            } else if reply.status >= 400 {
                assert_eq!(answer.status.as_u16(), reply.status, "{what}");
                assert_eq!(answer.text().trim_end().as_bytes(), reply.body, "its own words: {what}");
            } else {
                assert_eq!(answer.status, 502, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_policy_takes_the_place_of_the_separators() {
    for (policy, status, asked) in
        [("none", 404, false), ("notfound", 404, true), ("notfound", 500, false), ("any", 500, true)]
    {
        let first = Fake::always(Reply::text(status, "no")).await;
        let second = Fake::always(Reply::ok("v1.2.3\n")).await;
        let subject = Subject::new(&format!("upstreams: '{},{}'\nfallback: {policy}", first.url, second.url));
        let answer = subject.get(LIST).await;
        assert_eq!(!second.paths().is_empty(), asked, "{policy} {status}");
        assert_eq!(answer.status.as_u16(), if asked { 200 } else { status }, "{policy} {status}");
    }
}

#[tokio::test]
async fn a_failure_tells_more_than_an_absence() {
    let busy = Fake::always(Reply::text(503, "busy").with("Retry-After", "7")).await;
    let absent = Fake::always(Reply::text(404, "not found: nothing here")).await;
    let subject = Subject::new(&format!("upstreams: '{}|{}'", busy.url, absent.url));
    let answer = subject.get(LIST).await;
    assert_eq!((answer.status.as_u16(), answer.text(), answer.header("retry-after")), (503, "busy\n", "7"));
    // It is not certain that there is no such thing, so that nobody remembers it.
    subject.get(LIST).await;
    assert_eq!(absent.paths().len(), 2);
    let subject = Subject::new(&format!("upstreams: '{},off'", absent.url));
    assert_eq!(subject.get(LIST).await.status, 404);
}

#[tokio::test]
async fn a_private_module_is_never_named_to_a_public_upstream() {
    let public = Fake::always(Reply::ok("v1.0.0\n")).await;
    let own = Fake::new(|seen| match seen.path.as_str() {
        path if path.ends_with("/@v/list") => Reply::ok("v1.0.0\n"),
        _ => Reply::text(503, "busy"),
    })
    .await;
    let files = ["@v/list", "@latest", "@v/main.info", "@v/v1.0.0.info", "@v/v1.0.0.mod", "@v/v1.0.0.zip"];
    for private_upstreams in [own.url.clone(), Fake::dead().await, "off".to_owned()] {
        let subject = Subject::new(&format!(
            "upstreams: '{0}|{0}'\nprivate: corp.example,*.corp.example\nprivateUpstreams: '{private_upstreams}'\nfallback: any",
            public.url
        ));
        for module in ["corp.example/x", "git.corp.example/!team/x/v2", "corp.example"] {
            for file in files {
                subject.get(&format!("/{module}/{file}")).await;
                subject.get(&format!("/{}/{file}", module.replace('!', "%21"))).await;
            }
        }
        assert_eq!(public.paths(), Vec::<String>::new());
        let other = subject.get("/notcorp.example/x/@v/list").await;
        assert_eq!(other.status, 200);
        assert_eq!(public.paths().len(), 1);
        public.answers(|_| Reply::ok("v1.0.0\n"));
        public.forget();
    }
    let subject = Subject::new(&format!(
        "upstreams: '{}'\nprivate: corp.example\nprivateUpstreams: '{}'",
        public.url, own.url
    ));
    let answer = subject.get("/corp.example/x/@v/list").await;
    assert_eq!(answer.text(), "v1.0.0\n");
    assert!(answer.header("cache-control").starts_with("private"), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_breaker_opens_and_the_next_upstream_takes_over() {
    let bad = Fake::always(Reply::text(500, "oops")).await;
    let good = Fake::always(Reply::ok("v1.2.3\n")).await;
    let subject = Subject::new(&format!(
        "upstreams: '{}|{}'\nbreaker: {{minimumRequests: 3, openFor: 1h}}",
        bad.url, good.url
    ));
    for at in 0..6 {
        assert_eq!(subject.get(&format!("/a.example/x{at}/@v/list")).await.status, 200);
    }
    assert_eq!((bad.paths().len(), good.paths().len()), (3, 6));
    let states = subject.mirror.upstreams();
    assert_eq!(states.iter().map(|state| state.breaker).collect::<Vec<_>>(), ["open", "closed", "closed"]);
    let text = subject.metrics.text();
    assert!(
        text.contains(&format!("fairlead_mirror_breaker_state{{upstream=\"{}/\"}} 2", bad.url)),
        "{text}"
    );
    let alone = Subject::new(&format!(
        "upstreams: '{},{}'\nbreaker: {{minimumRequests: 1, openFor: 1h}}",
        bad.url, good.url
    ));
    assert_eq!(alone.get(LIST).await.status, 500);
    let answer = alone.get(LIST).await;
    assert_eq!((answer.status.as_u16(), good.paths().len()), (503, 6), "after a comma nobody else is asked");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_slow_upstream_is_hedged_where_the_list_allows() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let slow = Fake::always(Reply { before: Some(gate.clone()), ..Reply::ok("v1.0.0\n") }).await;
    let quick = Fake::always(Reply::ok("v1.2.3\n")).await;
    let client = "client: {retries: 0, netrc: false, hedgeAfter: 20ms}";
    let subject = Subject::new(&format!("upstreams: '{}|{}'\n{client}", slow.url, quick.url));
    assert_eq!(subject.get(LIST).await.text(), "v1.2.3\n");
    let subject = Subject::new(&format!("upstreams: '{},{}'\n{client}", slow.url, quick.url));
    let waits = tokio::time::timeout(Duration::from_millis(200), subject.get(LIST)).await;
    assert!(waits.is_err() && quick.paths().len() == 1, "a comma is no race");
    gate.add_permits(10);
    assert_eq!(subject.get(LIST).await.text(), "v1.0.0\n");
}

#[tokio::test]
async fn a_mirror_knows_itself_among_its_upstreams() {
    let upstream = Fake::always(Reply::ok("v1.0.0\n")).await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    subject.get(LIST).await;
    let via = upstream.seen()[0].header("via").unwrap().to_owned();
    let answer = subject.ask(http::Method::GET, "/a.example/y/@v/list", &[("via", &via)]).await;
    assert_eq!((answer.status.as_u16(), upstream.paths().len()), (508, 1));
}
