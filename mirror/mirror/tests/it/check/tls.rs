//! Certificates that are not as they should be.

use fairlead_mirror::check::{CheckOptions, Reason, State, Status};
use fairlead_testkit::goproxy::Upstream;
use fairlead_testkit::{Ca, Identity, RawBackend, Script};

use super::stage::{modules, options, reasons, verdict};

fn trusting(ca: &Ca) -> CheckOptions {
    CheckOptions { roots: vec![ca.pem().as_bytes().into()], ..options() }
}

#[tokio::test]
async fn a_valid_chain_is_shown() {
    let ca = Ca::new();
    let upstream = Upstream::tls(&modules(), &ca.issue(&["127.0.0.1"]));
    let options = CheckOptions { expiry_warning: std::time::Duration::ZERO, ..trusting(&ca) };
    let verdict = verdict(&upstream.url(), &options).await;
    assert_eq!((verdict.state, verdict.exit_code), (State::Active, 0), "{verdict:#?}");
    let tls = verdict.layers.iter().find(|layer| layer.name == "tls").unwrap();
    assert_eq!(tls.status, Status::Ok);
    let value = |name: &str| tls.evidence.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    assert_eq!((value("protocol"), value("ocspStapled")), (Some("TLSv1.3"), Some("false")));
    assert!(value("certificate").unwrap().contains("127.0.0.1"));
}

#[tokio::test]
async fn a_chain_that_ends_soon_is_a_degradation() {
    let ca = Ca::new();
    let upstream = Upstream::tls(&modules(), &ca.issue(&["127.0.0.1"]));
    let ages = std::time::Duration::from_secs(10_000 * 365 * 86_400);
    let options = CheckOptions { expiry_warning: ages, ..trusting(&ca) };
    let verdict = verdict(&upstream.url(), &options).await;
    assert_eq!(verdict.state, State::Degraded);
    assert!(reasons(&verdict).contains(&Reason::ExpiresSoon));
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_reason() {
    let ca = Ca::new();
    let rows: [(Identity, CheckOptions, Reason); 3] = [
        (ca.issue(&["127.0.0.1"]), options(), Reason::TlsUntrusted),
        (ca.wrong_host(), trusting(&ca), Reason::TlsHost),
        (ca.expired(&["127.0.0.1"]), trusting(&ca), Reason::TlsExpired),
    ];
    for (identity, options, reason) in rows {
        let upstream = Upstream::tls(&modules(), &identity);
        let verdict = verdict(&upstream.url(), &options).await;
        assert_eq!((reasons(&verdict), verdict.exit_code), (vec![reason], 2), "{verdict:#?}");
        assert_eq!(verdict.layers.last().map(|layer| layer.status), Some(Status::Failed));
        assert!(upstream.seen().is_empty(), "nothing is asked over a bad connection");
    }
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_from_what_hangs_up() {
    let ca = Ca::new();
    for (script, reason, exit_code) in [
        (Script::Unasked(b"220 hello\r\n".to_vec()), Reason::TlsOther, 2),
        (Script::Close, Reason::TlsReset, 1),
    ] {
        let peer = RawBackend::start(script);
        let verdict = verdict(&format!("https://{}", peer.addr()), &trusting(&ca)).await;
        assert_eq!((reasons(&verdict), verdict.exit_code), (vec![reason], exit_code), "{verdict:#?}");
    }
}
