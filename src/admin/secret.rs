//! The admin API's secret.

use crate::config::Config;
use crate::house::random_hex;
use behest_contract::secret::Secret;
use http::{HeaderMap, header};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
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
        let path = beside(&config.data);
        match fs::read_to_string(&path) {
            Ok(text) => check_private(&path).and_then(|()| kept(text.trim())),
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

/// `./data` has its secret in `./data.admin-secret`.
fn beside(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or("data".as_ref()).to_owned();
    name.push(".admin-secret");
    data.with_file_name(name)
}

fn check_private(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("{} can be read by others: chmod 600 it", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn kept(text: &str) -> io::Result<AdminSecret> {
    if text.len() < SECRET_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the kept secret is too short"));
    }
    Ok(AdminSecret(Secret::new(text)))
}

fn generate(path: &Path) -> io::Result<AdminSecret> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let secret = random_hex(SECRET_BYTES)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
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
