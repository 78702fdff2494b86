//! The module with one callback that traps: the nearest thing to a crash that a module without
//! reachable panics can be made to have.

use std::path::{Path, PathBuf};

use crate::module;

const IMPORT: u8 = 2;
const EXPORT: u8 = 7;
const CODE: u8 = 10;
const FUNCTION: u8 = 0;

/// No locals, `unreachable`, `end`.
const TRAP: [u8; 3] = [0x00, 0x00, 0x0b];

/// Writes the module whose exported `callback` traps, and says where.
///
/// # Panics
/// When the module has no such export, or is no module.
pub fn trapping(folder: &Path, callback: &str) -> PathBuf {
    let bytes = std::fs::read(module()).expect("the module");
    let file = folder.join(format!("trap-{callback}.wasm"));
    std::fs::write(&file, trapped(&bytes, callback)).expect("a folder to write in");
    file
}

fn trapped(bytes: &[u8], callback: &str) -> Vec<u8> {
    let sections = sections(bytes);
    let payload = |id: u8| sections.iter().find(|(known, _)| *known == id).expect("a section").1;
    let imported = functions_imported(payload(IMPORT));
    let function = exported(payload(EXPORT), callback).unwrap_or_else(|| panic!("no {callback}"));
    let mut out = bytes[..8].to_vec();
    for (id, payload) in &sections {
        let replaced = match *id {
            CODE => with_trap(payload, function - imported),
            _ => payload.to_vec(),
        };
        out.push(*id);
        push_number(&mut out, replaced.len());
        out.extend(replaced);
    }
    out
}

fn sections(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = &bytes[8..];
    let mut sections = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest);
        sections.push((id, take(&mut rest, length)));
    }
    sections
}

fn functions_imported(mut rest: &[u8]) -> usize {
    let mut functions = 0;
    for _ in 0..number(&mut rest) {
        for _ in 0..2 {
            let length = number(&mut rest);
            take(&mut rest, length);
        }
        assert_eq!(take(&mut rest, 1), [FUNCTION], "only functions are imported");
        number(&mut rest);
        functions += 1;
    }
    functions
}

fn exported(mut rest: &[u8], wanted: &str) -> Option<usize> {
    for _ in 0..number(&mut rest) {
        let length = number(&mut rest);
        let name = take(&mut rest, length);
        let kind = take(&mut rest, 1);
        let index = number(&mut rest);
        if name == wanted.as_bytes() && kind == [FUNCTION] {
            return Some(index);
        }
    }
    None
}

fn with_trap(mut rest: &[u8], place: usize) -> Vec<u8> {
    let count = number(&mut rest);
    let mut out = Vec::with_capacity(rest.len());
    push_number(&mut out, count);
    for at in 0..count {
        let length = number(&mut rest);
        let body = take(&mut rest, length);
        let body = if at == place { &TRAP[..] } else { body };
        push_number(&mut out, body.len());
        out.extend_from_slice(body);
    }
    out
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, after) = rest.split_at(length);
    *rest = after;
    taken
}

/// LEB128, unsigned.
fn number(rest: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = take(rest, 1)[0];
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn push_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
