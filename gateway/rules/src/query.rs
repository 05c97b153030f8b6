//! Query parameters as Traefik's matchers see them: split at `&` and `;`, pairs with a bad escape are dropped, `+` is a
//! space.

use std::borrow::Cow;

/// The decoded values of the parameters named `key`, in order.
pub(crate) fn values<'a>(query: Option<&'a str>, key: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    query.unwrap_or_default().split(['&', ';']).filter_map(move |pair| {
        if pair.is_empty() {
            return None;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Both must decode, or the pair does not count.
        let name = decoded(name)?;
        let value = decoded(value)?;
        (*name == *key.as_bytes()).then_some(value)
    })
}

fn decoded(text: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return Some(Cow::Borrowed(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&b) = rest.next() {
        out.push(match b {
            b'+' => b' ',
            b'%' => {
                let digit = |b: Option<&u8>| char::from(*b?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                (high * 16 + low) as u8
            }
            b => b,
        });
    }
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(query: &str, key: &str) -> Vec<String> {
        values(Some(query), key).map(|v| String::from_utf8_lossy(&v).into_owned()).collect()
    }

    #[test]
    fn keys_and_values_are_decoded() {
        assert_eq!(all("a=1&b=2&%61=%31+x&a", "a"), ["1", "1 x", ""]);
        assert_eq!(all("a=b=c", "a"), ["b=c"]);
        assert_eq!(all("a=1;b=2&a=3", "a"), ["1", "3"]);
        assert_eq!(all("a=%zz&a=%4&a=ok&%z=1", "a"), ["ok"]);
        assert_eq!(all("&&=x", ""), ["x"]);
        assert_eq!(values(None, "").count(), 0);
    }
}
