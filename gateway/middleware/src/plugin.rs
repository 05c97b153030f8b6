//! `plugin`: plugins of Traefik (Yaegi or WebAssembly), by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::{BuildError, Built, Context, Options};
use crate::options::json;

/// Options of `plugin`: the settings of each plugin, under its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Plugin(pub(crate) BTreeMap<String, serde_json::Value>);

impl Options for Plugin {
    fn json(&self) -> serde_json::Value {
        json(self)
    }

    fn build(&self, _context: &Context<'_>) -> Result<Built, BuildError> {
        Err(BuildError::NotYet)
    }
}
