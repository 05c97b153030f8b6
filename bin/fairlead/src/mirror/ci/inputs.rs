//! Inputs of a step: the variables `FAIRLEAD_INPUT_…`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::super::WrongUsage;

/// What stands before the name of an input, in capitals and with underscores.
const PREFIX: &str = "FAIRLEAD_INPUT_";

/// The inputs. One that is not set is the same as an empty one.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// Picks them out of the variables of a process.
    ///
    /// # Errors
    /// An input that is not UTF-8.
    pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, WrongUsage> {
        let mut inputs = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            let Ok(value) = value.into_string() else {
                return Err(WrongUsage(format!("the input {} is not UTF-8", spoken(name))));
            };
            inputs.insert(name.to_owned(), value);
        }
        Ok(Inputs(inputs))
    }

    /// An input by its name in a variable, such as `GO_SUM`.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// An input, or what stands in for an empty one.
    pub(super) fn or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        Some(self.text(name)).filter(|text| !text.is_empty()).unwrap_or(default)
    }

    /// Lines that are not empty.
    pub(super) fn lines<'a>(&'a self, name: &str, default: &'a str) -> impl Iterator<Item = &'a str> {
        self.or(name, default).lines().filter(|line| !line.is_empty())
    }

    /// `true` or `false`, which is the default.
    ///
    /// # Errors
    /// Anything else.
    pub(super) fn switch(&self, name: &str) -> Result<bool, WrongUsage> {
        match self.or(name, "false") {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(WrongUsage(format!("the input {} is `{other}`, not true or false", spoken(name)))),
        }
    }

    #[cfg(test)]
    pub(super) fn of(inputs: &[(&str, &str)]) -> Inputs {
        Inputs(inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// An input's name as people write it.
fn spoken(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_variables_with_a_prefix() {
        let variables =
            [("FAIRLEAD_INPUT_URL", "https://m.example"), ("URL", "no"), ("FAIRLEAD_INPUT_NETRC", "")];
        let inputs =
            Inputs::read(variables.into_iter().map(|(name, value)| (name.into(), value.into()))).unwrap();
        assert_eq!(inputs.text("URL"), "https://m.example");
        assert_eq!((inputs.text("TOKEN"), inputs.or("NETRC", "default")), ("", "default"));
        assert_eq!(
            Inputs::of(&[("GO_SUM", "a\r\n\nb c\n")]).lines("GO_SUM", "").collect::<Vec<_>>(),
            ["a", "b c"]
        );
    }

    #[test]
    fn switches_are_true_or_false() {
        let inputs = Inputs::of(&[("STRICT", "true"), ("FOLD_EXIT_CODES", "yes\n::error::owned")]);
        assert!(inputs.switch("STRICT").unwrap() && !inputs.switch("NONE").unwrap());
        let error = inputs.switch("FOLD_EXIT_CODES").unwrap_err().to_string();
        assert!(error.starts_with("the input fold-exit-codes is `yes"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn an_input_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let variable = ("FAIRLEAD_INPUT_GO_SUM".into(), OsString::from_vec(vec![b'a', 0xff]));
        let error = Inputs::read(std::iter::once(variable)).unwrap_err().to_string();
        assert_eq!(error, "the input go-sum is not UTF-8");
    }
}
