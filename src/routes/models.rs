//! `GET /v1/models` and `/v1/models/{id}`: what this project may call, in OpenAI's shape.

use crate::passage::Passage;
use crate::snapshot::Project;
use behest_contract::denial::{Denial, Kind};
use behest_contract::facts::Principal;
use bytes::Bytes;
use serde_json::{Value, json};

/// All models.
pub fn list(passage: &Passage) -> Result<Bytes, Box<Denial>> {
    let project = project(passage)?;
    let ids = passage.snapshot.routing.of(&project.tenant).ids().filter(|id| project.may_use(id));
    let models: Vec<_> = ids.map(|id| model(id)).collect();
    Ok(json!({ "object": "list", "data": models }).to_string().into())
}

/// One model.
pub fn one(passage: &Passage, id: &str) -> Result<Bytes, Box<Denial>> {
    let project = project(passage)?;
    if passage.snapshot.routing.of(&project.tenant).model(id).is_none() || !project.may_use(id) {
        return Err(Box::new(
            Denial::new(Kind::NotFound, "There is no such model.").param("model"),
        ));
    }
    Ok(model(id).to_string().into())
}

/// `created` is part of the shape, and nothing that a gateway knows.
fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": "behest" })
}

fn project(passage: &Passage) -> Result<&Project, Box<Denial>> {
    let principal = passage.facts.read::<Principal>();
    let project = principal.and_then(|who| passage.snapshot.projects.by_id(&who.project));
    project.ok_or_else(|| Box::new(Denial::new(Kind::Internal, "The gateway has failed.")))
}
