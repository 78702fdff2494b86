//! Who came: counts by path and marker, and the latest requests in full.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use serde_json::{json, Value};

use crate::http1::Request;

const KEPT: usize = 256;
const PATHS: usize = 16_384;

/// Requests that had a path and a marker in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hit {
    pub path: String,
    pub marker: String,
    pub count: u64,
}

#[derive(Default)]
pub(super) struct Tally {
    total: u64,
    hits: HashMap<String, HashMap<String, u64>>,
    latest: VecDeque<Request>,
}

impl Tally {
    pub(super) fn count(&mut self, request: &Request, marker: Option<&str>) {
        self.total += 1;
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(request.clone());
        let marker = marker.unwrap_or_default();
        if let Some(count) = self.hits.get_mut(request.path()).and_then(|markers| markers.get_mut(marker)) {
            *count += 1;
        } else if self.hits.len() < PATHS {
            self.hits.entry(request.path().to_owned()).or_default().insert(marker.to_owned(), 1);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn hits(&self, path: &str) -> u64 {
        self.hits.get(path).map_or(0, |markers| markers.values().sum())
    }

    pub(super) fn marked(&self, marker: &str) -> u64 {
        self.hits.values().filter_map(|markers| markers.get(marker)).sum()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.latest.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn snapshot(&self) -> Value {
        let mut hits: Vec<_> = self
            .hits
            .iter()
            .flat_map(|(path, markers)| {
                markers.iter().map(|(marker, count)| Hit {
                    path: path.clone(),
                    marker: marker.clone(),
                    count: *count,
                })
            })
            .collect();
        hits.sort();
        json!({ "total": self.total, "hits": hits })
    }
}
