//! Whose mirror it is, as dnsmasq says: once with the record, and once as a resolver that takes nothing unsigned.

use std::net::{SocketAddr, UdpSocket};

use fairlead_e2e::{Subject, eventually};
use fairlead_testkit::{Dir, RawBackend, Script, free_port};

use crate::peers::{Checked, check, tool};

const NAME: &str = "_mirror-auth.127.0.0.1";
const TOKEN: &str = "open-sesame";
/// `printf '127.0.0.1\nopen-sesame' | sha256sum`
const DIGEST: &str = "53cfe09c512ddba1ac3560b6de8e8973c00628fc91550985b8fbed433f283893";
/// The root's key of 2017, which has signed nothing here.
const ROOT: &str =
    "--trust-anchor=.,20326,8,2,E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";

struct NameServer {
    addr: SocketAddr,
    #[expect(dead_code, reason = "held so that it lives, and dropped to stop it")]
    server: Subject,
}

impl NameServer {
    async fn start(dir: &Dir, options: &[&str]) -> anyhow::Result<NameServer> {
        // Somebody may take a port before it does.
        for _ in 0..5 {
            let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
            if let Some(server) = serve(dir, addr, options).await {
                return Ok(NameServer { addr, server });
            }
        }
        anyhow::bail!("no port was free: {}", std::fs::read_to_string(dir.join("dns.log"))?)
    }
}

async fn serve(dir: &Dir, addr: SocketAddr, options: &[&str]) -> Option<Subject> {
    let mut command = tool("dnsmasq", "dnsmasq-base");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--no-hosts",
        "--no-resolv",
    ]);
    command.args(["--bind-interfaces", "--listen-address=127.0.0.1", "--log-facility=-", "--local-ttl=60"]);
    command.arg(format!("--port={}", addr.port())).args(options);
    let mut server = Subject::spawn(command, &dir.join("dns.log")).unwrap();
    let starts = eventually(async || {
        let has_ended = server.ended()?.is_some();
        anyhow::ensure!(has_ended || server.log().contains("started, version"), "{}", server.log());
        Ok(!has_ended)
    });
    starts.await.unwrap().then_some(server)
}

/// Asks `server` about a mirror that is otherwise as it should be.
fn check_owner(dir: &Dir, server: SocketAddr, more: &[&str]) -> Option<Checked> {
    let registry =
        Script::Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".to_vec());
    let mirror = RawBackend::start(registry);
    let url = mirror.url();
    let server = format!("--name-server={server}");
    let arguments = [&["--kind=oci", "--token-env=MIRROR_TOKEN", &server, &url], more].concat();
    let checked = check(dir, &[("MIRROR_TOKEN", TOKEN)], &arguments)?;
    assert!(!format!("{checked:?}").contains(TOKEN), "{checked:?}");
    Some(checked)
}

#[tokio::test]
async fn the_digest_of_the_token_proves_the_owner() {
    let dir = Dir::new();
    let (first, second) = DIGEST.split_at(20);
    for record in [
        format!("{NAME},sha256={DIGEST}"),
        // A record has several strings.
        format!("{NAME},sha256=,{first},{second}"),
    ] {
        let other = format!("--txt-record={NAME},sha256={}", "0".repeat(64));
        let server = NameServer::start(&dir, &[&other, &format!("--txt-record={record}")]).await.unwrap();
        let Some(owned) = check_owner(&dir, server.addr, &["--strict"]) else { return };
        assert_eq!((owned.code, owned.leg("ownership")), (Some(0), "holds"), "{owned:?}");
        assert_eq!(owned.evidence("ownership", "name"), Some(NAME));
    }
}

#[tokio::test]
async fn a_record_that_is_another_or_not_there_proves_that_nobody_owns_it() {
    let dir = Dir::new();
    let upper = format!("--txt-record={NAME},sha256={}", DIGEST.to_uppercase());
    let bare = format!("--txt-record={NAME},{DIGEST}");
    let address = format!("--host-record={NAME},127.0.0.9");
    for (options, said) in [
        (&["--local=/127.0.0.1/"][..], "no such name"),
        (&["--local=/127.0.0.1/", &address], "no such record"),
        (&[&upper, &bare], "2 records, none is the digest of the token"),
    ] {
        let server = NameServer::start(&dir, options).await.unwrap();
        let Some(checked) = check_owner(&dir, server.addr, &[]) else { return };
        assert_eq!((checked.code, checked.reason()), (Some(3), "ownership-unproved"), "{said}: {checked:?}");
        assert_eq!((checked.evidence("ownership", "said"), checked.leg("ownership")), (Some(said), "fails"));
        // Who does not ask for it is told and not stopped.
        let other = check_owner(&dir, server.addr, &["--trust=any"]).unwrap();
        assert_eq!(other.leg("ownership"), "fails", "{other:?}");
    }
}

#[tokio::test]
async fn a_name_server_that_fails_proves_nothing() {
    let dir = Dir::new();
    let record = format!("--txt-record={NAME},sha256={DIGEST}");
    let unsigned = NameServer::start(&dir, &[&record]).await.unwrap();
    let forward = format!("--server=127.0.0.1#{}", unsigned.addr.port());
    let other = Dir::new();
    let strict =
        NameServer::start(&other, &[&forward, "--dnssec", "--dnssec-check-unsigned", ROOT]).await.unwrap();
    let refusing = NameServer::start(&Dir::new(), &["--local=/elsewhere.example/"]).await.unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (server, said) in [
        (strict.addr, Some("the name server failed")),
        (silent.local_addr().unwrap(), Some("the name server did not answer in time")),
        (refusing.addr, None),
    ] {
        let more = ["--strict", "--dns-timeout=2s"];
        let Some(checked) = check_owner(&dir, server, &more) else { return };
        assert_eq!((checked.code, checked.reason()), (Some(4), "ownership-unknown"), "{said:?}: {checked:?}");
        assert_eq!((checked.leg("ownership"), checked.state()), ("unknown", "DEGRADED"), "{checked:?}");
        if let Some(said) = said {
            assert_eq!(checked.evidence("ownership", "said"), Some(said));
        }
    }
    // Without strictness it is worth a warning only.
    let lax = check_owner(&dir, strict.addr, &[]).unwrap();
    assert_eq!(lax.code, Some(0), "{lax:?}");
}
