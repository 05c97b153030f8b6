//! Usual header names: recognised without folding their case, and written without making it.

use http::header::{self, HeaderName};

/// Makes both directions of one table: how names are sent, and how we write them.
macro_rules! usual_names {
    ($($name:ident: $sent:literal | $lower:literal => $written:literal,)*) => {
        /// The name that `text` spells, when it is a usual one in a usual spelling.
        pub(super) fn recognised(text: &[u8]) -> Option<HeaderName> {
            Some(match text {
                $($sent | $lower => header::$name,)*
                _ => return None,
            })
        }

        /// The start of a field line with this name, when it is a usual one.
        pub(super) fn written(name: &HeaderName) -> Option<&'static [u8]> {
            Some(match *name {
                $(header::$name => $written,)*
                _ => return added(name.as_str()),
            })
        }

        #[cfg(test)]
        const TABLE: &[(HeaderName, &[u8], &[u8])] = &[$((header::$name, $sent, $written),)*];
    };
}

usual_names! {
    ACCEPT: b"Accept" | b"accept" => b"Accept: ",
    ACCEPT_ENCODING: b"Accept-Encoding" | b"accept-encoding" => b"Accept-Encoding: ",
    ACCEPT_LANGUAGE: b"Accept-Language" | b"accept-language" => b"Accept-Language: ",
    AUTHORIZATION: b"Authorization" | b"authorization" => b"Authorization: ",
    CACHE_CONTROL: b"Cache-Control" | b"cache-control" => b"Cache-Control: ",
    CONNECTION: b"Connection" | b"connection" => b"Connection: ",
    CONTENT_ENCODING: b"Content-Encoding" | b"content-encoding" => b"Content-Encoding: ",
    CONTENT_LENGTH: b"Content-Length" | b"content-length" => b"Content-Length: ",
    CONTENT_TYPE: b"Content-Type" | b"content-type" => b"Content-Type: ",
    COOKIE: b"Cookie" | b"cookie" => b"Cookie: ",
    DATE: b"Date" | b"date" => b"Date: ",
    ETAG: b"ETag" | b"etag" => b"Etag: ",
    HOST: b"Host" | b"host" => b"Host: ",
    LAST_MODIFIED: b"Last-Modified" | b"last-modified" => b"Last-Modified: ",
    ORIGIN: b"Origin" | b"origin" => b"Origin: ",
    REFERER: b"Referer" | b"referer" => b"Referer: ",
    SERVER: b"Server" | b"server" => b"Server: ",
    SET_COOKIE: b"Set-Cookie" | b"set-cookie" => b"Set-Cookie: ",
    TRANSFER_ENCODING: b"Transfer-Encoding" | b"transfer-encoding" => b"Transfer-Encoding: ",
    USER_AGENT: b"User-Agent" | b"user-agent" => b"User-Agent: ",
    VARY: b"Vary" | b"vary" => b"Vary: ",
}

/// The same for what a proxy adds to every request.
fn added(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "x-forwarded-for" => b"X-Forwarded-For: ",
        "x-forwarded-host" => b"X-Forwarded-Host: ",
        "x-forwarded-port" => b"X-Forwarded-Port: ",
        "x-forwarded-proto" => b"X-Forwarded-Proto: ",
        "x-forwarded-server" => b"X-Forwarded-Server: ",
        "x-real-ip" => b"X-Real-Ip: ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::encode::canonical_name;
    use super::*;

    fn canonical(name: &HeaderName) -> Vec<u8> {
        let mut out = Vec::new();
        canonical_name(&mut out, name.as_str().as_bytes());
        [out.as_slice(), b": "].concat()
    }

    #[test]
    fn names_are_what_they_spell() {
        for (name, sent, start) in TABLE {
            let lower = sent.to_ascii_lowercase();
            assert_eq!(name.as_str().as_bytes(), lower);
            for spelling in [*sent, &lower] {
                assert_eq!(recognised(spelling), Some(name.clone()));
            }
            assert_eq!(*start, canonical(name));
            assert_eq!(written(name), Some(*start));
        }
        assert!(recognised(b"HOST").is_none() && recognised(b"").is_none());
    }

    #[test]
    fn what_is_added_is_written_as_any_other_name() {
        for name in ["for", "host", "port", "proto", "server"].map(|rest| format!("x-forwarded-{rest}")) {
            let name = HeaderName::try_from(name).unwrap();
            assert_eq!(written(&name).unwrap(), canonical(&name));
        }
        let name = HeaderName::from_static("x-real-ip");
        assert_eq!(written(&name).unwrap(), canonical(&name));
        assert!(written(&HeaderName::from_static("x-mine")).is_none());
    }
}
