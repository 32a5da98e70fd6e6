//! The yardstick: a Pingora proxy that does nothing but pass on, as in Pingora's own quick start.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use pingora::prelude::{HttpPeer, Result};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

use crate::Fallible;
use crate::process;

struct Bare {
    upstream: String,
}

impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    // Written out as `async_trait` would: one function is not worth another dependency.
    fn upstream_peer<'a, 'b, 'c, 'd>(
        &'a self,
        _session: &'b mut Session,
        _ctx: &'c mut (),
    ) -> Pin<Box<dyn Future<Output = Result<Box<HttpPeer>>> + Send + 'd>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        let peer = HttpPeer::new(self.upstream.as_str(), false, String::new());
        Box::pin(async move { Ok(Box::new(peer)) })
    }
}

/// The role: one worker thread, everything else as Pingora ships it.
pub(crate) fn run(port: u16, upstream: u16) -> ! {
    let conf = ServerConf { threads: 1, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let bare = Bare { upstream: format!("127.0.0.1:{upstream}") };
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), bare);
    service.add_tcp(&format!("127.0.0.1:{port}"));
    server.add_service(service);
    server.run_forever()
}

pub(crate) fn start(folder: &Path, port: u16, upstream: u16) -> Fallible<process::Server> {
    let program = std::env::current_exe()?;
    let args = ["role-bare", &port.to_string(), &upstream.to_string()];
    let mut server = process::Server::start(folder, &program, &args)?;
    server.wait_until(|| process::accepts(port))?;
    Ok(server)
}
