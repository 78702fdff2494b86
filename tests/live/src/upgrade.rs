//! Another module in the place of the first, under the vm_id it had.

use std::path::{Path, PathBuf};

use serde_json::{json, Value};

use x402_devstack::envoy::Update;

use crate::{module, Stage};

/// The module with a custom section more: the same code, and to Envoy another VM.
fn upgraded(folder: &Path, version: u8) -> PathBuf {
    let mut bytes = std::fs::read(module()).expect("the module");
    bytes.extend_from_slice(&[0, 2, 1, b'0' + version]);
    let file = folder.join(format!("upgraded-{version}.wasm"));
    std::fs::write(&file, bytes).expect("a folder to write in");
    file
}

/// Replaces the module in every listener by one that is the same and another.
///
/// # Panics
/// When Envoy does not take it.
pub fn upgrade(stage: &mut Stage, version: u8) {
    let log = stage.envoy.log_path();
    let file = upgraded(log.parent().expect("a folder"), version);
    load(stage, &file);
}

/// Replaces the module in every listener by this one.
///
/// # Panics
/// When Envoy does not take it.
pub fn load(stage: &mut Stage, file: &Path) {
    assert_eq!(offer(stage, file), Update::Accepted);
}

/// Offers Envoy this module in place of the first, and says what it thinks of it.
///
/// # Panics
/// When there is no verdict.
pub fn offer(stage: &mut Stage, file: &Path) -> Update {
    let config = "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let update = stage.envoy.update_listeners(|listener: &mut Value| {
        let code = listener.pointer_mut(&format!("{config}/vm_config/code"));
        *code.expect("the wasm filter comes first") = json!({ "local": { "filename": file } });
    });
    update.expect("a verdict")
}
