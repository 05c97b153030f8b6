//! What the mirror tells of itself, and what it forgets when told to.

use std::sync::Arc;

use fairlead_http::{Conn, Handler, Request};
use fairlead_mirror::Settings;
use fairlead_mirror::admin::Admin;
use fairlead_mirror::usage::Usage;
use fairlead_rt::Shutdown;
use http::Method;
use serde_json::{Value, json};

use crate::fake::{Fake, Reply};
use crate::mirror::{Subject, zip};

struct Told {
    status: u16,
    value: Value,
    next: String,
}

async fn ask(admin: &Admin, method: Method, path: &str) -> Told {
    let peer = "192.0.2.1:1".parse().unwrap();
    let request = Request::new(method, path.parse().unwrap(), Arc::new(Conn::new("test", peer, peer, None)));
    let response = admin.call(request).await;
    assert_eq!(response.headers["content-type"], "application/json", "{path}");
    let next =
        response.headers.get("x-next-page").map(|next| next.to_str().unwrap().to_owned()).unwrap_or_default();
    let bytes = response.body.collect(1 << 20).await.unwrap();
    Told { status: response.status.as_u16(), value: serde_json::from_slice(&bytes).unwrap(), next }
}

async fn upstream() -> Fake {
    Fake::new(|seen| match seen.path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("info") => Reply::ok("{\"Version\":\"v1.0.0\"}"),
        Some("mod") => Reply::ok("module a.example/X\n"),
        Some("zip") => Reply::ok(zip("a.example/X", "v1.0.0", 100)),
        _ => Reply::text(404, "not found"),
    })
    .await
}

fn admin(subject: &Subject, allow_purge: bool) -> (Admin, Arc<Usage>, Shutdown) {
    let shutdown = Shutdown::new();
    let usage = Usage::start(&subject.mirror, &shutdown);
    subject.mirror.observe(vec![Arc::<Usage>::clone(&usage)]);
    let settings = Settings { allow_purge, ..Settings::default() };
    (Admin::new(Arc::clone(&subject.mirror), Arc::clone(&usage), &settings), usage, shutdown)
}

#[tokio::test]
async fn upstreams_and_routes_are_shown_without_secrets() {
    let yaml = "upstreams: 'https://user:secret@a.example,direct'\ntenants: {acme: {environments: {prod: {upstreams: 'https://b.example'}}}}";
    let subject = Subject::new(yaml);
    let (admin, ..) = admin(&subject, false);
    let upstreams = ask(&admin, Method::GET, "/upstreams").await;
    assert_eq!(upstreams.status, 200);
    assert_eq!(upstreams.value[0]["breaker"], "closed");
    let routes = ask(&admin, Method::GET, "/api/mirror/routes").await;
    assert_eq!(routes.value[0]["name"], "default");
    assert_eq!(routes.value[0]["upstreams"][1], "direct");
    assert_eq!(routes.value[1]["name"], "tenants/acme/prod");
    assert!(!format!("{}{}", upstreams.value, routes.value).contains("secret"));
    let index = ask(&admin, Method::GET, "/").await;
    assert!(index.value["paths"].as_array().unwrap().contains(&json!("/usage")));
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::POST, "/usage", 405),
        (Method::GET, "/cache/a.example/x", 405),
        (Method::GET, "/usage?limit=0", 400),
        (Method::GET, "/usage?page=x", 400),
    ] {
        let told = ask(&admin, method, path).await;
        assert_eq!((told.status, told.value["message"].is_string()), (status, true), "{path}");
    }
    assert_eq!(ask(&admin, Method::GET, "/quarantine").await.value, json!([]));
}

#[tokio::test]
async fn usage_is_counted_paged_and_kept() {
    let upstream = upstream().await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    let (admin, usage, shutdown) = admin(&subject, false);
    for _ in 0..3 {
        subject.get("/a.example/!x/@v/v1.0.0.mod").await;
    }
    subject.get("/b.example/y/@v/v1.0.0.mod").await;
    subject.get("/c.example/z/@v/list").await;
    let told = ask(&admin, Method::GET, "/usage?limit=1").await;
    assert_eq!((told.value["count"].as_u64(), told.next.as_str()), (Some(2), "2"), "failures do not count");
    let first = &told.value["modules"][0];
    assert_eq!((&first["path"], &first["requests"]), (&json!("a.example/X"), &json!({"mod": 3})));
    assert!(first["firstAsked"].is_string() && first["lastAsked"].is_string());
    let second = ask(&admin, Method::GET, "/usage?limit=1&page=2").await;
    assert_eq!((&second.value["modules"][0]["path"], second.next.as_str()), (&json!("b.example/y"), "1"));
    let some = ask(&admin, Method::GET, "/usage?path=b.").await;
    assert_eq!(some.value["count"], 1);
    shutdown.drain();
    let blobs = Arc::clone(subject.mirror.cache().blobs());
    usage.write(&*blobs).await;
    let again = Usage::default();
    again.learn(&*blobs).await;
    let seen = again.seen("");
    assert_eq!(
        (seen.modules[0].path.as_str(), seen.modules[0].total(), seen.totals["mod"]),
        ("a.example/X", 3, 4)
    );
}

#[tokio::test]
async fn a_purge_takes_one_version_or_all_and_must_be_allowed() {
    let upstream = upstream().await;
    let subject = Subject::new(&format!("upstreams: '{}'", upstream.url));
    let (refusing, ..) = admin(&subject, false);
    let files = ["info", "mod", "zip"].map(|ending| format!("/a.example/!x/@v/v1.0.0.{ending}"));
    for file in &files {
        assert_eq!(subject.get(file).await.status, 200);
    }
    let path = "/cache/a.example/!x/@v/v1.0.0";
    let refused = ask(&refusing, Method::DELETE, path).await;
    assert_eq!(refused.status, 403);
    assert!(refused.value["message"].as_str().unwrap().contains("allowPurge"));
    assert_eq!(subject.get(&files[1]).await.cache(), "hit");
    let (admin, ..) = admin(&subject, true);
    let held = ask(&admin, Method::GET, "/cache").await;
    assert_eq!(
        (held.value["folders"].as_object().is_some(), held.value["isComplete"].as_bool()),
        (true, Some(true))
    );
    assert!(held.value["bytes"].as_u64().unwrap() > 100 && held.value["entries"].as_u64().unwrap() >= 4);
    for (path, status) in
        [("/cache/a.example/!x/@v/v1.0.1", 404), ("/cache/a.example/X", 400), ("/cache/b.example/y", 404)]
    {
        assert_eq!(ask(&admin, Method::DELETE, path).await.status, status, "{path}");
    }
    let gone = ask(&admin, Method::DELETE, path).await;
    assert_eq!(gone.value, json!({"module": "a.example/X", "version": "v1.0.0", "removed": 4}));
    for file in &files {
        assert_eq!(subject.get(file).await.cache(), "miss", "{file}");
    }
    let gone = ask(&admin, Method::DELETE, "/cache/a.example/%21x").await;
    assert_eq!((gone.status, &gone.value["version"]), (200, &Value::Null));
    assert_eq!(ask(&admin, Method::DELETE, "/cache/a.example/!x").await.status, 404);
}
