//! Documents the filter itself serves, and where.
//!
//! A request is answered with one if it is `GET` or `HEAD` for exactly its path (a query is
//! ignored), on any host, and the operator switched it on. Any other method on the path goes
//! to the routes as usual, and so does every other spelling of the path. A route that names
//! such a path is refused when the configuration is read; a wider one, such as `/**`, gives way.

use std::cell::OnceCell;

use crate::catalogue;
use crate::config::{Policy, CATALOGUE_PATH, OPENAPI_PATH};
use crate::reply::Reply;
use crate::signing::did;

/// What is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Document {
    /// The price catalogue.
    Catalogue,
    /// The description of the API.
    OpenApi,
    /// The key of signed offers and receipts.
    Did,
}

/// The documents of one policy, each written when it is first asked for.
#[derive(Debug, Default)]
pub struct Documents {
    catalogue: OnceCell<String>,
    openapi: OnceCell<String>,
    did: OnceCell<String>,
}

/// The document a request asks for. `path` is the raw path with its query.
pub fn find(policy: &Policy, method: &str, path: &str) -> Option<Document> {
    if !matches!(method, "GET" | "HEAD") {
        return None;
    }
    let path = path.split('?').next().unwrap_or_default();
    let (discovery, notary) = (policy.discovery, policy.notary.as_ref());
    match path {
        did::PATH if notary.is_some_and(|notary| notary.publishes(&policy.origin)) => Some(Document::Did),
        CATALOGUE_PATH if discovery.catalogue => Some(Document::Catalogue),
        OPENAPI_PATH if discovery.openapi => Some(Document::OpenApi),
        _ => None,
    }
}

// === impl Documents ===

impl Documents {
    /// The answer to a `GET` of a document; hosts leave the body out for `HEAD`.
    pub fn reply(&self, policy: &Policy, document: Document) -> Reply {
        let notary = policy.notary.as_ref();
        let did = || notary.and_then(|notary| notary.did_document(&policy.origin)).unwrap_or_default();
        let (body, cached) = match document {
            Document::Did => (self.did.get_or_init(did), "public, max-age=300"),
            Document::Catalogue => {
                (self.catalogue.get_or_init(|| catalogue::catalogue(policy)), "public, max-age=60")
            }
            Document::OpenApi => {
                (self.openapi.get_or_init(|| catalogue::openapi(policy)), "public, max-age=60")
            }
        };
        Reply {
            status: 200,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("cache-control", cached.to_owned()),
                ("access-control-allow-origin", "*".to_owned()),
                ("x-content-type-options", "nosniff".to_owned()),
            ],
            body: body.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
