//! The projects, as far as the gateway itself asks: those of the file and those that were made since.

use crate::config::{self, Config, Origin};
use crate::directory::Objects;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a configuration and the store say of one project.
pub(super) struct Told<'a> {
    /// Whose it is.
    pub(super) tenant: &'a str,
    /// Its settings.
    pub(super) settings: &'a config::Project,
    /// Whether nobody may act for it.
    pub(super) suspended: bool,
}

/// All projects. What the file declares comes first, and stands where both have one.
pub(super) fn told<'a>(config: &'a Config, objects: &'a Objects) -> impl Iterator<Item = Told<'a>> {
    let declared = config.tenants.iter().flat_map(|tenant| {
        let told = |settings| Told { tenant: &tenant.id, settings, suspended: false };
        tenant.projects.iter().map(told)
    });
    let projects = config.tenants.iter().flat_map(|tenant| &tenant.projects);
    let ids: HashSet<&str> = projects.map(|project| project.id.as_str()).collect();
    let made = objects.projects.iter();
    let made = made.filter(move |made| !ids.contains(made.settings.id.as_str()));
    let made = made.map(|made| Told {
        tenant: &made.tenant,
        settings: &made.settings,
        suspended: made.suspended,
    });
    declared.chain(made)
}

/// A project.
pub struct Project {
    /// Its id.
    pub id: Arc<str>,
    /// Its tenant's id.
    pub tenant: Arc<str>,
    /// The model for requests that name none.
    pub model: Option<Arc<str>>,
    /// Pages of these origins may call it.
    pub origins: Vec<Origin>,
    /// The status of what its guardrails block, where it is not the usual one.
    pub blocked_status: Option<u16>,
    /// The models that it may use; all if `None`.
    models: Option<Vec<String>>,
}

impl Project {
    /// Whether it may use a model.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|allowed| allowed == model))
    }
}

/// All projects.
pub struct Projects {
    all: Vec<Arc<Project>>,
    by_id: HashMap<Arc<str>, Arc<Project>>,
    by_slug: HashMap<String, Arc<Project>>,
}

impl Projects {
    pub(super) fn new(config: &Config, objects: &Objects) -> Self {
        let mut projects = Self { all: Vec::new(), by_id: HashMap::new(), by_slug: HashMap::new() };
        for Told { tenant, settings, .. } in told(config, objects) {
            let model = settings.model.as_ref().or(config.default_model.as_ref());
            let project = Arc::new(Project {
                id: settings.id.as_str().into(),
                tenant: tenant.into(),
                model: model.map(|model| model.as_str().into()),
                origins: settings.allowed_origins.clone(),
                blocked_status: settings.blocked_status,
                models: settings.models.clone(),
            });
            projects.by_id.insert(project.id.clone(), project.clone());
            if let Some(slug) = &settings.slug {
                projects.by_slug.entry(slug.clone()).or_insert_with(|| project.clone());
            }
            projects.all.push(project);
        }
        projects
    }

    /// A project by its id.
    pub fn by_id(&self, id: &str) -> Option<&Project> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    /// A project by its slug.
    pub fn by_slug(&self, slug: &str) -> Option<&Project> {
        self.by_slug.get(slug).map(Arc::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Project> {
        self.all.iter().map(Arc::as_ref)
    }
}
