//! Where Redis is: its URL, read.

use crate::redis::config::{RedisConfig, RedisMode};
use behest_contract::secret::Secret;
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult};
use std::fmt;
use std::time::Duration;

/// After so long without an acknowledgement a connection is given up, whatever it waits for.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Who logs in.
#[derive(Debug, Clone, Default)]
struct Login {
    user: Option<Box<str>>,
    password: Option<Secret>,
}

/// Where Redis is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) mode: RedisMode,
    pub(super) hosts: Vec<(String, u16)>,
    /// The name by which the sentinels know the servers.
    pub(super) master: Box<str>,
    pub(super) ca_pem: Option<Vec<u8>>,
    is_tls: bool,
    database: i64,
    login: Login,
    sentinel_login: Login,
}

/// What is wrong with a URL. It tells nothing of what the URL says, for that has a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUrl(&'static str);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the URL of Redis {}", self.0)
    }
}

impl Place {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, BadUrl> {
        let (is_tls, rest) = match config.url.expose().split_once("://") {
            Some(("redis", rest)) => (false, rest),
            Some(("rediss", rest)) => (true, rest),
            _ => return Err(BadUrl("begins with neither redis:// nor rediss://")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Login::parse(login)?, hosts),
            None => (Login::default(), authority),
        };
        let is_sentinel = config.mode == RedisMode::Sentinel;
        let (master, database) = match path.split_once('/') {
            Some((master, database)) if is_sentinel => (master, database),
            None if is_sentinel => (path, ""),
            _ => ("", path),
        };
        if is_sentinel && master.is_empty() {
            return Err(BadUrl("names no master behind the sentinels"));
        }
        let place = Self {
            mode: config.mode,
            hosts: hosts_in(hosts, if is_sentinel { 26_379 } else { 6_379 })?,
            master: decoded(master)?.into(),
            ca_pem: config.ca_pem.clone(),
            is_tls,
            database: database_in(database)?,
            login,
            sentinel_login: Login::in_query(query)?,
        };
        place.checked()
    }

    fn checked(self) -> Result<Self, BadUrl> {
        match self.mode {
            RedisMode::Single if self.hosts.len() > 1 => {
                Err(BadUrl("names several hosts, which a single server has not"))
            }
            RedisMode::Cluster if self.database != 0 => {
                Err(BadUrl("names a database, and a cluster has only number 0"))
            }
            _ => Ok(self),
        }
    }

    /// How to connect to a server.
    pub(super) fn server(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        self.info(host, port, self.login.settings().set_db(self.database))
    }

    /// How to connect to a sentinel.
    pub(super) fn sentinel(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        self.info(host, port, self.sentinel_login.settings())
    }

    fn info(
        &self,
        host: &str,
        port: u16,
        settings: RedisConnectionInfo,
    ) -> RedisResult<ConnectionInfo> {
        let host = host.to_owned();
        let address = if self.is_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info()?;
        Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(settings))
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }
}

pub(super) fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(SILENCE_MAX)
}

impl Login {
    fn parse(text: &str) -> Result<Self, BadUrl> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let given = |text: &str| (!text.is_empty()).then(|| decoded(text)).transpose();
        Ok(Self { user: given(user)?.map(Box::from), password: given(password)?.map(Secret::new) })
    }

    fn in_query(query: &str) -> Result<Self, BadUrl> {
        let mut login = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sentinel_user", user)) => login.user = Some(decoded(user)?.into()),
                Some(("sentinel_password", password)) => {
                    login.password = Some(Secret::new(decoded(password)?));
                }
                _ => return Err(BadUrl("has a parameter that is not known")),
            }
        }
        Ok(login)
    }

    fn settings(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose());
        }
        settings
    }
}

fn hosts_in(text: &str, default_port: u16) -> Result<Vec<(String, u16)>, BadUrl> {
    let host_in = |text: &str| {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(rest)),
            None => text.rsplit_once(':').unwrap_or((text, "")),
        };
        let port = match port {
            "" => Ok(default_port),
            port => port.parse().map_err(|_| BadUrl("has a port that is no number")),
        };
        if host.is_empty() {
            return Err(BadUrl("names no host"));
        }
        Ok((host.to_owned(), port?))
    };
    text.split(',').map(host_in).collect()
}

fn database_in(text: &str) -> Result<i64, BadUrl> {
    let number = text.trim_end_matches('/');
    if number.is_empty() {
        return Ok(0);
    }
    let number: Option<u16> = number.parse().ok();
    number.map(i64::from).ok_or(BadUrl("has a database that is no number"))
}

/// Resolves `%41`.
fn decoded(text: &str) -> Result<String, BadUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => match digit().zip(digit()) {
                // Two hex digits are a byte.
                Some((high, low)) => bytes.push((high * 16 + low) as u8),
                None => return Err(BadUrl("has a % without two hexadecimal digits")),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| BadUrl("is not UTF-8 once decoded"))
}

#[cfg(test)]
mod tests {
    use super::{BadUrl, Place};
    use crate::redis::config::{RedisConfig, RedisMode};

    fn place(url: &str, mode: RedisMode) -> Result<Place, BadUrl> {
        Place::new(&RedisConfig::new(url, mode))
    }

    #[test]
    fn a_url_says_where_and_who() {
        let place = place("rediss://ann:p%40ss%3a@h:1/3", RedisMode::Single).unwrap();
        assert_eq!(place.hosts, [("h".to_owned(), 1)]);
        assert_eq!((place.is_tls, place.database), (true, 3));
        assert_eq!(place.login.user.as_deref(), Some("ann"));
        assert_eq!(place.login.password.unwrap().expose(), "p@ss:");
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let place = place("redis://:x@[::1]", RedisMode::Single).unwrap();
        assert_eq!(place.hosts, [("::1".to_owned(), 6_379)]);
        assert_eq!((place.is_tls, place.database, place.login.user), (false, 0, None));
    }

    #[test]
    fn sentinels_are_told_with_their_master_and_a_login_of_their_own() {
        let url = "redis://:x@a,b:7/main/2?sentinel_user=s&sentinel_password=y%20z";
        let place = place(url, RedisMode::Sentinel).unwrap();
        assert_eq!(place.hosts, [("a".to_owned(), 26_379), ("b".to_owned(), 7)]);
        assert_eq!((&*place.master, place.database), ("main", 2));
        assert_eq!(place.sentinel_login.user.as_deref(), Some("s"));
        assert_eq!(place.sentinel_login.password.unwrap().expose(), "y z");
        assert_eq!(place.login.password.unwrap().expose(), "x");
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_telling_the_url() {
        for (url, mode) in [
            ("http://h", RedisMode::Single),
            ("redis://", RedisMode::Single),
            ("redis://h:secret", RedisMode::Single),
            ("redis://h/secret", RedisMode::Single),
            ("redis://secret%4@h", RedisMode::Single),
            ("redis://a,b", RedisMode::Single),
            ("redis://h?secret=1", RedisMode::Single),
            ("redis://h", RedisMode::Sentinel),
            ("redis://a,b/2", RedisMode::Cluster),
        ] {
            let refusal = place(url, mode).unwrap_err();
            assert!(!refusal.to_string().contains("secret"), "{url}: {refusal}");
        }
    }
}
