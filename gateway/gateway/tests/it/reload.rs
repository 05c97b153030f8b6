//! What a reload does not do to traffic: nothing that is under way is cut, nobody is refused, balancing goes on where it was.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fairlead_testkit::{Backend, RawBackend, Script, WebSocketEcho};
use serde_json::Value;
use tokio_tungstenite::tungstenite;

use crate::client::{body, connect, get, read_answer, read_to_close, request, status};
use crate::running::Running;
use crate::subject::eventually;

/// A router for each host with a service of the same name at these servers.
pub(crate) fn routes(services: &[(&str, &[String])]) -> String {
    let mut text = "http:\n  routers:\n".to_owned();
    for (name, _) in services {
        text += &format!("    {name}: {{rule: \"Host(`{name}`)\", service: {name}}}\n");
    }
    text += "  services:\n";
    for (name, urls) in services {
        let servers: Vec<String> = urls.iter().map(|url| format!("{{url: \"{url}\"}}")).collect();
        text += &format!("    {name}: {{loadBalancer: {{servers: [{}]}}}}\n", servers.join(", "));
    }
    text
}

/// `routes`, and one more that differs with `number`.
fn and_another(services: &[(&str, &[String])], number: usize) -> String {
    let urls = [format!("http://127.0.0.1:{}", number + 1)];
    routes(&[services, &[("another", &urls)]].concat())
}

fn told(answer: &[u8]) -> Value {
    assert_eq!(status(answer), Some(200), "{:?}", String::from_utf8_lossy(answer));
    serde_json::from_slice(body(answer)).unwrap()
}

fn ask(stream: &mut TcpStream, host: &str) -> Value {
    stream.write_all(&request(host, "/")).unwrap();
    told(&read_answer(stream))
}

#[test]
fn connections_of_both_sides_survive() {
    let backend = Backend::http();
    let urls = [backend.url()];
    let services: [(&str, &[String]); 1] = [("app", &urls)];
    let running = Running::start(&routes(&services));
    let mut stream = connect(running.addr);
    assert_eq!(ask(&mut stream, "app")["connection"], 1);
    for number in 0..5 {
        running.apply(&and_another(&services, number));
        assert_eq!(ask(&mut stream, "app")["connection"], 1);
    }
    // A change of the router itself leaves its service alone.
    running.apply(&routes(&services).replace("service: app", "service: app, priority: 77"));
    assert_eq!(ask(&mut stream, "app")["connection"], 1);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn round_robin_goes_on_where_it_was() {
    let (one, two) = (Backend::named("one"), Backend::named("two"));
    let urls = [one.url(), two.url()];
    let services: [(&str, &[String]); 1] = [("app", &urls)];
    let running = Running::start(&routes(&services));
    let mut stream = connect(running.addr);
    let mut last = ask(&mut stream, "app")["backend"].clone();
    for number in 0..6 {
        running.apply(&and_another(&services, number));
        let next = ask(&mut stream, "app")["backend"].clone();
        assert_ne!(next, last, "reload {number} began a new round");
        last = next;
    }
}

#[test]
fn health_is_remembered() {
    let sick = RawBackend::start(Script::Answer(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let check = "loadBalancer: {healthCheck: {path: /, interval: 20ms, timeout: 5s}, ";
    let with_check = |text: String| text.replacen("loadBalancer: {", check, 1);
    let urls = [sick.url()];
    let services: [(&str, &[String]); 1] = [("app", &urls)];
    let running = Running::start(&with_check(routes(&services)));
    let endpoint = |running: &Running| {
        let snapshot = running.snapshot();
        let balancer = snapshot.built.services["app@file"].balancer.clone().unwrap();
        Arc::clone(&balancer.balancer.servers()[0].endpoint)
    };
    let first = endpoint(&running);
    eventually("health", || first.is_up(), false);
    let since = first.health().since;
    for number in 0..5 {
        running.apply(&with_check(and_another(&services, number)));
        assert!(Arc::ptr_eq(&endpoint(&running), &first));
        assert_eq!(status(&get(running.addr, "app", "/")), Some(503));
    }
    // Another server beside it makes another service, and still the same endpoint.
    let well = Backend::http();
    let both = [sick.url(), well.url()];
    running.apply(&with_check(routes(&[("app", &both)])));
    assert!(Arc::ptr_eq(&endpoint(&running), &first));
    for _ in 0..4 {
        assert_eq!(status(&get(running.addr, "app", "/")), Some(200), "the sick one is asked");
    }
    assert_eq!(first.health().since, since, "it was taken for well in between");
}

#[test]
fn requests_in_flight_are_never_cut() {
    let backend = Backend::http();
    let urls = [backend.url()];
    let services: [(&str, &[String]); 1] = [("app", &urls)];
    let running = Running::start(&routes(&services));
    let targets = ["/delay/400", "/slow/40", "/bytes/50000000"];
    let mut streams: Vec<_> = targets
        .map(|target| {
            let mut stream = connect(running.addr);
            let head = format!("GET {target} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .into();
    let mut upload = connect(running.addr);
    let head =
        "POST /echo HTTP/1.1\r\nHost: app\r\nConnection: close\r\nContent-Length: 20\r\n\r\n0123456789";
    upload.write_all(head.as_bytes()).unwrap();
    eventually("requests", || backend.requests(), 4);
    for number in 0..10 {
        running.apply(&and_another(&services, number));
    }
    // Not even when their router and service are gone.
    running.apply("");
    assert_eq!(status(&get(running.addr, "app", "/")), Some(404));
    upload.write_all(b"0123456789").unwrap();
    assert_eq!(told(&read_to_close(&mut upload).1)["body"], "01234567890123456789");
    let answers: Vec<_> = streams.iter_mut().map(|stream| read_to_close(stream).1).collect();
    assert_eq!(told(&answers[0])["target"], "/delay/400");
    assert!(answers[1].ends_with(b"0\r\n\r\n") && status(&answers[1]) == Some(200));
    assert_eq!(body(&answers[2]).len(), 50_000_000);
}

#[test]
fn a_web_socket_is_never_cut() {
    let echo = WebSocketEcho::new();
    let urls = [echo.url()];
    let services: [(&str, &[String]); 1] = [("app", &urls)];
    let running = Running::start(&routes(&services));
    let (mut socket, _) = tungstenite::client("ws://app/", connect(running.addr)).unwrap();
    let mut say = |text: &str| {
        socket.send(text.into()).unwrap();
        assert_eq!(socket.read().unwrap().into_text().unwrap(), text);
    };
    say("before");
    for number in 0..20 {
        running.apply(&and_another(&services, number));
        say(&number.to_string());
    }
    running.apply("");
    say("after its router is gone");
}

#[test]
fn listeners_never_close() {
    let running = Arc::new(Running::start(""));
    let ended = Arc::new(AtomicBool::new(false));
    let connects = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (ended, connects, addr) = (Arc::clone(&ended), Arc::clone(&connects), running.addr);
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    // A refused connection panics, and so does one without a whole answer.
                    let mut stream = connect(addr);
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
                    let mut answer = Vec::new();
                    stream.read_to_end(&mut answer).unwrap();
                    assert!(matches!(status(&answer), Some(200 | 404)), "{answer:?}");
                    connects.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 0..50 {
        let before = connects.load(Ordering::Relaxed);
        running.apply(&format!(
            "http: {{routers: {{r{number}: {{rule: \"Path(`/`)\", service: whoami@internal, priority: {}}}}}}}",
            number + 1
        ));
        eventually("connections during reloads", || connects.load(Ordering::Relaxed) > before, true);
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}
