//! The names in a certificate as text.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// Attributes with short names, in the order in which Go writes them (RFC 4514, most specific first).
const NAMED: &[(&str, &str)] = &[
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.6", "C"),
];
/// Of these Go keeps the last value only.
const SINGLE: &[&str] = &["SERIALNUMBER", "CN"];

/// The subject as Go's `pkix.Name` writes it, such as `CN=client,OU=a+OU=b,O=org`; `None` when it cannot be read.
#[must_use]
pub fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, x509) = X509Certificate::from_der(certificate).ok()?;
    Some(text(x509.subject()))
}

/// The issuer, written like [`subject`].
pub(super) fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, x509) = X509Certificate::from_der(certificate).ok()?;
    Some(text(x509.issuer()))
}

fn text(name: &X509Name<'_>) -> String {
    let attributes: Vec<(String, &str)> = name
        .iter_attributes()
        .filter_map(|attribute| Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?)))
        .collect();
    render(&attributes)
}

fn render(attributes: &[(String, &str)]) -> String {
    let mut parts = Vec::new();
    for (oid, name) in NAMED {
        let values = attributes.iter().filter(|(of, _)| of == oid).map(|(_, value)| value);
        let mut values: Vec<_> = values.map(|value| format!("{name}={}", escape(value))).collect();
        if SINGLE.contains(name) && values.len() > 1 {
            values.drain(..values.len() - 1);
        }
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    let unnamed = attributes.iter().filter(|(oid, _)| !NAMED.iter().any(|(named, _)| named == oid));
    parts.extend(unnamed.rev().map(|(oid, value)| format!("{oid}=#{}", der_hex(value))));
    parts.join(",")
}

fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (c == '#' && at == 0)
            || (c == ' ' && (at == 0 || at == last));
        if special {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The value as DER in hexadecimal: a PrintableString where its letters allow, else a UTF8String.
fn der_hex(value: &str) -> String {
    let is_printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&b);
    let tag = if value.bytes().all(is_printable) { 0x13 } else { 0x0c };
    let len = value.len();
    let mut der = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let significant = &bytes[bytes.iter().position(|b| *b != 0).unwrap_or(0)..];
            der.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
            der.extend(significant);
        }
    }
    der.extend(value.as_bytes());
    der.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::DnType;

    use super::*;

    #[test]
    fn the_order_is_gos_and_not_the_certificates() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::CommonName, "a, b"),
            (DnType::OrganizationName, "org"),
            (DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), "a@b"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let text = subject(certificate.der()).unwrap();
        assert_eq!(text, r"CN=a\, b,O=org,C=DE,1.2.840.113549.1.9.1=#0c03614062");
        assert_eq!(subject(&CertificateDer::from(vec![1, 2, 3])), None);
    }

    #[test]
    fn several_values_and_special_letters() {
        let attribute = |oid: &str, value| (oid.to_owned(), value);
        let text = render(&[
            attribute("2.5.4.11", "a"),
            attribute("2.5.4.3", "first"),
            attribute("2.5.4.11", "#b "),
            attribute("2.5.4.3", " last+\u{fc}"),
        ]);
        assert_eq!(text, "CN=\\ last\\+\u{fc},OU=a+OU=\\#b\\ ");
        assert_eq!(render(&[]), "");
        assert_eq!(der_hex("ab"), "13026162");
        assert!(der_hex(&"a".repeat(300)).starts_with("1382012c61"));
    }
}
