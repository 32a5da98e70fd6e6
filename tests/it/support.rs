//! What the tests stand on: the real program, a provider that follows a script, a plain client.

use std::future::Future;
use std::time::Duration;

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod conf;
pub(crate) mod folder;
pub(crate) mod gateway;
pub(crate) mod guarded;
pub(crate) mod json;
pub(crate) mod metered;
pub(crate) mod nodes;
pub(crate) mod pipe;
pub(crate) mod plan;
pub(crate) mod provider;
pub(crate) mod provider_h2;
pub(crate) mod random;
pub(crate) mod redis;
pub(crate) mod refusal;
pub(crate) mod rsa;
/// The values that the family of the shield is tested with, too.
#[path = "../../filters/pii/tests/it/samples.rs"]
pub(crate) mod samples;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod wire;

/// How long a test waits for something that must come. Only a failing test waits that long, so it is
/// generous; a machine that is slower still sets `BEHEST_TEST_PATIENCE` (seconds).
pub(crate) fn patience() -> Duration {
    let seconds = std::env::var("BEHEST_TEST_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience(), coming).await {
        Ok(value) => value,
        Err(_) => panic!("waited {:?} in vain for {what}", patience()),
    }
}

/// Asks again and again until there is an answer: for what nobody announces, such as an exit.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, looking).await
}

/// The same for what must be asked over a connection.
pub(crate) async fn until_then<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, looking).await
}
