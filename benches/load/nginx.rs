//! nginx as a pass-through for streams: one worker, keep-alive both ways, nothing buffered or logged.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Fallible;
use crate::process::{self, Server};

pub(crate) fn start(folder: &Path, port: u16, upstream: u16) -> Fallible<Server> {
    fs::create_dir_all(folder)?;
    let config = folder.join("nginx.conf");
    fs::write(&config, configuration(port, upstream))?;
    let prefix = format!("{}/", folder.display());
    let config = config.display().to_string();
    let mut server =
        Server::start(folder, &program(), &["-p", &prefix, "-c", &config, "-e", "stderr"])?;
    server.wait_until(|| process::accepts(port))?;
    Ok(server)
}

/// Debian keeps it where only root's PATH looks.
fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/nginx");
    if usual.exists() { usual } else { PathBuf::from("nginx") }
}

/// One process without a master, so that one pid is all of it and ending it leaves no worker.
fn configuration(port: u16, upstream: u16) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_max_body_size 16m;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    keepalive_time 1d;
    tcp_nodelay on;
    upstream up {{
        server 127.0.0.1:{upstream};
        keepalive 128;
        keepalive_requests 1000000000;
        keepalive_time 1d;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://up;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 300s;
        }}
    }}
}}
"
    )
}
