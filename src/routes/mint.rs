//! `POST /v1/auth/mint`: a token for an end user, signed off the event loop.

use crate::intake;
use crate::passage::Passage;
use behest_auth::{MintRequest, PresentedKey};
use behest_contract::denial::{Denial, Kind};
use bytes::Bytes;
use pingora::protocols::http::ServerSession;
use std::time::Duration;

/// The largest body that is looked at: a handful of short members.
const BODY_MAX: usize = 16 * 1024;

/// How long to wait where too many tokens are being signed.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Mints.
pub async fn mint(client: &mut ServerSession, passage: &Passage) -> Result<Bytes, Box<Denial>> {
    let body = intake::read_bytes(client, passage, BODY_MAX).await?;
    let request = MintRequest::parse(&body)?;
    let authority = &passage.snapshot.authority;
    let Some(PresentedKey(key)) = passage.facts.read() else {
        let denial = Denial::new(Kind::Internal, "The gateway has failed.");
        return Err(Box::new(denial.note("a mint without a presented key")));
    };
    let (minter, unsigned) = authority.mint(key, &request)?;
    let minted = minter.minted(passage.house.fixtures.offload.as_ref(), unsigned).await;
    let minted = minted.map_err(|_| {
        let denial = Denial::new(Kind::Unavailable, "Too many tokens are being minted.");
        Box::new(denial.retry_after(BUSY_WAIT))
    })?;
    Ok(minted.to_json())
}
