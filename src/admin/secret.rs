//! The admin API's secret.

use crate::config::Config;
use crate::directory::{beside, read_private, write_private};
use crate::house::random_hex;
use behest_contract::secret::Secret;
use http::{HeaderMap, header};
use std::io;
use std::path::Path;
use subtle::ConstantTimeEq;

/// Bytes of a generated secret.
const SECRET_BYTES: usize = 32;

/// What opens the admin API.
pub struct AdminSecret(Secret);

impl AdminSecret {
    /// The configured secret, or the one that was generated at the first start.
    pub fn of(config: &Config) -> io::Result<Self> {
        if let Some(secret) = config.admin_secret.as_ref().and_then(|secret| secret.secret()) {
            return Ok(Self(secret.clone()));
        }
        let path = beside(&config.data, ".admin-secret");
        match read_private(&path) {
            Ok(text) => kept(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => generate(&path),
            Err(error) => Err(error),
        }
    }

    /// Whether a request carries it, in `X-Admin-Secret` or as bearer.
    pub fn opens(&self, headers: &HeaderMap) -> bool {
        let own = headers.get("x-admin-secret").map(|value| value.as_bytes());
        let bearer = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let bearer = bearer.and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        let wanted = self.0.expose().as_bytes();
        own.or(bearer).is_some_and(|given| wanted.ct_eq(given).into())
    }
}

fn kept(text: &str) -> io::Result<AdminSecret> {
    if text.len() < SECRET_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the kept secret is too short"));
    }
    Ok(AdminSecret(Secret::new(text)))
}

fn generate(path: &Path) -> io::Result<AdminSecret> {
    let secret = random_hex(SECRET_BYTES)?;
    write_private(path, &secret)?;
    log::warn!("no admin_secret is configured: one was generated into {}", path.display());
    Ok(AdminSecret(Secret::new(secret)))
}

#[cfg(test)]
mod tests {
    use super::AdminSecret;
    use crate::config::Config;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use std::os::unix::fs::PermissionsExt;

    fn opens(secret: &AdminSecret, name: &'static str, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        secret.opens(&headers)
    }

    #[test]
    fn a_secret_is_generated_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data: folder.path().join("data"), ..Config::default() };
        let first = AdminSecret::of(&config).unwrap();
        let path = folder.path().join("data.admin-secret");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap().trim().to_owned();
        for secret in [first, AdminSecret::of(&config).unwrap()] {
            assert!(opens(&secret, "x-admin-secret", &text));
            assert!(opens(&secret, "authorization", &format!("Bearer {text}")));
            assert!(!opens(&secret, "authorization", &text));
            assert!(!opens(&secret, "x-admin-secret", &text[1..]));
            assert!(!opens(&secret, "x-other", &text));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(AdminSecret::of(&config).is_err());
    }
}
