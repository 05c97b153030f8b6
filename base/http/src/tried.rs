//! What a retry tells the balancer.

use std::sync::Arc;

/// Extension of a request that is sent again: URLs of the servers that failed it, in order, so that the balancer asks
/// another one while there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried(pub Vec<Arc<str>>);
