//! `behest tenant`

use super::administer::Called;
use super::call::{Call, Members};
use clap::Subcommand;

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Tell all tenants.
    List,
    /// Make one.
    Create {
        /// The tenant's id; made up when it is not given.
        #[arg(long)]
        id: Option<String>,
        /// A name for people.
        #[arg(long)]
        name: Option<String>,
    },
    /// Tell one.
    Show {
        /// The tenant's id.
        id: String,
    },
    /// Delete one that has no projects, and all of its keys.
    Delete {
        /// The tenant's id.
        id: String,
    },
}

impl Called for Tenant {
    fn call(&self) -> Result<Call, String> {
        Ok(match self {
            Self::List => Call::list(&["tenants"], &["id", "name", "declared", "created_at"]),
            Self::Create { id, name } => {
                let body = Members::default().with("id", id.clone()).with("name", name.clone());
                Call::new("POST", &["tenants"]).body(body)
            }
            Self::Show { id } => Call::new("GET", &["tenants", id]),
            Self::Delete { id } => Call::new("DELETE", &["tenants", id]),
        })
    }
}
