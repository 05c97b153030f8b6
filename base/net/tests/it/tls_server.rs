use std::collections::BTreeMap;
use std::time::Duration;

use fairlead_net::Stream;
use fairlead_net::tls::CertificateInput;
use fairlead_net::tls::client::ClientTlsInput;
use fairlead_net::tls::server::{
    AcceptError, ClientAuthInput, OptionsInput, ServerTls, ServerTlsInput, accept, starts_tls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, Met, client, meet, name, server, trusting, verifies};

fn input(certificates: Vec<CertificateInput>) -> ServerTlsInput {
    ServerTlsInput { certificates, ..ServerTlsInput::default() }
}

fn with_options(certificates: Vec<CertificateInput>, default: OptionsInput) -> ServerTlsInput {
    ServerTlsInput { options: BTreeMap::from([(name("default"), default)]), ..input(certificates) }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

#[tokio::test]
async fn the_certificate_follows_the_server_name() {
    let (exact, wild, of_ip, default) =
        (Authority::new(), Authority::new(), Authority::new(), Authority::new());
    let tls = server(&ServerTlsInput {
        default_certificate: Some(default.certificate(&["other.test", "127.0.0.2"])),
        ..input(vec![
            wild.certificate(&["*.example.com"]),
            exact.certificate(&["a.example.com"]),
            of_ip.certificate(&["127.0.0.1"]),
        ])
    });
    assert!(verifies(&tls, &exact, "a.example.com").await);
    assert!(verifies(&tls, &exact, "A.EXAMPLE.com").await);
    assert!(verifies(&tls, &wild, "b.example.com").await);
    assert!(!verifies(&tls, &wild, "a.example.com").await);
    assert!(verifies(&tls, &default, "other.test").await, "no certificate but the default has it");
    assert!(verifies(&tls, &of_ip, "127.0.0.1").await, "no name, but the address that was called");
    assert!(!verifies(&tls, &wild, "a.b.example.com").await, "a star is one label");
}

#[tokio::test]
async fn without_any_certificate_a_generated_one_is_shown() {
    let tls = server(&ServerTlsInput::default());
    let met = meet(&tls, &trusting(), "Any.Test").await;
    assert!(met.talked);
    let handshake = met.server.unwrap();
    assert_eq!((handshake.version, handshake.cipher), ("1.3", "TLS_AES_128_GCM_SHA256"));
    assert_eq!(handshake.curve, "X25519MLKEM768");
    assert_eq!(handshake.server_name.as_deref(), Some("any.test"));
    assert_eq!(&*handshake.options, "default");
    assert!(handshake.client_chain.is_empty() && !handshake.resumed);
}

#[tokio::test]
async fn strict_options_refuse_unknown_names_with_their_alert() {
    let options = OptionsInput { sni_strict: true, ..OptionsInput::default() };
    let tls = server(&with_options(vec![Authority::new().certificate(&["a.example.com"])], options));
    assert!(meet(&tls, &trusting(), "a.example.com").await.talked);
    for host in ["b.example.com", "127.0.0.1"] {
        let Met { server, client, .. } = meet(&tls, &trusting(), host).await;
        assert!(matches!(server, Err(AcceptError::UnknownName(_))), "{server:?}");
        let seen = client.unwrap_err().to_string();
        assert!(seen.contains("UnrecognisedName"), "{seen}");
    }
}

#[tokio::test]
async fn client_certificates_are_asked_for_as_the_mode_says() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let caller = |certificates: Vec<CertificateInput>| {
        client(&ClientTlsInput { insecure_skip_verify: true, certificates, ..ClientTlsInput::default() })
    };
    let callers =
        [caller(vec![]), caller(vec![theirs.certificate(&["c"])]), caller(vec![ours.certificate(&["c"])])];
    // Per mode: who gets in (without a certificate, with a strange one, with a good one), and who is known then.
    for (mode, gets_in, known) in [
        ("NoClientCert", [true, true, true], [false, false, false]),
        ("RequestClientCert", [true, true, true], [false, true, true]),
        ("RequireAnyClientCert", [false, true, true], [false, true, true]),
        ("VerifyClientCertIfGiven", [true, false, true], [false, false, true]),
        ("RequireAndVerifyClientCert", [false, false, true], [false, false, true]),
        ("", [false, false, true], [false, false, true]),
    ] {
        for version in ["VersionTLS12", "VersionTLS13"] {
            let client_auth = ClientAuthInput { ca_pems: vec![ours.pem()], mode: mode.to_owned() };
            let options =
                OptionsInput { client_auth, max_version: version.to_owned(), ..OptionsInput::default() };
            let tls = server(&with_options(vec![], options));
            for (who, caller) in callers.iter().enumerate() {
                let met = meet(&tls, caller, "a.test").await;
                assert_eq!(met.talked, gets_in[who], "{mode} {version} caller {who}");
                let chain = met.server.map(|handshake| handshake.client_chain.len()).unwrap_or_default();
                assert_eq!(chain > 0, known[who], "{mode} {version} caller {who}");
            }
        }
    }
}

#[tokio::test]
async fn versions_and_suites_are_kept_to() {
    let tls_12 = OptionsInput {
        max_version: "VersionTLS12".to_owned(),
        cipher_suites: strings(&["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]),
        curve_preferences: strings(&["CurveP256"]),
        ..OptionsInput::default()
    };
    let tls = server(&with_options(vec![], tls_12));
    let handshake = meet(&tls, &trusting(), "a.test").await.server.unwrap();
    assert_eq!((handshake.version, handshake.curve), ("1.2", "CurveP256"));
    assert_eq!(handshake.cipher, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");

    let tls_13 = OptionsInput { min_version: "VersionTLS13".to_owned(), ..OptionsInput::default() };
    let tls = server(&with_options(vec![], tls_13));
    let old = client(&ClientTlsInput {
        insecure_skip_verify: true,
        max_version: "VersionTLS12".to_owned(),
        ..ClientTlsInput::default()
    });
    let met = meet(&tls, &old, "a.test").await;
    assert!(matches!(met.server, Err(AcceptError::Handshake(_))), "{:?}", met.server);
    assert!(met.client.unwrap_err().to_string().contains("ProtocolVersion"));
}

#[tokio::test]
async fn protocols_are_chosen_in_our_order() {
    let offer = |alpn: &[&str]| {
        let alpn = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        client(&ClientTlsInput { insecure_skip_verify: true, alpn, ..ClientTlsInput::default() })
    };
    let tls = server(&ServerTlsInput::default());
    for (offered, chosen) in [
        (&["http/1.1", "h2"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["spdy/3", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let met = meet(&tls, &offer(offered), "a.test").await;
        let chosen = chosen.map(|c| c.as_bytes().to_vec());
        assert_eq!(met.server.unwrap().alpn, chosen);
        assert_eq!(met.client.unwrap(), chosen);
    }
    assert!(meet(&tls, &offer(&["acme-tls/1"]), "a.test").await.client.is_err(), "no challenge to answer");
    let options = OptionsInput { alpn: Some(strings(&["http/1.1"])), ..OptionsInput::default() };
    let tls = server(&with_options(vec![], options));
    assert_eq!(meet(&tls, &offer(&["h2", "http/1.1"]), "a.test").await.client.unwrap().unwrap(), b"http/1.1");
}

async fn resumes(tls: &ServerTls, with: &fairlead_net::tls::client::ClientTls, host: &str) -> bool {
    let met = meet(tls, with, host).await;
    assert!(met.talked, "{:?} {:?}", met.server, met.client);
    met.server.unwrap().resumed
}

#[tokio::test]
async fn sessions_are_resumed_across_configurations_while_the_options_are_equal() {
    for version in ["VersionTLS12", "VersionTLS13"] {
        let caller = client(&ClientTlsInput {
            insecure_skip_verify: true,
            max_version: version.to_owned(),
            ..ClientTlsInput::default()
        });
        let authority = Authority::new();
        let first = server(&input(vec![]));
        assert!(!resumes(&first, &caller, "a.test").await);
        assert!(resumes(&first, &caller, "a.test").await, "{version}");
        let (second, _) = ServerTls::build(&input(vec![authority.certificate(&["b.test"])]), Some(&first));
        assert!(resumes(&second, &caller, "a.test").await, "{version}: another certificate changes nothing");

        // Now a client certificate is wanted: the old session must not get in without one.
        let client_auth = ClientAuthInput { ca_pems: vec![authority.pem()], mode: String::new() };
        let options = OptionsInput { client_auth, ..OptionsInput::default() };
        let (third, problems) = ServerTls::build(&with_options(vec![], options), Some(&second));
        assert_eq!(problems, []);
        assert!(!meet(&third, &caller, "a.test").await.talked, "{version}");
    }
    let options = OptionsInput { disable_session_tickets: true, ..OptionsInput::default() };
    let tls = server(&with_options(vec![], options));
    let caller = trusting();
    assert!(!resumes(&tls, &caller, "a.test").await);
    assert!(!resumes(&tls, &caller, "a.test").await, "tickets are off");
}

#[tokio::test]
async fn options_concern_their_hosts_only() {
    let input = |options: OptionsInput| ServerTlsInput {
        options: BTreeMap::from([(name("special"), options)]),
        hosts: BTreeMap::from([
            ("exact.test".to_owned(), name("special")),
            ("*.Wild.test".to_owned(), name("special")),
            ("lost.test".to_owned(), name("nowhere")),
        ]),
        ..ServerTlsInput::default()
    };
    let old = OptionsInput { max_version: "VersionTLS12".to_owned(), ..OptionsInput::default() };
    let (tls, problems) = ServerTls::build(&input(old), None);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].fatal && problems[0].subject == "lost.test", "{problems:?}");
    for (host, options, version) in [
        ("exact.test", "special", "1.2"),
        ("a.wild.test", "special", "1.2"),
        ("wild.test", "default", "1.3"),
        ("other.test", "default", "1.3"),
        ("127.0.0.1", "default", "1.3"),
    ] {
        let handshake = meet(&tls, &trusting(), host).await.server.unwrap();
        assert_eq!((&*handshake.options, handshake.version), (options, version), "{host}");
    }
    let lost = meet(&tls, &trusting(), "lost.test").await.server;
    assert!(matches!(lost, Err(AcceptError::BrokenOptions { .. })), "{lost:?}");

    // Broken by a change: its hosts are refused, others go on with the sessions they have.
    let caller = trusting();
    assert!(!resumes(&tls, &caller, "other.test").await);
    let broken = OptionsInput { unreadable: Some("no such file".to_owned()), ..OptionsInput::default() };
    let (changed, problems) = ServerTls::build(&input(broken), Some(&tls));
    assert!(problems.iter().any(|p| p.subject == "options special" && p.message == "no such file"));
    assert_eq!(changed.broken("special"), Some("no such file"));
    assert_eq!(changed.broken("default"), None);
    let refused = meet(&changed, &caller, "exact.test").await.server;
    assert!(matches!(refused, Err(AcceptError::BrokenOptions { .. })), "{refused:?}");
    assert!(resumes(&changed, &caller, "other.test").await);
}

#[test]
fn what_is_wrong_is_told_and_the_rest_works() {
    let authority = Authority::new();
    let good = authority.certificate(&["a.test"]);
    let other_key = CertificateInput { key_pem: authority.certificate(&["b.test"]).key_pem, ..good.clone() };
    let no_pem = CertificateInput { cert_pem: b"nothing".as_slice().into(), ..good.clone() };
    let options = |edit: fn(&mut OptionsInput)| {
        let mut options = OptionsInput::default();
        edit(&mut options);
        options
    };
    let input = ServerTlsInput {
        options: BTreeMap::from([
            (name("old"), options(|o| o.min_version = "VersionTLS10".to_owned())),
            (name("future"), options(|o| o.min_version = "VersionTLS99".to_owned())),
            (name("weak"), options(|o| o.cipher_suites = strings(&["TLS_RSA_WITH_AES_128_CBC_SHA"]))),
            (name("suite"), options(|o| o.cipher_suites = strings(&["TLS_NONE"]))),
            (name("nobody"), options(|o| o.client_auth.mode = "RequireAndVerifyClientCert".to_owned())),
            (name("mode"), options(|o| o.client_auth.mode = "Sometimes".to_owned())),
            (name("ca"), options(|o| o.client_auth.ca_pems = vec![b"nothing".as_slice().into()])),
        ]),
        ..input(vec![good, other_key, no_pem])
    };
    let (tls, problems) = ServerTls::build(&input, None);
    let told = |of: &[fairlead_net::tls::Problem]| -> Vec<String> {
        of.iter()
            .map(|p| format!("{} {}: {}", if p.fatal { "!" } else { "?" }, p.subject, p.message))
            .collect()
    };
    let told_first = told(&problems);
    assert_eq!(problems.len(), 9, "{told_first:#?}");
    assert!(told_first[0].contains("keys may not be consistent") || told_first[0].contains("KeyMismatch"));
    assert_eq!(told_first[1], "! a.test: no certificate found");
    assert!(told_first.contains(&"! options mode: unknown client auth type \"Sometimes\"".to_owned()));
    assert!(
        told_first.contains(
            &"! options nobody: invalid clientAuthType: RequireAndVerifyClientCert, CAFiles is required"
                .to_owned()
        )
    );
    assert_eq!(problems.iter().filter(|p| !p.fatal).count(), 3, "{told_first:#?}");
    assert_eq!((tls.broken("old"), tls.broken("weak"), tls.broken("future")), (None, None, None));
    assert_eq!(tls.broken("suite"), Some("invalid CipherSuite: TLS_NONE"));

    let [info] = tls.certificates() else { panic!("{:?}", tls.certificates()) };
    assert_eq!((info.cn.as_str(), info.serial.as_str(), &*info.label), ("a.test", "258", "a.test"));
    assert_eq!(info.sans, ["a.test"]);
    assert!(info.not_before < info.not_after);
    assert!(tls.covers("a.test") && !tls.covers("b.test"));

    let (_, again) = ServerTls::build(&input, Some(&tls));
    assert_eq!(told(&again), told_first, "a problem that stays is told again");
}

#[tokio::test]
async fn silence_times_out_and_plain_text_is_no_handshake() {
    let tls = server(&ServerTlsInput::default());
    let at = "127.0.0.1:1".parse().unwrap();
    let (_silent, far) = tokio::io::duplex(1024);
    let error = accept(Stream::other(far, at, at), &tls, Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout));

    let (mut near, far) = tokio::io::duplex(1024);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut stream = Stream::other(far, at, at);
    assert!(!starts_tls(&mut stream).await.unwrap());
    let mut first = [0; 3];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"GET", "nothing was consumed");
    let error = accept(stream, &tls, Duration::from_secs(20)).await.unwrap_err();
    assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
}

#[tokio::test]
async fn tls_is_recognised_on_a_socket_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut stream = Stream::from_tcp(listener.accept().await.unwrap().0).unwrap();
    client.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(starts_tls(&mut stream).await.unwrap());
    assert_eq!(stream.read_u8().await.unwrap(), 0x16);
}
