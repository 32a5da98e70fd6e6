//! Which places serve a model.

use super::provider::Place;
use std::collections::HashMap;
use std::sync::Arc;

/// A model of the gateway and the places that serve it, in the order of their trial.
pub struct Model {
    /// Its name in this gateway.
    pub id: Arc<str>,
    /// Where it is served.
    pub places: Vec<Place>,
}

/// All models, by name.
#[derive(Default)]
pub struct Routes {
    models: HashMap<Arc<str>, Arc<Model>>,
    order: Vec<Arc<str>>,
}

impl Routes {
    /// The routes of these models.
    pub fn new(models: Vec<Model>) -> Self {
        let order = models.iter().map(|model| model.id.clone()).collect();
        let models = models.into_iter().map(|model| (model.id.clone(), Arc::new(model))).collect();
        Self { models, order }
    }

    /// A model by its name.
    pub fn model(&self, id: &str) -> Option<&Arc<Model>> {
        self.models.get(id)
    }

    /// The models' names in the order of the configuration.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.order.iter()
    }
}
