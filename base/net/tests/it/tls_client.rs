use fairlead_net::tls::client::{ClientTls, ClientTlsInput};
use fairlead_net::tls::server::ServerTlsInput;

use crate::authority::{Authority, client, meet, server};

struct Backend {
    tls: fairlead_net::tls::server::ServerTls,
    trusts_it: ClientTlsInput,
}

fn backend() -> Backend {
    let authority = Authority::new();
    let certificate = authority.certificate_with(&["backend.test", "127.0.0.1"], &["spiffe://td/backend"]);
    Backend {
        tls: server(&ServerTlsInput { certificates: vec![certificate], ..ServerTlsInput::default() }),
        trusts_it: ClientTlsInput { root_ca_pems: vec![authority.pem()], ..ClientTlsInput::default() },
    }
}

#[tokio::test]
async fn the_chain_and_the_name_are_verified() {
    let Backend { tls, trusts_it } = backend();
    let strange = ClientTlsInput { root_ca_pems: vec![Authority::new().pem()], ..ClientTlsInput::default() };
    let system = ClientTlsInput::default();
    let renamed = ClientTlsInput { server_name: Some("backend.test".to_owned()), ..trusts_it.clone() };
    let insecure = ClientTlsInput { insecure_skip_verify: true, ..strange.clone() };
    for (input, host, ok) in [
        (&trusts_it, "backend.test", true),
        (&trusts_it, "backend.test.", true),
        (&trusts_it, "127.0.0.1", true),
        (&trusts_it, "other.test", false),
        (&trusts_it, "[::1]", false),
        (&strange, "backend.test", false),
        (&system, "backend.test", false),
        (&renamed, "other.test", true),
        (&insecure, "other.test", true),
    ] {
        let met = meet(&tls, &client(input), host).await;
        assert_eq!(met.talked, ok, "{input:?} {host} {:?}", met.client);
    }
    let error = meet(&tls, &client(&strange), "backend.test").await.client.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    assert!(meet(&tls, &client(&trusts_it), "not a name").await.client.is_err());
}

#[tokio::test]
async fn pinned_names_are_verified_even_without_the_name() {
    let Backend { tls, trusts_it } = backend();
    let uri = |uri: &str| ClientTlsInput { peer_cert_uri: Some(uri.to_owned()), ..trusts_it.clone() };
    let sans = |sans: &[&str]| ClientTlsInput {
        peer_cert_sans: sans.iter().map(|s| (*s).to_owned()).collect(),
        insecure_skip_verify: true,
        ..trusts_it.clone()
    };
    for (input, ok) in [
        (uri("spiffe://td/backend"), true),
        (uri("spiffe://td/other"), false),
        (sans(&["other.test", "backend.test"]), true),
        (sans(&["other.test"]), false),
        (ClientTlsInput { root_ca_pems: vec![Authority::new().pem()], ..sans(&["backend.test"]) }, false),
    ] {
        assert_eq!(meet(&tls, &client(&input), "backend.test").await.talked, ok, "{input:?}");
    }
}

#[tokio::test]
async fn one_version_alone_may_be_named_and_sessions_resume() {
    let Backend { tls, trusts_it } = backend();
    for version in ["VersionTLS12", "VersionTLS13"] {
        let only_min = ClientTlsInput { min_version: version.to_owned(), ..trusts_it.clone() };
        assert_eq!(meet(&tls, &client(&only_min), "backend.test").await.server.unwrap().version, "1.3");
    }
    let caller = client(&ClientTlsInput { max_version: "VersionTLS12".to_owned(), ..trusts_it });
    assert_eq!(meet(&tls, &caller, "backend.test").await.server.unwrap().version, "1.2");
    assert!(meet(&tls, &caller, "backend.test").await.server.unwrap().resumed);
    let h2 = caller.with_alpn(vec![b"h2".to_vec()]);
    assert_eq!(meet(&tls, &h2, "backend.test").await.client.unwrap().unwrap(), b"h2");
}

#[test]
fn what_is_wrong_is_told() {
    let authority = Authority::new();
    let mut broken = authority.certificate(&["client"]);
    broken.key_pem = b"nothing".as_slice().into();
    for (input, message) in [
        (
            ClientTlsInput { server_name: Some("no name".to_owned()), ..ClientTlsInput::default() },
            "server name",
        ),
        (
            ClientTlsInput { root_ca_pems: vec![b"nothing".as_slice().into()], ..ClientTlsInput::default() },
            "no cert",
        ),
        (ClientTlsInput { certificates: vec![broken], ..ClientTlsInput::default() }, "no private key"),
        (
            ClientTlsInput { min_version: "TLS1.2".to_owned(), ..ClientTlsInput::default() },
            "unknown TLS version",
        ),
        (
            ClientTlsInput { cipher_suites: vec!["NONE".to_owned()], ..ClientTlsInput::default() },
            "invalid CipherSuite: NONE",
        ),
    ] {
        let problem = ClientTls::build(&input).unwrap_err();
        assert!(problem.fatal && problem.message.contains(message), "{problem:?}");
    }
    let old = ClientTlsInput { min_version: "VersionTLS10".to_owned(), ..ClientTlsInput::default() };
    assert_eq!(client(&old).notes().len(), 1);
}
