//! Documents the filter itself serves, and where.
//!
//! A request is answered with one if it is `GET` or `HEAD` for exactly its path (a query is
//! ignored), on any host, and the operator switched it on. Any other method on the path goes
//! to the routes as usual, and so does every other spelling of the path. A route that names
//! such a path is refused when the configuration is read; a wider one, such as `/**`, gives way.

mod flight;

use std::cell::OnceCell;

use crate::catalogue;
use crate::config::{Policy, CATALOGUE_PATH, OPENAPI_PATH};
use crate::signing::did;

pub use flight::{Seat, MOST};

/// Bytes of a document that are worth a warning when exceeded: four of them are all that may be
/// on their way at once.
pub const LARGE: usize = MOST / 4;

/// The media type of all of them.
pub const TYPE: &str = "application/json";

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

/// A document as it is served to a `GET`.
#[derive(Debug)]
pub struct Served<'a> {
    /// Header names in lower case, with values.
    pub headers: [(&'static str, &'static str); 4],
    /// JSON.
    pub body: &'a str,
    /// Whether it was written for this request.
    pub is_new: bool,
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
    /// The answer to a `GET` of a document, with 200.
    pub fn serve(&self, policy: &Policy, document: Document) -> Served<'_> {
        let notary = policy.notary.as_ref();
        let did = || notary.and_then(|notary| notary.did_document(&policy.origin)).unwrap_or_default();
        let (cell, cached) = match document {
            Document::Did => (&self.did, "public, max-age=300"),
            Document::Catalogue => (&self.catalogue, "public, max-age=60"),
            Document::OpenApi => (&self.openapi, "public, max-age=60"),
        };
        let is_new = cell.get().is_none();
        let body = cell.get_or_init(|| match document {
            Document::Did => did(),
            Document::Catalogue => catalogue::catalogue(policy),
            Document::OpenApi => catalogue::openapi(policy),
        });
        let headers = [
            ("content-type", TYPE),
            ("cache-control", cached),
            ("access-control-allow-origin", "*"),
            ("x-content-type-options", "nosniff"),
        ];
        Served { headers, body, is_new }
    }
}

// === impl Served ===

impl Served<'_> {
    /// Whether it is worth a warning, once.
    pub fn warns(&self) -> bool {
        self.is_new && self.body.len() > LARGE
    }
}

// === impl Document ===

impl Document {
    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            Self::Catalogue => CATALOGUE_PATH,
            Self::OpenApi => OPENAPI_PATH,
            Self::Did => did::PATH,
        }
    }
}

#[cfg(test)]
mod tests;
