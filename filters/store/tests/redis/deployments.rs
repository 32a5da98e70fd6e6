//! Redis behind TLS, behind Sentinels, and in a cluster.

use super::server::{Server, free_port};
use super::{admit, ask, ask_of, config, count, open, requests, settlement, tokens, until};
use behest_contract::purse::{Purse, Refused};
use behest_store::{Embedded, EmbeddedConfig, Redis, RedisConfig, RedisMode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// An authority, a certificate that it has signed, and that one's key, all in PEM.
fn certificates() -> [String; 3] {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed = params.signed_by(&key, &issuer).unwrap();
    [authority.pem(), signed.pem(), key.serialize_pem()]
}

#[test]
fn over_tls_the_server_must_be_signed_by_who_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let [authority, signed, key] = certificates();
    let [cert_path, key_path, ca_path] = ["cert", "key", "ca"].map(|name| folder.path().join(name));
    for (path, pem) in [(&cert_path, &signed), (&key_path, &key), (&ca_path, &authority)] {
        fs::write(path, pem).unwrap();
    }
    let port = free_port().to_string();
    let paths = [&cert_path, &key_path, &ca_path].map(|path| path.to_str().unwrap());
    let args = ["--tls-port", &port, "--tls-auth-clients", "no"];
    let files =
        ["--tls-cert-file", paths[0], "--tls-key-file", paths[1], "--tls-ca-cert-file", paths[2]];
    let server = Server::start_with(&[&args[..], &files[..]].concat());
    let trusting = |pem: Option<String>| RedisConfig {
        ca_pem: pem.map(String::into_bytes),
        ..config(&format!("rediss://localhost:{port}"))
    };
    let node = open(&trusting(Some(authority)));
    admit(&node, &ask("a", &[requests(1)])).unwrap();
    assert!(server.cli(&["KEYS", "*"]).contains("behest:{t}:leases"));
    for pem in [None, Some(certificates()[0].clone())] {
        let data = tempfile::tempdir().unwrap();
        let ledger = Embedded::open(data.path(), &EmbeddedConfig::default()).unwrap();
        let stranger = Redis::open(&trusting(pem), Arc::new(ledger)).unwrap();
        until("it is refused", || stranger.tally().outages > 0);
        assert!(!stranger.is_up());
    }
}

struct Cluster(Vec<Server>);

impl Cluster {
    /// Three masters, with all slots between them.
    fn start() -> Self {
        let enabled = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let servers: Vec<_> = (0..3).map(|_| Server::start_with(&enabled)).collect();
        for (n, server) in servers.iter().enumerate() {
            let (from, to) = [(0, 5460), (5461, 10_922), (10_923, 16_383)][n];
            server.cli(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            server.cli(&["CLUSTER", "MEET", "127.0.0.1", &servers[0].port.to_string()]);
        }
        let is_whole = |server: &Server| {
            let info = server.cli(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_size:3")
        };
        until("the cluster is whole", || servers.iter().all(is_whole));
        Self(servers)
    }

    fn config(&self) -> RedisConfig {
        let hosts: Vec<_> =
            self.0.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let url = format!("redis://{}", hosts.join(","));
        RedisConfig { mode: RedisMode::Cluster, ..config(&url) }
    }
}

#[test]
fn in_a_cluster_each_tenant_is_counted_in_one_place() {
    let cluster = Cluster::start();
    let nodes = [open(&cluster.config()), open(&cluster.config())];
    let tenants: Vec<_> = (0..12).map(|n| format!("tenant {n}")).collect();
    for tenant in &tenants {
        let asks = |n: usize| ask_of(tenant, &n.to_string(), &[requests(5), tokens(1_000, 10)]);
        let answers: Vec<_> = (0..10).map(|n| admit(&nodes[n % 2], &asks(n))).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5, "{tenant}");
        assert!(matches!(answers[9], Err(Refused::Full { demand: 0, used: 5, .. })));
        nodes[0].settle(settlement(&asks(0), 3));
    }
    // They lie in all parts of it.
    for server in &cluster.0 {
        until("counted", || server.cli(&["KEYS", "behest:{tenant*}:leases"]).contains("tenant"));
    }
}

#[test]
fn a_node_of_a_cluster_that_dies_takes_only_its_own_tenants_with_it() {
    let mut cluster = Cluster::start();
    for server in &cluster.0 {
        server.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let node =
        open(&RedisConfig { command_timeout: Duration::from_millis(400), ..cluster.config() });
    // Tenants of each part, found by asking.
    let mut tenants: Vec<Option<String>> = vec![None; 3];
    for n in 0..30 {
        let tenant = format!("tenant{n}");
        admit(&node, &ask_of(&tenant, "first", &[tokens(1_000, 10)])).unwrap();
        let key = format!("behest:{{{tenant}}}:leases");
        let is_here = |server: &Server| server.cli(&["EXISTS", &key]).trim() == "1";
        let place = cluster.0.iter().position(is_here).unwrap();
        tenants[place] = Some(tenant);
    }
    let [dead, alive, too] = [0, 1, 2].map(|place| tenants[place].clone().unwrap());
    cluster.0[0].kill();
    for round in 0..20 {
        let ask = |tenant: &str| ask_of(tenant, &round.to_string(), &[tokens(1_000, 10)]);
        let refused = admit(&node, &ask(&dead));
        assert!(matches!(refused, Err(Refused::Unavailable(_))), "{refused:?}");
        for tenant in [&alive, &too] {
            // In the moment in which a new connection is made everybody may have to wait.
            until("it is admitted", || {
                let answer = admit(&node, &ask(tenant));
                !matches!(answer, Err(Refused::Unavailable(why)) if !why.contains("open already"))
            });
        }
    }
    cluster.0[0].revive();
    until("it is back", || admit(&node, &ask_of(&dead, "last", &[tokens(1_000, 10)])).is_ok());
}

/// A master, its replica, and three sentinels that watch them.
struct Watched {
    master: Server,
    replica: Server,
    sentinels: Vec<(u16, Child)>,
    _folder: TempDir,
}

impl Watched {
    fn start() -> Self {
        let master = Server::start();
        let of = master.port.to_string();
        let replica = Server::start_with(&["--replicaof", "127.0.0.1", &of]);
        until("the replica follows", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let folder = tempfile::tempdir().unwrap();
        let start = |n: usize| {
            let (port, path) = (free_port(), folder.path().join(n.to_string()));
            let lines = [
                format!("port {port}"),
                format!("sentinel monitor main 127.0.0.1 {of} 2"),
                "sentinel down-after-milliseconds main 1000".into(),
                "sentinel failover-timeout main 3000".into(),
            ];
            fs::write(&path, lines.join("\n")).unwrap();
            let mut program = Command::new("redis-server");
            let program = program.arg(&path).arg("--sentinel").stdout(Stdio::null());
            (port, program.spawn().unwrap())
        };
        let sentinels: Vec<_> = (0..3).map(start).collect();
        let watched = Self { master, replica, sentinels, _folder: folder };
        until("the sentinels know each other", || watched.is_ready());
        watched
    }

    fn is_ready(&self) -> bool {
        self.sentinels.iter().all(|(port, _)| {
            let port = port.to_string();
            let asks = ["-p", &port, "SENTINEL", "MASTER", "main"];
            let said = Command::new("redis-cli").args(asks).output().unwrap();
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let lines: Vec<_> = said.lines().collect();
            let field = |name| lines.iter().position(|line| *line == name).map(|at| lines[at + 1]);
            field("num-other-sentinels") == Some("2") && field("num-slaves") == Some("1")
        })
    }

    fn config(&self) -> RedisConfig {
        let hosts: Vec<_> =
            self.sentinels.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        let url = format!("redis://{}/main", hosts.join(","));
        RedisConfig {
            mode: RedisMode::Sentinel,
            command_timeout: Duration::from_millis(500),
            ..config(&url)
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for (_, sentinel) in &mut self.sentinels {
            let _ = sentinel.kill();
            let _ = sentinel.wait();
        }
    }
}

#[test]
fn when_the_master_dies_the_next_one_is_found_and_goes_on_counting() {
    let mut watched = Watched::start();
    let node = open(&watched.config());
    for n in 0..3 {
        admit(&node, &ask(&n.to_string(), &[requests(10), tokens(1_000, 10)])).unwrap();
    }
    let has_it = |server: &Server| server.cli(&["HLEN", "behest:{t}:leases"]).trim() == "3";
    until("the replica has it", || has_it(&watched.replica));
    watched.master.kill();
    let mut n = 3;
    until("the next is found", || {
        n += 1;
        admit(&node, &ask(&n.to_string(), &[requests(10), tokens(1_000, 10)])).is_ok()
    });
    until("Redis knows of all", || node.tally().backlog == 0);
    assert_eq!((count(&node, requests(0)), count(&node, tokens(0, 0))), (4, 40));
    assert!(watched.replica.cli(&["ROLE"]).starts_with("master"));
}
