//! `fairlead up` as a stranger starts it: without a word, on the ports that it has by itself.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use fairlead_e2e::{Ask, ask, eventually};
use fairlead_testkit::Dir;
use fairlead_testkit::goproxy::{Modules, Release, Upstream};

use crate::peers::{fairlead, output, tool};

/// Brings the loopback interface of a new network up, then becomes what follows.
const ENTER: &str = r#"
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))
os.execvp(sys.argv[1], sys.argv[1:])
"#;

/// The running gateway.
struct Up {
    child: Child,
    /// What it wrote when it listened.
    greeting: String,
    is_apart: bool,
}

impl Up {
    /// In a network of its own, where nobody else can have its ports; where that is not allowed, in everybody's.
    async fn start(dir: &Dir, goproxy: &str) -> Option<Up> {
        let ours = fairlead(dir)?;
        let is_apart =
            Command::new("unshare").args(["-rn", "true"]).output().is_ok_and(|out| out.status.success());
        let mut command = if is_apart {
            let mut command = tool("unshare", "util-linux");
            command.arg("-rn").arg("python3").args(["-c", ENTER]).arg(ours.get_program());
            command
        } else {
            eventually(async || {
                Ok((TcpListener::bind(("0.0.0.0", 8000))?, TcpListener::bind(("0.0.0.0", 8080))?))
            })
            .await
            .expect("`fairlead up` listens on the ports 8000 and 8080, which this test needs");
            Command::new(ours.get_program())
        };
        command.arg("up").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", dir.path()).env("GOPROXY", goproxy).env("GOSUMDB", "off");
        let log = dir.join("up.log");
        command.stdin(Stdio::null()).stdout(File::create(&log).unwrap());
        let mut up = Up { child: command.spawn().unwrap(), greeting: String::new(), is_apart };
        let greeting = eventually(async || {
            let text = std::fs::read_to_string(&log)?;
            let ended = up.child.try_wait()?;
            anyhow::ensure!(ended.is_some() || text.contains("Stop: Ctrl-C"), "no greeting: {text}");
            Ok((ended, text))
        });
        let (ended, text) = greeting.await.unwrap();
        assert!(ended.is_none(), "it ended with {ended:?}: {text}");
        up.greeting = text;
        Some(up)
    }

    /// What curl gets, in the same network.
    fn curl(&self, arguments: &[&str]) -> Vec<u8> {
        let curl = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--noproxy", "*"];
        let mut command = if self.is_apart {
            let mut command = tool("nsenter", "util-linux");
            command.arg("--target").arg(self.child.id().to_string());
            command.args(["--user", "--net", "--preserve-credentials"]).args(curl);
            command
        } else {
            let mut command = tool(curl[0], "curl");
            command.args(&curl[1..]);
            command
        };
        output(command.args(arguments))
    }

    fn text(&self, url: &str) -> String {
        String::from_utf8(self.curl(&[url])).unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a module as a folder that can stand in GOPROXY, and gives its zip.
async fn write_module(dir: &Dir) -> Vec<u8> {
    let modules = Modules::new().add("one.example/m", "v1.0.0", &Release::new().file("m.go", "package m\n"));
    let upstream = Upstream::start(&modules);
    let mut last = Vec::new();
    for name in ["list", "v1.0.0.info", "v1.0.0.mod", "v1.0.0.zip"] {
        let path = format!("one.example/m/@v/{name}");
        let answer =
            ask(upstream.addr(), &Ask::parse(&format!("{}/{path}", upstream.url())).unwrap()).await.unwrap();
        assert_eq!(answer.status, 200, "{answer}");
        dir.write(&format!("goproxy/{path}"), &answer.body);
        last = answer.body;
    }
    last
}

#[tokio::test]
async fn up_does_what_it_says_to_try() {
    let dir = Dir::new();
    let zip = write_module(&dir).await;
    let Some(up) = Up::start(&dir, &format!("file://{}", dir.join("goproxy").display())).await else {
        return;
    };
    for part in [
        "is up",
        ":8000",
        ":8080   API, ping, metrics",
        "curl http://localhost:8000/ ",
        "GOPROXY=http://localhost:8000/goproxy go mod download",
        "fairlead up -c traefik.yml",
    ] {
        assert!(up.greeting.contains(part), "{part:?} is not in\n{}", up.greeting);
    }
    // Every command that it shows, as it shows it.
    let shown: Vec<&str> = up.greeting.lines().filter_map(|line| line.trim().strip_prefix("curl ")).collect();
    assert_eq!(shown.len(), 3, "{}", up.greeting);
    for line in shown {
        let url = line.split_whitespace().next().unwrap().trim_matches('\'');
        assert!(!up.text(url).is_empty(), "{url}");
    }
    assert!(up.text("http://localhost:8000/").contains("Host: localhost:8000"));
    let module = "http://localhost:8000/goproxy/one.example/m/@v";
    assert_eq!(up.text(&format!("{module}/list")), "v1.0.0\n");
    assert!(up.text(&format!("{module}/v1.0.0.mod")).starts_with("module one.example/m\n"));
    assert!(up.curl(&[&format!("{module}/v1.0.0.zip")]) == zip, "another zip came");
    assert!(up.text("http://localhost:8080/api/mirror/").contains("/upstreams"));
    let routes: serde_json::Value =
        serde_json::from_str(&up.text("http://localhost:8080/api/mirror/upstreams")).unwrap();
    assert!(routes.to_string().contains("file://"), "{routes}");
    assert_eq!(up.text("http://localhost:8080/ping"), "OK");
    assert!(up.text("http://localhost:8080/metrics").contains("fairlead_"), "the mirror counts");
}
